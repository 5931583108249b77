#include <dapr/actors/run.hpp>

#include "transfer.hpp"

int main() {
  return dapr::actors::run("bank-service", [](dapr::actors::Host& host) {
    host.add<bank::Account>();
    host.add<bank::Transfer>();
    host.filter<bank::Account>(std::make_shared<bank::TransfersAlone>());
  });
}
