/// Virtual actors: write a class, describe its wire surface, add it to a `Host`.
///
///     class Counter final : public dapr::actors::Actor<CounterState> {
///      public:
///       Result<CounterView> add(const Add& command);   // a change: it works on a draft
///       CounterView view() const;                      // a read: it sees the committed state
///     };
///
/// **A turn** loads the state once per activation, runs one method on a draft of it, commits draft and effects in one
/// transaction, sends, and answers. Turns of one actor never overlap, also while one awaits something. A refusal or a
/// throw leaves state and effects as they were. What did not change is not written.
///
/// Effects are asked for in a turn and happen only if it commits: `publish`, `write`/`erase`, `forget` and
/// `after_commit` afterwards; `remind` just before, because a commit without its reminder could be forgotten for ever
/// while a reminder without its commit merely finds nothing to do.
///
/// All functions here belong to the actor's own methods and hooks, within a turn.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "dapr/actors/calls.hpp"
#include "dapr/actors/describe.hpp"
#include "dapr/actors/forms.hpp"
#include "dapr/actors/subscriptions.hpp"

// Internal, and not to be seen in a shared library: what a class is declared as first counts.
namespace dapr::actors {
class Activation;
}

#pragma GCC visibility push(default)

namespace dapr::actors {

/// Work outside the turn: it runs without the actor's lock, and what comes of it returns as a call of its own.
using AfterCommit = std::function<Task<void>(Calls)>;

class ActorBase;

namespace detail {

struct PendingEvent {
  EventType type;
  std::string data;
};

/// What a turn asked for.
struct Effects {
  std::vector<PendingEvent> events;
  std::vector<StateOperation> writes;
  std::vector<Alarm> reminders;
  std::vector<std::string> forgotten;
  std::vector<Alarm> timers;
  std::vector<std::string> stopped_timers;
  std::vector<std::pair<Work, AfterCommit>> after_commit;
  bool durable() const { return !events.empty() || !writes.empty() || !after_commit.empty(); }
};

/// A turn in progress, as its actor sees it.
struct Turn {
  const ActorId& actor;
  const Clock& clock;
  Sidecar& sidecar;
  Origin origin;  ///< what started the turn
  Calls calls;    ///< what it awaits of others, as calls of its own
  Effects effects = {};
  std::map<std::string, std::string> tags = {};
  /// The hook that is running, if it is one whose effects nobody would carry out.
  const char* without_effects = nullptr;
};

struct TurnRequest {
  EntryKind kind = EntryKind::Method;
  std::string method;
  std::string body;
  std::string id;
  Cause cause = Cause::Call;
  Trace trace;
  std::string alarm = {};       ///< of a reminder or a timer: the name it is registered under
  std::string awaited_by = {};  ///< of a method: the turns that wait for its answer
  std::string caller = {};      ///< of a method: the type of the actor whose turn awaits it
  Deadline deadline = no_deadline;
  std::shared_ptr<const std::atomic<bool>> caller_is_gone = {};  ///< if that can be known
};

struct MethodDescription {
  bool is_read;
  Memory memory;
  Task<Reply> (*invoke)(ActorBase& actor, const std::string& body);
};

// Its functions are compiled in the library: maps cost every unit that describes a type.
struct TypeDescription {
  TypeDescription(std::string name, TypeSettings settings, std::function<std::unique_ptr<ActorBase>()> make);
  TypeDescription(const TypeDescription& other);
  TypeDescription(TypeDescription&& other) noexcept;
  ~TypeDescription();
  /// Throws std::logic_error for a name that its kind has already.
  void add(EntryKind kind, const char* entry, MethodDescription method);

  std::string name;
  TypeSettings settings;
  std::function<std::unique_ptr<ActorBase>()> make;
  std::map<EntryKind, std::map<std::string, MethodDescription, std::less<>>> entries;
};

/// What a reminder or a timer is registered with; `data` is the JSON of its method's message, or empty.
std::string once_data(const Trace& trace, const std::string& data = {});
std::string repeated_data(const Trace& trace, const std::string& data = {});
/// What one of several reminders or timers of one method is registered under: `{entry}:{name}`, in which Dapr takes and
/// changes every letter of no name.
std::string named_alarm(std::string entry, std::string_view name);

}  // namespace detail

/// What every actor has, whatever its state.
class ActorBase {
 public:
  virtual ~ActorBase() = default;
  ActorBase() = default;
  ActorBase(const ActorBase&) = delete;
  ActorBase& operator=(const ActorBase&) = delete;

