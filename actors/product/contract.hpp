/// What the catalog tells the rest of the shop: its events, and the listing it answers on `GET
/// /internal/products/{id}`, and what other services ask of its stock. The catalog itself is stateless: it has no
/// actor.
#pragma once

#include <dapr/actors/subscriptions.hpp>

#include <string>
#include <vector>

#include "actors/shared/library.hpp"
#include "actors/shared/values.hpp"

namespace shop::product {

/// A product is in the catalog. Cart learns its listing, Order begins its demand counters.
struct Created {
  static constexpr actors::EventType event_type{"product.created", "product-events"};
  ProductId product_id;
  std::string name;
  std::string category;
  Money price;
  std::int64_t stock = 0;
  std::int64_t version = 0;
  bool operator==(const Created&) const = default;
  DAPR_ACTORS_JSON(product_id, name, category, price, stock, version)
};

/// A product changed; `version` tells which state is the newer one.
struct Updated {
  static constexpr actors::EventType event_type{"product.updated", "product-events"};
  ProductId product_id;
  std::string name;
  std::string category;
  Money price;
  std::int64_t stock = 0;
  std::int64_t version = 0;
  bool operator==(const Updated&) const = default;
  DAPR_ACTORS_JSON(product_id, name, category, price, stock, version)
};

/// A product left the catalog; it stays in carts as not available.
struct Deleted {
  static constexpr actors::EventType event_type{"product.deleted", "product-events"};
  ProductId product_id;
  std::int64_t version = 0;
  bool operator==(const Deleted&) const = default;
  DAPR_ACTORS_JSON(product_id, version)
};

/// A sale left few pieces of a product.
struct LowStock {
  static constexpr actors::EventType event_type{"product.low_stock", "product-events"};
  ProductId product_id;
  std::int64_t stock = 0;
  bool operator==(const LowStock&) const = default;
  DAPR_ACTORS_JSON(product_id, stock)
};

/// Pieces that an order wants: the body of `PUT /internal/reservations/{orderId}`.
struct Reserve {
  struct Wanted {
    ProductId product_id;
    std::int64_t quantity = 0;
    bool operator==(const Wanted&) const = default;
    DAPR_ACTORS_JSON(product_id, quantity)
  };
  std::vector<Wanted> lines;
  bool operator==(const Reserve&) const = default;
  DAPR_ACTORS_JSON(lines)
};

/// What became of it, answered with 200 either way: an order holds all its lines or none, and the answer to one order
/// never changes. A refusal names every line that cannot be had, in the order of the lines.
struct Reserved {
  struct Shortage {
    ProductId product_id;
    std::int64_t available = 0;  ///< when it was refused; 0 of a product that the stock does not know
    bool operator==(const Shortage&) const = default;
    DAPR_ACTORS_JSON(product_id, available)
  };
  bool held = false;
  std::vector<Shortage> shortages;
  bool operator==(const Reserved&) const = default;
  DAPR_ACTORS_JSON(held, shortages)
  DAPR_ACTORS_JSON_DEFAULTED(shortages)
};

/// `POST /internal/availability`: the coarse word on how many pieces can be had, at most a second old.
struct AskAvailability {
  std::vector<ProductId> products;
  bool operator==(const AskAvailability&) const = default;
  DAPR_ACTORS_JSON(products)
};
struct Availability {
  struct Item {
    ProductId product_id;
    std::int64_t available = 0;
    bool operator==(const Item&) const = default;
    DAPR_ACTORS_JSON(product_id, available)
  };
  std::vector<Item> items;  ///< of the products that the stock knows
  bool operator==(const Availability&) const = default;
  DAPR_ACTORS_JSON(items)
};

/// What a cart needs to know of a product; `deleted` listings keep id and version alone: 0 for one that never was.
struct Listing {
  ProductId product_id;
  std::string name;
  Money price;
  std::int64_t version = 0;
  bool deleted = false;
  bool operator==(const Listing&) const = default;
  DAPR_ACTORS_JSON(product_id, name, price, version, deleted)
};

}  // namespace shop::product
