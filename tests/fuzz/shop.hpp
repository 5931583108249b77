/// All four services in one process, on fakes that complete at once: what one publishes is delivered to the others, as
/// the broker would. The same input always does the same.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "actors/cart/cart.hpp"
#include "actors/cart/cart_product.hpp"
#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "actors/payment/payment.hpp"
#include "actors/payment/simulated_gateway.hpp"
#include "actors/runtime/testing/bench.hpp"
#include "actors/runtime/testing/fake_state_store.hpp"
#include "services/cart/routes.hpp"
#include "services/order/routes.hpp"
#include "services/payment/routes.hpp"
#include "services/product/components.hpp"
#include "services/product/events.hpp"
#include "services/product/routes.hpp"
#include "tests/fuzz/require.hpp"

namespace fuzz {

struct Shop {
  Shop() {
    bench.add<shop::cart::Cart>([this] { return std::make_unique<shop::cart::Cart>(cache); })
        .add<shop::cart::CartProduct>()
        .add<shop::order::Order>()
        .add<shop::order::CustomerOrders>()
        .add<shop::order::ProductDemand>()
        .add<shop::payment::Payment>([this] { return std::make_unique<shop::payment::Payment>(gateway); });
    bench.sidecar.applications["product-service"] = [this](const actors::HttpRequest& request) {
      const std::string prefix = "/internal/products/";
      require(request.path.starts_with(prefix), "the catalog is asked for a product", request.path);
      actors::ChannelRequest own{request.verb, request.path, {request.path.substr(prefix.size())}, {}, {}};
      auto answer = bench.run(shop::product::answer_listing(catalog.catalog, std::move(own)));
      return actors::HttpAnswer{answer.status, std::move(answer.body), std::move(answer.content_type)};
    };
    // Something to buy.
    shop::product::NewProduct tea{shop::ProductId("tea"), "Tea", "A leaf.", "drinks", {450, "EUR"}, 10, {}};
    const auto created = bench.run(catalog.catalog.create(std::move(tea), {}));
    require(created.has_value(), "a shop has tea");
    deliver_all();
  }

  /// One delivery to one service.
  actors::Delivery deliver(std::size_t service, std::string envelope) {
    return bench.run(subscriptions[service].deliver(std::move(envelope), {}, bench.sidecar, observer));
  }

  /// What was published and not delivered yet, and what that publishes, until nothing is left.
  void deliver_all() {
    for (; delivered_ < bench.sidecar.published.size(); ++delivered_) {
      require(delivered_ < 1000, "events come to an end");
      const auto envelope = actors::to_envelope(bench.sidecar.published[delivered_]);
      for (std::size_t service = 0; service < subscriptions.size(); ++service) {
        observer.error.clear();
        require(deliver(service, envelope) == actors::Delivery::Done, "what we publish, those who listen understand",
                observer.error + "\n" + envelope);
      }
    }
  }

  /// How many writes there were, of whatever kind.
  std::size_t writes() const {
    const auto transactions = [](const auto& store) {
      const auto found = store.counts.find("transact");
      return found == store.counts.end() ? std::size_t{0} : static_cast<std::size_t>(found->second);
    };
    return bench.sidecar.operations() + transactions(products) + transactions(books);
  }

  class LastError final : public actors::Observer {
   public:
    void event_received(const actors::EventReceived& event) override {
      error = event.error;
      outcome = event.outcome;
    }
    std::string error;
    actors::EventOutcome outcome = actors::EventOutcome::Handled;
  };
  static actors::Task<void> at_once() { co_return; }

  actors::testing::Bench bench{"shop"};
  LastError observer;
  actors::testing::FakeStateStore products{bench.clock};
  actors::testing::FakeStateStore books{bench.clock};
  shop::payment::SimulatedGateway gateway{books, bench.clock, [](actors::Duration) { return at_once(); }};
  std::shared_ptr<shop::cart::ListingCache> cache = std::make_shared<shop::cart::ListingCache>();
  shop::product::Components catalog{products,
                                    bench.sidecar,
                                    bench.clock,
                                    observer,
                                    [](actors::Duration) { return at_once(); },
                                    [](const shop::OrderId&, const shop::ProductId&, std::int64_t) {}};

  static constexpr std::array<std::string_view, 4> services{"product", "cart", "order", "payment"};
  std::array<actors::Subscriptions, 4> subscriptions{shop::product::subscriptions(catalog.stock),
                                                     shop::cart::subscriptions(), shop::order::subscriptions(),
                                                     shop::payment::subscriptions()};

 private:
  std::size_t delivered_ = 0;
};

}  // namespace fuzz
