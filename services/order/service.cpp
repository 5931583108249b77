#include "services/order/service.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>

#include "actors/order/all_orders.hpp"
#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/order_watch.hpp"
#include "actors/order/product_demand.hpp"
#include "actors/order/teller.hpp"
#include "services/common/openapi.hpp"
#include "services/order/order_events.hpp"
#include "services/order/routes.hpp"

namespace shop::order {
namespace {

using actors::Calls;
using actors::Task;

/// Brings news to whoever hosts the actor type `watcher`.
Task<Heard> tell(Calls calls, std::string watcher, WatchNews news) {
  const actors::ActorId listener{watcher, news.teller.name};
  const auto body = actors::json::to_string(news);
  constexpr auto entry = actors::Describe<OrderWatch>::table.entry<&OrderWatch::hear>();
  auto pending = calls.call(listener, entry.name, body, false);
  const auto reply = co_await std::move(pending);
  if (!reply) throw std::runtime_error(reply.error().message);
  co_return actors::json::parse<Heard>(*reply);
}

Task<Heard> hear_here(Feed& feed, WatchNews news) {
  co_return feed.hear(news);
}

/// The actor type that this replica alone hosts. The same after a restart: a sidecar asks what its app hosts once.
std::string own_type(services::Service& service) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  const auto replica = service.environment().text("ORDER_REPLICA", std::string(host.data()));
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  };
  if (replica.empty() || replica.size() > 253 || !std::all_of(replica.begin(), replica.end(), is_plain))
    service.environment().wrong("ORDER_REPLICA",
                                "must name this replica and no other: 1 to 253 letters, digits, dots, hyphens and "
                                "underscores; without it the host's name is taken");
  return "OrderWatch-" + replica;
}

/// What lives as long as the process: its orders' teller, and its streams' feed.
struct Watching {
  Watching(actors::Host& host, std::string type, std::size_t streams)
      : own(std::move(type)),
        feed(
            own,
            [&host](OrderId order, Watch request) {
              return host.calls({}).proxy<Order>(order.value).call<&Order::watch>(request);
            },
            [&host](std::function<void()> work) { host.post(std::move(work)); }, {.readers = streams}),
        teller(
            actors::random_id(),
            [this, &host](std::string watcher, WatchNews news) {
              return watcher == own ? hear_here(feed, std::move(news))
                                    : tell(host.calls({}), std::move(watcher), std::move(news));
            },
            [&host](Task<void> task) { host.spawn(std::move(task), [](const actors::Outcome<void>&) {}); }) {}

  Task<void> keep_up(actors::Host& host) {
    while (!stopping) {
      teller.tick();
      feed.tick();
      co_await host.sleep(std::chrono::milliseconds(250));
    }
  }

  const std::string own;  ///< type of `OrderWatch`
  Feed feed;
  Teller teller;
  std::atomic<bool> stopping = false;
};

}  // namespace

int run(services::Substitutes substitutes) {
  std::unique_ptr<Watching> watching;  // outlives the service, whose actors and streams use it
  return services::run({"order-service", services::openapi_document, substitutes}, [&watching](
                                                                                       services::Service& service) {
    constexpr std::int64_t week = 7 * 24 * 3600;
    const std::chrono::seconds deadline(service.environment().integer("ORDER_PAYMENT_DEADLINE_SECONDS", 1, week, 900));
    const auto streams = service.environment().integer("ORDER_STREAMS", 1, 8000, 4096);
    auto& host = service.host();
    const auto desk = std::make_shared<AllOrdersDesk>();
    watching = std::make_unique<Watching>(host, own_type(service), static_cast<std::size_t>(streams));
    host.add<Order>(
        [deadline, desk, &parts = *watching] { return std::make_unique<Order>(deadline, desk, &parts.teller); });
    host.add<CustomerOrders>();
    host.add<AllOrders>();
    host.add<ProductDemand>();
    host.add_as<OrderWatch>(watching->own, [&parts = *watching] { return std::make_unique<OrderWatch>(parts.feed); });
    host.subscribe(subscriptions());
    add_routes(service.facade(), [&host](actors::Origin origin) { return host.calls(std::move(origin)); });
    add_events(service.streams(), watching->feed);
    service.on_started(
        [&host, &parts = *watching] { host.spawn(parts.keep_up(host), [](const actors::Outcome<void>&) {}); });
    service.on_stopping([&parts = *watching] {
      parts.stopping = true;
      parts.teller.stop();
      parts.feed.stop();
    });
  });
}

}  // namespace shop::order
