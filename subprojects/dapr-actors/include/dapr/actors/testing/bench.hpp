/// Runs actors without a network, on one thread and a virtual clock: what a turn saves, publishes and arms can be
/// looked at, and anything can be made to fail or to die between two lines.
///
///     Bench bench;
///     bench.add<Cart>();
///     auto view = bench.call<&Cart::add>("c-1", AddItem{…});
///     EXPECT_EQ(bench.published<ItemAdded>().size(), 1u);
///     bench.advance(30s);            // reminders and timers that become due run in order
///
/// Everything is complete when a function returns; `sidecar.complete_later(seed)`, or the environment variable
/// BENCH_SEED for every bench there is, has it done in a random order. A call that fails throws `SidecarError`, as a
/// proxy would.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dapr/actors/actor.hpp"
#include "dapr/actors/filters.hpp"
#include "dapr/actors/observer.hpp"
#include "dapr/actors/testing/fake_sidecar.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors::testing {

class Bench {
 public:
  explicit Bench(std::string app_id = "bench");
  ~Bench();

  template <class A>
  Bench& add(std::function<std::unique_ptr<A>()> make = [] { return std::make_unique<A>(); }) {
    add_type(detail::describe<A>(std::move(make)));
    return *this;
  }
  /// As a host's.
  Bench& filter(std::shared_ptr<TurnFilter> filter, std::string type = {});
  template <class A>
  Bench& filter(std::shared_ptr<TurnFilter> filter) {
    return this->filter(std::move(filter), Describe<A>::table.name);
  }
  void subscribe(Subscriptions subscriptions) { subscriptions_ = std::move(subscriptions); }

  /// A call under an id of its own; `args` are the method's message or the message's fields. Nothing is awaited here,
  /// so a message may be written into the call.
  template <auto Method, class... Args>
  Result<method_value<Method>> call(std::string id, const Args&... args) {
    return call_as<Method>(Origin{random_id()}, std::move(id), args...);
  }
  /// A call under a chosen id, or on behalf of an event.
  template <auto Method, class... Args>
  Result<method_value<Method>> call_as(Origin origin, std::string id, const Args&... args) {
    return run(Calls(sidecar, std::move(origin))
                   .template proxy<method_class<Method>>(std::move(id))
                   .template call<Method>(args...));
  }
  /// The untyped call: what comes in on the wire, and the answer as it goes out.
  Reply call_raw(ActorId actor, Call call);

  /// One delivery of an event to the bench's subscriptions.
  Delivery deliver(const CloudEvent& event);
  /// Delivers what was published since the last time, and what that publishes, until nothing is left; answers how many.
  int deliver_all();

  /// Time passes; reminders and timers that become due run, in order.
  void advance(Duration duration);
  /// The process ends and starts again: every activation is gone, and with `lose_timers` the sidecar's timers too.
  void restart(bool lose_timers = true);
  /// The sidecar deactivates the actor.
  void deactivate(const ActorId& actor);

  template <class E>
  std::vector<E> published() const {
    std::vector<E> events;
    for (const auto& event : sidecar.published)
      if (event.type == E::event_type.name) events.push_back(json::parse<E>(event.data.text));
    return events;
  }
  /// Is the actor's reminder for unfinished business armed?
  bool tended(const ActorId& actor) const;

  /// Turns so far, by outcome.
  int turns(TurnOutcome outcome) const;
  /// What the log would say so far: the errors of turns that failed, in order, and what operators are told.
  const std::vector<std::string>& failures() const;
  const std::vector<std::string>& warnings() const;
  /// The GET /dapr/config document.
  std::string configuration() const;

  /// Runs `task` to its end and answers its value or throws what it threw.
  template <class T>
  T run(Task<T> task) {
    std::optional<Outcome<T>> outcome;
    spawn(std::move(task), [&](Outcome<T> ended) { outcome.emplace(std::move(ended)); });
    settle();
    if (!outcome) throw std::logic_error("the task never ended: two turns wait for each other");
    if constexpr (std::is_void_v<T>)
      outcome->get();
    else
      return std::move(outcome->get());
  }

  /// Runs what there is to run.
  void settle();

  VirtualClock clock;
  FakeSidecar sidecar{clock};

 private:
  void add_type(detail::TypeDescription type);
  class Parts;
  Subscriptions subscriptions_;
  std::size_t delivered_ = 0;
  std::unique_ptr<Parts> parts_;
};

}  // namespace dapr::actors::testing

#pragma GCC visibility pop
