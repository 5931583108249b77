/// A sidecar in memory: state, reminders and timers on a virtual clock, captured events, and faults on demand. It
/// answers as a real one does (the conformance suite asks both). It completes every operation at once, or, after
/// `complete_later`, in an order of its own. For one thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "dapr/actors/sidecar.hpp"

// Internal, and not to be seen in a shared library: what a class is declared as first counts.
namespace dapr::actors {
class Engine;
}

#pragma GCC visibility push(default)

namespace dapr::actors::testing {

/// Time that passes only when told to.
class VirtualClock final : public Clock {
 public:
  Time now() const override { return now_; }
  void set(Time now) { now_ = now; }

 private:
  Time now_ = *from_rfc3339("2026-01-01T00:00:00Z");
};

/// How a commit fails: refused without a trace, refused because the actor has moved to another host, or carried out
/// although the answer is lost.
enum class CommitFailure { NotStored, Moved, StoredButUnanswered };

class FakeSidecar final : public Sidecar {
 public:
  explicit FakeSidecar(const VirtualClock& clock) : clock_(clock) {}
  /// Where calls of actors go.
  void deliver_to(Engine* engine) { engine_ = engine; }

  Task<std::optional<std::string>> read_state(ActorId actor, std::string key) override;
  Task<void> commit_state(ActorId actor, std::vector<StateOperation> operations) override;
  Task<void> register_reminder(ActorId actor, Alarm alarm) override;
  Task<void> unregister_reminder(ActorId actor, std::string name) override;
  Task<void> register_timer(ActorId actor, Alarm alarm) override;
  Task<void> unregister_timer(ActorId actor, std::string name) override;
  Task<Reply> call_actor(ActorId actor, Call call) override;
  Task<void> publish(CloudEvent event) override;
  Task<HttpAnswer> invoke(std::string app_id, HttpRequest request) override;

  // What a test sets up and looks at.
  using Application = std::function<HttpAnswer(const HttpRequest&)>;
  std::map<std::string, Application> applications;        ///< answers service invocation, by app id
  std::vector<CloudEvent> published;                      ///< in the order they left
  std::set<std::pair<std::string, std::string>> awaited;  ///< actor types: whose turn awaited whose
  std::map<std::string, int> counts;                      ///< operations so far, by name
  std::optional<std::string> stored(const ActorId& actor, const std::string& key) const;

  struct Armed {
    ActorId actor;
    Alarm alarm;
    Time due;
    bool is_reminder;
  };
  const Armed* armed(const ActorId& actor, const std::string& name) const;
  std::vector<std::string> reminders(const ActorId& actor) const;  ///< the names of what is armed
  /// Takes the next alarm due by `limit` (the earliest first) and, if it is periodic, arms it again.
  std::optional<Armed> take_due(Time limit);
  /// Timers are in a sidecar's memory.
  void lose_timers();

  /// Operations take effect and answer one at a time, in a random order by `seed`, when `Bench` lets things happen.
  void complete_later(unsigned seed) { random_.emplace(seed); }
  /// Lets one operation that waits go on; false when there is none.
  bool complete_one();

  /// From now on the state of actors that the sidecar does not hold is refused: those that were not called here, or
  /// were deactivated since. `Bench` has it so; who calls an engine past the sidecar says what is active.
  void hold_called_actors_only() { holds_all_ = false; }
  void activated(const ActorId& actor) { active_.insert(actor); }
  void deactivated(const ActorId& actor) { active_.erase(actor); }
  /// Past the sidecar: what another host, an older version or somebody's mistake left in the store.
  void put(const ActorId& actor, const std::string& key, std::string value, std::int64_t revision = 0) {
    state_[actor][key] = {std::move(value), std::nullopt, revision};
  }

  // Faults.
  void fail_next_commit(CommitFailure how) { commit_failure_ = how; }
  void fail_publishes(int times) { publish_failures_ = times; }
  /// The process dies after this many more operations have taken effect: every later one fails until `revive`.
  void crash_after(std::size_t operations) { crash_in_ = operations; }
  /// Right before the next operation of this name (as in `counts`) takes effect: whoever asked for it has paused there.
  void before_next(const std::string& operation, std::function<void()> act) { interrupts_[operation] = std::move(act); }
  bool crashed() const { return crash_in_ == std::size_t{0}; }
  void revive() { crash_in_.reset(); }
  std::size_t operations() const { return operations_; }

 private:
  struct Value {
    std::string text;
    std::optional<Time> expires;
    std::int64_t revision = 0;
  };
  Task<void> begin(const char* operation);  // throws when the process is dead
  Task<void> end();                         // counts an operation that took effect; throws when it was the last
  Task<void> moment();                      // in which others may come first

  const VirtualClock& clock_;
  Engine* engine_ = nullptr;
  std::map<ActorId, std::map<std::string, Value>> state_;
  std::map<std::tuple<bool, ActorId, std::string>, Armed> alarms_;
  std::optional<CommitFailure> commit_failure_;
  int publish_failures_ = 0;
  std::map<std::string, std::function<void()>> interrupts_;
  std::optional<std::size_t> crash_in_;
  std::size_t operations_ = 0;
  bool holds_all_ = true;
  std::set<ActorId> active_;
  std::optional<std::minstd_rand> random_;
  std::vector<Completion<void>> waiting_;
};

}  // namespace dapr::actors::testing

#pragma GCC visibility pop
