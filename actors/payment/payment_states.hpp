/// The state machine of a payment, as the table in docs/contracts.md.
#pragma once

#include <dapr/actors/json.hpp>
#include <dapr/actors/state_machine.hpp>

#include <array>
#include <utility>

#include "actors/shared/library.hpp"

namespace shop::payment {

/// `None`: there is no such payment (yet). `Cancelling` is a payment whose order was cancelled while the gateway was
/// charging: readers see it as `processing`.
enum class Status { None, Requested, Processing, Cancelling, Failed, Completed, Refunding, Cancelled, Refunded };

inline constexpr std::array status_names{
    std::pair{Status::None, "none"},
    std::pair{Status::Requested, "requested"},
    std::pair{Status::Processing, "processing"},
    std::pair{Status::Cancelling, "cancelling"},
    std::pair{Status::Failed, "failed"},
    std::pair{Status::Completed, "completed"},
    std::pair{Status::Refunding, "refunding"},
    std::pair{Status::Cancelled, "cancelled"},
    std::pair{Status::Refunded, "refunded"},
};

/// What became of an attempt. `Unavailable`: the gateway did not answer; the charge may still have been made.
enum class Outcome { Pending, Approved, Declined, Unavailable, Cancelled };

inline constexpr std::array outcome_names{
    std::pair{Outcome::Pending, "pending"},     std::pair{Outcome::Approved, "approved"},
    std::pair{Outcome::Declined, "declined"},   std::pair{Outcome::Unavailable, "unavailable"},
    std::pair{Outcome::Cancelled, "cancelled"},
};

/// `Approved` and `Declined` are the gateway's answers to a charge, `GivenUp` is the last time without one; `GaveBack`
/// is its answer to a refund.
enum class Trigger { OrderCreated, Requested, Approved, Declined, GivenUp, Retry, OrderCancelled, GaveBack };

/// Where nothing stands here a trigger moves nothing. What comes too early is left for redelivery
/// (`Payment::requested`).
inline constexpr actors::Transition<Status, Trigger> transitions[] = {
    // clang-format off
    {Status::None,       Trigger::OrderCreated,   Status::Requested},
    {Status::None,       Trigger::OrderCancelled, Status::Cancelled},
    {Status::Requested,  Trigger::Requested,      Status::Processing},
    {Status::Requested,  Trigger::OrderCancelled, Status::Cancelled},
    {Status::Processing, Trigger::Approved,       Status::Completed},
    {Status::Processing, Trigger::Declined,       Status::Failed},
    {Status::Processing, Trigger::GivenUp,        Status::Failed},
    {Status::Processing, Trigger::OrderCancelled, Status::Cancelling},
    {Status::Cancelling, Trigger::Approved,       Status::Refunding},
    {Status::Cancelling, Trigger::Declined,       Status::Cancelled},
    {Status::Cancelling, Trigger::GivenUp,        Status::Cancelled},
    {Status::Failed,     Trigger::Approved,       Status::Completed},
    {Status::Failed,     Trigger::Retry,          Status::Requested},
    {Status::Failed,     Trigger::OrderCancelled, Status::Cancelled},
    {Status::Completed,  Trigger::OrderCancelled, Status::Refunding},
    {Status::Refunding,  Trigger::GaveBack,       Status::Refunded},
    {Status::Cancelled,  Trigger::Approved,       Status::Refunding},
    {Status::Refunded,   Trigger::Approved,       Status::Refunding},
    // clang-format on
};
using Machine = actors::StateMachine<transitions, Status::None>;  // money may come late: no state is the last
static_assert(Machine::reaches_each(status_names));

}  // namespace shop::payment

namespace dapr::actors::json {
template <>
struct Codec<shop::payment::Status> : EnumCodec<shop::payment::Status, shop::payment::status_names> {};
template <>
struct Codec<shop::payment::Outcome> : EnumCodec<shop::payment::Outcome, shop::payment::outcome_names> {};
}  // namespace dapr::actors::json
