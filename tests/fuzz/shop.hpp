/// All four services in one process, on fakes that complete at once: what one publishes is delivered to the others, as
/// the broker would. The same input always does the same.
#pragma once

#include <dapr/actors/testing/bench.hpp>
#include <dapr/actors/testing/fake_state_store.hpp>

#include <array>
#include <memory>
#include <string>

#include "actors/cart/product_cache.hpp"
#include "actors/payment/simulated_gateway.hpp"
#include "actors/shared/library.hpp"
#include "services/cart/routes.hpp"
#include "services/order/routes.hpp"
#include "services/payment/routes.hpp"
#include "actors/product/components.hpp"
#include "services/product/events.hpp"
#include "tests/fuzz/require.hpp"

namespace fuzz {

struct Shop {
  Shop();

  /// One delivery to one service.
  actors::Delivery deliver(std::size_t service, std::string envelope);

  /// What was published and not delivered yet, and what that publishes, until nothing is left.
  void deliver_all();

  /// How many writes there were, of whatever kind.
  std::size_t writes() const;

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
  std::shared_ptr<shop::cart::ProductCache> cache = std::make_shared<shop::cart::ProductCache>();
  shop::product::ReadModel model{""};
  shop::product::Components catalog{products,
                                    bench.sidecar,
                                    bench.clock,
                                    observer,
                                    [](actors::Duration) { return at_once(); },
                                    [](const shop::OrderId&, const shop::ProductId&, std::int64_t) {},
                                    model};

  static constexpr std::array<std::string_view, 4> services{"product", "cart", "order", "payment"};
  std::array<actors::Subscriptions, 4> subscriptions{shop::product::subscriptions(catalog.stock),
                                                     shop::cart::subscriptions(), shop::order::subscriptions(),
                                                     shop::payment::subscriptions()};

 private:
  std::size_t delivered_ = 0;
};

}  // namespace fuzz
