#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "services/order/routes.hpp"

namespace shop::order {

actors::Subscriptions subscriptions() {
  actors::Subscriptions subscriptions;
  subscriptions.forward<&ProductDemand::product_created>(&product::Created::product_id)
      .forward<&ProductDemand::item_added>(&cart::ItemAdded::product_id)
      .forward<&Order::checkout_completed>(&cart::CheckoutCompleted::order_id)
      .forward<&Order::payment_completed>(&payment::Completed::order_id)
      .forward<&Order::payment_failed>(&payment::Failed::order_id)
      .forward<&Order::payment_refunded>(&payment::Refunded::order_id);
  return subscriptions;
}

}  // namespace shop::order