  /// Called once the state is loaded, before the first turn; may await and read. It changes nothing, since there is no
  /// commit: to ask for an effect throws, and a state that it changed ends the activation, each as std::logic_error.
  /// What is to be done about what is found here belongs to `due` and `tend`.
  virtual Task<void> on_activate();
  /// Called when a turn's changes are stored, before anybody has its answer: `state()` is what is stored now. For those
  /// in this process who watch the actor, and nothing more: to ask for an effect throws, the observer is told of what
  /// it throws and the commit stands, and nobody repeats it after a crash. A commit whose outcome is not known does not
  /// call it; the activation ends instead, and the next one reads what is stored.
  virtual void on_committed() {}
  /// Called when the activation ends in good order, outside a turn; a crash does not call it. To ask for an effect
  /// throws, and the observer is told of what it throws.
  virtual void on_deactivate() {}
  /// When this actor's unfinished business wants to be looked at next, from its state alone; none if nothing is
  /// unfinished. The library keeps one reminder for it (`tend-<number>`), armed before the commit that creates the
  /// business.
  virtual std::optional<Time> due() const { return std::nullopt; }
  /// Does what is due; called in a turn of its own when `due()` has passed.
  virtual Task<void> tend();

 protected:
  const std::string& id() const { return turn().actor.id; }
  Time now() const { return turn().clock.now(); }
  /// What started this turn. Its `deadline` is its caller's, and that of what it awaits.
  const Origin& origin() const { return turn().origin; }
  /// The version the state has when this turn is committed; the present one if the turn has changed nothing so far.
  std::int64_t version() const { return version_ + (changed() || turn().effects.durable() ? 1 : 0); }

  /// The event leaves after the commit, in order, under the id `{actor type}/{actor id}/{version}/{n}`.
  template <class E>
  void publish(const E& event) {
    publish_text(E::event_type, json::to_string(event));
  }
  /// Outside effects. Not remembered across a crash: keep the intention in the state, and let `tend` repeat it. So much
  /// runs at once, and so much waits, as the type's settings allow (`work_at_once`, `news_at_once`, `work_waiting`).
  void after_commit(AfterCommit work, Work kind = Work::Next) {
    effects().after_commit.emplace_back(kind, std::move(work));
  }

  /// Calls `Method` after `due`, and then, with a `period`, again and again; survives any downtime. Without one (zero)
  /// it is repeated until its turn succeeds, and then removed. Registering it again replaces it. `data` is the struct
  /// that the method takes, or its fields, and comes back with every tick: small, since each is kept by Dapr's
  /// scheduler.
  template <auto Method, class... Data>
  void remind(Duration due, Duration period = {}, const Data&... data) {
    add_reminder(name_of<Method, EntryKind::Reminder>(), due, period, encode_arguments<Method>(data...));
  }
  template <auto Method>
  void forget() {
    effects().forgotten.push_back(name_of<Method, EntryKind::Reminder>());
  }
  /// The same for one of several that call the same method: each `name` has a reminder of its own. It may hold
  /// anything; with the actor's type and id it is at most some 400 letters long.
  template <auto Method, class... Data>
  void remind_as(std::string_view name, Duration due, Duration period = {}, const Data&... data) {
    add_reminder(detail::named_alarm(name_of<Method, EntryKind::Reminder>(), name), due, period,
                 encode_arguments<Method>(data...));
  }
  template <auto Method>
  void forget_as(std::string_view name) {
    effects().forgotten.push_back(detail::named_alarm(name_of<Method, EntryKind::Reminder>(), name));
  }
  /// A timer lives in the sidecar's memory: it is cheap, outlives the actor's deactivation, and is gone when the
  /// sidecar ends or the actor moves to another host. What must not be forgotten is a reminder, or `due`.
  template <auto Method, class... Data>
  void start_timer(Duration due, Duration period = {}, const Data&... data) {
    add_timer(name_of<Method, EntryKind::Timer>(), due, period, encode_arguments<Method>(data...));
  }
  template <auto Method>
  void stop_timer() {
    effects().stopped_timers.push_back(name_of<Method, EntryKind::Timer>());
  }
  /// One of several timers of the same method, as `remind_as` is of reminders.
  template <auto Method, class... Data>
  void start_timer_as(std::string_view name, Duration due, Duration period = {}, const Data&... data) {
    add_timer(detail::named_alarm(name_of<Method, EntryKind::Timer>(), name), due, period,
              encode_arguments<Method>(data...));
  }
  template <auto Method>
  void stop_timer_as(std::string_view name) {
    effects().stopped_timers.push_back(detail::named_alarm(name_of<Method, EntryKind::Timer>(), name));
  }

