/// What the mains of all services share: settings, log, metrics, host, facade, key of the bearer tokens, signals.
///
///     int run(services::Substitutes substitutes) {
///       const auto prepare = [](services::Service& service) {
///         auto& host = service.host();
///         host.add<Order>();
///         host.subscribe(subscriptions());
///         add_routes(service.facade(), [&host](actors::Origin origin) { return host.calls(std::move(origin)); });
///       };
///       return services::run({"order-service", services::openapi_document, substitutes}, prepare);
///     }
///
/// The process answers `/healthz` at once and `/readyz` once the sidecar places its actors and the key is there. On
/// SIGTERM or SIGINT it finishes the work in hand within DRAIN_SECONDS and ends with 0; with 1 if it could not start
/// (the reason is on standard error), and with 2 if work was still in hand when the time was up.
#pragma once

#include <dapr/actors/host.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "actors/shared/library.hpp"
#include "services/common/facade.hpp"
#include "services/common/log.hpp"
#include "services/common/metrics.hpp"
#include "services/common/settings.hpp"
#include "services/common/streams.hpp"

namespace shop::services {

/// What a test puts in the place of the real thing; both outlive the service.
struct Substitutes {
  actors::Intermediary* intermediary = nullptr;  ///< between the host and its sidecar
  const actors::Clock* clock = nullptr;          ///< the time that actors and the catalog live by
};

struct ServiceDefinition {
  std::string app_id;
  std::string_view openapi;
  Substitutes substitutes = {};
};

/// Used on the main thread, before the service starts.
class Service {
 public:
  virtual ~Service() = default;
  virtual actors::Host& host() = 0;
  virtual Facade& facade() = 0;
  /// Opened with the facade, if any route is registered.
  virtual Streams& streams() = 0;
  virtual Metrics& metrics() = 0;
  virtual const actors::Clock& clock() const = 0;
  virtual const Settings& settings() const = 0;
  /// For variables of the service's own. Wrong ones are reported when `prepare` returns.
  virtual Environment& environment() = 0;
  /// The field under which the ids of an actor type appear in the log; the shop's own types are known.
  virtual void identify(std::string actor_type, std::string field) = 0;
  /// Called when all listeners are open: background work begins here.
  virtual void on_started(std::function<void()> work) = 0;
  /// The service is ready only while `why_not` has nothing to say; asked with every `/readyz`, from any thread.
  virtual void ready_when(std::function<std::optional<std::string>()> why_not) = 0;
  /// Called first thing when the process is to end: background work stops here.
  virtual void on_stopping(std::function<void()> work) = 0;
};

/// Runs a service until it is told to end, and then ends the process; answers the exit status of one that could not
/// start.
int run(ServiceDefinition definition, const std::function<void(Service&)>& prepare);

}  // namespace shop::services
