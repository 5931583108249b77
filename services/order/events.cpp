#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "services/order/routes.hpp"

namespace shop::order {

using actors::Calls;

actors::Subscriptions subscriptions() {
  actors::Subscriptions subscriptions;
  subscriptions
      .on<product::Created>([](product::Created event, Calls calls) {
        return deliver(calls.proxy<ProductDemand>(event.product_id.value).call<&ProductDemand::product_created>(event));
      })
      .on<cart::ItemAdded>([](cart::ItemAdded event, Calls calls) {
        return deliver(calls.proxy<ProductDemand>(event.product_id.value).call<&ProductDemand::item_added>(event));
      })
      .on<cart::CheckoutCompleted>([](cart::CheckoutCompleted event, Calls calls) {
        return deliver(calls.proxy<Order>(event.order_id.value).call<&Order::checkout_completed>(event));
      })
      .on<payment::Completed>([](payment::Completed event, Calls calls) {
        return deliver(calls.proxy<Order>(event.order_id.value).call<&Order::payment_completed>(event));
      })
      .on<payment::Failed>([](payment::Failed event, Calls calls) {
        return deliver(calls.proxy<Order>(event.order_id.value).call<&Order::payment_failed>(event));
      })
      .on<payment::Refunded>([](payment::Refunded event, Calls calls) {
        return deliver(calls.proxy<Order>(event.order_id.value).call<&Order::payment_refunded>(event));
      });
  return subscriptions;
}

}  // namespace shop::order
