#include <dapr/actors/testing/bench.hpp>
#include <dapr/actors/testing/fake_state_store.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "actors/payment/payment.hpp"
#include "actors/payment/simulated_gateway.hpp"
#include "services/payment/routes.hpp"
#include "tests/services/bench_runner.hpp"

namespace shop::payment {
namespace {

using actors::Calls;
using actors::Origin;
using actors::Task;
using actors::testing::Bench;
using actors::testing::FakeStateStore;
using services::testing::Answer;
using services::testing::BenchRunner;
using ::testing::HasSubstr;
using ::testing::Not;

class PaymentFacadeTest : public ::testing::Test {
 protected:
  PaymentFacadeTest() {
    bench.add<Payment>([this] { return std::make_unique<Payment>(gateway); });
    bench.subscribe(subscriptions());
    tokens.accept(services::hs256(services::testing::key));
    add_routes(
        facade, [this](Origin origin) { return Calls(bench.sidecar, std::move(origin)); }, gateway);
    facade.start();
  }
  ~PaymentFacadeTest() override { facade.stop(); }

  Answer ask(const std::string& verb, const std::string& target, const std::string& token = "",
             const std::string& body = "", std::vector<std::string> headers = {}) {
    if (!token.empty()) headers.push_back("Authorization: Bearer " + token);
    if (!body.empty()) headers.push_back("Content-Type: application/json");
    return services::testing::ask(facade.port(), verb, target, headers, body);
  }
  /// An order's payment, as far as it goes.
  std::string pay(const std::string& order, const std::string& means, std::optional<CustomerId> customer = {}) {
    const order::Created created{OrderId(order), std::move(customer), {4500, "EUR"}, {means}};
    const auto id = payment_of(OrderId(order)).value;
    runner.run([&] {
      bench.call<&Payment::order_created>(id, created);
      bench.deliver_all();
    });
    return "/payments/" + id;
  }
  void deliver() {
    runner.run([&] { bench.deliver_all(); });
  }
  static rapidjson::Document parsed(const Answer& answer) {
    rapidjson::Document document;
    document.Parse(answer.body.c_str());
    return document;
  }
  static std::string status_in(const Answer& answer) { return parsed(answer)["status"].GetString(); }

