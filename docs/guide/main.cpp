#include <csignal>

#include "actors/runtime/host.hpp"
#include "docs/guide/greeter.hpp"

int main() {
  // [host]
  actors::Observer observer;  // derive from it to count and log
  actors::SystemClock clock;
  actors::HostSettings settings;
  settings.app_id = "greeter-service";
  settings.channel_port = 7000;  // daprd --app-id greeter-service --app-port 7000 --app-protocol http
  settings.sidecar_port = 3500;
  settings.app_token = "from-APP_API_TOKEN";
  actors::Host host(settings, observer, clock);
  host.add<guide::Greeter>();
  host.subscribe(std::move(
      actors::Subscriptions().on<guide::Greeted>([](guide::Greeted event, actors::Calls calls) -> actors::Task<void> {
        const guide::Greet back{event.name};
        auto echo = calls.proxy<guide::Greeter>("echo");
        co_await actors::deliver(echo.call<&guide::Greeter::greet>(back));
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
