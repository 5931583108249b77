#include <dapr/actors/run.hpp>

#include "room.hpp"

int main() {
  return dapr::actors::run("chat-service", [](dapr::actors::Host& host) { host.add<chat::Room>(); });
}
