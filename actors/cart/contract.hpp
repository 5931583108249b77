/// The events of carts.
#pragma once

#include <dapr/actors/subscriptions.hpp>

#include <optional>
#include <vector>

#include "actors/shared/library.hpp"
#include "actors/shared/values.hpp"

namespace shop::cart {

/// Pieces of a product were put into a cart. Order counts the demand.
struct ItemAdded {
  static constexpr actors::EventType event_type{"cart.item_added", "cart-events"};
  CartId cart_id;
  std::optional<CustomerId> customer_id;
  ProductId product_id;
  int quantity = 0;
  Money unit_price;
  bool operator==(const ItemAdded&) const = default;
  DAPR_ACTORS_JSON(cart_id, customer_id, product_id, quantity, unit_price)
};

/// A cart was checked out. Order creates the order under the id the cart has chosen.
struct CheckoutCompleted {
  static constexpr actors::EventType event_type{"cart.checkout_completed", "order-events"};
  OrderId order_id;
  CartId cart_id;
  std::optional<CustomerId> customer_id;
  std::vector<Line> lines;
  Money total;
  PaymentMethod payment_method;
  Address shipping_address;
  bool operator==(const CheckoutCompleted&) const = default;
  DAPR_ACTORS_JSON(order_id, cart_id, customer_id, lines, total, payment_method, shipping_address)
};

}  // namespace shop::cart
