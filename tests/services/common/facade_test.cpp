#include "services/common/facade.hpp"

#include <dapr/actors/sidecar.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "tests/services/common/support.hpp"

namespace shop::services {
namespace {

using actors::Task;
using ::testing::AllOf;
using testing::ask;
using ::testing::HasSubstr;
using ::testing::Not;

struct Item {
  std::string product_id;
  int quantity = 0;
  DAPR_ACTORS_JSON(product_id, quantity)
};
struct Reason {
  std::optional<std::string> reason;
  DAPR_ACTORS_JSON(reason)
};
struct Echo {
  std::string id, query, key, trace, sub, body;
  DAPR_ACTORS_JSON(id, query, key, trace, sub, body)
};

class FacadeTest : public ::testing::Test {
 protected:
  FacadeTest() {
    tokens.accept(hs256(testing::key));
    facade.get("/echo/{id}", [](Request request) -> Task<Response> {
      co_return Response::json(200, Echo{request.parameter("id"), request.query("q").value_or(""), request.origin().id,
                                         request.origin().trace.traceparent, request.caller().sub, request.body()});
    });
    facade.post("/echo/{id}", [](Request request) -> Task<Response> {
      co_return Response::json(200, Echo{request.parameter("id"), request.query("q").value_or(""), request.origin().id,
                                         request.origin().trace.traceparent, request.caller().sub, request.body()})
          .header("Location", "/echo/1");
    });
    facade.get("/echo/ledger", [](Request) -> Task<Response> { co_return Response{200, R"("ledger")"}; });
    facade.get("/things/{id}", [](Request request) -> Task<Response> {
      co_return Response::json(200, request.id("id")).header("ETag", etag(7));
    });
    facade.post("/things/{id}/items", [](Request request) -> Task<Response> {
      co_return Response::json(200, request.body_as<Item>().quantity);
    });
    facade.post("/things/{id}/cancel", [](Request request) -> Task<Response> {
      co_return Response::json(200, request.optional_body_as<Reason>().reason.value_or("none"));
    });
    facade.post("/things/{id}/ship", Access::Admin,
                [](Request) -> Task<Response> { co_return Response::no_content(); });
    facade.get("/list", [](Request request) -> Task<Response> {
      co_return Response::json(200, request.query_integer("limit", 1, 100).value_or(20));
    });
    facade.get("/refused", [](Request) -> Task<Response> {
      actors::Result<int> result = actors::refuse(actors::Reason::Conflict, "empty_cart", "The cart is empty.");
      co_return Response::json(200, value(std::move(result)));
    });
    facade.get("/down", [](Request) -> Task<Response> {
      throw actors::SidecarError(500, "ERR_ACTOR_INVOKE_METHOD", "secret inner address");
      co_return Response{};
    });
    facade.get("/late", [](Request) -> Task<Response> {
      throw actors::SidecarError(504, "", "no answer");
      co_return Response{};
    });
    facade.get("/bug", [](Request) -> Task<Response> {
      throw std::logic_error("an inner detail");
      co_return Response{};
    });
    facade.get("/large", [](Request request) -> Task<Response> {
      const auto size = static_cast<std::size_t>(request.query_integer("size", 0, 10'000'000).value_or(0));
      co_return Response{200, std::string(size, 'x')};
    });
    facade.get("/header", [](Request request) -> Task<Response> {
      co_return Response{200, R"("h")"}.header("X-Echo", request.query("q").value_or(""));
    });
    facade.get("/wait", [this](Request) -> Task<Response> {
      co_await actors::suspend<void>([this](actors::Completion<void> done) {
        release = [done] { done(); };
        ++waiting;  // whoever sees that may look at `release`
      });
      co_return Response{200, R"("waited")"};
    });
    facade.start();
  }
  ~FacadeTest() override { facade.stop(); }

