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
  static constexpr auto json = actors::json::object(
      actors::json::field("paymentId", &Requested::payment_id), actors::json::field("orderId", &Requested::order_id),
      actors::json::field("attempt", &Requested::attempt), actors::json::field("amount", &Requested::amount));
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
  static constexpr auto json = actors::json::object(
      actors::json::field("paymentId", &Completed::payment_id), actors::json::field("orderId", &Completed::order_id),
      actors::json::field("attempt", &Completed::attempt), actors::json::field("amount", &Completed::amount),
      actors::json::field("gatewayReference", &Completed::gateway_reference));
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
  static constexpr auto json = actors::json::object(
      actors::json::field("paymentId", &Failed::payment_id), actors::json::field("orderId", &Failed::order_id),
      actors::json::field("attempt", &Failed::attempt), actors::json::field("amount", &Failed::amount),
      actors::json::field("reason", &Failed::reason), actors::json::field("retryable", &Failed::retryable));
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
  static constexpr auto json = actors::json::object(
      actors::json::field("paymentId", &Refunded::payment_id), actors::json::field("orderId", &Refunded::order_id),
      actors::json::field("attempt", &Refunded::attempt), actors::json::field("amount", &Refunded::amount),
      actors::json::field("gatewayReference", &Refunded::gateway_reference));
};

}  // namespace shop::payment
