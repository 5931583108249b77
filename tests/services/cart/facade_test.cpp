// The facade alone, over loopback: what becomes of a request, and of an answer. The actors behind it are scripted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/cart/cart.hpp"
#include "services/cart/routes.hpp"
#include "tests/services/common/support.hpp"

namespace shop::cart {
namespace {

using actors::Reason;
using actors::Task;
using services::testing::Answer;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// Answers every call alike but for those with an answer of their own, and remembers them.
class ScriptedSidecar final : public actors::Sidecar {
 public:
  Task<actors::Reply> call_actor(actors::ActorId id, actors::Call what) override {
    actor = std::move(id);
    call = std::move(what);
    ++calls;
    all.push_back(actor.id + " " + call.method + " " + call.body);
    if (const auto known = replies.find(actor.id + " " + call.method); known != replies.end()) co_return known->second;
    co_return reply;
  }
  Task<std::optional<std::string>> read_state(actors::ActorId, std::string) override {
    return never<std::optional<std::string>>();
  }
  Task<void> commit_state(actors::ActorId, std::vector<actors::StateOperation>) override { return never<void>(); }
  Task<void> register_reminder(actors::ActorId, actors::Alarm) override { return never<void>(); }
  Task<void> unregister_reminder(actors::ActorId, std::string) override { return never<void>(); }
  Task<void> register_timer(actors::ActorId, actors::Alarm) override { return never<void>(); }
  Task<void> unregister_timer(actors::ActorId, std::string) override { return never<void>(); }
  Task<void> publish(actors::CloudEvent) override { return never<void>(); }
  Task<actors::HttpAnswer> invoke(std::string, actors::HttpRequest) override { return never<actors::HttpAnswer>(); }

  actors::Reply reply;
  std::map<std::string, actors::Reply> replies;  // to `<actor's id> <method>`, in place of that
  std::vector<std::string> all;
  actors::ActorId actor;
  actors::Call call;
  int calls = 0;

 private:
  template <class T>
  static Task<T> never() {
    throw std::logic_error("the facade only calls actors");
  }
};

const CartView cart{CartId("c-1"),
                    std::nullopt,
                    {{ProductId("tea"), "Tea", 2, {450, "EUR"}, true, true, std::nullopt}},
                    {900, "EUR"},
                    1,
                    *actors::from_rfc3339("2026-05-04T10:11:12.013Z"),
                    std::nullopt};
constexpr auto order =
    R"({"paymentMethod":{"token":"tok_approve"},"shippingAddress":{"name":"Ada","line1":"12 Mill Lane",)"
    R"("city":"London","postalCode":"W1","country":"GB"}})";

class CartFacadeTest : public ::testing::Test {
 protected:
  CartFacadeTest() {
    tokens.accept(services::hs256(services::testing::key));
    add_routes(facade, [this](actors::Origin origin) { return actors::Calls(sidecar, std::move(origin)); });
    facade.start();
    sidecar.reply = actors::json::to_string(cart);
  }
  ~CartFacadeTest() override { facade.stop(); }
  Answer ask(const std::string& verb, const std::string& path, const std::string& body = {},
             std::vector<std::string> headers = {}) {
    if (!body.empty()) headers.push_back("Content-Type: application/json");
    return services::testing::ask(facade.port(), verb, path, headers, body);
  }
  void expect_call(const std::string& method, const std::string& body) {
    EXPECT_EQ(sidecar.actor, (actors::ActorId{"Cart", "c-1"}));
    EXPECT_EQ(sidecar.call.method, method);
    EXPECT_EQ(sidecar.call.body, body);
  }
  void expect_invalid(const std::string& verb, const std::string& path, const std::string& body,
                      const std::string& pointer) {
    const auto answer = ask(verb, path, body, {"Idempotency-Key: k"});
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_THAT(answer.body, HasSubstr("\"pointer\":\"" + pointer + "\"")) << body;
    EXPECT_EQ(sidecar.calls, 0) << body;
  }

