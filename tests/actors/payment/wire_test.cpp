/// What payments say on the wire, against files: a changed name or form is seen here first.
#include <dapr/actors/testing/bench.hpp>
#include <gtest/gtest.h>

#include "actors/payment/payment.hpp"
#include "tests/actors/payment/scripted_gateway.hpp"
#include "tests/support/golden.hpp"

namespace shop::payment {
namespace {

using actors::Cause;
using actors::testing::Bench;
using shop::testing::golden;
using Act = ScriptedGateway::Act;

class PaymentWireTest : public ::testing::Test {
 protected:
  PaymentWireTest() {
    bench.add<Payment>([this] { return std::make_unique<Payment>(gateway); });
  }
  std::string call(const std::string& method, const std::string& body, Cause cause = Cause::Call) {
    return *bench.call_raw({"Payment", id}, {method, body, "call-" + std::to_string(++calls), cause, {}});
  }
  void request(int attempt) {
    const Requested event{PaymentId(id), OrderId("o-1"), attempt, {4500, "EUR"}};
    call("Requested", actors::json::to_string(event), Cause::Event);
  }
  void walk() {
    gateway.script({Act::Decline});
    call("OrderCreated",
         R"({"orderId":"o-1","customerId":"ann@example.org","total":{"amount":4500,"currency":"EUR"},)"
         R"("paymentMethod":{"token":"tok_insufficient_funds"}})",
         Cause::Event);
    request(1);
    call("Retry", R"({"by":{"customerId":"ann@example.org","admin":false},"paymentMethod":{"token":"tok_approve"}})");
    request(2);
  }
  std::string event(const std::string& type) {
    for (const auto& event : bench.sidecar.published)
      if (event.type == type) return to_envelope(event);
    return "null";
  }
  const std::string id = payment_of(OrderId("o-1")).value;
  ScriptedGateway gateway;
  Bench bench{"payment-service"};
  int calls = 0;
};

TEST_F(PaymentWireTest, the_payment_as_its_customer_sees_it) {
  walk();
  EXPECT_TRUE(golden("payment/payment.json", call("View", R"({"customerId":"ann@example.org","admin":false})")));
}

TEST_F(PaymentWireTest, the_payment_as_it_is_stored) {
  walk();
  EXPECT_TRUE(golden("payment/payment.state.json", *bench.sidecar.stored({"Payment", id}, "state")));
}

TEST_F(PaymentWireTest, the_events) {
  walk();
  call("OrderCancelled", R"({"orderId":"o-1","customerId":"ann@example.org","reason":"changed my mind"})",
       Cause::Event);
  for (const std::string type : {"payment.requested", "payment.failed", "payment.completed", "payment.refunded"})
    EXPECT_TRUE(golden("payment/" + type + ".json", event(type)));
}

TEST_F(PaymentWireTest, the_ledger) {
  const LedgerPage page{{{PaymentId(id), OrderId("o-1"), id + "-1", "charge", {4500, "EUR"}, bench.clock.now()}},
                        "1.0"};
  EXPECT_TRUE(golden("payment/ledger.json", actors::json::to_string(page)));
}

}  // namespace
}  // namespace shop::payment
