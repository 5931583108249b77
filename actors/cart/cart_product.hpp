/// What carts know of one product; the actor's id is the product's. A price change is one write here, whatever the
/// number of carts that hold the product.
#pragma once

#include <dapr/actors/actor.hpp>

#include <optional>

#include "actors/product/contract.hpp"
#include "actors/shared/library.hpp"

namespace shop::cart {

struct CartProductState {
  std::optional<product::Listing> listing;
  bool operator==(const CartProductState&) const = default;
  DAPR_ACTORS_JSON(listing)
};

class CartProduct final : public actors::Actor<CartProductState> {
 public:
  /// Takes the listing if it is newer than the one known. Unprocessable `impossible_price`.
  actors::Result<void> take(const product::Listing& listing);
  /// The newest listing that was heard of, of a deleted product too; none before the first.
  std::optional<product::Listing> listing() const { return state().listing; }
  /// The same after asking the catalog, for a product whose event may still be on its way. NotFound `unknown_product`.
  actors::Task<actors::Result<product::Listing>> look_up();
};

product::Listing listing_of(const product::Created& event);
product::Listing listing_of(const product::Updated& event);
product::Listing listing_of(const product::Deleted& event);

}  // namespace shop::cart

template <>
struct actors::Describe<shop::cart::CartProduct> {
  using CartProduct = shop::cart::CartProduct;
  static constexpr auto table = actors::type<CartProduct>("CartProduct")
                                    .method<&CartProduct::take>("Take")
                                    .method<&CartProduct::listing>("Listing")
                                    .method<&CartProduct::look_up>("LookUp");
};
