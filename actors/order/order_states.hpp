/// The state machine of an order, as the table in docs/contracts.md: what each event does in each state.
#pragma once

#include <dapr/actors/json.hpp>

#include <array>
#include <cstddef>
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

/// What a trigger does. Whatever makes an order enter the states of those names publishes `order.created`,
/// `order.confirmed`, `order.cancelled`, `order.shipped`; entering `payment_failed` publishes nothing, and neither does
/// an order that is cancelled before it was there for anybody.
struct Step {
  enum class Kind {
    Nothing,    ///< changes nothing, acknowledged
    Enter,      ///< the order enters `to`
    Remember,   ///< kept until the order is there
    NewReason,  ///< the reason of a newer attempt is kept
    Unknown,    ///< refused: there is no such order
    Conflict,   ///< refused: the order's state does not allow it
  };
  Kind kind = Kind::Nothing;
  Status to = Status::None;
  bool operator==(const Step&) const = default;
};

namespace detail {

constexpr Step enter(Status to) {
  return {Step::Kind::Enter, to};
}
inline constexpr Step nothing{};
inline constexpr Step remember{Step::Kind::Remember};
inline constexpr Step reason{Step::Kind::NewReason};
inline constexpr Step unknown{Step::Kind::Unknown};
inline constexpr Step conflict{Step::Kind::Conflict};

constexpr auto asked = enter(Status::Asked);
constexpr auto created = enter(Status::Created);
constexpr auto failed = enter(Status::PaymentFailed);
constexpr auto confirmed = enter(Status::Confirmed);
constexpr auto cancelled = enter(Status::Cancelled);
constexpr auto shipped = enter(Status::Shipped);

// clang-format off
inline constexpr std::array<std::array<Step, 8>, 7> steps{{
    //                    checkout  held      refused    pay.completed  pay.failed  cancel     deadline   ship
    /* none           */ {asked,    nothing,  nothing,   remember,      remember,   unknown,   nothing,   unknown },
    /* asked          */ {nothing,  created,  cancelled, remember,      remember,   unknown,   nothing,   unknown },
    /* created        */ {nothing,  nothing,  nothing,   confirmed,     failed,     cancelled, cancelled, conflict},
    /* payment_failed */ {nothing,  nothing,  nothing,   confirmed,     reason,     cancelled, cancelled, conflict},
    /* confirmed      */ {nothing,  nothing,  nothing,   nothing,       nothing,    cancelled, nothing,   shipped },
    /* cancelled      */ {nothing,  nothing,  nothing,   nothing,       nothing,    nothing,   nothing,   conflict},
    /* shipped        */ {nothing,  nothing,  nothing,   nothing,       nothing,    conflict,  nothing,   nothing },
}};
// clang-format on

}  // namespace detail

constexpr Step step(Status status, Trigger trigger) {
  return detail::steps[static_cast<std::size_t>(status)][static_cast<std::size_t>(trigger)];
}

/// Is the order there for those who may see it?
constexpr bool exists(Status status) {
  return status != Status::None && status != Status::Asked;
}

/// Can nothing that a reader sees change any more?
constexpr bool is_final(Status status) {
  for (const auto& each : detail::steps[static_cast<std::size_t>(status)])
    if (each.kind == Step::Kind::Enter || each.kind == Step::Kind::Remember || each.kind == Step::Kind::NewReason)
      return false;
  return true;
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
