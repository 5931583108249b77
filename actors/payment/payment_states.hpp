/// The state machine of a payment, as the table in docs/contracts.md: what each event does in each state.
#pragma once

#include <dapr/actors/json.hpp>

#include <array>
#include <cstddef>
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

/// `Approved`, `Declined` and `Unavailable` are the gateway's answers to a charge, `GaveBack` to a refund.
enum class Trigger { OrderCreated, Requested, Approved, Declined, Unavailable, Retry, OrderCancelled, GaveBack };

/// What a trigger does.
enum class Step {
  Nothing,    ///< changes nothing, acknowledged
  Redeliver,  ///< left for redelivery
  Open,       ///< requested, payment.requested
  Charge,     ///< processing; the gateway is asked to charge
  Complete,   ///< completed, payment.completed
  Fail,       ///< failed, payment.failed
  Repeat,     ///< charged again later, under the same key; after the last time it has failed or, if cancelling, is
              ///< cancelled
  Reopen,     ///< requested, payment.requested of the next attempt
  Remember,   ///< cancelling
  Cancel,     ///< cancelled
  Refund,     ///< refunding; the gateway is asked to give back
  EndRefund,  ///< refunded, payment.refunded
  Unknown,    ///< refused: there is no such payment
  Conflict,   ///< refused: the payment's state does not allow it
};

namespace detail {

inline constexpr auto nothing = Step::Nothing;
inline constexpr auto redeliver = Step::Redeliver;
inline constexpr auto open = Step::Open;
inline constexpr auto charge = Step::Charge;
inline constexpr auto complete = Step::Complete;
inline constexpr auto fail = Step::Fail;
inline constexpr auto repeat = Step::Repeat;
inline constexpr auto reopen = Step::Reopen;
inline constexpr auto remember = Step::Remember;
inline constexpr auto cancel = Step::Cancel;
inline constexpr auto refund = Step::Refund;
inline constexpr auto end = Step::EndRefund;
inline constexpr auto unknown = Step::Unknown;
inline constexpr auto conflict = Step::Conflict;

// clang-format off
inline constexpr std::array<std::array<Step, 8>, 9> steps{{
    //                order.created  requested   approved  declined  unavailable  retry     order.cancelled  gave back
    /* none       */ {open,          redeliver,  nothing,  nothing,  nothing,     unknown,  cancel,          nothing},
    /* requested  */ {nothing,       charge,     nothing,  nothing,  nothing,     conflict, cancel,          nothing},
    /* processing */ {nothing,       nothing,    complete, fail,     repeat,      conflict, remember,        nothing},
    /* cancelling */ {nothing,       nothing,    refund,   cancel,   repeat,      conflict, nothing,         nothing},
    /* failed     */ {nothing,       nothing,    complete, nothing,  nothing,     reopen,   cancel,          nothing},
    /* completed  */ {nothing,       nothing,    nothing,  nothing,  nothing,     conflict, refund,          nothing},
    /* refunding  */ {nothing,       nothing,    nothing,  nothing,  nothing,     conflict, nothing,         end    },
    /* cancelled  */ {nothing,       nothing,    refund,   nothing,  nothing,     conflict, nothing,         nothing},
    /* refunded   */ {nothing,       nothing,    refund,   nothing,  nothing,     conflict, nothing,         nothing},
}};
// clang-format on

}  // namespace detail

constexpr Step step(Status status, Trigger trigger) {
  return detail::steps[static_cast<std::size_t>(status)][static_cast<std::size_t>(trigger)];
}

}  // namespace shop::payment

namespace dapr::actors::json {
template <>
struct Codec<shop::payment::Status> : EnumCodec<shop::payment::Status, shop::payment::status_names> {};
template <>
struct Codec<shop::payment::Outcome> : EnumCodec<shop::payment::Outcome, shop::payment::outcome_names> {};
}  // namespace dapr::actors::json
