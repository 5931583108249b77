#include "actors/cart/cart_product.hpp"

namespace shop::cart {

using actors::Reason;
using actors::Result;
using actors::Task;
using product::Listing;

Result<void> CartProduct::take(const Listing& listing) {
  if (!listing.deleted && !is_price(listing.price))
    return actors::refuse(Reason::Unprocessable, "impossible_price",
                          "the product " + id() + " is listed at a price that no cart could add up");
  const auto& known = state().listing;
  if (!known || known->version < listing.version) state().listing = listing;
  return {};
}

Task<Result<Listing>> CartProduct::look_up() {
  actors::HttpRequest request;
  request.path = "/internal/products/" + id();  // ids need no escaping
  const auto answer = co_await calls().invoke("product-service", std::move(request));
  if (answer.status != 200 && answer.status != 404)
    throw actors::SidecarError(answer.status, "CATALOG", "the catalog answered " + std::to_string(answer.status));
  // The catalog of the version before answers 404.
  auto listing = answer.status == 200 ? actors::json::parse<Listing>(answer.body) : Listing{};
  if (listing.version == 0)
    co_return actors::refuse(Reason::NotFound, "unknown_product", "there is no product " + id());
  if (auto taken = take(listing); !taken) co_return tl::unexpected(std::move(taken.error()));
  co_return *state().listing;
}

Listing listing_of(const product::Created& event) {
  return {event.product_id, event.name, event.price, event.version, false};
}
Listing listing_of(const product::Updated& event) {
  return {event.product_id, event.name, event.price, event.version, false};
}
Listing listing_of(const product::Deleted& event) {
  return {event.product_id, {}, {}, event.version, true};
}

}  // namespace shop::cart
