#include "services/product/service.hpp"

#include <atomic>
#include <memory>
#include <string>

#include "services/common/log.hpp"
#include "services/common/observer.hpp"
#include "services/common/openapi.hpp"
#include "services/product/events.hpp"
#include "services/product/import.hpp"
#include "services/product/routes.hpp"

namespace shop::product {
namespace {

using namespace std::chrono_literals;

Oversold count_oversold(services::Metrics& metrics) {
  const auto pieces = metrics.counter("shop_oversold_pieces_total", "Pieces that orders have and the stock had not.");
  return [pieces](const OrderId& order, const ProductId& product, std::int64_t missing) {
    pieces.add(static_cast<double>(missing));
    services::log::warning("oversold", {{"orderId", order.value}, {"productId", product.value}, {"missing", missing}});
  };
}

/// Until the process ends: the list is read, then kept up with what others write, and events that were left behind
/// leave without traffic.
actors::Task<void> keep_up(actors::Host& host, Index& index, const std::atomic<bool>& stopping) {
  std::string last_failure;  // an outage is reported once, not every second
  while (!stopping) {
    std::string failure;
    try {
      if (index.is_open()) {
        co_await index.tend();
      } else {
        co_await index.open();
        services::log::info("the product list is complete", {{"products", index.model().size()}});
      }
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty() && failure != last_failure)
      services::log::warning("the product list was not refreshed", {{"error", failure}});
    last_failure = std::move(failure);
    co_await host.sleep(index.is_open() ? 1000ms : 200ms);
  }
}

/// What lives as long as the process.
struct Catalogue {
  explicit Catalogue(services::Service& service)
      : observer(service.metrics()),
        // A file that outlives the process spares a restart the reading of all products; it may be lost at any time.
        model(service.environment().text("READ_MODEL_FILE", ""),
              [](const std::string& why) {
                services::log::warning("the read model is made anew", {{"error", why}});
              }),
        components(
            service.host().state(), service.host().sidecar(), service.clock(), observer,
            [&host = service.host()](actors::Duration delay) { return host.sleep(delay); },
            count_oversold(service.metrics()), model) {}
  services::ServiceObserver observer;
  ReadModel model;
  Components components;
  std::atomic<bool> stopping = false;
};

}  // namespace

int run(services::Substitutes substitutes) {
  std::unique_ptr<Catalogue> catalogue;  // outlives the service, whose handlers work on it
  return services::run({std::string(app_id), services::openapi_document, substitutes}, [&catalogue](
                                                                                           services::Service& service) {
    catalogue = std::make_unique<Catalogue>(service);
    auto& components = catalogue->components;
    auto& host = service.host();
    host.subscribe(subscriptions(components.stock));
    host.route("GET", "/internal/products/{id}", [&catalog = components.catalog](actors::ChannelRequest request) {
      return answer_listing(catalog, std::move(request));
    });
    host.route("PUT", "/internal/reservations/{orderId}", [&stock = components.stock](actors::ChannelRequest request) {
      return answer_reservation(stock, std::move(request));
    });
    host.route("POST", "/internal/availability", [&stock = components.stock](actors::ChannelRequest request) {
      return answer_availability(stock, std::move(request));
    });
    add_routes(service.facade(), components);
    add_picture_routes(service.facade(), components.catalog);
    add_import(
        service.streams(),
        [&catalog = components.catalog](NewProduct product, actors::Trace trace, std::string request) {
          return catalog.import_one(std::move(product), std::move(trace), std::move(request));
        },
        [&host](actors::Duration delay) { return host.sleep(delay); });
    service.ready_when([&index = components.index]() -> std::optional<std::string> {
      if (index.is_open()) return std::nullopt;
      return "The list of products is being read: " + std::to_string(index.model().size()) + " so far.";
    });
    service.on_started([&host, &parts = *catalogue] {
      host.spawn(keep_up(host, parts.components.index, parts.stopping), [](const actors::Outcome<void>&) {});
    });
    service.on_stopping([&parts = *catalogue] { parts.stopping = true; });
  });
}

}  // namespace shop::product
