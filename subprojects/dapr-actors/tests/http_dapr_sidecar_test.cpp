#include "internal/http/dapr_sidecar.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/http_support.hpp"

namespace dapr::actors::http {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::ok;
using testing::ScriptedServer;

constexpr auto trace_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const Trace trace{trace_parent, "vendor=1"};

struct CallReported {
  std::string operation;
  int status;
};
class Recorder final : public Observer {
 public:
  void sidecar_called(std::string_view operation, int status, Microseconds) override {
    calls.push_back({std::string(operation), status});
  }
  std::vector<CallReported> calls;
};

/// What goes over the wire, exactly, and what is made of the answers.
class DaprSidecarWire : public ::testing::Test {
 protected:
  void answer(std::string with) { server_.add({std::move(with)}); }
  void answer_error(int status, const std::string& body) {
    answer("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body);
  }
  /// The last request, with the fields every request has taken for granted (and checked).
  std::string sent() const {
    auto request = server_.requests().back();
    const auto common = "Host: 127.0.0.1:" + std::to_string(server_.port()) + "\r\ndapr-api-token: secret\r\n\r\n";
    const auto at = request.find(common);
    EXPECT_NE(at, std::string::npos) << request;
    return request.replace(at, common.size(), "\r\n");
  }
  template <class T>
  T run(Task<T> task) {
    return io_.run(std::move(task));
  }
  template <class T>
  SidecarError error(Task<T> task) {
    try {
      io_.run(std::move(task));
    } catch (const SidecarError& error) {
      return error;
    }
    ADD_FAILURE() << "it should have failed";
    return {0, "", ""};
  }
  static std::string with_body(const std::string& head, const std::string& body,
                               const char* type = "application/json") {
    return head + "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  static HttpRequest get(std::string path) { return {"GET", std::move(path), {}, {}, {}}; }

  testing::IoThreads io_;
  ScriptedServer server_;
  Recorder observer_;
  DaprSidecar sidecar_{io_.io, {.port = server_.port(), .token = "secret"}, observer_};
};

TEST_F(DaprSidecarWire, ReadsAKeyOfAnActor) {
  answer(ok(R"({"version":1})"));
  EXPECT_EQ(run(sidecar_.read_state({"Cart", "c-1"}, "state")), R"({"version":1})");
  EXPECT_EQ(sent(), "GET /v1.0/actors/Cart/c-1/state/state HTTP/1.1\r\n\r\n");
  ASSERT_EQ(observer_.calls.size(), 1u);
  EXPECT_EQ(observer_.calls[0].operation, "state_get");
  EXPECT_EQ(observer_.calls[0].status, 200);
}

TEST_F(DaprSidecarWire, ReadsAnAbsentKeyAsNone) {
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(run(sidecar_.read_state({"Cart", "c-1"}, "state")), std::nullopt);
}

// covers: ids-encoded
TEST_F(DaprSidecarWire, EncodesIdsForDaprAndForTheUrl) {
  answer(ok("1"));
  run(sidecar_.read_state({"Cart", "a/b||c é"}, "page 1"));
  EXPECT_EQ(sent(), "GET /v1.0/actors/Cart/a%252Fb%257C%257Cc%2520%25C3%25A9/state/page%201 HTTP/1.1\r\n\r\n");
  answer(ok("1"));
  run(sidecar_.read_state({"Cart", "user@example.com"}, "state"));
  EXPECT_EQ(sent(), "GET /v1.0/actors/Cart/user%40example.com/state/state HTTP/1.1\r\n\r\n");
}

TEST_F(DaprSidecarWire, RefusesAnActorWithoutAnIdBeforeAnythingIsSent) {
  EXPECT_EQ(error(sidecar_.read_state({"Cart", ""}, "state")).code(), "BAD_REQUEST");
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(DaprSidecarWire, CommitsAllOperationsInOneTransaction) {
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  run(sidecar_.commit_state({"Cart", "c-1"},
                            {{"state", R"({"a":1})"}, {"mark", "true", 1296000s}, {"old", std::nullopt}}));
  EXPECT_EQ(
      sent(),
      with_body("POST /v1.0/actors/Cart/c-1/state HTTP/1.1\r\n",
                R"([{"operation":"upsert","request":{"key":"state","value":{"a":1}}},)"
                R"({"operation":"upsert","request":{"key":"mark","value":true,"metadata":{"ttlInSeconds":"1296000"}}},)"
                R"({"operation":"delete","request":{"key":"old"}}])"));
}

TEST_F(DaprSidecarWire, TellsWhyACommitWasRefused) {
  answer_error(400, R"({"errorCode":"ERR_ACTOR_INSTANCE_MISSING","message":"actor instance is missing"})");
  const auto refused = error(sidecar_.commit_state({"Cart", "c-1"}, {{"state", "1"}}));
  EXPECT_EQ(refused.status(), 400);
  EXPECT_EQ(refused.code(), "ERR_ACTOR_INSTANCE_MISSING");
  EXPECT_STREQ(refused.what(), "state_commit: 400 ERR_ACTOR_INSTANCE_MISSING: actor instance is missing");
}

TEST_F(DaprSidecarWire, TellsAnErrorThatIsNotInDaprsForm) {
  answer_error(401, "invalid api token");
  const auto refused = error(sidecar_.commit_state({"Cart", "c-1"}, {{"state", "1"}}));
  EXPECT_EQ(refused.status(), 401);
  EXPECT_NE(std::string(refused.what()).find("invalid api token"), std::string::npos);
}

TEST_F(DaprSidecarWire, RegistersARepeatedReminder) {
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  run(sidecar_.register_reminder({"Order", "o-1"}, {"tend", 1500ms, 30s, R"({"x":1})"}));
  EXPECT_EQ(sent(), with_body("POST /v1.0/actors/Order/o-1/reminders/tend HTTP/1.1\r\n",
                              R"({"dueTime":"1500ms","period":"30s","data":{"x":1}})"));
}

TEST_F(DaprSidecarWire, RegistersAReminderThatFiresOnceWithoutAPeriod) {
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  run(sidecar_.register_reminder({"Order", "o-1"}, {"expire", 24h, 0ms}));
  EXPECT_EQ(sent(), with_body("POST /v1.0/actors/Order/o-1/reminders/expire HTTP/1.1\r\n", R"({"dueTime":"86400s"})"));
}

TEST_F(DaprSidecarWire, RemovesRemindersAndTimers) {
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  run(sidecar_.unregister_reminder({"Order", "o-1"}, "tend"));
  EXPECT_EQ(sent(), "DELETE /v1.0/actors/Order/o-1/reminders/tend HTTP/1.1\r\n\r\n");
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  run(sidecar_.unregister_timer({"Order", "o-1"}, "tick"));
  EXPECT_EQ(sent(), "DELETE /v1.0/actors/Order/o-1/timers/tick HTTP/1.1\r\n\r\n");
}

TEST_F(DaprSidecarWire, RegistersATimerUnderItsOwnNameAsCallback) {
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  run(sidecar_.register_timer({"Order", "o-1"}, {"tick", 0ms, 1s, "[1]"}));
  EXPECT_EQ(sent(), with_body("POST /v1.0/actors/Order/o-1/timers/tick HTTP/1.1\r\n",
                              R"({"dueTime":"0s","period":"1s","callback":"tick","data":[1]})"));
}

TEST_F(DaprSidecarWire, CallsAnActorWithIdCauseAndTrace) {
  answer(ok(R"({"total":1})"));
  const auto reply =
      run(sidecar_.call_actor({"Cart", "c-1"}, {"AddItem", R"({"quantity":1})", "key-1/2", Cause::Event, trace}));
  ASSERT_TRUE(reply);
  EXPECT_EQ(*reply, R"({"total":1})");
  EXPECT_EQ(
      sent(),
      with_body("PUT /v1.0/actors/Cart/c-1/method/AddItem HTTP/1.1\r\n"
                "Idempotency-Key: key-1/2\r\nTurn-Cause: event\r\n"
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: vendor=1\r\n",
                R"({"quantity":1})"));
}

TEST_F(DaprSidecarWire, SaysWhichTurnsWaitForTheCall) {
  answer(ok("1"));
  Call call{"Add", "", "key", Cause::Call, {}};
  call.awaited_by = "12,34";
  call.caller = "Order é";
  run(sidecar_.call_actor({"Cart", "c-1"}, call));
  EXPECT_EQ(sent(), with_body("PUT /v1.0/actors/Cart/c-1/method/Add HTTP/1.1\r\n"
                              "Idempotency-Key: key\r\nTurn-Cause: call\r\nTurn-Caller: Order%20%C3%A9\r\n"
                              "Awaited-By: 12,34\r\n",
                              ""));
}

TEST_F(DaprSidecarWire, SaysHowMuchTimeIsLeftAndWaitsNoLonger) {
  server_.add({});  // no answer
  Call call{"Add", "", "key", Cause::Call, {}};
  call.deadline = std::chrono::steady_clock::now() + 50ms;
  EXPECT_EQ(error(sidecar_.call_actor({"Cart", "c-1"}, call)).code(), "TIMED_OUT");
  EXPECT_THAT(sent(), ::testing::ContainsRegex("Turn-Cause: call\r\nTime-Left: ([1-9]|[1-4][0-9]|50)\r\n"));
}

TEST_F(DaprSidecarWire, LetsNoIdOrTraceBreakTheRequest) {
  answer(ok("1"));
  run(sidecar_.call_actor({"Cart", "c-1"}, {"Add", "", "a b\r\nX: y", Cause::Call, {"00-x\r\nX: y", "z"}}));
  EXPECT_EQ(sent(), with_body("PUT /v1.0/actors/Cart/c-1/method/Add HTTP/1.1\r\n"
                              "Idempotency-Key: a%20b%0D%0AX:%20y\r\nTurn-Cause: call\r\n",
                              ""));
}

TEST_F(DaprSidecarWire, HandsOnARefusalAsItWasMade) {
  answer(ok(R"({"reason":"not_found","code":"unknown_product","message":"no such product"})",
            "X-Daprerrorresponseheader: true\r\n"));
  const auto reply = run(sidecar_.call_actor({"Cart", "c-1"}, {"AddItem", "{}", {}, Cause::Call, {}}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error(), (Refusal{Reason::NotFound, "unknown_product", "no such product"}));
}

TEST_F(DaprSidecarWire, HandsOnAllThatARefusalIsAbout) {
  answer(ok(R"({"reason":"conflict","code":"too_many","message":"less","of a later version":1,"errors":[)"
            R"({"pointer":"/items/0","detail":"few are left","available":3},{"pointer":"/items/2","detail":"gone"}]})",
            "X-DaprErrorResponseHeader: true\r\n"));
  const auto reply = run(sidecar_.call_actor({"Cart", "c-1"}, {"CheckOut", "{}", {}, Cause::Call, {}}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error(), (Refusal{Reason::Conflict,
                                    "too_many",
                                    "less",
                                    {{"/items/0", "few are left", 3}, {"/items/2", "gone", std::nullopt}}}));
}

TEST_F(DaprSidecarWire, HandsOnTheDetailsOfARefusal) {
  for (const auto* details : {R"({"left":[1,2]})", "7", R"("text")", "false"}) {
    answer(ok(R"({"reason":"conflict","code":"few","message":"less","details":)" + std::string(details) + "}",
              "X-DaprErrorResponseHeader: true\r\n"));
    const auto reply = run(sidecar_.call_actor({"Cart", "c-1"}, {"CheckOut", "{}", {}, Cause::Call, {}}));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), (Refusal{Reason::Conflict, "few", "less", {}, details}));
  }
}

TEST_F(DaprSidecarWire, TakesARefusalItCannotReadForAFailure) {
  answer(ok("oh no", "X-DaprErrorResponseHeader: true\r\n"));
  EXPECT_EQ(error(sidecar_.call_actor({"Cart", "c-1"}, {"AddItem", "{}", {}, Cause::Call, {}})).code(),
            "UNREADABLE_REFUSAL");
}

TEST_F(DaprSidecarWire, TakesAFailedCallForAnError) {
  answer_error(500, R"({"errorCode":"ERR_ACTOR_INVOKE_METHOD","message":"error invoke actor method"})");
  const auto failed = error(sidecar_.call_actor({"Cart", "c-1"}, {"AddItem", "{}", {}, Cause::Call, {}}));
  EXPECT_EQ(failed.status(), 500);
  EXPECT_EQ(failed.code(), "ERR_ACTOR_INVOKE_METHOD");
}

TEST_F(DaprSidecarWire, PublishesAnEventInItsOwnEnvelopeAndTrace) {
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  const CloudEvent event{.id = "Order/o-1/1/0",
                         .source = "order-service",
                         .type = "order.created",
                         .subject = "o-1",
                         .topic = "order-events",
                         .time = *from_rfc3339("2026-01-01T00:00:00Z"),
                         .data = {R"({"a":1})"},
                         .trace = trace};
  run(sidecar_.publish(event));
  EXPECT_EQ(
      sent(),
      with_body("POST /v1.0/publish/pubsub/order-events HTTP/1.1\r\n"
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: vendor=1\r\n",
                to_envelope(event), "application/cloudevents+json"));
}

TEST_F(DaprSidecarWire, InvokesAnotherApplicationAndHandsOnWhateverItAnswers) {
  answer("HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}");
  const auto missing = run(sidecar_.invoke("product-service", get("/internal/products/p-1")));
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, "{}");
  EXPECT_EQ(missing.content_type, "application/problem+json");
  EXPECT_EQ(sent(), "GET /v1.0/invoke/product-service/method/internal/products/p-1 HTTP/1.1\r\n\r\n");
  answer(ok("done"));
  run(sidecar_.invoke("a b", {"POST", "x?y=z", "{}", "application/json", {}}));
  EXPECT_EQ(sent(), with_body("POST /v1.0/invoke/a%20b/method/x?y=z HTTP/1.1\r\n", "{}"));
}

TEST_F(DaprSidecarWire, WaitsForAnotherApplicationNoLongerThanItIsWorth) {
  auto request = get("/slow");
  request.patience = 50ms;
  EXPECT_EQ(error(sidecar_.invoke("product-service", std::move(request))).code(), "TIMED_OUT");
}

TEST_F(DaprSidecarWire, TellsThatAnotherApplicationWasNotReached) {
  answer_error(500, R"({"errorCode":"ERR_DIRECT_INVOKE","message":"fail to invoke"})");
  EXPECT_EQ(error(sidecar_.invoke("product-service", get("/x"))).code(), "ERR_DIRECT_INVOKE");
}

TEST_F(DaprSidecarWire, ReadsAValueOfTheStateStoreWithItsTag) {
  answer(ok(R"({"name":"x"})", "ETag: 5\r\n"));
  const auto item = run(sidecar_.get("product:p-1"));
  ASSERT_TRUE(item);
  EXPECT_EQ(item->value, R"({"name":"x"})");
  EXPECT_EQ(item->etag, "5");
  EXPECT_EQ(sent(), "GET /v1.0/state/statestore/product%3Ap-1?consistency=strong HTTP/1.1\r\n\r\n");
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_FALSE(run(sidecar_.get("product:p-2")));
}

TEST_F(DaprSidecarWire, ReadsManyValuesInTheOrderOfTheirKeys) {
  answer(ok(R"([{"key":"b","data":{"n":2},"etag":"7"},{"key":"c"},{"key":"a","data":[1],"etag":"6"}])"));
  const auto items = run(sidecar_.get_all({"a", "b", "c", "a"}));
  ASSERT_EQ(items.size(), 4u);
  EXPECT_EQ(items[0]->value, "[1]");
  EXPECT_EQ(items[1]->value, R"({"n":2})");
  EXPECT_EQ(items[1]->etag, "7");
  EXPECT_FALSE(items[2]);
  EXPECT_EQ(items[3]->value, "[1]");
  EXPECT_EQ(sent(), with_body("POST /v1.0/state/statestore/bulk HTTP/1.1\r\n",
                              R"({"keys":["a","b","c","a"],"parallelism":10})"));
}

TEST_F(DaprSidecarWire, TakesOneUnreadValueOfManyForAFailure) {
  answer(ok(R"([{"key":"a","data":1,"etag":"6"},{"key":"b","error":"throttled"}])"));
  EXPECT_EQ(error(sidecar_.get_all({"a", "b"})).code(), "ERR_STATE_BULK_GET");
}

TEST_F(DaprSidecarWire, ReadsNoValuesWithoutAsking) {
  EXPECT_TRUE(run(sidecar_.get_all({})).empty());
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(DaprSidecarWire, ChangesValuesInOneTransactionAndChecksTagsWhereGiven) {
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  run(sidecar_.transact({{"a", R"({"n":1})", "5"}, {"b", "2", "", 60s}, {"c", std::nullopt, "9"}}));
  EXPECT_EQ(
      sent(),
      with_body(
          "POST /v1.0/state/statestore/transaction HTTP/1.1\r\n",
          R"({"operations":[{"operation":"upsert","request":{"key":"a","value":{"n":1},"etag":"5",)"
          R"("options":{"concurrency":"first-write"}}},)"
          R"({"operation":"upsert","request":{"key":"b","value":2,"metadata":{"ttlInSeconds":"60"}}},)"
          R"({"operation":"delete","request":{"key":"c","etag":"9","options":{"concurrency":"first-write"}}}]})"));
}

TEST_F(DaprSidecarWire, ReadsASecret) {
  answer(ok(R"({"hs256":"k"})"));
  EXPECT_EQ(run(sidecar_.secret("jwt")), (std::map<std::string, std::string>{{"hs256", "k"}}));
  EXPECT_EQ(sent(), "GET /v1.0/secrets/secretstore/jwt HTTP/1.1\r\n\r\n");
}

TEST_F(DaprSidecarWire, IsReadyWhenItsActorTypesAreHosted) {
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  answer(ok(R"({"id":"cart","actorRuntime":{"runtimeStatus":"RUNNING",)"
            R"("activeActors":[{"type":"Cart","count":2},{"type":"CartProduct"}],)"
            R"("hostReady":true,"placement":"placement: connected"}})"));
  EXPECT_EQ(run(sidecar_.not_ready({"Cart", "CartProduct"})), std::nullopt);
  EXPECT_EQ(sent(), "GET /v1.0/metadata HTTP/1.1\r\n\r\n");
}

TEST_F(DaprSidecarWire, AsksNothingOfPlacementForAHostWithoutActors) {
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(run(sidecar_.not_ready({})), std::nullopt);
  EXPECT_EQ(sent(), "GET /v1.0/healthz/outbound HTTP/1.1\r\n\r\n");
}

TEST_F(DaprSidecarWire, SaysWhyItIsNotReady) {
  answer_error(500, R"({"errorCode":"ERR_HEALTH_NOT_READY","message":"dapr is not ready"})");
  EXPECT_NE(run(sidecar_.not_ready({"Cart"})), std::nullopt);
  for (const auto* runtime :
       {R"({"runtimeStatus":"INITIALIZING","hostReady":false})", R"({"runtimeStatus":"DISABLED"})",
        R"({"runtimeStatus":"RUNNING","activeActors":[{"type":"Order"}],"hostReady":true})",
        R"({"runtimeStatus":"RUNNING","activeActors":[{"type":"Cart"}],"hostReady":false})"}) {
    answer("HTTP/1.1 204 No Content\r\n\r\n");
    answer(ok(std::string(R"({"actorRuntime":)") + runtime + "}"));
    EXPECT_NE(run(sidecar_.not_ready({"Cart"})), std::nullopt) << runtime;
  }
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  answer(ok("not json"));
  EXPECT_NE(run(sidecar_.not_ready({"Cart"})), std::nullopt);
}

TEST_F(DaprSidecarWire, IsNotReadyWithoutTheFeatureThatExpiringIdsTakeAndSaysItOnce) {
  struct Warnings final : Observer {
    std::vector<std::string> texts;
    void warned(std::string_view text) override { texts.emplace_back(text); }
  } warnings;
  DaprSidecar sidecar(io_.io, {.port = server_.port()}, warnings);
  const std::string running =
      R"("actorRuntime":{"runtimeStatus":"RUNNING","activeActors":[{"type":"Cart"}],"hostReady":true})";
  const auto without = ok(R"({"enabledFeatures":["HotReload"],)" + running + "}");
  const auto with = ok(R"({"enabledFeatures":["HotReload","ActorStateTTL"],)" + running + "}");
  answer(without);
  run(sidecar.ask_features("Cart.CheckOut"));
  for (int i = 0; i < 2; ++i) {
    answer("HTTP/1.1 204 No Content\r\n\r\n");
    answer(without);
    EXPECT_THAT(run(sidecar.not_ready({"Cart"}, "Cart.CheckOut")).value_or(""),
                ::testing::HasSubstr("ActorStateTTL is not enabled, and Cart.CheckOut is described with remember_for"));
  }
  EXPECT_NE(sidecar.feature_trouble(), std::nullopt);
  EXPECT_THAT(warnings.texts, ::testing::SizeIs(1));

  answer("HTTP/1.1 204 No Content\r\n\r\n");
  answer(without);
  EXPECT_EQ(run(sidecar.not_ready({"Cart"})), std::nullopt) << "nothing that expires";
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  answer(with);
  EXPECT_EQ(run(sidecar.not_ready({"Cart"}, "Cart.CheckOut")), std::nullopt);
  EXPECT_EQ(sidecar.feature_trouble(), std::nullopt);
  sidecar.close();
}

TEST_F(DaprSidecarWire, SaysOnceThatTheStateStoreDoesNotFenceWrites) {
  struct Warnings final : Observer {
    std::vector<std::string> texts;
    void warned(std::string_view text) override { texts.emplace_back(text); }
  } warnings;
  const auto ask = [&](DaprSidecar& sidecar, const std::string& components) {
    answer(ok(R"({"components":)" + components + R"(,"enabledFeatures":[]})"));
    run(sidecar.ask_features({}));
  };
  DaprSidecar sidecar(io_.io, {.port = server_.port()}, warnings);
  ask(sidecar, R"([{"name":"pubsub","type":"pubsub.redis","version":"v1"}])");
  ask(sidecar, R"([{"name":"statestore","capabilities":["ETAG","TRANSACTIONAL","ACTOR","WRITE_REVISIONS"]}])");
  EXPECT_THAT(warnings.texts, ::testing::IsEmpty());
  for (int i = 0; i < 2; ++i)
    ask(sidecar, R"([{"name":"statestore","capabilities":["ETAG","TRANSACTIONAL","ACTOR"]},{"name":"pubsub"}])");
  EXPECT_THAT(warnings.texts, ::testing::ElementsAre(::testing::HasSubstr("the later write wins")));
  EXPECT_EQ(sidecar.feature_trouble(), std::nullopt);
  sidecar.close();
}

TEST_F(DaprSidecarWire, TellsThatItWasNotReached) {
  server_.add({.close_before = true});
  const auto failed = error(sidecar_.read_state({"Cart", "c-1"}, "state"));
  EXPECT_EQ(failed.status(), 0);
  EXPECT_EQ(failed.code(), "UNREACHED");
  EXPECT_EQ(observer_.calls.back().status, 0);
}

TEST_F(DaprSidecarWire, TellsThatItDidNotSendWhatThereWasNoRoomFor) {
  DaprSidecar small(io_.io, {.port = server_.port(), .access_connections = 1, .waiting = 0}, observer_);
  auto first = io_.start(small.read_state({"Cart", "c-1"}, "state"));
  ASSERT_TRUE(eventually([&] { return server_.requests().size() == 1; }));
  EXPECT_EQ(error(small.read_state({"Cart", "c-2"}, "state")).code(), "BUSY");
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(first.get(), std::nullopt);
}

TEST_F(DaprSidecarWire, AsksTheStoreHowItIsOnlyWhenInDoubt) {
  EXPECT_EQ(run(sidecar_.store_trouble()), std::nullopt);
  EXPECT_EQ(server_.requests().size(), 0u);

  answer_error(500, R"({"errorCode":"ERR_ACTOR_STATE_TRANSACTION_SAVE","message":"no answer from the store"})");
  EXPECT_EQ(error(sidecar_.commit_state({"Cart", "c-1"}, {{"state", "{}"}})).status(), 500);
  answer_error(500, R"({"errorCode":"ERR_STATE_GET","message":"no answer from the store"})");
  EXPECT_THAT(run(sidecar_.store_trouble()).value_or(""), ::testing::HasSubstr("no answer from the store"));
  EXPECT_EQ(error(sidecar_.call_actor({"Cart", "c-1"}, {"View", "", "", Cause::Call, {}})).code(), "STORE_AWAY");
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(run(sidecar_.store_trouble()), std::nullopt);
  EXPECT_EQ(sent(), with_body("POST /v1.0/state/statestore HTTP/1.1\r\n", R"([{"key":"probe","value":"probe"}])"));

  answer(ok("1"));
  EXPECT_EQ(run(sidecar_.call_actor({"Cart", "c-1"}, {"View", "", "", Cause::Call, {}})), "1");
  const auto asked = server_.requests().size();
  EXPECT_EQ(run(sidecar_.store_trouble()), std::nullopt);
  EXPECT_EQ(server_.requests().size(), asked);
}

TEST_F(DaprSidecarWire, TakesAStoreThatHasNotAnsweredByTheNextProbeToBeAwayUntilItDoes) {
  answer_error(500, R"({"errorCode":"ERR_ACTOR_STATE_GET","message":"deadline exceeded"})");
  EXPECT_EQ(error(sidecar_.read_state({"Cart", "c-1"}, "state")).status(), 500);
  auto first = io_.start(sidecar_.store_trouble());
  ASSERT_TRUE(eventually([&] { return server_.requests().size() == 2; }));
  EXPECT_NE(run(sidecar_.store_trouble()), std::nullopt);
  EXPECT_EQ(server_.requests().size(), 2u);
  EXPECT_EQ(error(sidecar_.call_actor({"Cart", "c-1"}, {"View", "", "", Cause::Call, {}})).code(), "STORE_AWAY");
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(first.get(), std::nullopt);
  answer(ok("1"));
  EXPECT_EQ(run(sidecar_.call_actor({"Cart", "c-1"}, {"View", "", "", Cause::Call, {}})), "1");
}

TEST_F(DaprSidecarWire, TellsThatItTookTooLong) {
  DaprSidecar hasty(io_.io, {.port = server_.port(), .access_timeout = 50ms}, observer_);
  EXPECT_EQ(error(hasty.read_state({"Cart", "c-1"}, "state")).code(), "TIMED_OUT");
}

}  // namespace
}  // namespace dapr::actors::http