  static void expect_problem(const testing::Answer& answer, int status) {
    EXPECT_EQ(answer.status, status) << answer.body;
    ASSERT_TRUE(answer.headers.count("content-type")) << answer.status;
    EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json");
    rapidjson::Document problem;
    problem.Parse(answer.body.c_str());
    ASSERT_TRUE(problem.IsObject()) << answer.body;
    EXPECT_EQ(problem["status"].GetInt(), status);
    EXPECT_TRUE(problem.HasMember("type") && problem.HasMember("title") && problem.HasMember("detail")) << answer.body;
  }

  testing::CapturedLog captured;
  testing::FixedClock clock;
  std::atomic<int> waiting = 0;
  std::function<void()> release;
  testing::ThreadRunner runner;
  Tokens tokens{clock};
  Metrics metrics;
  Facade facade{{"127.0.0.1", 0, R"({"openapi":"3.1.0"})"}, runner, tokens, metrics};
  const std::string json = "Content-Type: application/json";
};

TEST_F(FacadeTest, answers_from_a_handler_on_another_thread) {
  const auto answer = ask(facade.port(), "GET", "/things/t-1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"("t-1")");
  EXPECT_EQ(answer.headers.at("etag"), R"("7")");
  EXPECT_EQ(answer.headers.at("content-type"), "application/json");
}

TEST_F(FacadeTest, keeps_a_connection_open_as_http_1_1_does_and_closes_it_when_asked) {
  testing::Connection connection(facade.port());
  for (int i = 0; i < 3; ++i) {
    connection.send("GET /things/t-1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const auto answer = connection.read();
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->body, R"("t-1")");
  }
  connection.send("GET /things/t-1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(connection.read()->headers.at("connection"), "close");
}

TEST_F(FacadeTest, an_unknown_path_is_404_however_it_is_spelled) {
  for (const auto* path :
       {"/", "/nothing", "/things", "/things/", "/things/t-1/", "//things/t-1", "/things//items", "/THINGS/t"})
    expect_problem(ask(facade.port(), "GET", path), 404);
  expect_problem(ask(facade.port(), "GET", std::string(15000, '/')), 404);
  EXPECT_THAT(ask(facade.port(), "GET", "/nothing").body, HasSubstr(R"("instance":"/nothing")"));
  EXPECT_THAT(ask(facade.port(), "GET", "/\"\xff").body, HasSubstr(R"("instance":"/%22%FF")"));
}

TEST_F(FacadeTest, a_wrong_verb_is_405_with_allow) {
  const auto answer = ask(facade.port(), "DELETE", "/things/t-1");
  expect_problem(answer, 405);
  EXPECT_EQ(answer.headers.at("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(ask(facade.port(), "GET", "/things/t-1/items").headers.at("allow"), "POST, OPTIONS");
  const auto unheard_of = ask(facade.port(), "BREW", "/things/t-1");
  expect_problem(unheard_of, 405);
  EXPECT_EQ(unheard_of.headers.at("allow"), "GET, HEAD, OPTIONS");
  EXPECT_THAT(unheard_of.body, HasSubstr(R"("instance":"/things/t-1")"));
  expect_problem(ask(facade.port(), "BREW", "/nothing"), 404);
}

TEST_F(FacadeTest, options_tells_the_verbs) {
  const auto answer = ask(facade.port(), "OPTIONS", "/echo/1");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.headers.at("allow"), "GET, HEAD, POST, OPTIONS");
}

TEST_F(FacadeTest, head_is_get_without_its_body) {
  const auto answer = ask(facade.port(), "HEAD", "/things/t-1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("etag"), R"("7")");
  EXPECT_EQ(answer.body, "");
}

TEST_F(FacadeTest, answers_without_a_body_say_nothing_of_its_length_but_head_says_that_of_get) {
  const std::vector<std::string> admin{"Authorization: Bearer " + testing::token("ada", "admin")};
  const auto empty = ask(facade.port(), "POST", "/things/t-1/ship", admin);
  EXPECT_EQ(empty.status, 204);
  EXPECT_FALSE(empty.headers.count("content-length") || empty.headers.count("content-type"));
  EXPECT_EQ(ask(facade.port(), "HEAD", "/things/t-1").headers.at("content-length"), "5");
  testing::Connection connection(facade.port());
  for (int i = 0; i < 3; ++i) {
    connection.send("HEAD /things/t-1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(connection.read(true)) << "and the connection goes on";
  }
}

TEST_F(FacadeTest, closes_the_connection_when_the_client_asks_for_it) {
  testing::Connection connection(facade.port());
  connection.send("GET /things/t-1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(connection.read());
  EXPECT_FALSE(connection.read());
}

TEST_F(FacadeTest, a_large_answer_arrives_whole_also_at_a_client_that_is_slow_to_read) {
  for (const std::size_t size : {20'000u, 300'000u, 9'000'000u}) {
    testing::Connection connection(facade.port());
    connection.send("GET /large?size=" + std::to_string(size) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    testing::eventually([&] { return metrics.page().find("shop_http_requests_in_flight 0") != std::string::npos; });
    EXPECT_EQ(connection.read()->body, std::string(size, 'x'));
  }
}

TEST_F(FacadeTest, many_clients_at_once_each_get_their_own_answer) {
  std::vector<std::thread> clients;
  std::atomic<int> wrong = 0;
  for (int client = 0; client < 8; ++client)
    clients.emplace_back([&, client] {
      for (int i = 0; i < 200; ++i) {
        const auto id = std::to_string(client) + "-" + std::to_string(i);
        if (i % 3 == 0) testing::Connection(facade.port()).send("GET /things/left HTTP/1.1\r\n\r\n");  // and leaves
        if (ask(facade.port(), "GET", "/things/" + id).body != '"' + id + '"') ++wrong;
      }
    });
  for (auto& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(FacadeTest, a_header_cannot_be_smuggled_into_an_answer) {
  const auto answer = ask(facade.port(), "GET", "/header?q=a%0d%0aX-Evil:%201");
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.headers.count("x-evil"));
}

TEST_F(FacadeTest, a_literal_segment_goes_before_a_variable_one) {
  EXPECT_EQ(ask(facade.port(), "GET", "/echo/ledger").body, R"("ledger")");
  EXPECT_THAT(ask(facade.port(), "GET", "/echo/ledgers").body, HasSubstr(R"("id":"ledgers")"));
}

TEST_F(FacadeTest, paths_and_queries_are_decoded) {
  EXPECT_THAT(ask(facade.port(), "GET", "/echo/a%2Fb%20%C3%A4?q=x%26y+z&q=second").body,
              AllOf(HasSubstr("\"id\":\"a/b \xC3\xA4\""), HasSubstr(R"("query":"x&y z")")));
}

TEST_F(FacadeTest, what_cannot_be_decoded_is_400) {
  for (const auto* target : {"/echo/%", "/echo/%zz", "/echo/%ff", "/echo/%00", "/echo/1?q=%f", "/echo/1?q=%C0%80"})
    expect_problem(ask(facade.port(), "GET", target), 400);
}

TEST_F(FacadeTest, what_cannot_be_an_id_is_not_there) {
  expect_problem(ask(facade.port(), "GET", "/things/a.b"), 404);
  expect_problem(ask(facade.port(), "GET", "/things/" + std::string(65, 'x')), 404);
  EXPECT_EQ(ask(facade.port(), "GET", "/things/" + std::string(64, 'x')).status, 200);
}

TEST_F(FacadeTest, a_body_is_read_strictly_and_every_error_has_its_pointer) {
  const auto good = ask(facade.port(), "POST", "/things/t-1/items", {json}, R"({"productId":"p","quantity":3})");
  EXPECT_EQ(good.body, "3");
  EXPECT_EQ(ask(facade.port(), "POST", "/things/t-1/items", {"content-type: Application/JSON; charset=utf-8"},
                R"({"productId":"p","quantity":4})")
                .body,
            "4");
  const auto bad = ask(facade.port(), "POST", "/things/t-1/items", {json}, R"({"quantity":"3","more":1})");
  expect_problem(bad, 400);
  EXPECT_THAT(bad.body, AllOf(HasSubstr(R"({"pointer":"/productId","detail":"is required"})"),
                              HasSubstr(R"({"pointer":"/quantity","detail":"must be an integer"})"),
                              HasSubstr(R"({"pointer":"/more","detail":"is not known here"})")));
  expect_problem(ask(facade.port(), "POST", "/things/t-1/items", {json}, "{"), 400);
  expect_problem(ask(facade.port(), "POST", "/things/t-1/items", {json}), 400);
}

TEST_F(FacadeTest, another_media_type_is_415) {
  const std::string body = R"({"productId":"p","quantity":3})";
  for (const auto* type : {"Content-Type: text/plain", "Content-Type: application/jsonx",
                           "Content-Type: application/xml", "Content-Type: nonsense", "Content-Type: ", "X-Nothing: 1"})
    expect_problem(ask(facade.port(), "POST", "/things/t-1/items", {type}, body), 415);
}

TEST_F(FacadeTest, a_body_that_may_be_left_out_may_be_left_out) {
  EXPECT_EQ(ask(facade.port(), "POST", "/things/t-1/cancel").body, R"("none")");
  EXPECT_EQ(ask(facade.port(), "POST", "/things/t-1/cancel", {json}, R"({"reason":"late"})").body, R"("late")");
}

TEST_F(FacadeTest, a_body_over_one_mebibyte_is_413) {
  const std::string most = R"({"productId":"p","quantity":1,"x":")" + std::string(1024 * 1024 - 38, 'x') + "\"}";
  EXPECT_LE(most.size(), 1024u * 1024);
  EXPECT_EQ(ask(facade.port(), "POST", "/things/t-1/items", {json}, most).status, 400);
  expect_problem(ask(facade.port(), "POST", "/things/t-1/items", {json}, most + std::string(100, ' ')), 413);
  expect_problem(ask(facade.port(), "POST", "/things/t-1/items", {json}, std::string(3 * 1024 * 1024, ' ')), 413);
}

TEST_F(FacadeTest, a_malformed_request_is_400_with_a_problem) {
  for (const auto* request :
       {"GET /things/t-1 HTTP/3.9\r\n\r\n", "GET /things/t-1 HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n"}) {
    testing::Connection connection(facade.port());
    connection.send(request);
    const auto answer = connection.read();
    ASSERT_TRUE(answer) << request;
    SCOPED_TRACE(request);
    expect_problem(*answer, 400);
  }
}

TEST_F(FacadeTest, queries_have_bounds) {
  EXPECT_EQ(ask(facade.port(), "GET", "/list").body, "20");
  EXPECT_EQ(ask(facade.port(), "GET", "/list?limit=100").body, "100");
  for (const auto* limit : {"0", "101", "-1", "1.5", "x", "99999999999999999999", "%201", ""})
    expect_problem(ask(facade.port(), "GET", std::string("/list?limit=") + limit), 400);
}

TEST_F(FacadeTest, a_refusal_is_the_problem_it_is) {
  const auto answer = ask(facade.port(), "GET", "/refused");
  expect_problem(answer, 409);
  EXPECT_EQ(answer.body, R"({"type":"urn:problem:ecommerce:empty_cart","title":"Conflict","status":409,)"
                         R"("detail":"The cart is empty.","instance":"/refused"})");
}

TEST_F(FacadeTest, an_outage_is_503_and_can_be_tried_again) {
  const auto answer = ask(facade.port(), "GET", "/down");
  expect_problem(answer, 503);
  EXPECT_EQ(answer.headers.at("retry-after"), "1");
  EXPECT_THAT(answer.body, Not(HasSubstr("secret")));
  expect_problem(ask(facade.port(), "GET", "/late"), 504);
}

TEST_F(FacadeTest, what_nobody_foresaw_is_500_and_in_the_log_alone) {
  const auto answer = ask(facade.port(), "GET", "/bug");
  expect_problem(answer, 500);
  EXPECT_THAT(answer.body, Not(HasSubstr("inner")));
  EXPECT_THAT(captured.lines(),
              ::testing::Contains(AllOf(HasSubstr("\"error\":\"an inner detail\""), HasSubstr("traceId"))));
}

TEST_F(FacadeTest, an_admins_route_is_401_without_a_token_and_403_with_a_customers) {
  const auto anonymous = ask(facade.port(), "POST", "/things/t-1/ship");
  expect_problem(anonymous, 401);
  EXPECT_THAT(anonymous.headers.at("www-authenticate"), HasSubstr("Bearer"));
  expect_problem(ask(facade.port(), "POST", "/things/t-1/ship", {"Authorization: Bearer " + testing::token("ada")}),
                 403);
  EXPECT_EQ(ask(facade.port(), "POST", "/things/t-1/ship", {"Authorization: Bearer " + testing::token("ada", "admin")})
                .status,
            204);
}

TEST_F(FacadeTest, a_token_that_does_not_hold_is_401_even_where_none_is_needed) {
  for (const auto* header : {"Authorization: Bearer nonsense", "Authorization: Basic YTpi", "Authorization: Bearer"}) {
    const auto answer = ask(facade.port(), "GET", "/things/t-1", {header});
    expect_problem(answer, 401);
    EXPECT_TRUE(answer.headers.count("www-authenticate"));
  }
  EXPECT_THAT(ask(facade.port(), "GET", "/echo/1", {"Authorization: bearer " + testing::token("ada")}).body,
              HasSubstr(R"("sub":"ada")"));
}

TEST_F(FacadeTest, a_changing_request_carries_the_clients_key_for_its_path_or_a_new_one) {
  const auto mine = ask(facade.port(), "POST", "/echo/1", {"Idempotency-Key: k-1"});
  EXPECT_THAT(mine.body, HasSubstr(R"("key":"k-1@/echo/1")"));
  EXPECT_EQ(mine.headers.at("location"), "/echo/1");
  EXPECT_NE(ask(facade.port(), "POST", "/echo/1").body, ask(facade.port(), "POST", "/echo/1").body);
  for (const auto& key : {std::string(256, 'k'), std::string(), std::string("a b")})
    expect_problem(ask(facade.port(), "POST", "/echo/1", {"Idempotency-Key: " + key}), 400);
}

TEST_F(FacadeTest, a_request_that_the_door_passes_on_again_is_the_same_request) {
  const std::string passed = "X-Request-Id: 0123456789abcdef0123456789abcdef";
  EXPECT_THAT(ask(facade.port(), "POST", "/echo/1", {passed}).body,
              HasSubstr(R"("key":"0123456789abcdef0123456789abcdef")"));
  EXPECT_THAT(ask(facade.port(), "POST", "/echo/1", {passed, "Idempotency-Key: k-1"}).body,
              HasSubstr(R"("key":"k-1@/echo/1")"))
      << "the client's own key comes first";
  EXPECT_THAT(ask(facade.port(), "POST", "/echo/1", {"X-Request-Id: " + std::string(256, 'r')}).body,
              Not(HasSubstr("rrrr")));
}

TEST_F(FacadeTest, a_clients_trace_goes_on_and_a_broken_one_is_replaced) {
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_THAT(ask(facade.port(), "GET", "/echo/1", {"traceparent: " + trace}).body, HasSubstr(trace));
  EXPECT_THAT(captured.lines().back(), HasSubstr(R"("traceId":"4bf92f3577b34da6a3ce929d0e0e4736")"));
  EXPECT_THAT(ask(facade.port(), "GET", "/echo/1", {"traceparent: 00-xyz"}).body,
              AllOf(HasSubstr(R"("trace":"00-)"), Not(HasSubstr("xyz"))));
}

TEST_F(FacadeTest, health_readiness_and_the_document_are_served) {
  EXPECT_EQ(ask(facade.port(), "GET", "/healthz").status, 200);
  EXPECT_EQ(ask(facade.port(), "GET", "/readyz").status, 200);
  EXPECT_EQ(ask(facade.port(), "GET", "/openapi.json").body, R"({"openapi":"3.1.0"})");
  runner.why = "the sidecar does not answer";
  const auto answer = ask(facade.port(), "GET", "/readyz");
  expect_problem(answer, 503);
  EXPECT_THAT(answer.body, HasSubstr("the sidecar does not answer"));
}

TEST_F(FacadeTest, a_request_is_counted_by_its_route_and_logged_without_its_secrets) {
  ask(facade.port(), "POST", "/things/t-1/items", {json, "Authorization: Bearer " + testing::token("ada")},
      R"({"productId":"tok_secret","quantity":1})");
  ask(facade.port(), "GET", "/nothing/else");
  EXPECT_THAT(
      metrics.page(),
      AllOf(HasSubstr(R"(shop_http_requests_total{method="POST",route="/things/{id}/items",status="200"} 1)"),
            HasSubstr(R"(shop_http_requests_total{method="GET",route="unmatched",status="404"} 1)"),
            HasSubstr(R"(shop_http_request_duration_seconds_count{method="POST",route="/things/{id}/items"} 1)")));
  const auto lines = captured.lines();
  EXPECT_THAT(
      lines, ::testing::Contains(AllOf(HasSubstr(R"("level":"info")"), HasSubstr(R"("msg":"request")"),
                                       HasSubstr(R"("route":"/things/{id}/items")"), HasSubstr(R"("thingId":"t-1")"))));
  EXPECT_THAT(lines, ::testing::Each(AllOf(Not(HasSubstr("tok_secret")), Not(HasSubstr("Bearer")))));
}

TEST_F(FacadeTest, draining_waits_for_requests_in_hand_and_refuses_new_ones) {
  testing::Connection connection(facade.port());
  connection.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n");
  testing::eventually([&] { return waiting == 1; });
  EXPECT_FALSE(facade.drain(std::chrono::milliseconds(1)));
  const auto refused = ask(facade.port(), "GET", "/things/t-1");
  expect_problem(refused, 503);
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  runner.post(release);
  EXPECT_TRUE(facade.drain(std::chrono::seconds(10)));
  EXPECT_EQ(connection.read()->body, R"("waited")");
}

TEST_F(FacadeTest, a_client_that_leaves_before_its_answer_harms_nobody) {
  {
    testing::Connection connection(facade.port());
    connection.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n");
    testing::eventually([&] { return waiting == 1; });
  }
  EXPECT_EQ(ask(facade.port(), "GET", "/things/t-1").status, 200);
  runner.post(release);
  EXPECT_TRUE(facade.drain(std::chrono::seconds(10)));
}

TEST_F(FacadeTest, a_second_facade_on_the_same_port_says_so) {
  Facade second{{"127.0.0.1", facade.port(), "{}"}, runner, tokens, metrics};
  EXPECT_THROW(second.start(), std::runtime_error);
}

TEST_F(FacadeTest, routes_are_registered_once_and_before_the_start) {
  const auto handler = [](Request) -> Task<Response> { co_return Response{}; };
  EXPECT_THROW(facade.get("/late", handler), std::logic_error);
  Facade other{{"127.0.0.1", 0, "{}"}, runner, tokens, metrics};
  other.get("/one", handler);
  EXPECT_THROW(other.get("/one", handler), std::logic_error);
}

TEST(Request, etags_are_compared_strongly_or_weakly) {
  EXPECT_TRUE(etag_listed(R"("1", "7")", R"("7")", false));
  EXPECT_TRUE(etag_listed("*", R"("7")", false));
  EXPECT_FALSE(etag_listed(R"(W/"7")", R"("7")", false));
  EXPECT_TRUE(etag_listed(R"(W/"7")", R"("7")", true));
  EXPECT_FALSE(etag_listed(R"("1", "2")", R"("7")", true));
  EXPECT_FALSE(etag_listed("", R"("7")", true));
}

}  // namespace
}  // namespace shop::services
