#include <dapr/actors/testing/bench.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "actors/order/all_orders.hpp"
#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "services/order/routes.hpp"
#include "tests/actors/order/samples.hpp"
#include "tests/actors/order/stock.hpp"
#include "tests/services/bench_runner.hpp"

namespace shop::order {
namespace {

using namespace std::chrono_literals;
using actors::Calls;
using actors::Origin;
using actors::testing::Bench;
using services::testing::Answer;
using services::testing::BenchRunner;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OrderFacadeTest : public ::testing::Test {
 protected:
  OrderFacadeTest() {
    bench.add<Order>();
    bench.add<CustomerOrders>();
    bench.add<AllOrders>();
    bench.add<ProductDemand>();
    tokens.accept(services::hs256(services::testing::key));
    add_routes(facade, [this](Origin origin) { return Calls(bench.sidecar, std::move(origin)); });
    facade.start();
  }
  ~OrderFacadeTest() override { facade.stop(); }

  Answer ask(const std::string& verb, const std::string& target, const std::string& token = "",
             const std::string& body = "", std::vector<std::string> headers = {}) {
    if (!token.empty()) headers.push_back("Authorization: Bearer " + token);
    if (!body.empty()) headers.push_back("Content-Type: application/json");
    return services::testing::ask(facade.port(), verb, target, headers, body);
  }
  void order(const std::string& id, std::optional<CustomerId> customer) {
    runner.run([&] { bench.call<&Order::checkout_completed>(id, samples::checkout(std::move(customer), id)); });
  }
  void pay(const std::string& id) {
    runner.run([&] { bench.call<&Order::payment_completed>(id, samples::completed(1, id)); });
  }
  static rapidjson::Document parsed(const Answer& answer) {
    rapidjson::Document document;
    document.Parse(answer.body.c_str());
    return document;
  }
  static std::vector<std::string> ids(const Answer& answer) {
    std::vector<std::string> found;
    const auto document = parsed(answer);
    for (const auto& item : document["items"].GetArray()) found.emplace_back(item["id"].GetString());
    return found;
  }

  services::testing::CapturedLog captured;
  services::testing::FixedClock clock;
  Bench bench{"order-service"};
  samples::Stock stock{bench};
  BenchRunner runner{bench};
  services::Tokens tokens{clock};
  services::Metrics metrics;
  services::Facade facade{{"127.0.0.1", 0, "{}"}, runner, tokens, metrics};
  const std::string ann = services::testing::token("ann");
  const std::string bob = services::testing::token("bob");
  const std::string admin = services::testing::token("root", "admin");
};

TEST_F(OrderFacadeTest, answers_an_order_to_its_customer_and_to_admins_only) {
  order("o-1", CustomerId("ann"));
  const auto answer = ask("GET", "/orders/o-1", ann);
  EXPECT_EQ(answer.status, 200);
  const auto document = parsed(answer);
  EXPECT_STREQ(document["status"].GetString(), "created");
  EXPECT_STREQ(document["customerId"].GetString(), "ann");
  EXPECT_EQ(ask("GET", "/orders/o-1", admin).status, 200);
  EXPECT_EQ(ask("GET", "/orders/o-1", bob).status, 404);
  EXPECT_EQ(ask("GET", "/orders/o-1").status, 404);
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel", bob).status, 404);
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel").status, 404);
}

TEST_F(OrderFacadeTest, says_of_an_order_that_the_client_has_it_until_it_changes) {
  order("o-1", std::nullopt);
  const auto first = ask("GET", "/orders/o-1");
  const auto tag = first.headers.at("etag");
  EXPECT_EQ(tag, "\"1\"");
  const auto again = ask("GET", "/orders/o-1", "", "", std::vector{"If-None-Match: W/" + tag});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(again.headers.at("etag"), tag);
  pay("o-1");
  EXPECT_EQ(ask("GET", "/orders/o-1", "", "", std::vector{"If-None-Match: " + tag}).status, 200);
}

TEST_F(OrderFacadeTest, answers_a_guests_order_to_whoever_knows_its_id) {
  order("o-1", std::nullopt);
  EXPECT_EQ(ask("GET", "/orders/o-1").status, 200);
  EXPECT_EQ(ask("GET", "/orders/o-1", bob).status, 200);
  EXPECT_FALSE(parsed(ask("GET", "/orders/o-1")).HasMember("customerId"));
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel").status, 200);
}

TEST_F(OrderFacadeTest, says_when_to_look_again_for_an_order_that_is_not_there) {
  const auto answer = ask("GET", "/orders/o-9", admin);
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.headers.at("retry-after"), "1");
  EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json");
  EXPECT_EQ(ask("POST", "/orders/o-9/cancel").status, 404);
  EXPECT_EQ(ask("POST", "/orders/o-9/ship", admin).status, 404);
  EXPECT_EQ(ask("GET", "/orders/no%20id", admin).status, 404);
}

TEST_F(OrderFacadeTest, says_when_to_look_again_for_an_order_whose_pieces_are_being_asked_for) {
  stock.failure = 503;
  order("o-1", CustomerId("ann"));
  const auto answer = ask("GET", "/orders/o-1", ann);
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.headers.at("retry-after"), "1");
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel", ann).status, 404);
  EXPECT_THAT(ids(ask("GET", "/orders", ann)), ElementsAre());
}

