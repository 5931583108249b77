#include "services/order/order_events.hpp"

#include <dapr/actors/testing/bench.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "actors/order/teller.hpp"
#include "tests/actors/order/samples.hpp"
#include "tests/services/bench_runner.hpp"

namespace shop::order {
namespace {

using namespace std::chrono_literals;
using actors::Task;
using services::testing::Answer;
using services::testing::BenchRunner;
using services::testing::Connection;
using services::testing::eventually;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(TakesEvents, by_the_most_specific_range_of_the_header) {
  for (const auto* accept :
       {"text/event-stream", "*/*", "text/*", "application/json, */*;q=0.1", "TEXT/Event-Stream ; q=1",
        "*/*;q=0, text/event-stream", "text/html,text/event-stream;charset=utf-8;q=0.5"})
    EXPECT_TRUE(takes_events(accept)) << accept;
  for (const auto* accept : {"application/json", "text/html, image/*", "*/*;q=0", "text/event-stream;q=0, */*",
                             "text/event-stream;q=0.0", "text/event-streams", "text", ",", ";q=1"})
    EXPECT_FALSE(takes_events(accept)) << accept;
  EXPECT_TRUE(takes_events(std::nullopt));
}

TEST(VersionOf, is_what_this_service_gave_out_or_nothing) {
  EXPECT_EQ(version_of("7"), 7);
  EXPECT_EQ(version_of("0"), 0);
  for (const auto* id : {"", "-1", "+1", "1 ", "0x1", "1e3", "99999999999999999999", "seven"})
    EXPECT_EQ(version_of(id), std::nullopt) << id;
  EXPECT_EQ(version_of(std::nullopt), std::nullopt);
}

/// A service in small: orders on a bench, a teller and a feed that reach each other at once, and the listener.
class OrderStreamTest : public ::testing::Test {
 protected:
  OrderStreamTest() {
    bench.add<Order>([this] { return std::make_unique<Order>(15min, std::make_shared<AllOrdersDesk>(), &teller); });
    bench.add<CustomerOrders>();
    bench.add<ProductDemand>();
    tokens.accept(services::hs256(services::testing::key));
    add_events(streams, feed);
    streams.start();
  }
  ~OrderStreamTest() override {
    feed.stop();
    streams.stop();
  }

  void order(const std::string& id, std::optional<CustomerId> customer = {}) {
    runner.run([&] {
      bench.call<&Order::checkout_completed>(id, samples::checkout(std::move(customer), id));
      bench.call<&Order::reserved>(id, product::Reserved{true, {}});
    });
  }
  void pay(const std::string& id) {
    runner.run([&] { bench.call<&Order::payment_completed>(id, samples::completed(1, id)); });
  }
  void ship(const std::string& id) {
    runner.run([&] { bench.call<&Order::ship>(id, Ship{}); });
  }
  Answer ask(const std::string& verb, const std::string& target, std::vector<std::string> headers = {}) {
    return services::testing::ask(streams.port(), verb, target, headers);
  }
  std::string request(const std::string& id, const std::string& headers = {}) {
    return "GET /orders/" + id + "/events HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
  }
  static std::string until(Connection& connection, const std::string& mark) {
    std::string text;
    while (text.find(mark) == std::string::npos) {
      auto more = connection.read_some();
      if (!more) return text + "[closed]";
      text += *more;
    }
    return text;
  }
  static std::string all(Connection& connection) {
    std::string text;
    while (auto more = connection.read_some()) text += *more;
    return text;
  }

