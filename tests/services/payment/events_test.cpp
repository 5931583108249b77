#include <dapr/actors/testing/bench.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/payment/payment.hpp"
#include "services/payment/routes.hpp"
#include "tests/actors/payment/scripted_gateway.hpp"

namespace shop::payment {
namespace {

using actors::CloudEvent;
using actors::Delivery;
using actors::testing::Bench;
using ::testing::UnorderedElementsAre;

const Money total{4500, "EUR"};
const order::Created created{OrderId("o-1"), std::nullopt, total, {"tok_approve"}};
const order::Cancelled cancelled{OrderId("o-1"), std::nullopt, {}, total, "changed my mind", false};
const PaymentId id = payment_of(OrderId("o-1"));

class PaymentEventsTest : public ::testing::Test {
 protected:
  PaymentEventsTest() {
    bench.add<Payment>([this] { return std::make_unique<Payment>(gateway); });
    bench.subscribe(subscriptions());
  }
  template <class E>
  static CloudEvent event(const E& data, const std::string& id = "1") {
    return {id, "elsewhere", E::event_type.name, "subject", E::event_type.topic, {}, {actors::json::to_string(data)},
            {}};
  }
  Status status() { return bench.call<&Payment::view>(id.value, Party{})->status; }
  ScriptedGateway gateway;
  Bench bench{"payment-service"};
};

TEST_F(PaymentEventsTest, the_service_hears_what_the_contract_sends_it) {
  EXPECT_THAT(subscriptions().types(), UnorderedElementsAre("order.created", "order.cancelled", "payment.requested"));
}

TEST_F(PaymentEventsTest, an_order_is_charged_and_given_back) {
  EXPECT_EQ(bench.deliver(event(created)), Delivery::Done);
  EXPECT_EQ(status(), Status::Requested);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bench.deliver(event(Requested{id, OrderId("o-1"), 1, total})), Delivery::Done);
  EXPECT_EQ(status(), Status::Completed);
  EXPECT_EQ(gateway.charges.size(), 1u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bench.deliver(event(cancelled)), Delivery::Done);
  EXPECT_EQ(status(), Status::Refunded);
  EXPECT_EQ(gateway.times_returned(), 1u);
}

TEST_F(PaymentEventsTest, a_request_that_overtakes_its_payment_is_left_for_redelivery) {
  EXPECT_EQ(bench.deliver(event(Requested{id, OrderId("o-1"), 1, total})), Delivery::Retry);
  EXPECT_EQ(bench.deliver(event(created)), Delivery::Done);
  EXPECT_EQ(bench.deliver(event(Requested{id, OrderId("o-1"), 1, total})), Delivery::Done);
  EXPECT_EQ(status(), Status::Completed);
}

TEST_F(PaymentEventsTest, an_event_that_cannot_be_read_is_left_for_redelivery) {
  auto broken = event(created);
  broken.data.text = R"({"orderId":"o-1"})";
  EXPECT_EQ(bench.deliver(broken), Delivery::Retry);
}

}  // namespace
}  // namespace shop::payment
