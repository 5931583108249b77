// What the benchmark calls: an actor of the library, and beside it, behind the same sidecar, an "actor" that is nothing
// but a constant answer of the same HTTP server. The difference between the two is what the library costs.
//
//     bench_host CHANNEL_PORT SIDECAR_PORT
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "actors/shared/library.hpp"
#include "internal/http/app_channel.hpp"
#include "internal/http/asio.hpp"
#include <boost/asio/signal_set.hpp>
#include "internal/http/dapr_sidecar.hpp"
#include "internal/http/server.hpp"

namespace bench {

struct BasketState {
  std::map<std::string, int> pieces;
  bool operator==(const BasketState&) const = default;
  DAPR_ACTORS_JSON(pieces)
};

struct Add {
  std::string product;
  int quantity = 0;
  DAPR_ACTORS_JSON(product, quantity)
};

struct Added {
  static constexpr actors::EventType event_type{"basket.added", "basket-events"};
  std::string product;
  int quantity = 0;
  DAPR_ACTORS_JSON(product, quantity)
};

/// As a cart would: an add saves the state with its outbox and its handled id, and publishes an event.
class Basket final : public actors::Actor<BasketState> {
 public:
  BasketState view() const { return state(); }
  BasketState add(const Add& command) {
    state().pieces[command.product] += command.quantity;
    publish(Added{command.product, command.quantity});
    return state();
  }
};

/// Described so that the sidecar places it; its calls are answered before they reach an actor.
class Static final : public actors::Actor<BasketState> {
 public:
  BasketState view() const { return {}; }
};

}  // namespace bench

template <>
struct actors::Describe<bench::Basket> {
  static constexpr auto table =
      actors::type<bench::Basket>("Basket").method<&bench::Basket::view>("View").method<&bench::Basket::add>("Add");
};
template <>
struct actors::Describe<bench::Static> {
  static constexpr auto table = actors::type<bench::Static>("Static").method<&bench::Static::view>("View");
};

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bench_host CHANNEL_PORT SIDECAR_PORT\n";
    return 2;
  }
  const char* token = std::getenv("APP_API_TOKEN");
  boost::asio::io_context io(1);
  actors::Observer observer;
  actors::SystemClock clock;
  actors::http::DaprSettings dapr;
  dapr.port = static_cast<unsigned short>(std::atoi(argv[2]));
  dapr.pubsub = "pubsub";
  actors::http::DaprSidecar sidecar(io, dapr, observer);
  actors::Engine engine(io, sidecar, clock, observer, "bench");
  engine.add(actors::detail::describe<bench::Basket>([] { return std::make_unique<bench::Basket>(); }));
  engine.add(actors::detail::describe<bench::Static>([] { return std::make_unique<bench::Static>(); }));
  actors::http::AppChannel channel(engine, sidecar, observer, token ? token : "", actors::HostSettings{}.silence);
  actors::http::ServerSettings settings;
  settings.port = static_cast<unsigned short>(std::atoi(argv[1]));
  auto constant = [](actors::http::Request&) -> actors::Task<actors::http::Response> {
    actors::http::Response response;
    response.body = R"({"pieces":{}})";
    co_return response;
  };
  actors::http::Server server(
      io, settings,
      [&](actors::http::Request& request) {
        return request.target.starts_with("/actors/Static/") ? constant(request) : channel.serve(request);
      },
      [](const actors::http::Request&) {});
  server.listen();
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code&, int) { io.stop(); });
  io.run();
  return 0;
}
