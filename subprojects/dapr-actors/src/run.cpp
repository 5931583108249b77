#include "dapr/actors/run.hpp"

#include <pthread.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace dapr::actors {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* text = std::getenv(name);
  return text && *text ? std::optional<std::string>(text) : std::nullopt;
}

unsigned short port_from(const char* name, std::string_view text) {
  unsigned short port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0)
    throw std::runtime_error(std::string(name) + " is \"" + std::string(text) + "\": its port must be from 1 to 65535");
  return port;
}

/// In one piece, so that lines of several threads do not mix.
void say(std::string line) {
  std::cerr << (line += '\n') << std::flush;
}

std::string text_of(const ActorId& actor) {
  return actor.type + " \"" + actor.id + "\"";
}

}  // namespace

HostSettings settings_from_environment(std::string app_id) {
  HostSettings settings;
  settings.app_id = variable("APP_ID").value_or(std::move(app_id));
  const auto app_port = variable("APP_PORT");
  settings.channel_port = app_port ? port_from("APP_PORT", *app_port) : static_cast<unsigned short>(7000);
  if (const auto endpoint = variable("DAPR_HTTP_ENDPOINT")) {
    constexpr std::string_view scheme = "http://";
    std::string_view rest = *endpoint;
    if (!rest.starts_with(scheme))
      throw std::runtime_error("DAPR_HTTP_ENDPOINT is \"" + *endpoint + "\": it must be http://host:port");
    rest.remove_prefix(scheme.size());
    if (rest.ends_with('/')) rest.remove_suffix(1);
    const auto colon = rest.rfind(':');
    if (colon == std::string_view::npos || colon == 0)
      throw std::runtime_error("DAPR_HTTP_ENDPOINT is \"" + *endpoint + "\": it must be http://host:port");
    settings.sidecar_address = rest.substr(0, colon);
    settings.sidecar_port = port_from("DAPR_HTTP_ENDPOINT", rest.substr(colon + 1));
  } else if (const auto port = variable("DAPR_HTTP_PORT")) {
    settings.sidecar_port = port_from("DAPR_HTTP_PORT", *port);
  }
  settings.sidecar_token = variable("DAPR_API_TOKEN").value_or("");
  if (const auto token = variable("APP_API_TOKEN"))
    settings.app_token = *token;
  else
    throw std::runtime_error(
        "APP_API_TOKEN is not set. Set it to the same secret for the sidecar and for this process: without it whoever "
        "reaches the port could call every actor");
  if (const auto path = variable("ACTOR_SETTINGS_FILE")) {
    std::ifstream file(*path, std::ios::binary);
    std::ostringstream text;
    // An empty file is a mistake, not a wish for no settings; `<<` fails for it, too.
    if (!file || !(text << file.rdbuf()))
      throw std::runtime_error("ACTOR_SETTINGS_FILE is \"" + *path + "\": there is no such file, or nothing in it");
    settings.type_settings = text.str();
  }
  return settings;
}

void StandardErrorLog::turn_ended(const TurnEnded& turn) {
  if (turn.outcome != TurnOutcome::Failed) return;
  // Its caller is told the reference alone.
  say("turn failed: " + std::string(turn.method) + " of " + text_of(turn.actor) + " (" + std::string(turn.reference) +
      "): " + std::string(turn.error));
}

void StandardErrorLog::event_sent(const EventSent& sent) {
  if (sent.error.empty()) return;
  say("event not sent, will be tried again: " + sent.event.type + " " + sent.event.id + " of " + text_of(sent.actor) +
      ": " + std::string(sent.error));
}

void StandardErrorLog::event_received(const EventReceived& received) {
  if (received.outcome == EventOutcome::Handled || received.outcome == EventOutcome::Unknown) return;
  say("event " + std::string(to_string(received.outcome)) + ": " + std::string(received.type) + " " +
      std::string(received.id) + ": " + std::string(received.error));
}

void StandardErrorLog::warned(std::string_view message) {
  say("warning: " + std::string(message));
}

int run(std::string app_id, const std::function<void(Host&)>& set_up) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before the host's threads start: they inherit it
  try {
    StandardErrorLog log;
    const SystemClock clock;
    auto settings = settings_from_environment(std::move(app_id));
    const auto name = settings.app_id;
    Host host(std::move(settings), log, clock);
    set_up(host);
    host.start();
    say(name + " hosts its actors on port " + std::to_string(host.channel_port()));
    int received = 0;
    sigwait(&signals, &received);
    return host.drain(std::chrono::seconds(20)) ? 0 : 1;
  } catch (const std::exception& error) {
    say("cannot start: " + std::string(error.what()));
    return 2;
  }
}

}  // namespace dapr::actors
