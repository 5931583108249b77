/// Names every point at which a process may die: right before and right after each effect it has outside, and right
/// before an answer leaves. A test lists the points of a scenario, then ends the process at one after the other
/// (`end_process`) and looks at what is left.
///
///     EffectPoints points([](const Point& point) { if (point.text() == "Order publish order.created:after")
///     end_process(); }); settings.intermediary = &points;
///
/// A point's name is made of what happens, not of when or to whom, so that the same scenario has the same points:
///
/// | name | effect |
/// |---|---|
/// | `Order commit Cancel` | the turn of a method (`tend`, of unfinished business) is committed |
/// | `Order tidy` | the document is written anew with its outbox emptied, under the same version |
/// | `Order publish order.created` | an event leaves; in front is what its id begins with |
/// | `Order arm tend`, `Order disarm tend` | a reminder is registered, removed |
/// | `Order start ticks`, `Order stop ticks` | the same for a timer |
/// | `Order call Cancel` | a changing call of an actor, from anywhere in this process |
/// | `store transact product+stock` | a transaction of the plain state store, by its keys without their ids |
/// | `Order answer Cancel`, `Order answer remind tend`, `events answer order.created` | what the app channel answers |
///
/// Reads are no points: dying there is dying at the point before.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dapr/actors/intermediary.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors::testing {

enum class Moment { Before, After };

struct Point {
  std::string effect;
  Moment moment;
  std::string subject;  ///< whom it concerns: an actor's id, an event's id, the keys
  std::string text() const { return effect + (moment == Moment::Before ? ":before" : ":after"); }
};

/// The process is gone, as with a power cut: nothing is closed, flushed or destroyed.
[[noreturn]] void end_process();
inline constexpr int ended_process = 86;  ///< its exit status

/// Time that passes `speed` times as fast as `real` since `epoch`.
class QuickClock final : public Clock {
 public:
  QuickClock(Time epoch, int speed) : epoch_(epoch), speed_(speed) {}
  Time now() const override { return epoch_ + (SystemClock().now() - epoch_) * speed_; }

 private:
  const Time epoch_;
  const int speed_;
};

/// Thread-safe.
class EffectPoints final : public Intermediary {
 public:
  using Reached = std::function<void(const Point&)>;
  /// `reached` is called at every point. With a `speed` reminders and timers come that much sooner, in step with a
  /// `QuickClock`.
  explicit EffectPoints(Reached reached, int speed = 1);
  ~EffectPoints() override;

  Sidecar& between(Sidecar& real) override;
  StateStore& between(StateStore& real) override;
  void answering(const LeavingAnswer& answer) override;

 private:
  class PointedSidecar;
  class PointedStore;
  /// `work`, with a point before and after it.
  template <class T>
  Task<T> pointed(std::string effect, std::string subject, Task<T> work);
  /// Notes the version of an actor's document; answers the one before.
  std::int64_t seen(const ActorId& actor, std::int64_t version);
  std::string name_of_commit(const ActorId& actor, const std::vector<StateOperation>& operations);
  Task<Reply> call(Sidecar& real, ActorId actor, Call call);

  const Reached reached_;
  const int speed_;
  std::unique_ptr<PointedSidecar> sidecar_;
  std::vector<std::unique_ptr<PointedStore>> stores_;
  std::mutex mutex_;
  std::map<ActorId, std::int64_t> versions_;   // of documents, as last seen
  std::multimap<ActorId, std::string> calls_;  // under way
};

}  // namespace dapr::actors::testing

#pragma GCC visibility pop