  services::testing::CapturedLog captured;
  ScriptedSidecar sidecar;
  services::testing::FixedClock clock;
  services::testing::ThreadRunner runner;
  services::Tokens tokens{clock};
  services::Metrics metrics;
  services::Facade facade{{"127.0.0.1", 0, "{}"}, runner, tokens, metrics};
};

TEST_F(CartFacadeTest, each_request_becomes_one_call_of_its_cart) {
  const auto shown = ask("GET", "/carts/c-1");
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(shown.body, actors::json::to_string(cart));
  expect_call("View", R"({"by":{"admin":false}})");
  EXPECT_EQ(ask("POST", "/carts/c-1/items", R"({"productId":"tea","quantity":2})").status, 200);
  expect_call("AddItem", R"({"by":{"admin":false},"productId":"tea","quantity":2})");
  EXPECT_EQ(ask("PUT", "/carts/c-1/items/tea", R"({"quantity":0})").status, 200);
  expect_call("SetQuantity", R"({"by":{"admin":false},"productId":"tea","quantity":0})");
  EXPECT_EQ(ask("DELETE", "/carts/c-1/items/tea").status, 200);
  expect_call("RemoveItem", R"({"by":{"admin":false},"productId":"tea"})");
  EXPECT_EQ(ask("DELETE", "/carts/c-1").status, 200);
  expect_call("Clear", R"({"by":{"admin":false}})");
}

TEST_F(CartFacadeTest, no_answer_about_a_cart_may_be_kept) {
  for (const auto& answer : {ask("GET", "/carts/c-1"), ask("DELETE", "/carts/c-1"), ask("GET", "/carts/a.b"),
                             ask("POST", "/carts/c-1/items", "{"), ask("PATCH", "/carts/c-1")}) {
    EXPECT_EQ(answer.headers.at("cache-control"), "no-store") << answer.status;
    EXPECT_EQ(answer.headers.at("vary"), "Authorization") << answer.status;
    EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff") << answer.status;
  }
}

TEST_F(CartFacadeTest, a_checkout_is_accepted_and_says_where_the_order_will_be) {
  sidecar.reply = actors::json::to_string(Checkout{OrderId("o-1"), "created", {900, "EUR"}});
  const auto answer = ask("POST", "/carts/c-1/checkout", order, {"Idempotency-Key: k-1"});
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.headers.at("location"), "/orders/o-1");
  EXPECT_EQ(answer.body, R"({"orderId":"o-1","status":"created","total":{"amount":900,"currency":"EUR"}})");
  EXPECT_EQ(sidecar.call.method, "CheckOut");
  EXPECT_EQ(sidecar.call.id, "k-1@/carts/c-1/checkout");
}

TEST_F(CartFacadeTest, the_clients_key_makes_the_calls_id_where_it_brings_one) {
  ask("POST", "/carts/c-1/items", R"({"productId":"tea","quantity":2})", {"Idempotency-Key: k-2"});
  EXPECT_EQ(sidecar.call.id, "k-2@/carts/c-1/items");
  ask("POST", "/carts/c-1/items", R"({"productId":"tea","quantity":2})");
  EXPECT_THAT(sidecar.call.id, Not(HasSubstr("k-2")));
  EXPECT_FALSE(sidecar.call.id.empty());
}

TEST_F(CartFacadeTest, a_checkout_needs_a_key_that_is_one) {
  for (const auto& headers :
       {std::vector<std::string>{}, {"Idempotency-Key: "}, {"Idempotency-Key: " + std::string(256, 'k')}}) {
    const auto answer = ask("POST", "/carts/c-1/checkout", order, headers);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json");
  }
  EXPECT_EQ(sidecar.calls, 0);
}

TEST_F(CartFacadeTest, who_asks_goes_along) {
  ask("GET", "/carts/c-1", {}, {"Authorization: Bearer " + services::testing::token("ada")});
  expect_call("View", R"({"by":{"customerId":"ada","admin":false}})");
  ask("GET", "/carts/c-1", {}, {"Authorization: Bearer " + services::testing::token("root", "admin")});
  expect_call("View", R"({"by":{"customerId":"root","admin":true}})");
  EXPECT_EQ(ask("GET", "/carts/c-1", {}, {"Authorization: Bearer nonsense"}).status, 401);
}

TEST_F(CartFacadeTest, what_cannot_be_an_id_is_not_there) {
  EXPECT_EQ(ask("GET", "/carts/c%201").status, 404);
  EXPECT_EQ(ask("GET", "/carts/" + std::string(65, 'c')).status, 404);
  EXPECT_EQ(ask("PUT", "/carts/c-1/items/t%2fa", R"({"quantity":1})").status, 404);
  EXPECT_EQ(ask("DELETE", "/carts/c-1/items/t.a").status, 404);
  EXPECT_EQ(sidecar.calls, 0);
}

TEST_F(CartFacadeTest, what_is_wrong_in_a_body_is_pointed_at_and_goes_no_further) {
  expect_invalid("POST", "/carts/c-1/items", R"({"quantity":1})", "/productId");
  expect_invalid("POST", "/carts/c-1/items", R"({"productId":"no id","quantity":1})", "/productId");
  expect_invalid("POST", "/carts/c-1/items", R"({"productId":"tea","quantity":"1"})", "/quantity");
  expect_invalid("POST", "/carts/c-1/items", R"({"productId":"tea","quantity":1.5})", "/quantity");
  expect_invalid("POST", "/carts/c-1/items", R"({"productId":"tea","quantity":1,"price":0})", "/price");
  expect_invalid("PUT", "/carts/c-1/items/tea", R"({"quantity":null})", "/quantity");
  expect_invalid("POST", "/carts/c-1/checkout", R"({"paymentMethod":{"token":"t"}})", "/shippingAddress");
}

TEST_F(CartFacadeTest, an_address_is_complete_and_of_a_sane_size) {
  const auto with = [](const std::string& field, const std::string& value) {
    std::map<std::string, std::string> address{
        {"name", "Ada"}, {"line1", "12 Mill Lane"}, {"city", "London"}, {"postalCode", "W1"}, {"country", "GB"}};
    address[field] = value;
    return R"({"paymentMethod":{"token":"tok_approve"},"shippingAddress":)" + actors::json::to_string(address) + "}";
  };
  for (const auto& [field, longest] : std::map<std::string, std::size_t>{
           {"name", 200}, {"line1", 200}, {"line2", 200}, {"city", 100}, {"postalCode", 20}, {"country", 60}}) {
    const auto pointer = "/shippingAddress/" + field;
    expect_invalid("POST", "/carts/c-1/checkout", with(field, std::string(longest + 1, 'x')), pointer);
    if (field != "line2") expect_invalid("POST", "/carts/c-1/checkout", with(field, "  "), pointer);
  }
  expect_invalid("POST", "/carts/c-1/checkout", with("state", "CA"), "/shippingAddress/state");
  sidecar.reply = actors::json::to_string(Checkout{OrderId("o-1"), "created", {900, "EUR"}});
  std::string longest;  // characters count, not bytes
  for (int i = 0; i < 200; ++i) longest += "\u00fc";
  EXPECT_EQ(ask("POST", "/carts/c-1/checkout", with("name", longest), {"Idempotency-Key: k"}).status, 202);
  EXPECT_EQ(ask("POST", "/carts/c-1/checkout", with("line2", ""), {"Idempotency-Key: k"}).status, 202);
}

TEST_F(CartFacadeTest, a_refusal_is_the_problem_it_is) {
  const std::map<Reason, int> statuses{{Reason::NotFound, 404}, {Reason::Conflict, 409}, {Reason::Unprocessable, 422}};
  for (const auto& [reason, status] : statuses) {
    sidecar.reply = actors::refuse(reason, "some_code", "what is wrong");
    const auto answer = ask("POST", "/carts/c-1/items", R"({"productId":"tea","quantity":2})");
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json");
    EXPECT_THAT(answer.body, HasSubstr("some_code"));
    EXPECT_THAT(answer.body, HasSubstr("what is wrong"));
  }
}

TEST_F(CartFacadeTest, nobody_but_who_may_see_the_cart_is_told_that_a_key_was_used) {
  sidecar.reply = actors::refuse(Reason::Unprocessable, "idempotency_key_reused", "used for another request");
  const std::vector<std::string> key{"Idempotency-Key: k"};
  const auto statuses = [&] {
    return std::vector{ask("POST", "/carts/c-1/items", R"({"productId":"tea","quantity":2})", key).status,
                       ask("PUT", "/carts/c-1/items/tea", R"({"quantity":3})", key).status,
                       ask("DELETE", "/carts/c-1/items/tea", {}, key).status,
                       ask("DELETE", "/carts/c-1", {}, key).status,
                       ask("POST", "/carts/c-1/checkout", order, key).status};
  };
  sidecar.replies["c-1 View"] = actors::json::to_string(cart);
  EXPECT_THAT(statuses(), ::testing::Each(422));
  sidecar.replies["c-1 View"] = actors::refuse(Reason::NotFound, "unknown_cart", "there is no cart c-1");
  EXPECT_THAT(statuses(), ::testing::Each(404));
}

TEST_F(CartFacadeTest, a_refusal_of_several_items_names_each) {
  sidecar.reply = actors::refuse(Reason::Conflict, "out_of_stock", "not to be had: tea",
                                 {{"/items/0", "only 1 of 2 can be had", 1}, {"/items/3", "is sold out", 0}});
  const auto answer = ask("POST", "/carts/c-1/checkout", order, {"Idempotency-Key: k"});
  EXPECT_EQ(answer.status, 409);
  EXPECT_THAT(answer.body, HasSubstr(R"("type":"urn:problem:ecommerce:out_of_stock")"));
  EXPECT_THAT(answer.body,
              HasSubstr(R"("errors":[{"pointer":"/items/0","detail":"only 1 of 2 can be had","available":1},)"
                        R"({"pointer":"/items/3","detail":"is sold out","available":0}])"));
}

// --- claims ---

class ClaimFacadeTest : public CartFacadeTest {
 protected:
  ClaimFacadeTest() {
    sidecar.replies["g Outline"] = actors::json::to_string(CartOutline{"EUR", false});
    sidecar.replies["a Outline"] = actors::json::to_string(CartOutline{"EUR", false});
    sidecar.replies["g Seal"] = actors::json::to_string(lines);
    sidecar.replies["a TakeOver"] = actors::json::to_string(Taken{});
    sidecar.replies["g Settle"] = "null";
  }
  Answer claim(const std::string& id, const std::string& body, std::vector<std::string> headers = {}) {
    headers.push_back("Authorization: Bearer " + services::testing::token("ada"));
    return ask("POST", "/carts/" + id + "/claim", body, std::move(headers));
  }
  const TakeOver lines{"claim-1", CustomerId("ada"), {{ProductId("tea"), "Tea", 2, {450, "EUR"}}}};
};

TEST_F(ClaimFacadeTest, a_claim_without_another_cart_is_one_call) {
  for (const auto* body : {"", "{}", R"({"into":"c-1"})"}) {
    const auto answer = claim("c-1", body);
    EXPECT_EQ(answer.status, 200) << body;
    EXPECT_EQ(answer.body, actors::json::to_string(cart));
    expect_call("Claim", R"({"by":"ada"})");
  }
  EXPECT_EQ(sidecar.calls, 3);
}

TEST_F(ClaimFacadeTest, a_claim_into_another_cart_seals_the_first_and_opens_it_again) {
  const auto answer = claim("g", R"({"into":"a"})", {"Idempotency-Key: k"});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, actors::json::to_string(cart));
  const std::string ada = R"({"by":{"customerId":"ada","admin":false}})";
  EXPECT_THAT(sidecar.all, ElementsAre("g Outline " + ada, "a Outline " + ada, R"(g Seal {"by":"ada","into":"a"})",
                                       "a TakeOver " + actors::json::to_string(lines),
                                       R"(g Settle {"claim":"claim-1","taken":{"left":[]}})", "a View " + ada));
}

