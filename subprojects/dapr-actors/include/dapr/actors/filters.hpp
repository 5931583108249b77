/// What stands around every turn of a host: who may call, which tenant it is, numbers, spans.
///
///     class TenantsOnly final : public dapr::actors::TurnFilter {
///       Task<Result<void>> before(const TurnAhead& turn) override {
///         if (!turn.actor.id.starts_with("shop-1/"))
///           co_return refuse(Reason::Forbidden, "other_tenant", "the actor belongs to another tenant");
///         co_return Result<void>{};
///       }
///     };
///     host.filter<Cart>(std::make_shared<TenantsOnly>());  // of one type; without it of all
///
/// **Order.** Filters are layers, the first registered the outermost, those of all types and those of one in one
/// sequence. `before` runs from the first to the last and ends with the first that refuses or throws. `after` or
/// `error`, whichever it comes to, runs from the last to the first, of those filters whose `before` let the turn in: a
/// filter that counts and is registered first counts what later ones refuse.
///
/// **Before the lock.** `before` runs before the turn waits for its actor: it may await, the answer of a policy for
/// instance, and keeps nobody waiting meanwhile; the actor is not loaded for what is refused. For that reason it is a
/// `Task`. Turns may overtake each other there. It runs for repeated calls too, whose answer is known already.
/// `after` and `error` are told, and await nothing: the caller may have his answer by then.
///
/// **What passes.** Methods, reminders, timers, and the library's own look at unfinished business (the reminder
/// `tend`). Whoever is refused a method gets the refusal as the method's answer. Nobody reads the answer of the others:
/// to refuse one is a failure, and a reminder comes again. A filter that asks who calls looks at `kind` first.
///
/// Filters are shared by all threads of a host: they guard what they keep themselves.
#pragma once

#include <exception>
#include <string_view>

#include "dapr/actors/calls.hpp"
#include "dapr/actors/observer.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

/// A turn as it comes in. Its references are valid until the turn has ended.
struct TurnAhead {
  const ActorId& actor;
  EntryKind kind;
  std::string_view method;  ///< as the table names it; `tend` for unfinished business
  Cause cause;
  /// The type of the actor whose turn awaits the answer; empty for all others. It is what the caller says of itself:
  /// worth as much as the sidecar's access control lets nobody else say it.
  std::string_view caller;
  std::string_view id;  ///< of the call; empty where it has none
  const Trace& trace;
  /// For what `before` asks of others. A call of this actor, or of one that waits for this turn, throws
  /// `std::logic_error`.
  Calls calls;
};

/// How a turn ended that did not fail.
struct TurnResult {
  TurnOutcome outcome;
  std::string_view error;  ///< why it was refused
  std::int64_t version;    ///< of the state after the turn; 0 if a filter refused it
  Microseconds took;       ///< as in `TurnEnded`
};

class TurnFilter {
 public:
  virtual ~TurnFilter() = default;
  /// Lets the turn in, or refuses it. What it throws fails the turn, like what the method throws.
  virtual Task<Result<void>> before(const TurnAhead& turn);
  /// The turn has ended: it answered or was refused. What this throws the observer is told of, and nothing else.
  virtual void after(const TurnAhead& /*turn*/, const TurnResult& /*result*/) {}
  /// The turn threw `error`, which its caller is not told of. What this throws the observer is told of.
  virtual void error(const TurnAhead& /*turn*/, const std::exception_ptr& /*error*/) {}
};

}  // namespace dapr::actors

#pragma GCC visibility pop
