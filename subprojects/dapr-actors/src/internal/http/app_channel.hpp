/// What the sidecar asks of this process, and what other applications ask through it: the routes of the app channel.
///
/// | request | answer |
/// |---|---|
/// | `GET /healthz` | 200; 503 once the host drains or can do no turns; the only one without a token |
/// | `GET /dapr/config` | the actor types |
/// | `GET /dapr/subscribe` | `[]`, as subscriptions are declared as resources; or what the host is to subscribe to |
/// | `PUT /actors/{type}/{id}/method/{name}` | 200, a refusal too; 404 unknown; 503 draining; 500 failed; 504 late |
/// | `PUT …/method/remind/{name}`, `PUT …/method/timer/{name}` | the same; a reminder nobody knows is removed |
/// | `DELETE /actors/{type}/{id}` | 200 |
/// | `GET /actors/active?type=…&limit=…` | the actors in memory, if the host lists them; else 404 |
/// | `POST /events/{type}` | 200 with `{"status":"SUCCESS"}` or `RETRY` |
/// | routes of the application | as they say |
///
/// Anything without the token is 401, and the observer is told the first time; an unknown path 404, a wrong verb 405.
/// Source: Dapr's app callbacks, runtime 1.18; what is special about them (only 200 is success; a refusal is 200 with
/// `X-DaprErrorResponseHeader`) is the runtime's. Internal to the library.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "internal/engine.hpp"
#include "dapr/actors/host.hpp"
#include "internal/http/server.hpp"

namespace dapr::actors::http {

/// Register routes before the server listens; the rest is thread-safe.
class AppChannel {
 public:
  using Handle = std::function<Task<ChannelAnswer>(ChannelRequest)>;
  /// Why no turn can succeed at the moment, or nothing.
  using Trouble = std::function<Task<std::optional<std::string>>()>;

  /// `silence`: see HostSettings::silence.
  AppChannel(Engine& engine, Sidecar& sidecar, Observer& observer, std::string token, Duration silence);

  /// With a `pubsub` the sidecar is told to subscribe to their topics.
  void subscribe(Subscriptions subscriptions, const std::string& pubsub = {}) {
    subscriptions_ = std::move(subscriptions);
    if (!pubsub.empty()) subscribed_ = subscriptions_.routes(pubsub);
  }
  void route(std::string verb, std::string_view pattern, Handle handle);
  /// Asked by each health probe. A sidecar that is told so keeps events and reminders back until it is over, instead of
  /// trying each of them until it is a dead letter.
  void ask(Trouble trouble) { trouble_ = std::move(trouble); }

  /// Answers which actors are in memory.
  void list_actors() { lists_actors_ = true; }
  /// Called when a sidecar asks for the configuration, which it does once, when it and this host are there.
  void when_configured(std::function<void()> then) { configured_ = std::move(then); }

  Task<Response> serve(Request& request);
  /// The peer of the request has gone: the actor it was for is not to be trusted.
  void abandoned(const Request& request);
  /// From now on events are left for another time, and the health probe says so.
  void drain() { draining_ = true; }

 private:
  struct Route {
    std::string verb;
    std::vector<std::string> pattern;  // a segment each; empty: any
    Handle handle;
  };
  using Segments = std::vector<std::string_view>;
  using Steady = std::chrono::steady_clock;

  void heard();

  Response unauthorized(const Request& request);
  Task<Response> health();
  Task<Response> route(Request& request, Segments path);
  Task<Response> serve_actor(Request& request, Segments path);
  Task<Response> call(ActorId actor, std::string method, Request& request);
  Task<Response> remind(ActorId actor, std::string name, Request& request);
  Task<Response> tick(ActorId actor, std::string name, Request& request);
  Response deactivate(const ActorId& actor);
  Response active_actors(const Request& request) const;
  Task<Response> deliver(Request& request);
  Task<Response> serve_own(Request& request, Segments path);

  Engine& engine_;
  Sidecar& sidecar_;
  Observer& observer_;
  const std::string token_;
  Subscriptions subscriptions_;
  std::string subscribed_ = "[]";
  std::vector<Route> routes_;
  Trouble trouble_;
  std::function<void()> configured_;
  bool lists_actors_ = false;
  std::atomic<bool> draining_ = false;
  std::atomic_flag told_no_token_, told_missing_, told_wrong_;
  const Duration silence_;
  std::mutex hearing_;
  Steady::time_point heard_ = Steady::now();
};

}  // namespace dapr::actors::http