TEST_F(ClaimFacadeTest, what_is_left_behind_is_named_in_the_answer) {
  sidecar.replies["a TakeOver"] = actors::json::to_string(Taken{std::nullopt, {{ProductId("tea"), 1}}});
  EXPECT_THAT(claim("g", R"({"into":"a"})").body, HasSubstr(R"("left":[{"productId":"tea","quantity":1}])"));
}

TEST_F(ClaimFacadeTest, nothing_is_sealed_if_there_is_nothing_to_move_or_it_cannot_be) {
  sidecar.replies["g Outline"] = actors::json::to_string(CartOutline{});
  EXPECT_EQ(claim("g", R"({"into":"a"})").status, 200);
  sidecar.replies["g Outline"] = actors::json::to_string(CartOutline{"USD", false});
  const auto other = claim("g", R"({"into":"a"})");
  EXPECT_EQ(other.status, 409);
  EXPECT_THAT(other.body, HasSubstr("other_currency"));
  sidecar.replies["a Outline"] = actors::json::to_string(CartOutline{std::nullopt, true});
  EXPECT_THAT(claim("g", R"({"into":"a"})").body, HasSubstr("claim_under_way"));
  sidecar.replies["a Outline"] = actors::refuse(Reason::NotFound, "unknown_cart", "there is no cart a");
  EXPECT_EQ(claim("g", R"({"into":"a"})").status, 404);
  EXPECT_THAT(sidecar.all, Not(Contains(HasSubstr("Seal"))));
}