  /// Calls of other actors and applications that this turn awaits. The turn keeps its lock meanwhile: whom one awaits
  /// must never, by any way, await this actor. Where actors alone are on the way such a call is refused: it throws
  /// `std::logic_error`. This actor's own methods it calls directly.
  const Calls& calls() const { return turn().calls; }
  template <class A>
  Proxy<A> proxy(std::string actor_id) const {
    return calls().template proxy<A>(std::move(actor_id));
  }
  NamedProxy proxy(std::string type, std::string actor_id) const {
    return calls().proxy(std::move(type), std::move(actor_id));
  }

  /// Keys of the actor's own beside its state, for what is too large or too many for one document. In the same
  /// transaction.
  template <class T>
  Task<std::optional<T>> read(std::string key) const {
    const auto text = co_await read_text(key);
    if (!text) co_return std::nullopt;
    co_return parse_own<T>(*text, key);
  }
  template <class T>
  void write(std::string key, const T& value, std::optional<std::chrono::seconds> ttl = {}) {
    write_text(std::move(key), json::to_string(value), ttl);
  }
  void erase(std::string key) { write_text(std::move(key), std::nullopt, std::nullopt); }

  /// A name and value that the turn's log line carries, `orderId` for instance.
  void tag(std::string name, std::string value) const { turn().tags[std::move(name)] = std::move(value); }

 private:
  friend class Activation;
  virtual void load(const json::Value* data, int form) = 0;  // `data` as it is stored in that form
  virtual int written_form() const = 0;                      // in which it is written
  virtual bool changed() const = 0;
  virtual void write_state(json::Writer& writer) const = 0;  // the draft if there is one
  virtual void accept() = 0;
  virtual void discard() = 0;

  template <auto Method, EntryKind Kind>
  static std::string name_of() {
    constexpr auto entry = Describe<method_class<Method>>::table.template entry<Method>();
    static_assert(entry.kind == Kind, "the method is described as something else");
    return entry.name;
  }
  /// What is stored is of our own making: it must not pass for a mistake of the request, so it is no `json::Error`.
  template <class T>
  static T parse_own(const std::string& text, const std::string& key) {
    try {
      return json::parse<T>(text);
    } catch (const json::Error& error) {
      throw std::runtime_error("the key " + key + " cannot be read: " + error.what());
    }
  }
  static std::string own_key(std::string key);
  void publish_text(const EventType& type, std::string data);
  void write_text(std::string key, std::optional<std::string> value, std::optional<std::chrono::seconds> ttl);
  void add_reminder(std::string name, Duration due, Duration period, const std::string& data);
  void add_timer(std::string name, Duration due, Duration period, const std::string& data);
  Task<std::optional<std::string>> read_text(std::string key) const;
  detail::Effects& effects() const {
    if (turn().without_effects) refuse_effects();
    return turn().effects;
  }
  [[noreturn]] void refuse_effects() const;
  detail::Turn& turn() const {
    if (!turn_) throw std::logic_error("an actor's functions belong to its turns");
    return *turn_;
  }

