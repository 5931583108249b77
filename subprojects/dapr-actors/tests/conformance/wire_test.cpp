// What a real sidecar sends and makes of answers, byte for byte, as far as the library relies on it: an application
// without the library answers. `covers:` names lines of docs/conformance.md.
#include <utility>  // first: Boost 1.74 forgets it under g++ 12

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <mutex>

#include "internal/http/server.hpp"
#include "tests/dapr_runtime.hpp"
#include "tests/http_support.hpp"

namespace dapr::actors::http {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Seen {
  std::string verb, target, body, token, traceparent;
};

/// An application that answers as each test says, by what the request's target contains.
class RawApp {
 public:
  using Answer = std::function<Response(const Seen&)>;

  RawApp()
      : server_(
            threads_.io, ServerSettings{},
            [this](Request& request) -> Task<Response> {
              Seen seen{request.verb, request.target, request.body, request.token, request.traceparent};
              co_return answer(std::move(seen));
            },
            [](const Request&) {}) {
    server_.listen();
  }
  ~RawApp() { server_.stop(); }

  unsigned short port() const { return server_.port(); }
  void on(const std::string& part, Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_[part] = std::move(answer);
  }
  void on(const std::string& part, int status, std::string body = "", std::string header_lines = "") {
    on(part, [=](const Seen&) { return Response{status, body, "application/json", header_lines}; });
  }
  std::vector<Seen> seen(const std::string& part) const {
    const std::lock_guard lock(mutex_);
    std::vector<Seen> found;
    for (const auto& one : seen_)
      if (one.target.find(part) != std::string::npos) found.push_back(one);
    return found;
  }
  std::size_t count(const std::string& part) const { return seen(part).size(); }

 private:
  Response answer(Seen seen) {
    Answer chosen;
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back(seen);
      for (const auto& [part, each] : answers_)
        if (seen.target.find(part) != std::string::npos) chosen = each;
    }
    if (chosen) return chosen(seen);
    if (seen.target == "/dapr/config")
      return {200,
              R"({"entities":["Raw"],"entitiesConfig":[{"entities":["Raw"],"actorIdleTimeout":"2s"}],)"
              R"("drainOngoingCallTimeout":"3s","drainRebalancedActors":true})",
              "application/json",
              {}};
    if (seen.target == "/dapr/subscribe") return {200, "[]", "application/json", {}};
    return {200, "\"fine\"", "application/json", {}};
  }

  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
  std::map<std::string, Answer> answers_;
  testing::IoThreads threads_;
  Server server_;
};

class Wire118 : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!testing::DaprRuntime::available()) return;
    app_ = new RawApp;
    dapr_ = new testing::DaprRuntime("raw", app_->port(), true);
    ready_ = within(90s, [] { return ask("PUT", "/v1.0/actors/Raw/first/method/m").starts_with("HTTP/1.1 200"); });
    if (!ready_) std::cerr << dapr_->logs();
  }
  static void TearDownTestSuite() {
    delete std::exchange(dapr_, nullptr);
    delete std::exchange(app_, nullptr);
  }
  void SetUp() override {
    if (!dapr_) GTEST_SKIP() << "DAPR_BIN and DYNAMODB_LOCAL do not name the programs; ./shop test sets them";
    ASSERT_TRUE(ready_) << "the runtime did not start";
  }

  static std::string ask(const std::string& verb, const std::string& path, const std::string& body = "",
                         const std::string& lines = "") {
    return testing::tell(dapr_->sidecar_port(),
                         verb + " " + path + " HTTP/1.1\r\nHost: x\r\ndapr-api-token: sidecar-token\r\nContent-Type: " +
                             "application/json\r\nConnection: close\r\n" + lines +
                             "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  static std::string actor(const std::string& id, const std::string& rest) { return "/v1.0/actors/Raw/" + id + rest; }
  static bool within(std::chrono::seconds limit, const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(20ms);
    }
    return true;
  }

  static inline RawApp* app_ = nullptr;
  static inline testing::DaprRuntime* dapr_ = nullptr;
  static inline bool ready_ = false;
};

