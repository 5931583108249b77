#include "actors/payment/payment.hpp"
#include "services/payment/routes.hpp"

namespace shop::payment {

actors::Subscriptions subscriptions() {
  const auto its_payment = [](const auto& event) { return payment_of(event.order_id); };
  actors::Subscriptions subscriptions;
  subscriptions.forward<&Payment::order_created>(its_payment)
      .forward<&Payment::order_cancelled>(its_payment)
      .forward<&Payment::requested>(&Requested::payment_id);
  return subscriptions;
}

}  // namespace shop::payment
