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
  DAPR_ACTORS_JSON(order_id, customer_id, total, payment_method)
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
  DAPR_ACTORS_JSON(order_id, customer_id, lines, total, payment_id)
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
  DAPR_ACTORS_JSON(order_id, customer_id, lines, total, reason, stock_taken)
  DAPR_ACTORS_JSON_DEFAULTED(lines, total, reason, stock_taken)
};

/// An order is on its way.
struct Shipped {
  static constexpr actors::EventType event_type{"order.shipped", "order-events"};
  OrderId order_id;
  std::optional<CustomerId> customer_id;
  std::optional<std::string> tracking_number;
  bool operator==(const Shipped&) const = default;
  DAPR_ACTORS_JSON(order_id, customer_id, tracking_number)
};

}  // namespace shop::order
