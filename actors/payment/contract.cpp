#include "actors/payment/contract.hpp"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

namespace shop::payment {

PaymentId payment_of(const OrderId& order) {
  // RFC 4122 version 5: any order's id gives one of the same length, and different ones different ones.
  static const boost::uuids::name_generator_sha1 generate(boost::uuids::ns::oid());
  return PaymentId("pay-" + to_string(generate("order/" + order.value)));
}

}  // namespace shop::payment
