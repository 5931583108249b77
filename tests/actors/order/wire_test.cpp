/// What the order service's actors say on the wire, against files: a changed name or form is seen here first.
#include <gtest/gtest.h>

#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "actors/runtime/testing/bench.hpp"
#include "tests/actors/order/samples.hpp"
#include "tests/actors/order/stock.hpp"
#include "tests/support/golden.hpp"

namespace shop::order {
namespace {

using namespace std::chrono_literals;
using actors::Cause;
using actors::testing::Bench;
using shop::testing::golden;

class OrderWireTest : public ::testing::Test {
 protected:
  OrderWireTest() {
    bench.add<Order>();
    bench.add<CustomerOrders>();
    bench.add<ProductDemand>();
  }
  std::string call(const std::string& type, const std::string& id, const std::string& method, const std::string& body,
                   Cause cause = Cause::Call) {
    return *bench.call_raw({type, id}, {method, body, "call-" + std::to_string(++calls), cause, {}});
  }
  void walk() {
    call("Order", "o-1", "CheckoutCompleted", actors::json::to_string(samples::checkout()), Cause::Event);
    call("Order", "o-1", "PaymentFailed", actors::json::to_string(samples::failed()), Cause::Event);
    call("Order", "o-1", "PaymentCompleted", actors::json::to_string(samples::completed(2)), Cause::Event);
  }
  std::string event(const std::string& type) {
    for (const auto& event : bench.sidecar.published)
      if (event.type == type) return to_envelope(event);
    return "null";
  }
  Bench bench{"order-service"};
  samples::Stock stock{bench};
  int calls = 0;
};

TEST_F(OrderWireTest, the_order_as_its_customer_sees_it) {
  walk();
  EXPECT_TRUE(
      golden("order/order.json", call("Order", "o-1", "View", R"({"customerId":"ann@example.org","admin":false})")));
}

TEST_F(OrderWireTest, the_order_as_it_is_stored) {
  walk();
  EXPECT_TRUE(golden("order/order.state.json", *bench.sidecar.stored({"Order", "o-1"}, "state")));
}

TEST_F(OrderWireTest, the_order_that_asks_for_its_pieces_as_it_is_stored) {
  stock.failure = 503;
  call("Order", "o-1", "CheckoutCompleted", actors::json::to_string(samples::checkout()), Cause::Event);
  EXPECT_TRUE(golden("order/order.asking.json", *bench.sidecar.stored({"Order", "o-1"}, "state")));
}

TEST_F(OrderWireTest, the_order_that_could_not_have_its_pieces) {
  stock.few = {{ProductId("tea"), 1}};
  call("Order", "o-1", "CheckoutCompleted", actors::json::to_string(samples::checkout()), Cause::Event);
  EXPECT_TRUE(golden("order/order.out_of_stock.json",
                     call("Order", "o-1", "View", R"({"customerId":"ann@example.org","admin":false})")));
}

TEST_F(OrderWireTest, the_events) {
  walk();
  call("Order", "o-1", "Ship", R"({"trackingNumber":"track-1"})");
  call("Order", "o-2", "CheckoutCompleted", actors::json::to_string(samples::checkout(std::nullopt, "o-2")),
       Cause::Event);
  call("Order", "o-2", "Cancel", R"({"by":{"admin":false},"reason":"changed my mind"})");
  for (const std::string type : {"order.created", "order.confirmed", "order.cancelled", "order.shipped"})
    EXPECT_TRUE(golden("order/" + type + ".json", event(type)));
}

TEST_F(OrderWireTest, the_list_and_the_demand) {
  walk();
  const auto customer = actor_id_of(CustomerId("ann@example.org"));
  call("Order", "o-2", "CheckoutCompleted",
       actors::json::to_string(samples::checkout(CustomerId("ann@example.org"), "o-2")), Cause::Event);
  EXPECT_TRUE(golden("order/customer_orders.list.json", call("CustomerOrders", customer, "List", R"({"limit":1})")));
  EXPECT_TRUE(
      golden("order/customer_orders.page.json", *bench.sidecar.stored({"CustomerOrders", customer}, "own/page/0")));
  call("ProductDemand", "tea", "ProductCreated", actors::json::to_string(samples::product_created()), Cause::Event);
  call("ProductDemand", "tea", "ItemAdded", actors::json::to_string(samples::item_added(3)), Cause::Event);
  EXPECT_TRUE(golden("order/product_demand.json", call("ProductDemand", "tea", "View", "")));
}

}  // namespace
}  // namespace shop::order
