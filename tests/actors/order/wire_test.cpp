/// What the order service's actors say on the wire, against files: a changed name or form is seen here first.
#include <dapr/actors/testing/bench.hpp>
#include <gtest/gtest.h>

#include "actors/order/all_orders.hpp"
#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
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
    bench.add<AllOrders>();
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
  EXPECT_TRUE(golden("order/order.shipped.state.json", *bench.sidecar.stored({"Order", "o-1"}, "state")));
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
  const auto piece = AllOrders::piece_of(OrderId("o-1"));
  EXPECT_TRUE(
      golden("order/all_orders.list.json", call("AllOrders", piece, "List", R"({"status":"confirmed","limit":1})")));
  EXPECT_TRUE(golden("order/all_orders.state.json", *bench.sidecar.stored({"AllOrders", piece}, "state")));
  call("ProductDemand", "tea", "ProductCreated", actors::json::to_string(samples::product_created()), Cause::Event);
  call("ProductDemand", "tea", "ItemAdded", actors::json::to_string(samples::item_added(3)), Cause::Event);
  EXPECT_TRUE(golden("order/product_demand.json", call("ProductDemand", "tea", "View", "")));
}

TEST_F(OrderWireTest, a_piece_of_all_orders_that_holds_more_than_its_document_does) {
  NoteOrders told;
  for (int i = 0; i < 80; ++i) {
    const auto status = i % 2 == 0 ? Status::Confirmed : Status::PaymentFailed;
    told.orders.push_back({OrderId("o-" + std::to_string(i)), bench.clock.now() + i * 1s, status, 2});
    if (told.orders.size() < 20) continue;
    const auto text = actors::json::to_string(told);
    call("AllOrders", "0", "Note", text);
    told.orders.clear();
  }
  const actors::ActorId piece{"AllOrders", "0"};
  EXPECT_TRUE(golden("order/all_orders.grown.json", *bench.sidecar.stored(piece, "state")));
  EXPECT_TRUE(golden("order/all_orders.page.json", *bench.sidecar.stored(piece, "own/page/0")));
  EXPECT_TRUE(golden("order/all_orders.group.json", *bench.sidecar.stored(piece, "own/group/1")));
  const ListedOrder one{OrderId("o-1"), bench.clock.now(), Status::Confirmed, 2};
  EXPECT_TRUE(golden("order/AllOrders.Note.json", actors::json::to_string(NoteOrders{{one}})));
  EXPECT_TRUE(golden("order/AllOrders.List.json",
                     actors::json::to_string(ListAllOrders{Status::Shipped, 20, place_of("1767225600000.o-1")})));
}

}  // namespace
}  // namespace shop::order
