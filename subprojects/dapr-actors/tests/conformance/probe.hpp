/// An actor with one of everything that the library does with a sidecar.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "dapr/actors/actor.hpp"
#include "dapr/actors/filters.hpp"

namespace dapr::actors::conformance {

using namespace std::chrono_literals;

struct ProbeState {
  int value = 0;
  int rings = 0;
  int ticks = 0;
  std::string text;
  bool operator==(const ProbeState&) const = default;
  DAPR_ACTORS_JSON(value, rings, ticks, text)
  DAPR_ACTORS_JSON_DEFAULTED(text)
};
struct Add {
  int amount = 0;
  DAPR_ACTORS_JSON(amount)
};
struct Pass {
  std::string to;
  int amount = 0;
  DAPR_ACTORS_JSON(to, amount)
};
struct Fill {
  int keys = 0;
  int bytes = 0;
  std::string with = "x";
  DAPR_ACTORS_JSON(keys, bytes, with)
};
struct Told {
  std::string id;
  std::string origin;
  std::string cause;
  std::string traceparent;
  DAPR_ACTORS_JSON(id, origin, cause, traceparent)
};
struct ThingHappened {
  static constexpr EventType event_type{"thing.happened", "things"};
  std::string what;
  DAPR_ACTORS_JSON(what)
};

class Probe final : public Actor<ProbeState> {
 public:
  /// Turns of `fail` and failing rings, over all probes; how many more rings are to fail.
  static inline std::atomic<int> failures = 0, failing_rings = 0;
  static inline std::atomic<int> inside = 0, most_inside = 0;

  Result<int> add(const Add& command) {
    if (command.amount == -40) return refuse_with(Reason::Conflict, "too_few", "take more: \"é\"", Add{40});
    if (command.amount == 0) return refuse(Reason::Conflict, "nothing", "add something: \"é\"");
    return state().value += command.amount;
  }
  Result<void> check(const Add& command) const {
    if (command.amount < 0) return refuse(Reason::Unprocessable, "negative", "less than nothing");
    return {};
  }
  ProbeState look() const { return state(); }
  Told tell() const { return {id(), origin().id, std::string(to_string(origin().cause)), origin().trace.traceparent}; }
  /// What its caller leaves it in milliseconds; -1 for no deadline.
  std::int64_t time_left() const {
    using namespace std::chrono;
    if (origin().deadline == no_deadline) return -1;
    return duration_cast<milliseconds>(origin().deadline - steady_clock::now()).count();
  }
  Task<std::int64_t> time_left_of(std::string other) const {
    const auto left = co_await proxy<Probe>(other).call<&Probe::time_left>();
    co_return *left;
  }
  /// Ends when its caller has given up.
  Task<int> dawdle() {
    ++state().value;
    while (std::chrono::steady_clock::now() < origin().deadline) {
      co_await read<int>("nothing");  // a moment in which others go on
      std::this_thread::sleep_for(5ms);
    }
    co_return state().value;
  }
  int fail() {
    ++failures;
    state().value = 1'000'000;
    throw std::runtime_error("a bug");
  }
  Task<Result<int>> pass(Pass command) {
    state().value -= command.amount;
    const Add add{command.amount};
    const auto there = co_await proxy<Probe>(command.to).call<&Probe::add>(add);
    if (!there) co_return tl::unexpected(there.error());
    co_return state().value;
  }
  Task<Result<int>> pass_back(Pass command) {
    const Pass back{id(), command.amount};
    const auto there = co_await proxy<Probe>(command.to).call<&Probe::pass>(back);
    if (!there) co_return tl::unexpected(there.error());
    co_return *there;
  }
  Task<Told> ask(std::string other) const {
    const auto told = co_await proxy<Probe>(other).call<&Probe::tell>();
    co_return *told;
  }
  Task<int> take_turns(Add command) {
    const auto now = ++inside;
    if (now > most_inside) most_inside = now;
    co_await read<int>("nothing");  // a moment in which another turn could come in
    --inside;
    co_return state().value += command.amount;
  }
  void work_after() {
    state().value += 1;
    after_commit([id = id()](Calls calls) { return add_ten(std::move(calls), id); });
  }

