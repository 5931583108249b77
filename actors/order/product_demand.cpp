#include "actors/order/product_demand.hpp"

namespace shop::order {

using actors::Reason;
using actors::Result;
using actors::Task;

void ProductDemand::product_created(const product::Created&) {
  state().begun = true;
}

void ProductDemand::item_added(const cart::ItemAdded& event) {
  tag("cartId", event.cart_id.value);
  state().begun = true;
  state().times_added += 1;
  state().units_added += event.quantity;
}

Task<void> ProductDemand::count_sale(CountSale sale) {
  tag("orderId", sale.order_id.value);
  // Not by the call's id: an order that tells it again after a crash makes a new call.
  std::string mark = "sold/" + sale.order_id.value;
  if (co_await read<bool>(mark)) co_return;
  write(mark, true, memory);
  state().begun = true;
  state().orders_confirmed += 1;
  state().units_sold += sale.quantity;
}

Result<DemandView> ProductDemand::view() const {
  const auto& [times_added, units_added, orders_confirmed, units_sold, begun] = state();
  if (!begun) return actors::refuse(Reason::NotFound, "unknown_product", "there is no demand for the product " + id());
  return DemandView{ProductId(id()), times_added, units_added, orders_confirmed, units_sold};
}

}  // namespace shop::order