  services::testing::CapturedLog captured;
  services::testing::FixedClock clock;
  // Orders tell of their end, too: feed and teller outlive the bench.
  Feed feed{"here",
            [this](const OrderId& id, const Watch& request) {
              return actors::Calls(bench.sidecar, {}).proxy<Order>(id.value).call<&Order::watch>(request);
            },
            [this](std::function<void()> work) { runner.post(std::move(work)); },
            {.readers = 2}};
  Teller teller{"here", [this](const std::string&, WatchNews news) { return hear(std::move(news)); },
                [](Task<void> task) { actors::spawn(std::move(task), [](const actors::Outcome<void>&) {}); }};
  Task<Heard> hear(WatchNews news) { co_return feed.hear(news); }
  actors::testing::Bench bench;
  BenchRunner runner{bench};
  services::Tokens tokens{clock};
  services::Metrics metrics;
  services::Streams streams{{}, runner, tokens, metrics};
};

TEST_F(OrderStreamTest, an_order_as_it_happens) {
  order("o-1");
  Connection connection(streams.port());
  connection.send(request("o-1"));
  EXPECT_THAT(until(connection, "\n\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"),
                    HasSubstr("Cache-Control: no-store\r\n"), HasSubstr("Vary: Authorization\r\n"),
                    HasSubstr("X-Content-Type-Options: nosniff\r\n"),
                    HasSubstr("retry: 1000\nid: 1\nevent: order\ndata: {\"id\":\"o-1\",")));
  pay("o-1");
  EXPECT_THAT(until(connection, "\n\n\r\n"), HasSubstr("\r\nid: 2\nevent: order\ndata: {"));
  ship("o-1");
  EXPECT_THAT(all(connection), AllOf(HasSubstr("\"status\":\"shipped\""), EndsWith("\n\n\r\n0\r\n\r\n")));
  EXPECT_EQ(feed.readers(), 0u);
}

TEST_F(OrderStreamTest, who_comes_back_gets_what_he_has_not) {
  order("o-1");
  pay("o-1");
  ship("o-1");
  Connection connection(streams.port());
  connection.send(request("o-1", "Last-Event-ID: 1\r\n"));
  EXPECT_THAT(all(connection), AllOf(HasSubstr("id: 2\n"), HasSubstr("id: 3\n"), Not(HasSubstr("id: 1\n"))));
  EXPECT_EQ(ask("GET", "/orders/o-1/events", {"Last-Event-ID: 3"}).status, 204);
}

TEST_F(OrderStreamTest, somebody_elses_order_is_not_there) {
  order("o-1", CustomerId("ann@example.org"));
  for (const auto& headers :
       {std::vector<std::string>{}, {"Authorization: Bearer " + services::testing::token("bob")}}) {
    const auto answer = ask("GET", "/orders/o-1/events", headers);
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.headers.at("retry-after"), "1");
  }
  EXPECT_EQ(feed.readers(), 0u);
  Connection connection(streams.port());
  connection.send(request("o-1", "Authorization: Bearer " + services::testing::token("ann@example.org") + "\r\n"));
  EXPECT_THAT(until(connection, "\n\n\r\n"), HasSubstr("id: 1\n"));
}

TEST_F(OrderStreamTest, other_verbs_and_types_are_refused) {
  order("o-1");
  EXPECT_EQ(ask("GET", "/orders/o-1/events", {"Accept: application/json"}).status, 406);
  const auto answer = ask("POST", "/orders/o-1/events");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.headers.at("allow"), "GET, HEAD, OPTIONS");
  Connection connection(streams.port());
  connection.send("HEAD /orders/o-1/events HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(all(connection), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\n"), Not(HasSubstr("retry"))));
  eventually([this] { return feed.readers() == 0; });
}

TEST_F(OrderStreamTest, a_client_that_leaves_makes_room_at_once) {
  order("o-1");
  {
    Connection one(streams.port()), another(streams.port());
    for (auto* connection : {&one, &another}) {
      connection->send(request("o-1"));
      until(*connection, "\n\n\r\n");
    }
    const auto answer = ask("GET", "/orders/o-1/events");
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.headers.at("retry-after"), "5");
  }
  eventually([this] { return feed.readers() == 0; });
}

TEST_F(OrderStreamTest, a_process_that_ends_ends_its_streams_as_whole_answers) {
  order("o-1");
  Connection connection(streams.port());
  connection.send(request("o-1"));
  until(connection, "\n\n\r\n");
  EXPECT_TRUE(streams.drain(5s));
  EXPECT_EQ(all(connection), "0\r\n\r\n");
}

}  // namespace
}  // namespace shop::order
