/// What the library tells about itself: one hook per thing worth counting or logging. The default does nothing, so that
/// the library brings neither a logger nor a metrics registry of its own. Hooks may be called from any thread at the
/// same time, must not throw, and must not call back into the library. References are valid during the call only.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "dapr/actors/sidecar.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

using Microseconds = std::chrono::microseconds;

enum class TurnOutcome {
  Committed,  ///< state or effects were saved
  Unchanged,  ///< nothing was to be saved: a read, or an event that changes nothing any more
  Duplicate,  ///< the id was handled before; its answer was given again
  Refused,    ///< the method refused
  Failed,     ///< something threw; nothing was saved, or it is unknown whether it was
};
std::string_view to_string(TurnOutcome outcome);

struct TurnEnded {
  const ActorId& actor;
  std::string_view method;
  std::string_view turn_id;
  Cause cause;
  TurnOutcome outcome;
  std::int64_t version;    ///< of the state after the turn
  Microseconds took;       ///< from the start of the turn (not of its wait) to its answer
  std::string_view error;  ///< of a refused or failed turn
  /// What the caller of a failed turn is told instead of the error: the id it was called with, or one made for it.
  std::string_view reference;
  const Trace& trace;
  const std::map<std::string, std::string>& tags;  ///< what the actor noted with `tag`
};

struct EventSent {
  const ActorId& actor;
  const CloudEvent& event;
  std::string_view error;  ///< empty when it left
  Microseconds took;
};

/// What became of an event that came in.
enum class EventOutcome {
  Handled,
  Unknown,     ///< a type nobody subscribed to: acknowledged
  Unreadable,  ///< known, but its data cannot be read: left for redelivery, then the dead-letter queue
  Failed,      ///< its handler failed: left for redelivery
};
std::string_view to_string(EventOutcome outcome);
struct EventReceived {
  std::string_view type;
  std::string_view id;
  std::string_view source;
  std::string_view subject;
  EventOutcome outcome;
  std::string_view error;
  Microseconds took;
  const Trace& trace;
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void turn_ended(const TurnEnded&) {}
  virtual void commit_ended(std::string_view /*actor_type*/, bool /*ok*/, Microseconds) {}
  virtual void event_sent(const EventSent&) {}
  virtual void event_received(const EventReceived&) {}
  /// Events committed and not yet sent, of one actor type on this host: the change.
  virtual void outbox_changed(std::string_view /*actor_type*/, int /*delta*/) {}
  virtual void activations_changed(std::string_view /*actor_type*/, int /*delta*/) {}
  virtual void reminder_changed(std::string_view /*actor_type*/, std::string_view /*name*/, bool /*armed*/) {}
  /// `operation` is the building block's: `state_get`, `state_commit`, `publish`, `actor_call`, `invoke`, …
  virtual void sidecar_called(std::string_view /*operation*/, int /*status*/, Microseconds) {}
  /// Something an operator should know that belongs to no turn.
  virtual void warned(std::string_view /*message*/) {}
};

}  // namespace dapr::actors

#pragma GCC visibility pop
