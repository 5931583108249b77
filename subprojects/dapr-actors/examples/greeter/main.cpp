// [host]
#include <dapr/actors/run.hpp>

#include "greeter.hpp"

int main() {
  return actors::run("greeter-service", [](actors::Host& host) {
    host.add<guide::Greeter>();
    host.subscribe(std::move(
        actors::Subscriptions().on<guide::Greeted>([](guide::Greeted event, actors::Calls calls) -> actors::Task<void> {
          if (event.name == "echo") co_return;  // its own
          const guide::Greet back{"echo"};
          auto echo = calls.proxy<guide::Greeter>("echo");
          co_await actors::deliver(echo.call<&guide::Greeter::greet>(back));
        })));
  });
}
// [host]
