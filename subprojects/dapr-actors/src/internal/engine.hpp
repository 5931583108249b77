/// The actors of one host and their turns. Knows no transport: the app channel calls in, a `Sidecar` is called out.
/// Internal to the library (`Host` and `testing::Bench` own one).
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "dapr/actors/actor.hpp"
#include "dapr/actors/inspection.hpp"
#include "dapr/actors/observer.hpp"
#include "internal/filtering.hpp"
#include "internal/type_settings.hpp"

namespace dapr::actors {

/// The type or the method is not here: permanent, 404 to the sidecar.
class NoSuchMethod : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// The host is shutting down and takes no new work: 503, the sidecar tries again elsewhere.
class Draining : public std::runtime_error {
 public:
  Draining() : std::runtime_error("this host is shutting down and takes no new calls") {}
};

/// The turn was let in after the deadline of its call, or when nobody waited for it any more, and was not carried out.
class Overdue : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A turn threw. Its text stands in the log alone (`TurnEnded::error`), since it may hold what its callers must not
/// see; they are told `reference`, under which the log has it.
class TurnFailed : public std::runtime_error {
 public:
  TurnFailed(std::string code, std::string reference);
  /// The sidecar's errorCode if it was the sidecar that failed, else `FAILED`.
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

class Activation;

/// What an exception says, whatever it is.
std::string what(const std::exception_ptr& error);

/// The library's own reminder, one an actor, for unfinished business: what logs and metrics call it. It is registered
/// as `tend-<revision>`, by the write that it was armed for, so that whoever removes one removes no other
/// (docs/decisions/0012-writes-are-numbered.md).
inline constexpr std::string_view tend_reminder = "tend";
/// The kind of a reminder by the name it is registered under.
std::string_view reminder_kind(std::string_view name);

/// Thread-safe. Tasks resume on threads that run `io`.
class Engine {
 public:
  /// `app_id` becomes the source of published events.
  Engine(boost::asio::io_context& io, Sidecar& sidecar, const Clock& clock, Observer& observer, std::string app_id);
  ~Engine();

  void add(detail::TypeDescription type);
  /// Over the tables of the types that are added afterwards.
  void settings(TypeSettingsText over) { over_ = std::move(over); }
  /// Throws if they are for a type that is not here.
  void check_settings() const { over_.all_of(types()); }
  /// Of the turns of `type`, of all if it is empty; inside of those that were added before. Before the first turn.
  void filter(std::shared_ptr<TurnFilter> filter, std::string type);

  /// One turn: a method, a reminder's tick (`data` as it was registered), a timer's tick. Throws NoSuchMethod,
  /// Draining, Overdue, or TurnFailed. A read that is let in when `caller_is_gone` is not carried out.
  Task<Reply> call(ActorId actor, Call call, std::shared_ptr<const std::atomic<bool>> caller_is_gone = {});
  Task<void> reminder(ActorId actor, std::string name, std::string data, Trace trace);
  Task<void> timer(ActorId actor, std::string name, std::string data, Trace trace);
  /// Ends the activation after its running turn, without waiting for it; also for an actor that is not here.
  void deactivate(const ActorId& actor);
  /// The sidecar is a new one (it asks for the configuration again): what it held may be held elsewhere by now.
  void forget_all();
  /// The caller of the turn in hand is gone: the cached state of the actor is not to be trusted any more.
  void distrust(const ActorId& actor);

  /// The body of `GET /dapr/config`.
  std::string configuration() const;
  std::vector<std::string> types() const;
  /// A method that is described with `remember_for`, as type and name, if there is one.
  std::optional<std::string> expiring() const;

  /// Takes no new turns from now on, but those by which work after a commit that is in hand tells its outcome; such
  /// work that has not begun is left to `tend`. `idle` says when all turns and all work after commits have ended.
  void drain();
  bool idle() const;
  /// Events that a failed publish left on this host, and one attempt at them that ends with the first failure.
  std::size_t unsent() const;
  /// The first `most` of `type`, or of all if it is empty.
  ActiveActors active_actors(const std::string& type, std::size_t most) const;
  Task<void> send_what_is_left();

 private:
  friend class Activation;
  const detail::TypeDescription& description(const std::string& type) const;
  /// The entry of the type's table that a reminder or timer of this name calls; the name itself where there is none.
  std::string alarm_entry(const std::string& type, EntryKind kind, std::string_view name) const;
  std::shared_ptr<Activation> use(const ActorId& id, bool for_new_work, const std::string& request = {});
  bool is_of_work_in_hand(const std::string& request) const;
  void release(const std::shared_ptr<Activation>& activation);
  Task<Reply> enter(ActorId actor, detail::TurnRequest request);
  /// Says it once a type: its settings are to be changed, not each of its actors.
  void events_forgotten_too_soon(const ActorId& actor, const detail::TypeDescription& type);
  using LaneId = std::pair<std::string, Work>;  // an actor type, and a kind of work
  struct Piece {
    AfterCommit run;
    Calls calls;
    std::string id;    ///< under which it calls
    std::string text;  ///< whose it is
  };
  /// The work after commits of one kind and type.
  struct Lane {
    std::size_t running = 0;
    std::deque<Piece> waiting;
  };
  void start_work(const ActorId& actor, Work kind, AfterCommit work, Origin origin);
  void run_work(LaneId lane, Piece work);
  void work_ended(const LaneId& lane, const std::string& id);

  boost::asio::io_context& io_;
  Sidecar& sidecar_;
  const Clock& clock_;
  Observer& observer_;
  const std::string app_id_;
  std::map<std::string, detail::TypeDescription, std::less<>> types_;
  TypeSettingsText over_;
  Filters filters_;

  mutable std::mutex mutex_;  // of what follows
  std::map<ActorId, std::shared_ptr<Activation>> activations_;
  bool draining_ = false;
  std::size_t work_ = 0;                     // turns waiting or running, and work after commits
  std::multiset<std::string> work_in_hand_;  // the ids under which work after commits calls
  std::map<LaneId, Lane> lanes_;
  std::set<std::string> told_;  // types of which it was said that they forget events too soon
};

}  // namespace dapr::actors
