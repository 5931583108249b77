// [host]

#include <dapr/actors/run.hpp>

#include "greeter.hpp"

int main() {
  return actors::run("greeter-service", [](actors::Host& host) {
    host.add<guide::Greeter>();
    actors::Subscriptions subscriptions;
    subscriptions.on<guide::Greeted>([](guide::Greeted event, actors::Calls calls) -> actors::Task<void> {
      if (event.name == "Echo") co_return;  // its own greeting comes back here too
      auto echo = calls.proxy<guide::Greeter>("echo");
      co_await actors::deliver(echo.call<&guide::Greeter::greet>("Echo"));
    });
    host.subscribe(std::move(subscriptions), actors::SubscribedBy::Host);
  });
}
// [host]