TEST_F(ClaimFacadeTest, what_was_begun_is_ended_whatever_the_other_cart_holds_since) {
  sidecar.replies["g Outline"] = actors::json::to_string(CartOutline{"EUR", true});
  sidecar.replies["a Outline"] = actors::json::to_string(CartOutline{"USD", false});
  EXPECT_EQ(claim("g", R"({"into":"a"})").status, 200);
  EXPECT_THAT(sidecar.all, Contains(HasSubstr("Settle")));
}

TEST_F(ClaimFacadeTest, who_finds_the_cart_emptied_meanwhile_is_shown_the_other_one) {
  sidecar.replies["g Seal"] = actors::refuse(Reason::Conflict, "empty_cart", "there is nothing in the cart to move");
  EXPECT_EQ(claim("g", R"({"into":"a"})").body, actors::json::to_string(cart));
  sidecar.replies["g Seal"] = actors::refuse(Reason::Conflict, "claim_under_way", "try again");
  EXPECT_EQ(claim("g", R"({"into":"a"})").status, 409);
}

TEST_F(ClaimFacadeTest, a_cart_that_takes_nothing_opens_the_first_again) {
  const std::map<std::string, int> refusals{{"unknown_cart", 404}, {"other_currency", 409}, {"claim_under_way", 409}};
  for (const auto& [code, status] : refusals) {
    sidecar.all.clear();
    sidecar.replies["a TakeOver"] = actors::json::to_string(Taken{code, {}});
    const auto answer = claim("g", R"({"into":"a"})");
    EXPECT_EQ(answer.status, status);
    EXPECT_THAT(answer.body, HasSubstr(code));
    EXPECT_THAT(sidecar.all.back(), HasSubstr("g Settle"));
  }
}

TEST_F(ClaimFacadeTest, a_claim_is_for_customers) {
  const auto nobody = ask("POST", "/carts/c-1/claim", R"({"into":"a"})");
  EXPECT_EQ(nobody.status, 401);
  EXPECT_THAT(nobody.headers.at("www-authenticate"), HasSubstr("Bearer"));
  const auto admin = ask("POST", "/carts/c-1/claim", R"({"into":"a"})",
                         {"Authorization: Bearer " + services::testing::token("root", "admin")});
  EXPECT_EQ(admin.status, 403);
  EXPECT_EQ(claim("c-1", R"({"into":"no id"})").status, 400);
  EXPECT_EQ(claim("c-1", R"({"to":"a"})").status, 400);
  EXPECT_EQ(sidecar.calls, 0);
}

TEST_F(CartFacadeTest, other_verbs_are_refused_with_those_there_are) {
  const auto answer = ask("PATCH", "/carts/c-1");
  EXPECT_EQ(answer.status, 405);
  EXPECT_THAT(answer.headers.at("allow"), HasSubstr("DELETE"));
  EXPECT_EQ(ask("GET", "/carts").status, 404);
}

}  // namespace
}  // namespace shop::cart
