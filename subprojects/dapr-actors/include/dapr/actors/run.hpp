/// A whole `main` for a process that hosts actors: settings from Dapr's environment variables, a log on standard error,
/// an end in good order on SIGTERM and SIGINT.
///
///     int main() {
///       return dapr::actors::run("greeter-service", [](dapr::actors::Host& host) { host.add<Greeter>(); });
///     }
///
/// For more (a logger or metrics of your own, other threads, other signals) make a `Host` yourself.
#pragma once

#include <functional>
#include <string>

#include "dapr/actors/host.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

/// What `dapr run` and Dapr's injector tell an application, and the last one whoever runs it. Throws
/// `std::runtime_error` for a value that is none, naming the variable.
///
/// | variable | | without it |
/// |---|---|---|
/// | `APP_ID` | the sidecar's `--app-id` | `app_id` |
/// | `APP_PORT` | port of the app channel, the sidecar's `--app-port` | 7000 |
/// | `DAPR_HTTP_ENDPOINT` | `http://host:port` of the sidecar | the next one |
/// | `DAPR_HTTP_PORT` | port of the sidecar on this machine | 3500 |
/// | `DAPR_API_TOKEN` | sent to the sidecar | none is sent |
/// | `APP_API_TOKEN` | what the sidecar must send, as its own variable says | an error: anybody could call the actors |
/// | `ACTOR_SETTINGS_FILE` | a file with `HostSettings::type_settings` | as the types' tables say |
HostSettings settings_from_environment(std::string app_id);

/// Writes what goes wrong to standard error, a line each, and nothing that went well. Thread-safe.
class StandardErrorLog final : public Observer {
 public:
  void turn_ended(const TurnEnded& turn) override;
  void event_sent(const EventSent& sent) override;
  void event_received(const EventReceived& received) override;
  void warned(std::string_view message) override;
};

/// Runs a host until SIGTERM or SIGINT, then drains it for at most 20 s. `set_up` adds what it hosts, before it starts.
/// Call it from `main`, before any other thread starts. Answers the exit status: 0; 1 if turns had to be cut off;
/// 2 if it could not start, with the reason on standard error.
int run(std::string app_id, const std::function<void(Host&)>& set_up);

}  // namespace dapr::actors

#pragma GCC visibility pop
