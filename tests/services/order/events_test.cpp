#include <dapr/actors/testing/bench.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/order/all_orders.hpp"
#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "services/order/routes.hpp"
#include "tests/actors/order/samples.hpp"
#include "tests/actors/order/stock.hpp"

namespace shop::order {
namespace {

using actors::CloudEvent;
using actors::Delivery;
using actors::testing::Bench;
using ::testing::UnorderedElementsAre;

class OrderEventsTest : public ::testing::Test {
 protected:
  OrderEventsTest() {
    bench.add<Order>();
    bench.add<CustomerOrders>();
    bench.add<AllOrders>();
    bench.add<ProductDemand>();
    bench.subscribe(subscriptions());
  }
  template <class E>
  static CloudEvent event(const E& data, const std::string& id = "1") {
    return {id, "elsewhere", E::event_type.name, "subject", E::event_type.topic, {}, {actors::json::to_string(data)},
            {}};
  }
  Status status() { return bench.call<&Order::view>("o-1", Party{{}, true})->status; }
  DemandView demand() { return *bench.call<&ProductDemand::view>("tea"); }
  Bench bench{"order-service"};
  samples::Stock stock{bench};
};

TEST_F(OrderEventsTest, the_service_hears_what_the_contract_sends_it) {
  EXPECT_THAT(subscriptions().types(),
              UnorderedElementsAre("product.created", "cart.item_added", "cart.checkout_completed", "payment.completed",
                                   "payment.failed", "payment.refunded"));
}

TEST_F(OrderEventsTest, a_product_begins_its_counters_and_items_are_counted_once_each) {
  EXPECT_EQ(bench.deliver(event(samples::product_created())), Delivery::Done);
  EXPECT_EQ(demand().times_added, 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bench.deliver(event(samples::item_added(4), "Cart/c-1/7/0")), Delivery::Done);
  EXPECT_EQ(bench.deliver(event(samples::item_added(4), "Cart/c-1/8/0")), Delivery::Done);
  EXPECT_EQ(demand(), (DemandView{ProductId("tea"), 2, 8, 0, 0}));
}

TEST_F(OrderEventsTest, a_checkout_makes_the_order_and_payments_decide_it) {
  EXPECT_EQ(bench.deliver(event(samples::checkout())), Delivery::Done);
  EXPECT_EQ(status(), Status::Created);
  EXPECT_EQ(bench.deliver(event(samples::failed())), Delivery::Done);
  EXPECT_EQ(status(), Status::PaymentFailed);
  EXPECT_EQ(bench.deliver(event(samples::completed(2), "2")), Delivery::Done);
  EXPECT_EQ(status(), Status::Confirmed);
  EXPECT_EQ(bench.deliver(event(samples::refunded())), Delivery::Done);
  EXPECT_EQ(status(), Status::Confirmed);
}

TEST_F(OrderEventsTest, a_checkout_is_dealt_with_before_its_pieces_are_reserved) {
  stock.failure = 503;
  EXPECT_EQ(bench.deliver(event(samples::checkout())), Delivery::Done) << "the order asks itself from now on";
  EXPECT_EQ(bench.published<Created>().size(), 0u);
  stock.failure.reset();
  bench.advance(std::chrono::seconds(5));
  EXPECT_EQ(bench.published<Created>().size(), 1u);
}

TEST_F(OrderEventsTest, an_event_that_cannot_be_read_is_left_for_redelivery) {
  auto broken = event(samples::checkout());
  broken.data.text = R"({"orderId":"o-1"})";
  EXPECT_EQ(bench.deliver(broken), Delivery::Retry);
  auto unknown = event(samples::checkout());
  unknown.type = "cart.painted";
  EXPECT_EQ(bench.deliver(unknown), Delivery::Done);
}

TEST_F(OrderEventsTest, an_event_whose_turn_fails_is_left_for_redelivery_and_then_done) {
  bench.sidecar.fail_next_commit(actors::testing::CommitFailure::NotStored);
  EXPECT_EQ(bench.deliver(event(samples::checkout())), Delivery::Retry);
  EXPECT_EQ(bench.deliver(event(samples::checkout())), Delivery::Done);
  EXPECT_EQ(bench.published<Created>().size(), 1u);
}

}  // namespace
}  // namespace shop::order
