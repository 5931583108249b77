#include "services/common/service.hpp"

#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "services/common/observer.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

namespace shop::services {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

class HostRunner final : public Runner {
 public:
  explicit HostRunner(actors::Host& host) : host_(host) {}
  void post(std::function<void()> work) override { host_.post(std::move(work)); }
  actors::Task<std::optional<std::string>> not_ready() override {
    auto why = why_not_ ? why_not_() : std::nullopt;
    if (!why) why = co_await host_.not_ready();
    co_return why;
  }
  void ready_when(std::function<std::optional<std::string>()> why_not) { why_not_ = std::move(why_not); }

 private:
  actors::Host& host_;
  std::function<std::optional<std::string>()> why_not_;
};

actors::HostSettings host_settings(const ServiceDefinition& definition, const Settings& settings) {
  actors::HostSettings host;
  host.app_id = definition.app_id;
  host.address = settings.bind_address;
  host.channel_port = settings.channel_port;
  host.sidecar_port = settings.sidecar_port;
  host.app_token = settings.app_token;
  host.sidecar_token = settings.sidecar_token;
  host.intermediary = definition.substitutes.intermediary;
  return host;
}

/// The text under `name` in a secret. A store hands a secret that is a JSON object out either as its members or, under
/// the secret's own name, as the text of the object.
std::string member_of(const std::map<std::string, std::string>& secret, const std::string& name) {
  if (const auto found = secret.find(name); found != secret.end()) return found->second;
  for (const auto& [key, text] : secret) {
    try {
      const auto members = actors::json::parse<std::map<std::string, std::string>>(text);
      if (const auto found = members.find(name); found != members.end()) return found->second;
    } catch (const actors::json::Error&) {
      continue;  // not an object of texts; another one may be
    }
  }
  throw std::runtime_error("the secret has no \"" + name + "\"");
}

/// Asks until the sidecar and its secret store answer: they may start after this process.
actors::Task<void> fetch_key(actors::Host& host, Tokens& tokens, const std::atomic<bool>& ending) {
  std::string last_failure;
  for (milliseconds wait{100}; !ending; wait = std::min(wait * 2, milliseconds{5000})) {
    try {
      const auto secret = co_await host.secrets().secret("jwt");
      tokens.accept(hs256(member_of(secret, "hs256")));
      log::info("key for bearer tokens loaded");
      co_return;
    } catch (const std::exception& error) {
      if (std::exchange(last_failure, error.what()) != error.what())
        log::warning("key for bearer tokens not there yet", {{"error", error.what()}});
    }
    co_await host.sleep(wait);
  }
}

class RunningService final : public Service {
 public:
  RunningService(const ServiceDefinition& definition, Environment& environment)
      : environment_(environment),
        settings_(Settings::read(environment)),
        clock_(definition.substitutes.clock ? *definition.substitutes.clock : system_clock_),
        observer_(metrics_),
        host_(host_settings(definition, settings_), observer_, clock_),
        runner_(host_),
        tokens_(system_clock_),
        facade_({settings_.bind_address, settings_.facade_port, std::string(definition.openapi)}, runner_, tokens_,
                metrics_),
        streams_({settings_.bind_address, settings_.stream_port}, runner_, tokens_, metrics_) {}

  actors::Host& host() override { return host_; }
  Facade& facade() override { return facade_; }
  Streams& streams() override { return streams_; }
  Metrics& metrics() override { return metrics_; }
  const actors::Clock& clock() const override { return clock_; }
  const Settings& settings() const override { return settings_; }
  Environment& environment() override { return environment_; }
  void identify(std::string actor_type, std::string field) override {
    observer_.identify(std::move(actor_type), std::move(field));
  }
  void on_started(std::function<void()> work) override { started_.push_back(std::move(work)); }
  void ready_when(std::function<std::optional<std::string>()> why_not) override {
    runner_.ready_when(std::move(why_not));
  }
  void on_stopping(std::function<void()> work) override { stopping_.push_back(std::move(work)); }

  void start() {
    metrics_.expose(settings_.metrics_address, settings_.metrics_port);
    host_.start();
    facade_.start();
    if (!streams_.empty()) {
      if (settings_.stream_port == 0) throw SettingsError("STREAM_PORT is not set, and this service has streams");
      streams_.start();
    }
    host_.spawn(fetch_key(host_, tokens_, ending_), [](const actors::Outcome<void>&) {});
    for (const auto& work : started_) work();
    log::info("started", {{"facade", settings_.bind_address + ":" + std::to_string(settings_.facade_port)},
                          {"appChannel", settings_.bind_address + ":" + std::to_string(settings_.channel_port)},
                          {"metrics", settings_.metrics_address + ":" + std::to_string(settings_.metrics_port)},
                          {"sidecarPort", settings_.sidecar_port}});
  }

  /// Answers whether all work in hand was finished. The facade first: its requests still need the actors.
  bool end() {
    const auto deadline = Clock::now() + settings_.drain;
    const auto left = [&] {
      return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(deadline - Clock::now()));
    };
    ending_ = true;
    for (const auto& work : stopping_) work();
    // Streams first: they would go on as long as their clients like, and end as soon as they are told.
    const bool ended = streams_.drain(left());
    const bool answered = facade_.drain(left());
    const bool finished = host_.drain(left());
    streams_.stop();
    facade_.stop();
    return ended && answered && finished;
  }

 private:
  Environment& environment_;
  const Settings settings_;
  const actors::SystemClock system_clock_;
  const actors::Clock& clock_;
  Metrics metrics_;
  ServiceObserver observer_;
  actors::Host host_;
  HostRunner runner_;
  Tokens tokens_;
  Facade facade_;
  Streams streams_;
  std::atomic<bool> ending_ = false;
  std::vector<std::function<void()>> started_;
  std::vector<std::function<void()>> stopping_;
};

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

int run(ServiceDefinition definition, const std::function<void(Service&)>& prepare) {
  // Before any thread starts, so that all inherit it: only the main thread is told to end, by `sigwait`.
  const auto signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A stream is a descriptor, and there may be thousands.
  if (rlimit files{}; getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  std::signal(SIGPIPE, SIG_IGN);  // a peer that leaves is an error of one write
  // A handful of threads; glibc would give each an arena of its own, and the process many times the memory it uses.
  mallopt(M_ARENA_MAX, 2);

  std::unique_ptr<RunningService> service;
  try {
    Environment environment;
    service = std::make_unique<RunningService>(definition, environment);
    log::start(definition.app_id, service->settings().log_level);
    prepare(*service);
    environment.check();
    service->start();

    int signal = 0;
    sigwait(&signals, &signal);
    log::info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
    const bool finished = service->end();
    log::info("stopped", {{"workLeft", !finished}});
    // What was not finished in time still refers to the service, and the metrics page takes two seconds to close: both
    // end with the process. Everything else has ended, and every line is written.
#ifdef __SANITIZE_ADDRESS__
    __lsan_do_recoverable_leak_check();  // nobody else asks: this is not the usual way out
#endif
    std::_Exit(finished ? 0 : 2);
  } catch (const std::exception& error) {
    std::cerr << definition.app_id << " cannot run: " << error.what() << std::endl;
    return 1;
  }
}

}  // namespace shop::services