// covers: config-asked
TEST_F(Wire118, asks_for_the_actor_types_and_for_subscriptions) {
  EXPECT_GE(app_->count("/dapr/config"), 1u);
  EXPECT_GE(app_->count("/dapr/subscribe"), 1u);
  EXPECT_EQ(app_->seen("/dapr/config")[0].verb, "GET");
}

// A host that needs a feature asks here whether it is enabled.
TEST_F(Wire118, tells_its_enabled_features_by_name) {
  const auto metadata = ask("GET", "/v1.0/metadata");
  const auto from = metadata.find(R"("enabledFeatures":[)");
  ASSERT_NE(from, std::string::npos) << metadata;
  EXPECT_THAT(metadata.substr(from, metadata.find(']', from) - from), ::testing::HasSubstr(R"("ActorStateTTL")"));
}

// covers: app-token, health-probe-no-token
TEST_F(Wire118, sends_its_token_with_everything_but_the_health_probe) {
  ask("PUT", actor("token", "/method/m"));
  EXPECT_EQ(app_->seen("/actors/Raw/token/")[0].token, "app-token");
  EXPECT_EQ(app_->seen("/dapr/config")[0].token, "app-token");
  EXPECT_TRUE(within(20s, [] { return app_->count("/healthz") > 0; }));
  EXPECT_EQ(app_->seen("/healthz")[0].token, "");
}

// covers: sidecar-token
TEST_F(Wire118, refuses_who_does_not_show_its_own_token) {
  EXPECT_THAT(testing::tell(dapr_->sidecar_port(),
                            "PUT /v1.0/actors/Raw/a/method/m HTTP/1.1\r\nHost: x\r\n"
                            "Connection: close\r\nContent-Length: 0\r\n\r\n"),
              StartsWith("HTTP/1.1 401"));
}

// covers: always-put
TEST_F(Wire118, calls_a_method_with_put_whatever_the_caller_used) {
  for (const std::string verb : {"GET", "POST", "PUT", "DELETE"}) ask(verb, actor("verbs", "/method/m"));
  for (const auto& one : app_->seen("/actors/Raw/verbs/method/m")) EXPECT_EQ(one.verb, "PUT");
  EXPECT_EQ(app_->count("/actors/Raw/verbs/method/m"), 4u);
}

