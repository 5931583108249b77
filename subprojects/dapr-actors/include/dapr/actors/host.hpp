/// A process that hosts actors behind a Dapr sidecar: the app channel the sidecar calls, the client that calls the
/// sidecar, and the threads both run on.
///
///     dapr::actors::Host host({.app_id = "cart-service", .channel_port = 7002, .sidecar_port = 3502, …});
///     host.add<Cart>();
///     host.start();
///     …                       // until SIGTERM
///     host.drain(20s);
///
/// The app channel is a listener of its own, for the sidecar alone: everything on it but `GET /healthz` needs the
/// header `dapr-api-token`. Register types, subscriptions and routes before `start`. All other functions may be called
/// from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dapr/actors/actor.hpp"
#include "dapr/actors/filters.hpp"
#include "dapr/actors/inspection.hpp"
#include "dapr/actors/intermediary.hpp"
#include "dapr/actors/observer.hpp"
#include "dapr/actors/subscriptions.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

struct HostSettings {
  std::string app_id;
  std::string address = "127.0.0.1";  ///< the app channel's
  unsigned short channel_port = 0;    ///< 0: any free port, see `channel_port()`
  std::string sidecar_address = "127.0.0.1";
  unsigned short sidecar_port = 3500;
  /// The sidecar must send it: it stands in the sidecar's environment variable APP_API_TOKEN. Empty refuses every
  /// request.
  std::string app_token;
  std::string sidecar_token;               ///< sent to the sidecar
  std::string pubsub = "pubsub";           ///< component that events are published through
  std::string state_store = "statestore";  ///< component of `state()`
  std::string secret_store = "secretstore";
  /// Cached state is read anew after the sidecar was not heard of for so long: one of the two was paused or cut off,
  /// and another host may have taken the actors over meanwhile. Shorter than that takes (three failed health probes),
  /// longer than the pause between two probes. Dapr's default of 5 s between probes only costs reads after idle
  /// moments.
  Duration silence = std::chrono::milliseconds(2500);
  int threads = 1;
  /// Settings of actor types, over those of their tables: `{"Cart": {"idleTimeout": 60000, "workAtOnce": 8}}`,
  /// durations in milliseconds, names as those of `TypeSettings`. Empty: as the tables say. The host's constructor
  /// throws `std::runtime_error` for what cannot be read, for a name that is none and for a value that no type can
  /// have, and `start` for a type that was not added.
  std::string type_settings;
  /// `GET /actors/active?type=Cart&limit=100` on the app channel, behind the app token, answers `active_actors` as
  /// JSON; `limit` is from 1 to 1000. Whoever may invoke this application through the sidecars may ask it too, unless
  /// Dapr's access control denies `/actors/…`.
  bool lists_actors = false;
  Intermediary* intermediary = nullptr;  ///< a test's
};

/// A request to the app channel outside Dapr's own routes (service invocation reaches these as `/internal/…`).
struct ChannelRequest {
  std::string verb;
  std::string path;                     ///< without query, as it came (percent-encoded)
  std::vector<std::string> parameters;  ///< what `{…}` in the route's pattern matched, decoded
  std::string body;
  Trace trace;
};
struct ChannelAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
};

/// Who says which topics the sidecar subscribes to: `Subscription` resources, or the host (`GET /dapr/subscribe`).
enum class SubscribedBy { Resources, Host };

class Host {
 public:
  explicit Host(HostSettings settings, Observer& observer, const Clock& clock);
  ~Host();

  template <class A>
  Host& add(std::function<std::unique_ptr<A>()> make = [] { return std::make_unique<A>(); }) {
    add_type(detail::describe<A>(std::move(make)));
    return *this;
  }
  /// The same under a name of this replica's own instead of the type's: whoever is told the name can call this replica,
  /// and no other, with `Calls::call`. Beside the same sidecar it must not change: that asks for the types once.
  template <class A>
  Host& add_as(std::string name, std::function<std::unique_ptr<A>()> make) {
    auto type = detail::describe<A>(std::move(make));
    type.name = std::move(name);
    add_type(std::move(type));
    return *this;
  }
  /// A filter of the turns of all types, or of the type of that name, inside of those registered before
  /// (`filters.hpp`). Throws `std::logic_error` for none.
  Host& filter(std::shared_ptr<TurnFilter> filter, std::string type = {});
  template <class A>
  Host& filter(std::shared_ptr<TurnFilter> filter) {
    return this->filter(std::move(filter), Describe<A>::table.name);
  }
  /// Events arrive at `POST /events/<type>`; `/events/unknown` is the default route. Which topics the sidecar
  /// subscribes to is said in one place: by default in Dapr's `Subscription` resources; with `SubscribedBy::Host` the
  /// host tells the sidecar, one route an event type on the component `HostSettings::pubsub`. A topic that both name is
  /// delivered twice.
  void subscribe(Subscriptions subscriptions, SubscribedBy by = SubscribedBy::Resources);
  /// `pattern` like `/internal/products/{id}`: `{…}` matches one segment.
  void route(std::string verb, std::string pattern, std::function<Task<ChannelAnswer>(ChannelRequest)> handle);

  /// Opens the app channel and starts the threads. Throws `std::system_error` when the port is taken, and
  /// `std::runtime_error` when `HostSettings::type_settings` names a type that is not here.
  void start();
  unsigned short channel_port() const;

  /// Calls on behalf of `origin`.
  Calls calls(Origin origin);
  StateStore& state();
  /// The same store over connections of its own, to `port` instead of the sidecar's, and with a time limit of its own
  /// for each request: what is asked there cannot keep the actors waiting. Before `start`; lives as long as the host.
  StateStore& state_apart(unsigned short port, Duration limit);
  Secrets& secrets();
  Sidecar& sidecar();

  /// Starts `task` on a thread of the host; `done` gets its outcome there.
  template <class T, class Done>
  void spawn(Task<T> task, Done done) {
    auto shared = std::make_shared<Task<T>>(std::move(task));
    post([shared, done = std::move(done)]() mutable { actors::spawn(std::move(*shared), std::move(done)); });
  }
  void post(std::function<void()> work);
  /// Resumes on a thread of the host after `delay`.
  Task<void> sleep(Duration delay);

  /// Why the host cannot serve yet, or nothing: its own listener, the sidecar's outbound health
  /// (`/v1.0/healthz/outbound`), and its metadata, which must say that this host's actor types are placed, and that the
  /// feature `ActorStateTTL` is enabled if a method is described with `remember_for`: without it no commit of such a
  /// method succeeds. The observer is told of that once, and `GET /healthz` of the app channel answers 503.
  Task<std::optional<std::string>> not_ready();

  /// The actors that are in memory or being called, by type and id: the first `most` of `type`, or of all types. It
  /// holds up who enters a turn for as long as it copies: about a millisecond for a thousand.
  ActiveActors active_actors(const std::string& type = {}, std::size_t most = 1000) const;

  /// Within `limit`: takes no new work, lets turns and work after commits end, and tries to send the events that a
  /// failed publish left (they are stored, so they may stay); then closes the channel and stops the threads. Answers
  /// whether the turns and that work ended in time.
  bool drain(Duration limit);

 private:
  void add_type(detail::TypeDescription type);
  void send_what_is_left(std::chrono::steady_clock::time_point until);
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace dapr::actors

#pragma GCC visibility pop
