#include "actors/cart/cart_product.hpp"
#include "services/cart/routes.hpp"

namespace shop::cart {
namespace {

actors::Task<void> tell(actors::Calls calls, product::Listing listing) {
  return deliver(calls.proxy<CartProduct>(listing.product_id.value).call<&CartProduct::take>(listing));
}

}  // namespace

actors::Subscriptions subscriptions() {
  actors::Subscriptions subscriptions;
  subscriptions
      .on<product::Created>([](product::Created event, actors::Calls calls) { return tell(calls, listing_of(event)); })
      .on<product::Updated>([](product::Updated event, actors::Calls calls) { return tell(calls, listing_of(event)); })
      .on<product::Deleted>([](product::Deleted event, actors::Calls calls) { return tell(calls, listing_of(event)); });
  return subscriptions;
}

}  // namespace shop::cart
