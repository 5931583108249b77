/// The state machine of an order, as the table in docs/contracts.md.
#pragma once

#include <dapr/actors/json.hpp>
#include <dapr/actors/state_machine.hpp>

#include <array>
#include <utility>

#include "actors/shared/library.hpp"

namespace shop::order {

/// `None`: there is no such order (yet). `Asked`: it was checked out, and its pieces are being asked for. No reader
/// ever sees either.
enum class Status { None, Asked, Created, PaymentFailed, Confirmed, Cancelled, Shipped };

inline constexpr std::array status_names{
    std::pair{Status::None, "none"},           std::pair{Status::Asked, "asked"},
    std::pair{Status::Created, "created"},     std::pair{Status::PaymentFailed, "payment_failed"},
    std::pair{Status::Confirmed, "confirmed"}, std::pair{Status::Cancelled, "cancelled"},
    std::pair{Status::Shipped, "shipped"},
};

/// `Held` and `Refused`: the pieces that the order wants are reserved for it, or cannot be had.
enum class Trigger { CheckoutCompleted, Held, Refused, PaymentCompleted, PaymentFailed, Cancel, Deadline, Ship };

/// Whatever makes an order enter the states of those names publishes `order.created`, `order.confirmed`,
/// `order.cancelled`, `order.shipped`; entering `payment_failed` publishes nothing, and neither does an order that is
/// cancelled before it was there for anybody. Where nothing stands here a trigger moves nothing.
inline constexpr actors::Transition<Status, Trigger> transitions[] = {
    // clang-format off
    {Status::None,          Trigger::CheckoutCompleted, Status::Asked},
    {Status::Asked,         Trigger::Held,              Status::Created},
    {Status::Asked,         Trigger::Refused,           Status::Cancelled},
    {Status::Created,       Trigger::PaymentCompleted,  Status::Confirmed},
    {Status::Created,       Trigger::PaymentFailed,     Status::PaymentFailed},
    {Status::Created,       Trigger::Cancel,            Status::Cancelled},
    {Status::Created,       Trigger::Deadline,          Status::Cancelled},
    {Status::PaymentFailed, Trigger::PaymentCompleted,  Status::Confirmed},
    {Status::PaymentFailed, Trigger::Cancel,            Status::Cancelled},
    {Status::PaymentFailed, Trigger::Deadline,          Status::Cancelled},
    {Status::Confirmed,     Trigger::Cancel,            Status::Cancelled},
    {Status::Confirmed,     Trigger::Ship,              Status::Shipped},
    // clang-format on
};
using Machine = actors::StateMachine<transitions, Status::None, Status::Cancelled, Status::Shipped>;
static_assert(Machine::reaches_each(status_names));

/// Is the order there for those who may see it?
constexpr bool exists(Status status) {
  return status != Status::None && status != Status::Asked;
}

/// May a payment still decide what becomes of the order?
constexpr bool awaits_payment(Status status) {
  return status == Status::Created || status == Status::PaymentFailed;
}

}  // namespace shop::order

namespace dapr::actors::json {
template <>
struct Codec<shop::order::Status> : EnumCodec<shop::order::Status, shop::order::status_names> {};
}  // namespace dapr::actors::json