  void ring_once() { remind<&Probe::ring>(100ms); }
  void ring_often() { remind<&Probe::ring>(100ms, 1s); }
  void ring_and_work() { remind<&Probe::ring_to_itself>(100ms); }
  void stop_ringing() { forget<&Probe::ring>(); }
  void ring() {
    ++state().rings;
    if (failing_rings > 0) {
      --failing_rings;
      throw std::runtime_error("not now");
    }
  }
  void ring_to_itself() {
    ++state().rings;
    after_commit([id = id()](Calls calls) { return add_ten(std::move(calls), id); });
  }
  void ring_with(const Add& command) { remind_as<&Probe::ring_data>("one/ of: several", 100ms, {}, command); }
  void ring_data(const Add& command) { state().value += command.amount; }
  void tick_with(const Add& command) { start_timer_as<&Probe::tick_data>("one/ of: several", 50ms, {}, command); }
  void tick_data(const Add& command) { state().value += command.amount; }
  void tick_often() { start_timer<&Probe::tick>(50ms, 100ms); }
  void stop_ticking() { stop_timer<&Probe::tick>(); }
  void tick() { ++state().ticks; }

  void happen(const ThingHappened& event) {
    ++state().value;
    publish(event);
  }
  void heard(const ThingHappened&) { ++state().value; }

  void note(const std::string& text) { write("note", text, 4s); }
  void keep(const std::string& text) { write("kept", text); }
  Task<std::string> noted() const {
    const auto found = co_await read<std::string>("note");
    co_return found.value_or("nothing");
  }
  Task<std::string> kept() const {
    const auto found = co_await read<std::string>("kept");
    co_return found.value_or("nothing");
  }
  void drop() { erase("kept"); }
  void fill(const Fill& command) {
    ++state().value;
    std::string text;
    while (text.size() < static_cast<std::size_t>(command.bytes)) text += command.with;
    for (int i = 0; i < command.keys; ++i) write("filled-" + std::to_string(i), text);
  }

 private:
  static Task<void> add_ten(Calls calls, std::string id) {
    const Add ten{10};
    co_await calls.proxy<Probe>(id).call<&Probe::add>(ten);
  }
};

/// Lets nobody in under an id that begins with `not-let-in`, and writes down who called last.
class ProbeFilter final : public TurnFilter {
 public:
  Task<Result<void>> before(const TurnAhead& turn) override {
    if (turn.id.starts_with("not-let-in")) co_return refuse(Reason::Forbidden, "not_let_in", "take another id");
    const std::lock_guard lock(mutex_);
    callers_[turn.actor.id] = turn.caller;
    co_return Result<void>{};
  }
  static std::string caller_of(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return callers_[id];
  }

 private:
  static inline std::mutex mutex_;
  static inline std::map<std::string, std::string> callers_;
};

}  // namespace dapr::actors::conformance

template <>
struct dapr::actors::Describe<dapr::actors::conformance::Probe> {
  using Probe = actors::conformance::Probe;
  static constexpr auto table = actors::type<Probe>("Probe")
                                    .method<&Probe::add>("Add")
                                    .method<&Probe::check>("Check")
                                    .method<&Probe::look>("Look")
                                    .method<&Probe::tell>("Tell")
                                    .method<&Probe::time_left>("TimeLeft")
                                    .method<&Probe::time_left_of>("TimeLeftOf")
                                    .method<&Probe::dawdle>("Dawdle")
                                    .method<&Probe::fail>("Fail")
                                    .method<&Probe::pass>("Pass")
                                    .method<&Probe::pass_back>("PassBack")
                                    .method<&Probe::ask>("Ask")
                                    .method<&Probe::take_turns>("TakeTurns")
                                    .method<&Probe::work_after>("WorkAfter")
                                    .method<&Probe::ring_once>("RingOnce")
                                    .method<&Probe::ring_often>("RingOften")
                                    .method<&Probe::ring_and_work>("RingAndWork")
                                    .method<&Probe::stop_ringing>("StopRinging")
                                    .method<&Probe::ring_with>("RingWith")
                                    .method<&Probe::tick_with>("TickWith")
                                    .method<&Probe::tick_often>("TickOften")
                                    .method<&Probe::stop_ticking>("StopTicking")
                                    .method<&Probe::happen>("Happen")
                                    .method<&Probe::heard>("Heard", actors::remember_for(std::chrono::hours(24)))
                                    .method<&Probe::note>("Note")
                                    .method<&Probe::keep>("Keep")
                                    .method<&Probe::noted>("Noted")
                                    .method<&Probe::kept>("Kept")
                                    .method<&Probe::drop>("Drop")
                                    .method<&Probe::fill>("Fill")
                                    .reminder<&Probe::ring>("ring")
                                    .reminder<&Probe::ring_to_itself>("ring-to-itself")
                                    .reminder<&Probe::ring_data>("ring-data")
                                    .timer<&Probe::tick>("tick")
                                    .timer<&Probe::tick_data>("tick-data");
};
