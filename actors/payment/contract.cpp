#include "actors/payment/contract.hpp"

#include <dapr/actors/named_id.hpp>

namespace shop::payment {

PaymentId payment_of(const OrderId& order) {
  return PaymentId("pay-" + actors::named_id("order/" + order.value));  // of the same length whatever the order's id
}

}  // namespace shop::payment
