/// What the catalog tells the rest of the shop: its events, and the listing it answers on `GET
/// /internal/products/{id}`. The catalog itself is a stateless service (services/product) and has no actor.
#pragma once

#include <string>

#include "actors/runtime/subscriptions.hpp"
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
  static constexpr auto json = actors::json::object(
      actors::json::field("productId", &Created::product_id), actors::json::field("name", &Created::name),
      actors::json::field("category", &Created::category), actors::json::field("price", &Created::price),
      actors::json::field("stock", &Created::stock), actors::json::field("version", &Created::version));
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
  static constexpr auto json = actors::json::object(
      actors::json::field("productId", &Updated::product_id), actors::json::field("name", &Updated::name),
      actors::json::field("category", &Updated::category), actors::json::field("price", &Updated::price),
      actors::json::field("stock", &Updated::stock), actors::json::field("version", &Updated::version));
};

/// A product left the catalog; it stays in carts as not available.
struct Deleted {
  static constexpr actors::EventType event_type{"product.deleted", "product-events"};
  ProductId product_id;
  std::int64_t version = 0;
  bool operator==(const Deleted&) const = default;
  static constexpr auto json = actors::json::object(actors::json::field("productId", &Deleted::product_id),
                                                    actors::json::field("version", &Deleted::version));
};

/// A sale left few pieces of a product.
struct LowStock {
  static constexpr actors::EventType event_type{"product.low_stock", "product-events"};
  ProductId product_id;
  std::int64_t stock = 0;
  bool operator==(const LowStock&) const = default;
  static constexpr auto json = actors::json::object(actors::json::field("productId", &LowStock::product_id),
                                                    actors::json::field("stock", &LowStock::stock));
};

/// What a cart needs to know of a product; `deleted` listings keep only id and version.
struct Listing {
  ProductId product_id;
  std::string name;
  Money price;
  std::int64_t version = 0;
  bool deleted = false;
  bool operator==(const Listing&) const = default;
  static constexpr auto json = actors::json::object(
      actors::json::field("productId", &Listing::product_id), actors::json::field("name", &Listing::name),
      actors::json::field("price", &Listing::price), actors::json::field("version", &Listing::version),
      actors::json::field("deleted", &Listing::deleted));
};

}  // namespace shop::product
