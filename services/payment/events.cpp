#include "actors/payment/payment.hpp"
#include "services/payment/routes.hpp"

namespace shop::payment {

using actors::Calls;

actors::Subscriptions subscriptions() {
  actors::Subscriptions subscriptions;
  subscriptions
      .on<order::Created>([](order::Created event, Calls calls) {
        return deliver(calls.proxy<Payment>(payment_of(event.order_id).value).call<&Payment::order_created>(event));
      })
      .on<order::Cancelled>([](order::Cancelled event, Calls calls) {
        return deliver(calls.proxy<Payment>(payment_of(event.order_id).value).call<&Payment::order_cancelled>(event));
      })
      .on<Requested>([](Requested event, Calls calls) {
        return deliver(calls.proxy<Payment>(event.payment_id.value).call<&Payment::requested>(event));
      });
  return subscriptions;
}

}  // namespace shop::payment
