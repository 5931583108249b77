/// The events of orders.
#pragma once

#include <dapr/actors/subscriptions.hpp>

#include <optional>
#include <string>
#include <vector>

#include "actors/shared/library.hpp"
#include "actors/shared/values.hpp"

namespace shop::order {

/// An order exists and waits to be paid. Payment opens its payment.
struct Created {
  static constexpr actors::EventType event_type{"order.created", "order-events"};
  OrderId order_id;
  std::optional<CustomerId> customer_id;
  Money total;
  PaymentMethod payment_method;
  bool operator==(const Created&) const = default;
  static constexpr auto json = actors::json::object(
      actors::json::field("orderId", &Created::order_id), actors::json::field("customerId", &Created::customer_id),
      actors::json::field("total", &Created::total), actors::json::field("paymentMethod", &Created::payment_method));
};

/// An order is paid. Product takes its pieces from the stock, once.
struct Confirmed {
  static constexpr actors::EventType event_type{"order.confirmed", "order-events"};
  OrderId order_id;
  std::optional<CustomerId> customer_id;
  std::vector<Line> lines;
  Money total;
  PaymentId payment_id;
  bool operator==(const Confirmed&) const = default;
  static constexpr auto json = actors::json::object(
      actors::json::field("orderId", &Confirmed::order_id), actors::json::field("customerId", &Confirmed::customer_id),
      actors::json::field("lines", &Confirmed::lines), actors::json::field("total", &Confirmed::total),
      actors::json::field("paymentId", &Confirmed::payment_id));
};

/// An order was given up. Payment refunds or stops; Product gives back stock that was taken (`stockTaken`).
struct Cancelled {
  static constexpr actors::EventType event_type{"order.cancelled", "order-events"};
  OrderId order_id;
  std::optional<CustomerId> customer_id;
  std::vector<Line> lines;
  Money total;
  std::string reason;
  bool stock_taken = false;
  bool operator==(const Cancelled&) const = default;
  static constexpr auto json = actors::json::object(
      actors::json::field("orderId", &Cancelled::order_id), actors::json::field("customerId", &Cancelled::customer_id),
      actors::json::defaulted("lines", &Cancelled::lines), actors::json::defaulted("total", &Cancelled::total),
      actors::json::defaulted("reason", &Cancelled::reason),
      actors::json::defaulted("stockTaken", &Cancelled::stock_taken));
};

/// An order is on its way.
struct Shipped {
  static constexpr actors::EventType event_type{"order.shipped", "order-events"};
  OrderId order_id;
  std::optional<CustomerId> customer_id;
  std::optional<std::string> tracking_number;
  bool operator==(const Shipped&) const = default;
  static constexpr auto json = actors::json::object(actors::json::field("orderId", &Shipped::order_id),
                                                    actors::json::field("customerId", &Shipped::customer_id),
                                                    actors::json::field("trackingNumber", &Shipped::tracking_number));
};

}  // namespace shop::order
