/// Which events a service handles, and how: one line an event type.
///
///     dapr::actors::Subscriptions subscriptions;
///     subscriptions.forward<&Order::payment_completed>(&payment::Completed::order_id);
///     subscriptions.on<order::Created>([](order::Created event, Calls calls) -> Task<void> {
///       co_await deliver(calls.proxy<Payment>(payment_id(event.order_id)).call<&Payment::open>(event));
///     });
///
/// An event type `E` has `static constexpr EventType event_type{"order.created", "order-events"};` and
/// `DAPR_ACTORS_JSON`.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "dapr/actors/calls.hpp"
#include "dapr/actors/observer.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

/// The CloudEvents `type` of an event and the topic it travels on.
struct EventType {
  const char* name;
  const char* topic;
};

/// The envelope or the data of an event is not what its type says.
class UnreadableEvent : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How a handled event is to be answered to the sidecar (Dapr pub/sub API: SUCCESS, RETRY).
enum class Delivery { Done, Retry };

/// An event has nobody to refuse to: a refusal of the actor it was given to is thrown, so that the event comes again.
class EventRefused : public std::runtime_error {
 public:
  explicit EventRefused(const Refusal& refusal) : std::runtime_error(refusal.code + ": " + refusal.message) {}
};
/// An event that was handled before is dealt with, whether or not the actor still knows what it answered.
template <class T>
Task<void> deliver(Task<Result<T>> call) {
  try {
    const auto result = co_await std::move(call);
    if (!result) throw EventRefused(result.error());
  } catch (const SidecarError& error) {
    if (error.code() != answer_forgotten) throw;
  }
}

class Subscriptions {
 public:
  Subscriptions();
  ~Subscriptions();
  Subscriptions(const Subscriptions& other);
  Subscriptions(Subscriptions&& other) noexcept;
  Subscriptions& operator=(const Subscriptions& other);
  Subscriptions& operator=(Subscriptions&& other) noexcept;

  /// `handle` runs once per delivery; it returns when the event is dealt with, and throws to have it delivered again.
  /// Events come at least once, late and in any order: what handles them must know old ones.
  template <class E, class Handle>
  Subscriptions& on(Handle handle) {
    add(E::event_type, [handle](const json::Value& data, Calls calls) -> Task<void> {
      return handle(read<E>(data), std::move(calls));
    });
    return *this;
  }
  /// Gives the event to one actor: calls `Method`, whose message it is, as `deliver` does. `id` says of which actor, a
  /// member of the event or a function of it: a text, or a type of its own whose `value` is one.
  template <auto Method, class Id>
  Subscriptions& forward(Id id) {
    using E = std::tuple_element_t<0, method_arguments<Method>>;
    return on<E>([id](E event, Calls calls) -> Task<void> {
      const auto proxy = calls.proxy<method_class<Method>>(text_of(std::invoke(id, event)));
      return actors::deliver(proxy.template call<Method>(event));
    });
  }
  std::vector<std::string> types() const;
  /// What a host answers to `GET /dapr/subscribe`: for each topic of `pubsub` the route of each event type.
  std::string routes(const std::string& pubsub) const;

  /// Deals with a CloudEvents envelope (JSON). A type nobody subscribed to is acknowledged; one that cannot be read, or
  /// whose handler throws, is left for redelivery.
  Task<Delivery> deliver(std::string envelope, Trace trace, Sidecar& sidecar, Observer& observer) const;

 private:
  using Handler = std::function<Task<void>(const json::Value&, Calls)>;
  void add(const EventType& type, Handler handler);
  static std::string text_of(std::string id) { return id; }
  template <class Id>
  requires(!std::convertible_to<Id, std::string>) static std::string text_of(const Id& id) { return id.value; }
  /// Tells what cannot be read of the event from what its handler cannot read elsewhere.
  template <class E>
  static E read(const json::Value& data) {
    try {
      return json::from<E>(data);
    } catch (const json::Error& error) {
      throw UnreadableEvent(error.what());
    }
  }

  std::map<std::string, Handler, std::less<>> handlers_;
  std::map<std::string, std::string> topics_;  // by event type
};

}  // namespace dapr::actors

#pragma GCC visibility pop
