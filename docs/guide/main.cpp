#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "actors/runtime/host.hpp"
#include "docs/guide/greeter.hpp"

int main() {
  // [host]
  const char* token = std::getenv("APP_API_TOKEN");  // the sidecar shows it with every request
  if (!token) {
    std::fputs("set APP_API_TOKEN to a secret, for this program and for its sidecar\n", stderr);
    return 1;
  }
  const auto port = [](const char* variable, unsigned short otherwise) {
    const char* text = std::getenv(variable);
    return text ? static_cast<unsigned short>(std::atoi(text)) : otherwise;
  };
  struct : actors::Observer {  // one hook per thing worth counting or logging
    void turn_ended(const actors::TurnEnded& turn) override {
      if (turn.outcome == actors::TurnOutcome::Failed)  // its caller is told the reference alone
        say(std::string(turn.reference) + ": " + std::string(turn.error));
    }
    void warned(std::string_view message) override { say(message); }
    static void say(std::string_view text) {
      if (!text.empty()) std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
    }
  } observer;
  actors::SystemClock clock;
  actors::HostSettings settings;
  settings.app_id = "greeter-service";
  settings.channel_port = port("APP_PORT", 7000);
  settings.sidecar_port = port("DAPR_HTTP_PORT", 3500);
  settings.app_token = token;
  actors::Host host(settings, observer, clock);
  host.add<guide::Greeter>();
  host.subscribe(std::move(
      actors::Subscriptions().on<guide::Greeted>([](guide::Greeted event, actors::Calls calls) -> actors::Task<void> {
        if (event.name == "Echo") co_return;  // its own greeting comes back here too
        auto echo = calls.proxy<guide::Greeter>("echo");
        co_await actors::deliver(echo.call<&guide::Greeter::greet>("Echo"));
      })));

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before the host's threads start
  host.start();
  int received = 0;
  sigwait(&signals, &received);
  return host.drain(std::chrono::seconds(20)) ? 0 : 1;
  // [host]
}
