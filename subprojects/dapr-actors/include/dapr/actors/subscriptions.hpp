/// Which events a service handles, and how: one line an event type.
///
///     dapr::actors::Subscriptions subscriptions;
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
  std::vector<std::string> types() const;
  /// What a host answers to `GET /dapr/subscribe`: for each topic of `pubsub` the route of each event type.
  std::string routes(const std::string& pubsub) const;

  /// Deals with a CloudEvents envelope (JSON). A type nobody subscribed to is acknowledged; one that cannot be read, or
  /// whose handler throws, is left for redelivery.
  Task<Delivery> deliver(std::string envelope, Trace trace, Sidecar& sidecar, Observer& observer) const;

 private:
  using Handler = std::function<Task<void>(const json::Value&, Calls)>;
  void add(const EventType& type, Handler handler);
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
    if (error.code() != "ANSWER_FORGOTTEN") throw;
  }
}

}  // namespace dapr::actors

#pragma GCC visibility pop