  static Task<void> nap() { co_return; }
  services::testing::CapturedLog captured;
  services::testing::FixedClock clock;
  Bench bench{"payment-service"};
  FakeStateStore store{clock};
  SimulatedGateway gateway{store, clock, [](actors::Duration) { return nap(); }};
  BenchRunner runner{bench};
  services::Tokens tokens{clock};
  services::Metrics metrics;
  services::Facade facade{{"127.0.0.1", 0, "{}"}, runner, tokens, metrics};
  const std::string ann = services::testing::token("ann");
  const std::string bob = services::testing::token("bob");
  const std::string admin = services::testing::token("root", "admin");
  const std::string body = R"({"paymentMethod":{"token":"tok_approve"}})";
};

TEST_F(PaymentFacadeTest, answers_a_payment_by_its_id_and_by_its_order) {
  const auto path = pay("o-1", "tok_approve");
  const auto answer = ask("GET", path);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(status_in(answer), "completed");
  const auto found = ask("GET", "/payments?orderId=o-1");
  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(found.body, answer.body);
}

TEST_F(PaymentFacadeTest, a_payment_that_is_not_there_is_404_and_a_query_without_an_order_400) {
  EXPECT_EQ(ask("GET", "/payments/none").status, 404);
  EXPECT_EQ(ask("GET", "/payments?orderId=none").status, 404);
  EXPECT_EQ(ask("POST", "/payments/none/retry", "", body).status, 404);
  EXPECT_EQ(ask("GET", "/payments").status, 400);
  EXPECT_EQ(ask("GET", "/payments?orderId=").status, 400);
  EXPECT_EQ(ask("GET", "/payments?orderId=not%20an%20id").status, 400);
}

TEST_F(PaymentFacadeTest, a_customers_payment_is_the_customers) {
  const auto path = pay("o-1", "tok_decline", CustomerId("ann"));
  EXPECT_EQ(ask("GET", path, ann).status, 200);
  EXPECT_EQ(ask("GET", path, admin).status, 200);
  for (const auto& other : {bob, std::string()}) {
    EXPECT_EQ(ask("GET", path, other).status, 404);
    EXPECT_EQ(ask("GET", "/payments?orderId=o-1", other).status, 404);
    EXPECT_EQ(ask("POST", path + "/retry", other, body).status, 404);
  }
}

TEST_F(PaymentFacadeTest, a_failed_payment_is_retried_and_any_other_is_not) {
  const auto path = pay("o-1", "tok_insufficient_funds");
  EXPECT_EQ(status_in(ask("GET", path)), "failed");
  const auto retried = ask("POST", path + "/retry", "", body);
  EXPECT_EQ(retried.status, 202);
  EXPECT_EQ(retried.headers.at("location"), path);
  EXPECT_EQ(status_in(retried), "requested");
  EXPECT_EQ(ask("POST", path + "/retry", "", body).status, 409);
  deliver();
  EXPECT_EQ(status_in(ask("GET", path)), "completed");
  EXPECT_EQ(ask("POST", path + "/retry", "", body).status, 409);
}

TEST_F(PaymentFacadeTest, a_retry_under_one_key_is_made_once) {
  const auto path = pay("o-1", "tok_decline");
  const auto first = ask("POST", path + "/retry", "", body, {"Idempotency-Key: k-1"});
  EXPECT_EQ(first.status, 202);
  EXPECT_EQ(ask("POST", path + "/retry", "", body, {"Idempotency-Key: k-1"}).body, first.body);
  EXPECT_EQ(
      ask("POST", path + "/retry", "", R"({"paymentMethod":{"token":"tok_slow"}})", {"Idempotency-Key: k-1"}).status,
      422);
  deliver();
  EXPECT_EQ(parsed(ask("GET", path))["attempts"].Size(), 2u);
}

TEST_F(PaymentFacadeTest, nobody_else_is_told_that_a_key_was_used) {
  const auto path = pay("o-1", "tok_decline", CustomerId("ann"));
  EXPECT_EQ(ask("POST", path + "/retry", ann, body, {"Idempotency-Key: k-1"}).status, 202);
  for (const auto& other : {bob, std::string()})
    EXPECT_EQ(ask("POST", path + "/retry", other, body, {"Idempotency-Key: k-1"}).status, 404);
}

TEST_F(PaymentFacadeTest, a_retry_needs_a_token) {
  const auto path = pay("o-1", "tok_decline") + "/retry";
  EXPECT_EQ(ask("POST", path).status, 415);
  for (const std::string wrong :
       {"{}", R"({"paymentMethod":{}})", R"({"paymentMethod":{"token":""}})", R"({"paymentMethod":{"token":"  "}})",
        R"({"paymentMethod":{"token":5}})", R"({"paymentMethod":{"token":"t"},"amount":1})"}) {
    const auto answer = ask("POST", path, "", wrong);
    EXPECT_EQ(answer.status, 400) << wrong;
    EXPECT_THAT(answer.body, HasSubstr("pointer"));
  }
  EXPECT_EQ(ask("POST", path, "", R"({"paymentMethod":{"token":")" + std::string(256, 't') + R"("}})").status, 400);
}

TEST_F(PaymentFacadeTest, the_ledger_is_for_admins_and_comes_in_pages) {
  for (int i = 0; i < 5; ++i) pay("o-" + std::to_string(i), "tok_approve");
  EXPECT_EQ(ask("GET", "/payments/ledger").status, 401);
  EXPECT_EQ(ask("GET", "/payments/ledger", ann).status, 403);
  const auto all = parsed(ask("GET", "/payments/ledger", admin));
  EXPECT_EQ(all["items"].Size(), 5u);
  EXPECT_FALSE(all.HasMember("nextCursor"));
  auto page = parsed(ask("GET", "/payments/ledger?limit=3", admin));
  EXPECT_EQ(page["items"].Size(), 3u);
  const std::string cursor = page["nextCursor"].GetString();
  page = parsed(ask("GET", "/payments/ledger?limit=3&cursor=" + cursor, admin));
  EXPECT_EQ(page["items"].Size(), 2u);
  EXPECT_FALSE(page.HasMember("nextCursor"));
  EXPECT_EQ(ask("GET", "/payments/ledger?cursor=nonsense", admin).status, 400);
  EXPECT_EQ(ask("GET", "/payments/ledger?cursor=", admin).status, 400);
  EXPECT_EQ(ask("GET", "/payments/ledger?limit=0", admin).status, 400);
  EXPECT_EQ(ask("GET", "/payments/ledger?limit=1001", admin).status, 400);
}

TEST_F(PaymentFacadeTest, no_token_shows_anywhere) {
  const auto path = pay("o-1", "tok_secret");
  EXPECT_THAT(ask("GET", path).body, Not(HasSubstr("tok_")));
  const auto retried = ask("POST", path + "/retry", "", R"({"paymentMethod":{"token":"tok_secret_2"}})");
  EXPECT_THAT(retried.body, Not(HasSubstr("tok_")));
  deliver();
  for (const auto& line : captured.lines()) EXPECT_THAT(line, Not(HasSubstr("tok_")));
}

}  // namespace
}  // namespace shop::payment