TEST_F(OrderFacadeTest, shows_and_lists_an_order_whose_pieces_could_not_be_had) {
  stock.few = {{ProductId("tea"), 1}};
  order("o-1", CustomerId("ann"));
  const auto answer = ask("GET", "/orders/o-1", ann);
  EXPECT_EQ(answer.status, 200);
  const auto document = parsed(answer);
  EXPECT_STREQ(document["status"].GetString(), "cancelled");
  EXPECT_STREQ(document["failureReason"].GetString(), "out_of_stock");
  EXPECT_STREQ(document["history"][0]["reason"].GetString(), "out_of_stock");
  EXPECT_EQ(document["history"].Size(), 1u);
  EXPECT_THAT(ids(ask("GET", "/orders?status=cancelled", ann)), ElementsAre("o-1"));
  EXPECT_EQ(ask("POST", "/orders/o-1/ship", admin).status, 409);
}

TEST_F(OrderFacadeTest, cancels_for_a_reason_or_none_and_again_without_effect) {
  order("o-1", CustomerId("ann"));
  const auto first = ask("POST", "/orders/o-1/cancel", ann, R"({"reason":"too slow"})");
  EXPECT_EQ(first.status, 200);
  EXPECT_THAT(first.body, HasSubstr(R"("reason":"too slow")"));
  const auto second = ask("POST", "/orders/o-1/cancel", ann);
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.body, first.body);
}

TEST_F(OrderFacadeTest, refuses_to_cancel_what_is_shipped_and_to_ship_what_is_not_confirmed) {
  order("o-1", CustomerId("ann"));
  EXPECT_EQ(ask("POST", "/orders/o-1/ship", admin).status, 409);
  pay("o-1");
  const auto shipped = ask("POST", "/orders/o-1/ship", admin, R"({"trackingNumber":"track-1"})");
  EXPECT_EQ(shipped.status, 200);
  EXPECT_THAT(shipped.body, HasSubstr(R"("status":"shipped")"));
  EXPECT_THAT(shipped.body, HasSubstr(R"("trackingNumber":"track-1")"));
  const auto refused = ask("POST", "/orders/o-1/cancel", ann);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("urn:problem:ecommerce:already_shipped"));
}

TEST_F(OrderFacadeTest, lets_only_admins_ship_and_see_the_demand) {
  order("o-1", CustomerId("ann"));
  pay("o-1");
  EXPECT_EQ(ask("POST", "/orders/o-1/ship", ann).status, 403);
  EXPECT_EQ(ask("POST", "/orders/o-1/ship").status, 401);
  EXPECT_EQ(ask("GET", "/demand/tea", ann).status, 403);
  const auto demand = ask("GET", "/demand/tea", admin);
  EXPECT_EQ(demand.status, 200);
  EXPECT_EQ(demand.body, R"({"productId":"tea","timesAdded":0,"unitsAdded":0,"ordersConfirmed":1,"unitsSold":2})");
  EXPECT_EQ(ask("GET", "/demand/nothing", admin).status, 404);
}