// covers: only-200
TEST_F(Wire118, takes_200_alone_for_success) {
  app_->on("/method/created", 201, "\"x\"");
  app_->on("/method/nothing", 204);
  EXPECT_THAT(ask("PUT", actor("ok", "/method/m")), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask("PUT", actor("ok", "/method/created")), StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(ask("PUT", actor("ok", "/method/nothing")), StartsWith("HTTP/1.1 500"));
}

// covers: other-status-is-500
TEST_F(Wire118, tells_any_other_status_as_500_with_the_status_in_its_words) {
  app_->on("/method/teapot", 418, "\"short and stout\"");
  const auto answer = ask("PUT", actor("other", "/method/teapot"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(answer, HasSubstr("ERR_ACTOR_INVOKE_METHOD"));
  EXPECT_THAT(answer, HasSubstr("418"));
}

// covers: unknown-method-404
TEST_F(Wire118, does_not_repeat_a_call_that_was_answered_404) {
  app_->on("/method/absent", 404);
  EXPECT_THAT(ask("PUT", actor("absent", "/method/absent")), StartsWith("HTTP/1.1 500"));
  EXPECT_EQ(app_->count("/actors/Raw/absent/method/absent"), 1u);
}

// covers: refusal-header
TEST_F(Wire118, hands_a_refusal_on_with_its_header_and_does_not_repeat_it) {
  app_->on("/method/refused", 200, R"({"code":"no"})", "X-DaprErrorResponseHeader: true\r\n");
  auto answer = ask("PUT", actor("refused", "/method/refused"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr(R"({"code":"no"})"));
  std::transform(answer.begin(), answer.end(), answer.begin(), [](unsigned char c) { return std::tolower(c); });
  EXPECT_THAT(answer, HasSubstr("x-daprerrorresponseheader: true"));
  EXPECT_EQ(app_->count("/actors/Raw/refused/method/refused"), 1u);
}

// covers: hang-up
TEST_F(Wire118, drops_a_call_that_waits_for_its_actor_when_its_caller_hangs_up) {
  // The sidecar notices in its own time, so this is tried until it has noticed before the actor was free.
  int tries = 0;
  EXPECT_TRUE(within(30s, [&] {
    const auto id = "hangs-up-" + std::to_string(++tries);
    const auto seen = [&](const std::string& method) { return app_->count("/" + id + "/method/" + method); };
    std::promise<void> free;
    app_->on("/" + id + "/method/first", [freed = free.get_future().share()](const Seen&) {
      freed.wait();
      return Response{200, "1", "application/json", {}};
    });
    auto first = std::async(std::launch::async, [&] { return ask("PUT", actor(id, "/method/first")); });
    const bool is_held = within(20s, [&] { return seen("first") == 1; });
    testing::Wire waiting(dapr_->sidecar_port());
    waiting.send("PUT " + actor(id, "/method/second") +
                 " HTTP/1.1\r\nHost: x\r\ndapr-api-token: sidecar-token\r\nContent-Length: 0\r\n\r\n");
    waiting.close();
    for (int i = 0; i < 10; ++i) ask("GET", "/v1.0/metadata");
    free.set_value();
    first.get();
    ask("PUT", actor(id, "/method/third"));
    return is_held && seen("second") == 0 && seen("third") == 1;
  }));
}

// covers: trace-in
TEST_F(Wire118, hands_the_trace_on) {
  ask("PUT", actor("traced", "/method/m"), "",
      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
  EXPECT_THAT(app_->seen("/actors/Raw/traced/")[0].traceparent, HasSubstr("0af7651916cd43dd8448eb211c80319c"));
}

// covers: state-get-absent, state-transaction, state-ttl
TEST_F(Wire118, keeps_state_without_etags_and_says_when_a_key_ends) {
  ask("PUT", actor("state", "/method/m"));
  EXPECT_THAT(ask("GET", actor("state", "/state/k")), StartsWith("HTTP/1.1 204"));
  EXPECT_THAT(ask("POST", actor("state", "/state"),
                  R"([{"operation":"upsert","request":{"key":"k","value":1,"metadata":{"ttlInSeconds":"100"}}},)"
                  R"({"operation":"delete","request":{"key":"other"}}])"),
              StartsWith("HTTP/1.1 204"));
  auto answer = ask("GET", actor("state", "/state/k"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  std::transform(answer.begin(), answer.end(), answer.begin(), [](unsigned char c) { return std::tolower(c); });
  EXPECT_THAT(answer, HasSubstr("metadata.ttlexpiretime:"));
  EXPECT_THAT(answer, Not(HasSubstr("etag:")));
}

// covers: reminder-body, timers
TEST_F(Wire118, rings_with_the_data_and_nothing_of_the_time) {
  ask("POST", actor("rings", "/reminders/r"), R"({"dueTime":"0s","data":{"n":1}})");
  ask("PUT", actor("rings", "/method/m"));
  ask("POST", actor("rings", "/timers/t"), R"({"dueTime":"0s","callback":"t","data":{"n":2}})");
  ASSERT_TRUE(within(
      20s, [] { return app_->count("/rings/method/remind/r") > 0 && app_->count("/rings/method/timer/t") > 0; }));
  EXPECT_THAT(app_->seen("/rings/method/remind/r")[0].body, HasSubstr(R"("data":{"n":1},"dueTime":"","period":"")"));
  EXPECT_THAT(app_->seen("/rings/method/timer/t")[0].body, HasSubstr(R"("data":{"n":2})"));
}

// covers: reminder-gives-up
TEST_F(Wire118, gives_a_reminder_without_a_period_up_after_four_tries) {
  app_->on("/remind/once", 500);
  ask("POST", actor("gives-up", "/reminders/once"), R"({"dueTime":"0s"})");
  app_->on("/remind/clock", 200);
  ASSERT_TRUE(within(30s, [] { return app_->count("/gives-up/method/remind/once") == 4; }));
  ask("POST", actor("gives-up", "/reminders/clock"), R"({"dueTime":"0s","period":"1s"})");
  ASSERT_TRUE(within(30s, [] { return app_->count("/gives-up/method/remind/clock") >= 5; }));
  EXPECT_EQ(app_->count("/gives-up/method/remind/once"), 4u);
  ask("DELETE", actor("gives-up", "/reminders/clock"));
}

// covers: reminder-no-list
TEST_F(Wire118, lists_no_reminders_and_takes_no_failure_policy) {
  ask("POST", actor("policy", "/reminders/clock"), R"({"dueTime":"1h"})");
  EXPECT_THAT(ask("GET", actor("policy", "/reminders/clock")), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask("GET", actor("policy", "/reminders")), StartsWith("HTTP/1.1 404"));
  ask("DELETE", actor("policy", "/reminders/clock"));
  // What the field is in Dapr's own type, no JSON can fill; what it is elsewhere is passed over.
  EXPECT_THAT(
      ask("POST", actor("policy", "/reminders/dropped"), R"({"dueTime":"0s","failure_policy":{"Policy":{"Drop":{}}}})"),
      StartsWith("HTTP/1.1 400"));
  app_->on("/remind/dropped", 500);
  ask("POST", actor("policy", "/reminders/dropped"),
      R"({"dueTime":"0s","failure_policy":{"drop":{}},"failurePolicy":{"drop":{}}})");
  EXPECT_TRUE(within(30s, [] { return app_->count("/policy/method/remind/dropped") == 4; }));
}

// covers: reminder-404
TEST_F(Wire118, repeats_a_reminder_that_was_answered_404_all_the_same) {
  app_->on("/remind/absent", 404);
  ask("POST", actor("rings-404", "/reminders/absent"), R"({"dueTime":"0s"})");
  EXPECT_TRUE(within(20s, [] { return app_->count("/rings-404/method/remind/absent") >= 2; }));
}

// covers: reminder-periods, reminder-delete
TEST_F(Wire118, takes_periods_up_to_hours_and_rings_as_often_as_it_is_told) {
  EXPECT_THAT(ask("POST", actor("periods", "/reminders/day"), R"({"dueTime":"1h","period":"P1D"})"),
              Not(StartsWith("HTTP/1.1 2")));
  EXPECT_THAT(ask("POST", actor("periods", "/reminders/day"), R"({"dueTime":"1h","period":"PT24H"})"),
              StartsWith("HTTP/1.1 204"));
  EXPECT_THAT(ask("GET", actor("periods", "/reminders/day")), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask("DELETE", actor("periods", "/reminders/day")), StartsWith("HTTP/1.1 204"));
  ask("POST", actor("periods", "/reminders/twice"), R"({"dueTime":"0s","period":"R2/PT1S"})");
  ask("POST", actor("periods", "/reminders/often"), R"({"dueTime":"0s","period":"PT1S"})");
  ASSERT_TRUE(within(20s, [] { return app_->count("/periods/method/remind/often") >= 5; }));
  EXPECT_EQ(app_->count("/periods/method/remind/twice"), 2u);
  ask("DELETE", actor("periods", "/reminders/often"));
}

// covers: deactivate, call-activates
TEST_F(Wire118, deactivates_an_idle_actor) {
  ask("PUT", actor("idle", "/method/m"));
  const auto deactivated = [] {
    for (const auto& one : app_->seen("/actors/Raw/idle"))
      if (one.verb == "DELETE") return true;
    return false;
  };
  EXPECT_TRUE(within(60s, deactivated));
}

// covers: event-lost, event-retry, event-envelope
TEST_F(Wire118, repeats_an_event_for_retry_and_500_and_takes_404_and_gibberish_for_an_acknowledgement) {
  static std::atomic<int> retries = 0, failures = 0;  // as long as the application
  app_->on("/events/thing.happened", [](const Seen& seen) -> Response {
    const auto is = [&](const char* id) { return seen.body.find(id) != std::string::npos; };
    if (is("e-retry"))
      return {200, ++retries < 3 ? R"({"status":"RETRY"})" : R"({"status":"SUCCESS"})", "application/json", {}};
    if (is("e-500")) return {++failures < 3 ? 500 : 200, R"({"status":"SUCCESS"})", "application/json", {}};
    if (is("e-404")) return {404, "", "application/json", {}};
    if (is("e-gibberish")) return {200, "what?", "text/plain", {}};
    return {200, R"({"status":"SUCCESS"})", "application/json", {}};
  });
  const auto publish = [](const std::string& id) {
    const auto body =
        R"({"specversion":"1.0","id":")" + id +
        R"(","source":"src","type":"thing.happened","subject":"s","datacontenttype":"application/json","data":{}})";
    testing::tell(dapr_->sidecar_port(),
                  "POST /v1.0/publish/pubsub/things HTTP/1.1\r\nHost: x\r\ndapr-api-token: sidecar-token\r\n"
                  "Content-Type: application/cloudevents+json\r\nConnection: close\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body);
  };
  const auto arrived = [](const char* id) {
    std::vector<Seen> found;
    for (auto& one : app_->seen("/events/thing.happened"))
      if (one.body.find(id) != std::string::npos) found.push_back(one);
    return found;
  };
  for (const auto* id : {"e-404", "e-gibberish", "e-retry", "e-500"}) publish(id);
  EXPECT_TRUE(within(30s, [&] { return retries == 3 && failures == 3; }));
  publish("e-last");
  EXPECT_TRUE(within(20s, [&] { return arrived("e-last").size() == 1; }));
  EXPECT_EQ(arrived("e-404").size(), 1u) << "acknowledged, and gone";
  EXPECT_EQ(arrived("e-gibberish").size(), 1u) << "acknowledged, and gone";
  const auto body = arrived("e-last")[0].body;
  for (const auto* member : {R"("id":"e-last")", R"("source":"src")", R"("type":"thing.happened")", R"("subject":"s")"})
    EXPECT_THAT(body, HasSubstr(member));
}

// covers: invocation, invocation-past-placement
TEST_F(Wire118, lets_an_invocation_of_an_actor_path_past_placement_where_no_access_list_forbids_it) {
  EXPECT_THAT(ask("PUT", "/v1.0/invoke/raw/method/actors/Raw/past/method/m"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(app_->count("/actors/Raw/past/method/m"), 1u);
  EXPECT_THAT(ask("PUT", "/v1.0/invoke/nobody/method/x"), HasSubstr("ERR_DIRECT_INVOKE"));
}

// covers: health-unregisters
TEST_F(Wire118, takes_the_actors_off_a_host_that_is_unwell_until_it_is_well_again) {
  const auto hosts_them = [] { return ask("GET", "/v1.0/metadata").find(R"("type":"Raw")") != std::string::npos; };
  EXPECT_TRUE(hosts_them());
  app_->on("/healthz", 503);
  EXPECT_TRUE(within(30s, [&] { return !hosts_them(); }));
  app_->on("/healthz", 200);
  EXPECT_TRUE(within(60s, [] { return ask("PUT", actor("unwell", "/method/m")).starts_with("HTTP/1.1 200"); }));
}

// covers: config-not-200
TEST(Wire118Config, that_is_not_answered_200_means_no_actors) {
  if (!testing::DaprRuntime::available()) GTEST_SKIP() << "DAPR_BIN and DYNAMODB_LOCAL do not name the programs";
  RawApp app;
  app.on("/dapr/config", 500);
  testing::DaprRuntime dapr("raw", app.port());
  const auto ask = [&](const std::string& verb, const std::string& path) {
    return testing::tell(dapr.sidecar_port(), verb + " " + path +
                                                  " HTTP/1.1\r\nHost: x\r\ndapr-api-token: sidecar-token\r\n"
                                                  "Connection: close\r\nContent-Length: 0\r\n\r\n");
  };
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (!ask("GET", "/v1.0/healthz/outbound").starts_with("HTTP/1.1 204") && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(50ms);
  EXPECT_THAT(ask("GET", "/v1.0/metadata"), Not(HasSubstr(R"("type":"Raw")")));
  EXPECT_EQ(app.count("/actors/"), 0u);
}

}  // namespace
}  // namespace dapr::actors::http
