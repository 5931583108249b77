/// The events of payments.
#pragma once

#include <dapr/actors/subscriptions.hpp>

#include <string>

#include "actors/shared/library.hpp"
#include "actors/shared/values.hpp"

namespace shop::payment {

/// One payment per order: its id follows from the order's.
PaymentId payment_of(const OrderId& order);

/// An attempt to charge is wanted. Payment itself makes it.
struct Requested {
  static constexpr actors::EventType event_type{"payment.requested", "payment-events"};
  PaymentId payment_id;
  OrderId order_id;
  int attempt = 0;
  Money amount;
  bool operator==(const Requested&) const = default;
  DAPR_ACTORS_JSON(payment_id, order_id, attempt, amount)
};

/// The gateway charged. Order confirms.
struct Completed {
  static constexpr actors::EventType event_type{"payment.completed", "payment-events"};
  PaymentId payment_id;
  OrderId order_id;
  int attempt = 0;
  Money amount;
  std::string gateway_reference;
  bool operator==(const Completed&) const = default;
  DAPR_ACTORS_JSON(payment_id, order_id, attempt, amount, gateway_reference)
};

/// An attempt failed for good, or until the customer retries (`retryable`).
struct Failed {
  static constexpr actors::EventType event_type{"payment.failed", "payment-events"};
  PaymentId payment_id;
  OrderId order_id;
  int attempt = 0;
  Money amount;
  std::string reason;
  bool retryable = false;
  bool operator==(const Failed&) const = default;
  DAPR_ACTORS_JSON(payment_id, order_id, attempt, amount, reason, retryable)
};

/// What was charged went back. Order notes it.
struct Refunded {
  static constexpr actors::EventType event_type{"payment.refunded", "payment-events"};
  PaymentId payment_id;
  OrderId order_id;
  int attempt = 0;
  Money amount;
  std::string gateway_reference;
  bool operator==(const Refunded&) const = default;
  DAPR_ACTORS_JSON(payment_id, order_id, attempt, amount, gateway_reference)
};

}  // namespace shop::payment
