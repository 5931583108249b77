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
  static constexpr auto json = actors::json::object(
      actors::json::field("cartId", &ItemAdded::cart_id), actors::json::field("customerId", &ItemAdded::customer_id),
      actors::json::field("productId", &ItemAdded::product_id), actors::json::field("quantity", &ItemAdded::quantity),
      actors::json::field("unitPrice", &ItemAdded::unit_price));
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
  static constexpr auto json = actors::json::object(
      actors::json::field("orderId", &CheckoutCompleted::order_id),
      actors::json::field("cartId", &CheckoutCompleted::cart_id),
      actors::json::field("customerId", &CheckoutCompleted::customer_id),
      actors::json::field("lines", &CheckoutCompleted::lines), actors::json::field("total", &CheckoutCompleted::total),
      actors::json::field("paymentMethod", &CheckoutCompleted::payment_method),
      actors::json::field("shippingAddress", &CheckoutCompleted::shipping_address));
};

}  // namespace shop::cart
