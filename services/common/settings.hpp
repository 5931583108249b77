/// What a service process is told by its environment. Read once at start, before any thread; a process with wrong
/// settings says so and ends instead of running with a guess.
///
/// | variable | meaning | default |
/// |---|---|---|
/// | FACADE_PORT | REST facade, behind the door | required |
/// | STREAM_PORT | streams, behind the door | none; required where a service has some |
/// | APP_CHANNEL_PORT | the listener the sidecar calls | required |
/// | METRICS_PORT | Prometheus page `/metrics` | required |
/// | BIND_ADDRESS | of facade, streams and app channel | 127.0.0.1 |
/// | METRICS_ADDRESS | of the metrics page | 127.0.0.1 |
/// | DAPR_HTTP_PORT | the sidecar's HTTP port | required: a default would reach a neighbour's sidecar |
/// | DAPR_API_TOKEN | sent to the sidecar | required |
/// | APP_API_TOKEN | the sidecar must send it | required |
/// | LOG_LEVEL | trace, debug, info, warning, error | info |
/// | READ_MODEL_FILE | product-service: where its read model lies | none: in memory |
/// | DRAIN_SECONDS | how long an ending process waits for work in hand, 0 to 600 | 20 |
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "services/common/log.hpp"

namespace shop::services {

/// Every variable that is missing or wrong, one line each: which, what is wrong, what to do.
class SettingsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reads variables and collects what is wrong with them. An empty variable counts as absent.
class Environment {
 public:
  using Lookup = std::function<std::optional<std::string>(const std::string& name)>;
  /// Of this process.
  Environment();
  explicit Environment(Lookup lookup);

  std::string text(const std::string& name, std::optional<std::string> otherwise = {});
  /// A whole number in [least, most].
  std::int64_t integer(const std::string& name, std::int64_t least, std::int64_t most,
                       std::optional<std::int64_t> otherwise = {});
  unsigned short port(const std::string& name);
  /// Notes that a variable is wrong: `what` continues the sentence "NAME …".
  void wrong(const std::string& name, const std::string& what);
  /// Throws SettingsError if anything was wrong.
  void check() const;

 private:
  Lookup lookup_;
  std::vector<std::string> problems_;
};

struct Settings {
  unsigned short facade_port = 0;
  unsigned short stream_port = 0;  ///< 0: none was given
  unsigned short channel_port = 0;
  unsigned short metrics_port = 0;
  std::string bind_address = "127.0.0.1";
  std::string metrics_address = "127.0.0.1";
  unsigned short sidecar_port = 0;
  std::string sidecar_token;
  std::string app_token;
  log::Level log_level = log::Level::Info;
  std::chrono::seconds drain{20};

  /// Throws SettingsError with everything that is wrong.
  static Settings read(Environment& environment);
};

}  // namespace shop::services
