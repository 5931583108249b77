#include "services/common/settings.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstdlib>
#include <utility>

namespace shop::services {
namespace {

bool is_address(const std::string& text) {
  in_addr parsed{};
  return inet_pton(AF_INET, text.c_str(), &parsed) == 1;
}

}  // namespace

Environment::Environment()
    : Environment([](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
      }) {}

Environment::Environment(Lookup lookup) : lookup_(std::move(lookup)) {}

void Environment::wrong(const std::string& name, const std::string& what) {
  problems_.push_back(name + " " + what);
}

std::string Environment::text(const std::string& name, std::optional<std::string> otherwise) {
  auto value = lookup_(name);
  if (value && !value->empty()) return *std::move(value);
  if (otherwise) return *std::move(otherwise);
  wrong(name, "is not set: set it in the environment of this process (./shop up and the deployment do)");
  return {};
}

std::int64_t Environment::integer(const std::string& name, std::int64_t least, std::int64_t most,
                                  std::optional<std::int64_t> otherwise) {
  const auto value = text(name, otherwise ? std::optional(std::to_string(*otherwise)) : std::nullopt);
  if (value.empty()) return 0;  // already noted
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number < least || number > most) {
    wrong(name,
          "is \"" + value + "\": give a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return 0;
  }
  return number;
}

unsigned short Environment::port(const std::string& name) {
  return static_cast<unsigned short>(integer(name, 1, 65535));
}

void Environment::check() const {
  if (problems_.empty()) return;
  std::string text;
  for (const auto& problem : problems_) text += (text.empty() ? "" : "\n") + problem;
  throw SettingsError(text);
}

Settings Settings::read(Environment& environment) {
  Settings settings;
  settings.facade_port = environment.port("FACADE_PORT");
  settings.stream_port = static_cast<unsigned short>(environment.integer("STREAM_PORT", 0, 65535, 0));
  settings.channel_port = environment.port("APP_CHANNEL_PORT");
  settings.metrics_port = environment.port("METRICS_PORT");
  settings.sidecar_port = environment.port("DAPR_HTTP_PORT");
  for (const auto& [name, address] :
       {std::pair{"BIND_ADDRESS", &settings.bind_address}, std::pair{"METRICS_ADDRESS", &settings.metrics_address}}) {
    *address = environment.text(name, *address);
    if (!is_address(*address))
      environment.wrong(name, "is \"" + *address + "\": give an IPv4 address, such as 127.0.0.1 or 0.0.0.0");
  }
  settings.sidecar_token = environment.text("DAPR_API_TOKEN");
  settings.app_token = environment.text("APP_API_TOKEN");
  const auto level = environment.text("LOG_LEVEL", "info");
  if (const auto known = log::level_from(level))
    settings.log_level = *known;
  else
    environment.wrong("LOG_LEVEL", "is \"" + level + "\": give trace, debug, info, warning or error");
  settings.drain = std::chrono::seconds(environment.integer("DRAIN_SECONDS", 0, 600, 20));
  environment.check();
  return settings;
}

}  // namespace shop::services
