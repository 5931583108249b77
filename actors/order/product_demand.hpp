/// How much a product is wanted: what was put into carts and what was sold. The actor's id is the product's.
///
/// Many carts and orders write to it, so what it has counted is kept as a key each that expires, not as a growing list.
#pragma once

#include <dapr/actors/actor.hpp>

#include "actors/cart/contract.hpp"
#include "actors/product/contract.hpp"
#include "actors/shared/library.hpp"

namespace shop::order {

/// An order of `quantity` pieces was confirmed.
struct CountSale {
  OrderId order_id;
  std::int64_t quantity = 0;
  DAPR_ACTORS_JSON(order_id, quantity)
};

struct ProductDemandState {
  std::int64_t times_added = 0;
  std::int64_t units_added = 0;
  std::int64_t orders_confirmed = 0;
  std::int64_t units_sold = 0;
  bool begun = false;  ///< the product was created, or wanted before that was heard
  bool operator==(const ProductDemandState&) const = default;
  DAPR_ACTORS_JSON(times_added, units_added, orders_confirmed, units_sold, begun)
};

struct DemandView {
  ProductId product_id;
  std::int64_t times_added = 0;
  std::int64_t units_added = 0;
  std::int64_t orders_confirmed = 0;
  std::int64_t units_sold = 0;
  bool operator==(const DemandView&) const = default;
  DAPR_ACTORS_JSON(product_id, times_added, units_added, orders_confirmed, units_sold)
};

class ProductDemand final : public actors::Actor<ProductDemandState> {
 public:
  /// Longer than any event or order waits to be told again: SQS keeps a message for 14 days.
  static constexpr std::chrono::seconds memory = std::chrono::hours(24 * 15);

  void product_created(const product::Created& event);
  void item_added(const cart::ItemAdded& event);
  /// Once per order, however often it is told.
  actors::Task<void> count_sale(CountSale sale);
  /// NotFound `unknown_product` of a product nobody has heard of.
  actors::Result<DemandView> view() const;
};

}  // namespace shop::order

template <>
struct actors::Describe<shop::order::ProductDemand> {
  using ProductDemand = shop::order::ProductDemand;
  static constexpr auto table =
      actors::type<ProductDemand>("ProductDemand")
          .method<&ProductDemand::product_created>("ProductCreated")
          .method<&ProductDemand::item_added>("ItemAdded", actors::remember_for(ProductDemand::memory))
          .method<&ProductDemand::count_sale>("CountSale")
          .method<&ProductDemand::view>("View")
          .settings({.handled_in_document = 0});  // the others know themselves what they have done
};
