#include "services/product/events.hpp"

#include <gmock/gmock.h>

#include "tests/actors/product/support.hpp"

namespace shop::product::testing {
namespace {

class ProductEventsTest : public CatalogTest {};

TEST_F(ProductEventsTest, OfOrdersAreHandled) {
  create(tea());
  const auto order = order_of("o-1", {{"tea", 2}});
  const auto handled = subscriptions(replica->stock);
  EXPECT_THAT(handled.types(), ::testing::UnorderedElementsAre("order.confirmed", "order.cancelled"));
  const auto deliver = [&](const auto& event) {
    using E = std::decay_t<decltype(event)>;
    const auto envelope = actors::to_envelope({"Order/o-1/2/0",
                                               "order-service",
                                               E::event_type.name,
                                               "o-1",
                                               E::event_type.topic,
                                               clock.now(),
                                               {actors::json::to_string(event)},
                                               trace});
    return run(handled.deliver(envelope, trace, sidecar, observer));
  };
  EXPECT_EQ(deliver(order), actors::Delivery::Done);
  EXPECT_EQ(stock_of("tea"), 8);
  EXPECT_EQ(deliver(cancellation_of(order)), actors::Delivery::Done);
  EXPECT_EQ(stock_of("tea"), 10);
  cut_off_store();
  EXPECT_EQ(deliver(order_of("o-2", {{"tea", 2}})), actors::Delivery::Retry);
}

}  // namespace
}  // namespace shop::product::testing