  detail::Turn* turn_ = nullptr;
  std::int64_t version_ = 0;
};

/// The state of an actor that keeps none.
struct NoState {
  bool operator==(const NoState&) const = default;
  static constexpr auto json = json::object();
};

/// An actor with a state: a struct with `DAPR_ACTORS_JSON` and a defaulted `operator==`. An actor that was never
/// written has a default-constructed one and version 0. `Actor<>` has no state: it may still publish, remind and keep
/// keys of its own.
template <class S = NoState>
class Actor : public ActorBase {
  static_assert(
      std::equality_comparable<S>,
      "an actor's state needs `bool operator==(const State&) const = default;`: what is equal is not written");
  static_assert(json::HasForm<S>,
                "an actor's state needs DAPR_ACTORS_JSON(its members) or a Codec; for no state write Actor<>");
  static_assert(detail::forms_are_a_chain<S>() || true);  // it says itself what is wrong

 public:
  using State = S;

 protected:
  /// The committed state; within a change, its draft.
  const S& state() const { return draft_ ? *draft_ : committed_; }
  /// The draft of a turn that changes something.
  S& state() {
    if (!draft_) draft_.emplace(committed_);
    return *draft_;
  }

 private:
  void load(const json::Value* data, int form) final {
    if constexpr (json::HasForm<S>) {
      if constexpr (detail::forms_are_a_chain<S>()) committed_ = data ? detail::read_form<S>(*data, form) : S{};
    }
  }
  int written_form() const final { return detail::stored_form_of<S>(); }
  bool changed() const final {
    if constexpr (std::equality_comparable<S>)
      return draft_ && !(*draft_ == committed_);
    else
      return true;  // refused above
  }
  void write_state(json::Writer& writer) const final {
    if constexpr (json::HasForm<S>) json::write(writer, state());
  }
  void accept() final {
    if (draft_) committed_ = std::move(*draft_);
    draft_.reset();
  }
  void discard() final { draft_.reset(); }

  S committed_{};
  std::optional<S> draft_;
};

namespace detail {

template <auto Method>
Task<Reply> invoke(ActorBase& base, const std::string& body) {
  using Class = method_class<Method>;
  using Arguments = method_arguments<Method>;
  using Returned = method_returned<Method>;
  auto& actor = static_cast<Class&>(base);
  Arguments arguments;
  if constexpr (std::tuple_size_v<Arguments> == 1) {
    std::optional<Refusal> unreadable;
    try {
      arguments = {json::parse<std::tuple_element_t<0, Arguments>>(body)};
    } catch (const json::Error& error) {
      unreadable = Refusal{Reason::Invalid, "invalid_arguments", error.what()};
    }
    if (unreadable) co_return tl::unexpected(std::move(*unreadable));
  }
  auto run = [&] {
    return std::apply([&](auto&... argument) { return (actor.*Method)(std::move(argument)...); }, arguments);
  };
  if constexpr (std::is_void_v<Returned>) {
    run();
    co_return std::string("null");
  } else {
    auto encode = [](auto&& value) -> Reply {
      if constexpr (is_result<std::remove_cvref_t<decltype(value)>>) {
        if (!value) return tl::unexpected(std::move(value.error()));
        if constexpr (std::is_void_v<typename std::remove_cvref_t<decltype(value)>::value_type>)
          return std::string("null");
        else
          return json::to_string(*value);
      } else {
        return json::to_string(value);
      }
    };
    if constexpr (is_task<Returned>) {
      if constexpr (std::is_void_v<typename Returned::value_type>) {
        co_await run();
        co_return std::string("null");
      } else {
        co_return encode(co_await run());
      }
    } else {
      co_return encode(run());
    }
  }
}

template <class A>
TypeDescription describe(std::function<std::unique_ptr<A>()> make) {
  constexpr auto table = Describe<A>::table;
  TypeDescription description(table.name, table.type_settings, std::move(make));
  const auto add = [&description]<auto Method>(const Entry<Method>& entry) {
    description.add(entry.kind, entry.name, {method_is_const<Method>, entry.memory, &invoke<Method>});
  };
  std::apply([&add](const auto&... entries) { (add(entries), ...); }, table.entries);
  return description;
}

}  // namespace detail
}  // namespace dapr::actors

#pragma GCC visibility pop