TEST_F(OrderFacadeTest, refuses_bodies_it_cannot_use) {
  order("o-1", CustomerId("ann"));
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel", ann, R"({"why":"x"})").status, 400);
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel", ann, R"({"reason":7})").status, 400);
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel", ann, "{").status, 400);
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel", ann, R"({"reason":")" + std::string(501, 'x') + R"("})").status, 400);
  EXPECT_EQ(
      services::testing::ask(facade.port(), "POST", "/orders/o-1/cancel", {"Content-Type: text/plain"}, "x").status,
      415);
  std::string longest;  // characters count, not bytes
  for (int i = 0; i < 500; ++i) longest += "\u00e9";
  EXPECT_EQ(ask("POST", "/orders/none/cancel", ann, R"({"reason":")" + longest + R"("})").status, 404);
  EXPECT_THAT(ask("GET", "/orders/o-1", ann).body, HasSubstr(R"("status":"created")"));
}

TEST_F(OrderFacadeTest, carries_out_a_cancellation_once_per_idempotency_key) {
  order("o-1", CustomerId("ann"));
  const std::vector<std::string> key{"Idempotency-Key: k-1"};
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel", ann, R"({"reason":"a"})", key).status, 200);
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel", ann, R"({"reason":"a"})", key).status, 200);
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel", ann, R"({"reason":"b"})", key).status, 422);
}

TEST_F(OrderFacadeTest, tells_nobody_else_that_a_key_was_used_for_an_order) {
  order("o-1", CustomerId("ann"));
  const std::vector<std::string> key{"Idempotency-Key: k-1"};
  EXPECT_EQ(ask("POST", "/orders/o-1/cancel", ann, R"({"reason":"a"})", key).status, 200);
  for (const auto& other : {bob, std::string()}) {
    const auto answer = ask("POST", "/orders/o-1/cancel", other, R"({"reason":"a"})", key);
    EXPECT_EQ(answer.status, 404);
    EXPECT_THAT(answer.body, HasSubstr("unknown_order"));
  }
}

TEST_F(OrderFacadeTest, lists_a_customers_orders_newest_first_in_pages) {
  for (int i = 1; i <= 25; ++i) {
    runner.run([&] { bench.advance(1s); });
    order("o-" + std::to_string(i), CustomerId("ann"));
  }
  order("theirs", CustomerId("bob"));
  const auto first = ask("GET", "/orders", ann);
  ASSERT_EQ(first.status, 200);
  EXPECT_THAT(ids(first), ::testing::SizeIs(20));
  EXPECT_EQ(ids(first).front(), "o-25");
  const std::string cursor = parsed(first)["nextCursor"].GetString();
  const auto second = ask("GET", "/orders?limit=100&cursor=" + cursor, ann);
  EXPECT_THAT(ids(second), ElementsAre("o-5", "o-4", "o-3", "o-2", "o-1"));
  EXPECT_FALSE(parsed(second).HasMember("nextCursor"));
  EXPECT_EQ(parsed(second)["items"][0]["total"]["amount"].GetInt(), 4500);
}

TEST_F(OrderFacadeTest, lists_everybodys_orders_to_admins_newest_first_in_pages) {
  for (int i = 1; i <= 25; ++i) {
    runner.run([&] { bench.advance(1s); });
    const std::array customers{std::optional(CustomerId("ann")), std::optional(CustomerId("bob")),
                               std::optional<CustomerId>()};
    order("o-" + std::to_string(i), customers[static_cast<std::size_t>(i % 3)]);
  }
  const auto first = ask("GET", "/orders", admin);
  ASSERT_EQ(first.status, 200);
  EXPECT_THAT(ids(first), ::testing::SizeIs(20));
  EXPECT_EQ(ids(first).front(), "o-25");
  const std::string cursor = parsed(first)["nextCursor"].GetString();
  const auto second = ask("GET", "/orders?limit=100&cursor=" + cursor, admin);
  EXPECT_THAT(ids(second), ElementsAre("o-5", "o-4", "o-3", "o-2", "o-1"));
  EXPECT_FALSE(parsed(second).HasMember("nextCursor"));
  EXPECT_EQ(parsed(second)["items"][0]["total"]["amount"].GetInt(), 4500);
  pay("o-2");
  EXPECT_THAT(ids(ask("GET", "/orders?status=confirmed", admin)), ElementsAre("o-2"));
  EXPECT_THAT(ids(ask("GET", "/orders?customerId=bob&limit=1", admin)), ElementsAre("o-25"));
  EXPECT_THAT(ids(ask("GET", "/orders?limit=100", ann)), ::testing::SizeIs(8)) << "a customer sees her own";
  for (const std::string query :
       {"status=paid", "limit=0", "cursor=x", "cursor=1.no%20id", "cursor=x.o-1", "cursor=.o-1"})
    EXPECT_EQ(ask("GET", "/orders?" + query, admin).status, 400) << query;
}

TEST_F(OrderFacadeTest, an_order_from_before_that_list_is_in_it_once_somebody_has_looked_at_it) {
  order("o-1", CustomerId("ann"));
  runner.run([&] {
    auto document = *bench.sidecar.stored({"Order", "o-1"}, "state");
    const std::string listed = R"("listed":true)";
    document.replace(document.find(listed), listed.size(), R"("listed":false)");
    bench.sidecar.put({"Order", "o-1"}, "state", document);
    for (int piece = 0; piece < AllOrders::pieces; ++piece)
      bench.sidecar.put({"AllOrders", std::to_string(piece)}, "state",
                        R"({"version":0,"data":{"newest":[],"groups":[],"keys":0},"outbox":[],"handled":[]})");
    bench.restart();
  });
  EXPECT_THAT(ids(ask("GET", "/orders", admin)), ElementsAre());
  EXPECT_THAT(ask("GET", "/orders", ann).body, ::testing::Not(HasSubstr("unlisted")));
  EXPECT_THAT(ids(ask("GET", "/orders", admin)), ElementsAre("o-1"));
}

TEST_F(OrderFacadeTest, lists_by_status) {
  order("o-1", CustomerId("ann"));
  order("o-2", CustomerId("ann"));
  pay("o-1");
  EXPECT_THAT(ids(ask("GET", "/orders?status=confirmed", ann)), ElementsAre("o-1"));
  EXPECT_THAT(ids(ask("GET", "/orders?status=created", ann)), ElementsAre("o-2"));
  EXPECT_THAT(ids(ask("GET", "/orders?status=shipped", ann)), ElementsAre());
}

TEST_F(OrderFacadeTest, lists_to_each_customer_their_own_and_to_admins_anybodys) {
  order("o-1", CustomerId("ann"));
  EXPECT_THAT(ids(ask("GET", "/orders?customerId=ann", ann)), ElementsAre("o-1"));
  EXPECT_THAT(ids(ask("GET", "/orders?customerId=ann", admin)), ElementsAre("o-1"));
  EXPECT_THAT(ids(ask("GET", "/orders", bob)), ElementsAre());
  EXPECT_EQ(ask("GET", "/orders?customerId=ann", bob).status, 404);
  const auto nobody = ask("GET", "/orders");
  EXPECT_EQ(nobody.status, 401);
  EXPECT_THAT(nobody.headers.at("www-authenticate"), HasSubstr("Bearer"));
}

TEST_F(OrderFacadeTest, refuses_a_query_it_cannot_use) {
  for (const std::string query : {"status=none", "status=asked", "status=paid", "limit=0", "limit=101", "limit=x",
                                  "cursor=x", "status=", "limit=", "cursor="})
    EXPECT_EQ(ask("GET", "/orders?" + query, ann).status, 400) << query;
}

}  // namespace
}  // namespace shop::order
