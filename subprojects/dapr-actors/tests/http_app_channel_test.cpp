#include "internal/http/app_channel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "dapr/actors/testing/fake_sidecar.hpp"
#include "tests/http_support.hpp"

namespace dapr::actors::http {
namespace {

using namespace std::chrono_literals;
using actors::testing::FakeSidecar;
using actors::testing::VirtualClock;
using ::testing::AllOf;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::Wire;

struct CounterState {
  int value = 0;
  bool operator==(const CounterState&) const = default;
  DAPR_ACTORS_JSON(value)
};
struct Add {
  int amount = 0;
  DAPR_ACTORS_JSON(amount)
};
struct Echo {
  std::string id;
  std::string origin;
  std::string traceparent;
  DAPR_ACTORS_JSON(id, origin, traceparent)
};

std::mutex gate_mutex;
std::vector<Completion<void>> gate;  // turns of `wait`

class Counter final : public Actor<CounterState> {
 public:
  Result<int> add(const Add& command) {
    if (command.amount == 0) return refuse(Reason::Unprocessable, "nothing", "add \"something\"");
    if (command.amount == 40)
      return refuse(Reason::Conflict, "too_many", "less", {{"/items/0", "few are left", 3}, {"/items/2", "gone"}});
    if (command.amount == 41) return refuse_with(Reason::Conflict, "one_less", "take one less", Add{40});
    if (command.amount == 42) return tl::unexpected(Refusal{Reason::Conflict, "odd", "no JSON", {}, "{\"a\":"});
    if (command.amount == 666) throw std::runtime_error("a bug");
    return state().value += command.amount;
  }
  int value() const { return state().value; }
  Echo echo() const { return {id(), origin().id, origin().trace.traceparent}; }
  Task<int> wait() const {
    co_await at_the_gate();
    co_return state().value;
  }
  Task<int> wait_and_add() {
    state().value += 1;
    co_await at_the_gate();
    co_return state().value;
  }
  void add_later() {
    state().value += 1;
    after_commit([id = id()](Calls calls) { return wait_then_add(std::move(calls), id); });
  }
  void tell_later() {
    state().value += 1;
    after_commit([id = id()](Calls calls) { return wait_then_add(std::move(calls), id); }, Work::News);
  }
  void ring() { state().value += 100; }
  void tick() { state().value += 1000; }

 private:
  static Task<void> at_the_gate() {
    return suspend<void>([](Completion<void> done) {
      const std::lock_guard lock(gate_mutex);
      gate.push_back(done);
    });
  }
  static Task<void> wait_then_add(Calls calls, std::string id) {
    co_await at_the_gate();
    const Add ten{10};
    co_await calls.proxy<Counter>(id).call<&Counter::add>(ten);
  }
};

class LastTurn final : public Observer {
 public:
  void turn_ended(const TurnEnded& turn) override {
    last_cause = turn.cause;
    const std::lock_guard lock(mutex_);
    if (turn.outcome == TurnOutcome::Failed) errors_[std::string(turn.reference)] = turn.error;
  }
  /// What was told of the failed turn under this reference.
  std::string error(const std::string& reference) const {
    const std::lock_guard lock(mutex_);
    const auto found = errors_.find(reference);
    return found == errors_.end() ? "" : found->second;
  }
  std::atomic<Cause> last_cause = Cause::Call;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> errors_;
};

struct Happened {
  static constexpr EventType event_type{"thing.happened", "things"};
  std::string what;
  DAPR_ACTORS_JSON(what)
};

/// A request of the sidecar that carries nothing but its token.
Request bare_request(std::string verb, std::string target, std::string token = "token") {
  Request request;
  request.verb = std::move(verb);
  request.target = std::move(target);
  request.token = std::move(token);
  return request;
}

}  // namespace
}  // namespace dapr::actors::http

template <>
struct dapr::actors::Describe<dapr::actors::http::Counter> {
  static constexpr auto table = actors::type<actors::http::Counter>("Counter")
                                    .method<&actors::http::Counter::add>("Add")
                                    .method<&actors::http::Counter::value>("Value")
                                    .method<&actors::http::Counter::echo>("Echo")
                                    .method<&actors::http::Counter::wait>("Wait")
                                    .method<&actors::http::Counter::wait_and_add>("WaitAndAdd")
                                    .method<&actors::http::Counter::add_later>("AddLater")
                                    .method<&actors::http::Counter::tell_later>("TellLater")
                                    .settings({.work_at_once = 2, .news_at_once = 1, .work_waiting = 2})
                                    .reminder<&actors::http::Counter::ring>("ring")
                                    .timer<&actors::http::Counter::tick>("tick");
};

namespace dapr::actors::http {
namespace {

class AppChannelRoutes : public ::testing::Test {
 protected:
  AppChannelRoutes() {
    engine_.add(detail::describe<Counter>([] { return std::make_unique<Counter>(); }));
    auto other = detail::describe<Counter>([] { return std::make_unique<Counter>(); });
    other.name = "Other";
    engine_.add(std::move(other));
    Subscriptions subscriptions;
    subscriptions.on<Happened>([this](Happened event, Calls) -> Task<void> {
      if (event.what == "failure") throw std::runtime_error("later");
      happened_.push_back(event.what);
      co_return;
    });
    channel_.subscribe(std::move(subscriptions));
    channel_.route("GET", "/internal/things/{id}", [](ChannelRequest request) -> Task<ChannelAnswer> {
      co_return ChannelAnswer{200, request.path + " " + request.parameters.at(0) + " " + request.trace.traceparent,
                              "text/plain"};
    });
    channel_.route("PUT", "/internal/things/{id}", [](ChannelRequest request) -> Task<ChannelAnswer> {
      co_return ChannelAnswer{202, request.body};
    });
    server_.listen();
  }
  ~AppChannelRoutes() override {
    EXPECT_TRUE(eventually([this] { return engine_.idle(); })) << "a turn goes on after the test";
    io_.stop();
  }
  /// One request; `lines` are further header lines, each with its end.
  std::string ask(const std::string& verb, const std::string& target, const std::string& body = "",
                  const std::string& lines = "") {
    return Wire(server_.port()).ask(request(verb, target, body, lines));
  }
  static std::string request(const std::string& verb, const std::string& target, const std::string& body = "",
                             const std::string& lines = "") {
    return verb + " " + target + " HTTP/1.1\r\nHost: x\r\ndapr-api-token: token\r\n" + lines +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }
  static std::string status_of(const std::string& answer) { return answer.substr(9, 3); }

  static bool somebody_waits() {
    return eventually([] {
      const std::lock_guard lock(gate_mutex);
      return !gate.empty();
    });
  }
  static std::size_t at_the_gate() {
    const std::lock_guard lock(gate_mutex);
    return gate.size();
  }
  void add_later(const std::string& counter, const std::string& how = "AddLater") {
    const auto method = "/actors/Counter/" + counter + "/method/";
    EXPECT_EQ(status_of(ask("PUT", method + how, "", "Idempotency-Key: for-" + counter + "\r\n")), "200");
    ask("PUT", method + "Value");  // the turn before it has ended entirely
  }
  /// Two pieces of work have begun afterwards, and two wait.
  void begin_work_of_four() {
    for (const auto* counter : {"c-1", "c-2", "c-3", "c-4"}) add_later(counter);
    ASSERT_TRUE(eventually([] { return at_the_gate() >= 2; }));
  }
  void go_on() {
    const std::lock_guard lock(gate_mutex);
    for (const auto& done : gate) boost::asio::post(io_.io, [done] { done(); });
    gate.clear();
  }

  testing::IoThreads io_;
  VirtualClock clock_;
  FakeSidecar sidecar_{clock_};
  LastTurn observer_;
  Engine engine_{io_.io, sidecar_, clock_, observer_, "test"};
  AppChannel channel_{engine_, sidecar_, observer_, "token", 1h};
  std::atomic<int> abandoned_ = 0;
  Server server_{io_.io,
                 {},
                 [this](Request& request) { return channel_.serve(request); },
                 [this](const Request& request) {
                   channel_.abandoned(request);
                   ++abandoned_;
                 }};
  std::vector<std::string> happened_;
};

TEST_F(AppChannelRoutes, begin_no_turn_whose_caller_has_no_time_left) {
  const auto add = [this](const std::string& left) {
    return ask("PUT", "/actors/Counter/late/method/Add", R"({"amount":1})", "Time-Left: " + left + "\r\n");
  };
  const auto late = add("0");
  EXPECT_EQ(status_of(late), "504");
  EXPECT_THAT(body_of(late), HasSubstr(R"("errorCode":"DEADLINE_EXCEEDED")"));
  EXPECT_EQ(status_of(add("soon")), "400");
  EXPECT_EQ(body_of(add("60000")), "1");
}

TEST_F(AppChannelRoutes, carry_out_no_read_that_waited_until_its_caller_was_gone) {
  Wire holder(server_.port());
  holder.send(request("PUT", "/actors/Counter/held/method/WaitAndAdd"));
  ASSERT_TRUE(somebody_waits());
  {
    Wire reader(server_.port());
    reader.send(request("PUT", "/actors/Counter/held/method/Wait"));
    Wire writer(server_.port());
    writer.send(request("PUT", "/actors/Counter/held/method/Add", R"({"amount":5})"));
    ASSERT_TRUE(eventually([this] { return server_.connections() == 3; }));
  }
  ASSERT_TRUE(eventually([this] { return abandoned_ == 2; }));
  go_on();
  EXPECT_EQ(body_of(ask("PUT", "/actors/Counter/held/method/Value")), "6") << "what changes something is carried out";
  EXPECT_EQ(at_the_gate(), 0u) << "the read did not begin";
}

// covers: health-probe-no-token
TEST_F(AppChannelRoutes, TellTheirHealthToAnyone) {
  EXPECT_EQ(status_of(Wire(server_.port()).ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")), "200");
  channel_.drain();
  EXPECT_EQ(status_of(Wire(server_.port()).ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")), "503");
}

TEST_F(AppChannelRoutes, tells_the_health_probe_why_no_turn_can_succeed) {
  std::optional<std::string> trouble = "the store is away";
  channel_.ask([&trouble]() -> Task<std::optional<std::string>> { co_return trouble; });
  const auto probe = [this] { return Wire(server_.port()).ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); };
  const auto answer = probe();
  EXPECT_EQ(status_of(answer), "503");
  EXPECT_THAT(body_of(answer), HasSubstr("the store is away"));
  trouble.reset();
  EXPECT_EQ(status_of(probe()), "200");
}

// covers: app-token
TEST_F(AppChannelRoutes, RefuseEverythingElseWithoutTheToken) {
  for (const auto* line :
       {"GET /dapr/config", "PUT /actors/Counter/c-1/method/Value", "DELETE /actors/Counter/c-1",
        "POST /events/thing.happened", "GET /internal/things/1", "GET /unknown", "POST /healthz", "GET /actors/active"})
    for (const auto* token : {"", "dapr-api-token: wrong\r\n", "dapr-api-token: token2\r\n", "dapr-api-token: \r\n"}) {
      const auto answer = Wire(server_.port()).ask(std::string(line) + " HTTP/1.1\r\nHost: x\r\n" + token + "\r\n");
      EXPECT_EQ(status_of(answer), "401") << line << " " << token;
      EXPECT_THAT(answer, HasSubstr("application/problem+json"));
    }
  EXPECT_EQ(sidecar_.counts.size(), 0u);
}

TEST_F(AppChannelRoutes, tell_the_observer_once_of_each_way_in_which_a_token_is_not_right) {
  struct Warnings final : Observer {
    std::vector<std::string> texts;
    void warned(std::string_view text) override { texts.emplace_back(text); }
  } warnings;
  const auto ask_twice = [this](AppChannel& channel, const std::string& token) {
    for (int i = 0; i < 2; ++i) {
      auto request = bare_request("GET", "/dapr/config", token);
      EXPECT_EQ(io_.run(channel.serve(request)).status, 401);
    }
  };
  AppChannel guarded{engine_, sidecar_, warnings, "token", 1h}, open{engine_, sidecar_, warnings, "", 1h};
  ask_twice(guarded, "");
  ask_twice(guarded, "another one");
  ask_twice(open, "a token");
  ASSERT_THAT(warnings.texts, SizeIs(3));
  for (const auto& text : warnings.texts) EXPECT_THAT(text, AllOf(HasSubstr("401"), HasSubstr("APP_API_TOKEN")));
  EXPECT_THAT(warnings.texts[0], HasSubstr("without the header dapr-api-token"));
  EXPECT_THAT(warnings.texts[1], HasSubstr("another dapr-api-token"));
  EXPECT_THAT(warnings.texts[1], Not(HasSubstr("another one"))) << "a token stands in no log";
  EXPECT_THAT(warnings.texts[2], HasSubstr("this host has no app token"));
}

TEST_F(AppChannelRoutes, RefuseEverythingWhenThereIsNoTokenToCheckAgainst) {
  AppChannel open{engine_, sidecar_, observer_, "", 1h};
  auto request = bare_request("GET", "/dapr/config", "");
  EXPECT_EQ(io_.run(open.serve(request)).status, 401);
}

TEST_F(AppChannelRoutes, TakeNoTokenFromAfterTheBody) {
  const auto answer =
      Wire(server_.port())
          .ask(
              "PUT /actors/Counter/c-1/method/Value HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
              "0\r\ndapr-api-token: token\r\n\r\n");
  EXPECT_EQ(status_of(answer), "401");
}

TEST_F(AppChannelRoutes, TellTheSidecarWhatIsHere) {
  EXPECT_EQ(body_of(ask("GET", "/dapr/config")), engine_.configuration());
  EXPECT_EQ(body_of(ask("GET", "/dapr/subscribe")), "[]");
}

TEST_F(AppChannelRoutes, SubscribeToWhatTheHostHandlesIfItIsToldTo) {
  AppChannel telling{engine_, sidecar_, observer_, "token", 1h};
  telling.subscribe(std::move(Subscriptions().on<Happened>([](Happened, Calls) -> Task<void> { co_return; })),
                    "broker");
  auto request = bare_request("GET", "/dapr/subscribe", "token");
  EXPECT_EQ(io_.run(telling.serve(request)).body,
            R"([{"pubsubname":"broker","topic":"things","routes":{"rules":[{"match":)"
            R"("event.type == \"thing.happened\"","path":"/events/thing.happened"}],"default":"/events/unknown"}}])");
}

TEST_F(AppChannelRoutes, ReadStateAnewAfterTheSidecarWasNotHeardOf) {
  AppChannel impatient{engine_, sidecar_, observer_, "token", Duration{0}};
  auto reads_of_two_calls = [&](AppChannel& channel) {
    const auto before = sidecar_.counts["state_get"];
    for (int i = 0; i < 2; ++i) {
      auto request = bare_request("PUT", "/actors/Counter/c-1/method/Value", "token");
      EXPECT_EQ(io_.run(channel.serve(request)).status, 200);
    }
    return sidecar_.counts["state_get"] - before;
  };
  ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":1})");
  EXPECT_EQ(reads_of_two_calls(channel_), 0);
  EXPECT_EQ(reads_of_two_calls(impatient), 2);
}

TEST_F(AppChannelRoutes, ForgetWhatTheyHoldWhenASidecarStarts) {
  ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":1})");
  ask("PUT", "/actors/Counter/c-1/method/Value");
  const auto reads = sidecar_.counts["state_get"];
  ask("PUT", "/actors/Counter/c-1/method/Value");
  EXPECT_EQ(sidecar_.counts["state_get"], reads) << "a cached read asks nobody";
  ask("GET", "/dapr/config");
  EXPECT_EQ(body_of(ask("PUT", "/actors/Counter/c-1/method/Value")), "1");
  EXPECT_EQ(sidecar_.counts["state_get"], reads + 1);
}

TEST_F(AppChannelRoutes, CallAMethodAndAnswerItsValue) {
  const auto answer = ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":5})");
  EXPECT_EQ(answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n5");
  EXPECT_EQ(body_of(ask("PUT", "/actors/Counter/c-1/method/Value")), "5");
}

TEST_F(AppChannelRoutes, HandOnIdCauseAndTraceOfACall) {
  const auto answer = ask("PUT", "/actors/Counter/a%2Fb%20c/method/Echo", "",
                          "Idempotency-Key: key%201/2\r\nTurn-Cause: event\r\ntraceparent: 00-a-b-01\r\n");
  EXPECT_EQ(body_of(answer), R"({"id":"a/b c","origin":"key 1/2","traceparent":"00-a-b-01"})");
  EXPECT_TRUE(eventually([&] { return observer_.last_cause == Cause::Event; }));
}

TEST_F(AppChannelRoutes, take_no_id_and_no_trace_that_could_not_be_stored_as_json) {
  for (const auto* key : {"%FF", "\xff", "%C3"})
    EXPECT_EQ(status_of(ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":5})",
                            std::string("Idempotency-Key: ") + key + "\r\n")),
              "400")
        << key;
  const auto answer = ask("PUT", "/actors/Counter/c-1/method/Echo", "", "traceparent: 00-\xff-b-01\r\n");
  EXPECT_EQ(body_of(answer), R"({"id":"c-1","origin":"","traceparent":""})");
}

TEST_F(AppChannelRoutes, KnowACallThatComesTwice) {
  const auto line = "Idempotency-Key: k-1\r\n";
  EXPECT_EQ(body_of(ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":5})", line)), "5");
  EXPECT_EQ(body_of(ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":5})", line)), "5");
  EXPECT_EQ(body_of(ask("PUT", "/actors/Counter/c-1/method/Value")), "5");
}

TEST_F(AppChannelRoutes, AnswerARefusalInTheFormThatDaprHandsOn) {
  const auto answer = ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":0})");
  EXPECT_EQ(status_of(answer), "200");
  EXPECT_THAT(answer, HasSubstr("X-DaprErrorResponseHeader: true\r\n"));
  EXPECT_EQ(body_of(answer), R"({"reason":"unprocessable","code":"nothing","message":"add \"something\""})");
}

TEST_F(AppChannelRoutes, AnswerARefusalWithAllItIsAbout) {
  const auto answer = ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":40})");
  EXPECT_THAT(answer, HasSubstr("X-DaprErrorResponseHeader: true\r\n"));
  EXPECT_EQ(body_of(answer), R"({"reason":"conflict","code":"too_many","message":"less","errors":[)"
                             R"({"pointer":"/items/0","detail":"few are left","available":3},)"
                             R"({"pointer":"/items/2","detail":"gone"}]})");
}

TEST_F(AppChannelRoutes, AnswerARefusalWithItsDetails) {
  const auto answer = ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":41})");
  EXPECT_EQ(body_of(answer),
            R"({"reason":"conflict","code":"one_less","message":"take one less","details":{"amount":40}})");
}

TEST_F(AppChannelRoutes, FailACallWhoseRefusalHasDetailsThatAreNoJson) {
  const auto answer = ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":42})");
  EXPECT_EQ(status_of(answer), "500");
  EXPECT_THAT(answer, Not(HasSubstr("X-DaprErrorResponseHeader")));
}

TEST_F(AppChannelRoutes, list_no_actors_unless_they_are_told_to) {
  EXPECT_EQ(status_of(ask("GET", "/actors/active")), "404");
}

TEST_F(AppChannelRoutes, list_the_actors_that_are_in_memory) {
  channel_.list_actors();
  EXPECT_EQ(body_of(ask("GET", "/actors/active")), R"({"actors":[],"more":false})");
  ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":5})");
  ask("PUT", "/actors/Counter/c-2/method/Value");
  ask("PUT", "/actors/Other/c-0/method/Value");
  const auto since = to_rfc3339(clock_.now());
  const auto entry = [&](const std::string& type, const std::string& id, int version) {
    return R"({"type":")" + type + R"(","id":")" + id + R"(","since":")" + since +
           R"(","busy":false,"waiting":0,"version":)" + std::to_string(version) + R"(,"unsent":0})";
  };
  const auto one = entry("Counter", "c-1", 1), two = entry("Counter", "c-2", 0), other = entry("Other", "c-0", 0);
  ASSERT_TRUE(eventually([this] { return engine_.idle(); }));
  EXPECT_EQ(body_of(ask("GET", "/actors/active")),
            "{\"actors\":[" + one + "," + two + "," + other + R"(],"more":false})");
  EXPECT_EQ(body_of(ask("GET", "/actors/active?type=Counter")),
            "{\"actors\":[" + one + "," + two + R"(],"more":false})");
  EXPECT_EQ(body_of(ask("GET", "/actors/active?type=Counter&limit=2")),
            "{\"actors\":[" + one + "," + two + R"(],"more":false})");
  EXPECT_EQ(body_of(ask("GET", "/actors/active?limit=1")), "{\"actors\":[" + one + R"(],"more":true})");
  ask("DELETE", "/actors/Counter/c-1");
  ASSERT_TRUE(eventually([this] { return engine_.idle(); }));
  EXPECT_EQ(body_of(ask("GET", "/actors/active?type=Counter")), "{\"actors\":[" + two + R"(],"more":false})");
}

TEST_F(AppChannelRoutes, list_who_waits_for_an_actor_and_who_is_loaded) {
  channel_.list_actors();
  Wire first(server_.port()), second(server_.port());
  first.send(request("PUT", "/actors/Counter/c-1/method/Wait"));
  ASSERT_TRUE(somebody_waits());
  second.send(request("PUT", "/actors/Counter/c-1/method/Value"));
  EXPECT_TRUE(eventually([&] {
    const auto actors = engine_.active_actors("", 10).actors;
    return actors.size() == 1 && actors[0].since && actors[0].busy && actors[0].waiting == 1;
  }));
  go_on();
  first.message();
  second.message();
}

TEST_F(AppChannelRoutes, refuse_a_list_that_they_do_not_understand) {
  channel_.list_actors();
  for (const auto* query : {"?limit=0", "?limit=1001", "?limit=-1", "?limit=5x", "?limit=", "?limit", "?type=", "?type",
                            "?type=%FF", "?id=c-1", "?limit=99999999999999999999"})
    EXPECT_EQ(status_of(ask("GET", std::string("/actors/active") + query)), "400") << query;
  EXPECT_EQ(status_of(ask("GET", "/actors/active?type=Nothing")), "404");
  EXPECT_EQ(status_of(ask("POST", "/actors/active")), "405");
}

TEST_F(AppChannelRoutes, AnswerArgumentsThatCannotBeReadWithARefusal) {
  for (const auto* body : {"", "{", R"({"amount":"x"})", "[]"}) {
    const auto answer = ask("PUT", "/actors/Counter/c-1/method/Add", body);
    EXPECT_THAT(answer, HasSubstr("X-DaprErrorResponseHeader: true\r\n")) << body;
    EXPECT_THAT(answer, HasSubstr(R"("reason":"invalid")")) << body;
  }
}

TEST_F(AppChannelRoutes, AnswerABugWith500AndTheNextCallAsIfNothingHadHappened) {
  const auto answer = ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":666})");
  EXPECT_EQ(status_of(answer), "500");
  EXPECT_THAT(body_of(answer), AllOf(Not(HasSubstr("a bug")), HasSubstr("FAILED"), HasSubstr("under the reference ")));
  const auto reference = body_of(answer).substr(body_of(answer).find("reference ") + 10, 32);
  EXPECT_THAT(observer_.error(reference), HasSubstr("a bug"));
  const auto named = ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":666})", "Idempotency-Key: a-key\r\n");
  EXPECT_THAT(body_of(named), HasSubstr("under the reference a-key"));
  EXPECT_THAT(observer_.error("a-key"), HasSubstr("a bug"));
  EXPECT_EQ(body_of(ask("PUT", "/actors/Counter/c-1/method/Value")), "0");
}

TEST_F(AppChannelRoutes, Answer404ForAMethodOrATypeThatIsNotHere) {
  EXPECT_EQ(status_of(ask("PUT", "/actors/Counter/c-1/method/Nothing")), "404");
  EXPECT_EQ(status_of(ask("PUT", "/actors/Nobody/c-1/method/Add")), "404");
}

TEST_F(AppChannelRoutes, Answer503ToCallsAndLeaveEventsWhileTheHostDrains) {
  engine_.drain();
  channel_.drain();
  EXPECT_EQ(status_of(ask("PUT", "/actors/Counter/c-1/method/Value")), "503");
  EXPECT_EQ(body_of(ask("POST", "/events/thing.happened", R"({"type":"thing.happened","data":{"what":"x"}})")),
            R"({"status":"RETRY"})");
  EXPECT_EQ(status_of(ask("DELETE", "/actors/Counter/c-1")), "200");
}

TEST_F(AppChannelRoutes, LetWorkInHandTellItsOutcomeWhileTheHostDrains) {
  sidecar_.deliver_to(&engine_);
  EXPECT_EQ(status_of(ask("PUT", "/actors/Counter/c-1/method/AddLater", "", "Idempotency-Key: k-1\r\n")), "200");
  ASSERT_TRUE(somebody_waits());
  engine_.drain();
  EXPECT_FALSE(engine_.idle());
  for (const auto* stranger : {"", "Idempotency-Key: k-1\r\n", "Idempotency-Key: k-1/afterwards\r\n"})
    EXPECT_EQ(status_of(ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":5})", stranger)), "503") << stranger;
  go_on();
  ASSERT_TRUE(eventually([&] { return engine_.idle(); }));
  EXPECT_THAT(*sidecar_.stored({"Counter", "c-1"}, "state"), HasSubstr(R"("value":11)"));
  EXPECT_EQ(
      status_of(ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":5})", "Idempotency-Key: k-1/after\r\n")),
      "503")
      << "that work has ended";
}

TEST_F(AppChannelRoutes, LetSoMuchWorkAfterCommitsRunAtOnceAsItsTypeAllows) {
  sidecar_.deliver_to(&engine_);
  begin_work_of_four();
  EXPECT_EQ(at_the_gate(), 2);
  go_on();
  ASSERT_TRUE(eventually([&] { return at_the_gate() >= 2; })) << "those that waited go on where others ended";
  EXPECT_FALSE(engine_.idle());
  go_on();
  ASSERT_TRUE(eventually([&] { return engine_.idle(); }));
  for (const auto* counter : {"c-1", "c-2", "c-3", "c-4"})
    EXPECT_THAT(*sidecar_.stored({"Counter", counter}, "state"), HasSubstr(R"("value":11)")) << counter;
}

TEST_F(AppChannelRoutes, LetNewsAndTheNextStepNotWaitForOneAnother) {
  sidecar_.deliver_to(&engine_);
  for (const auto* counter : {"n-1", "n-2", "n-3"}) add_later(counter, "TellLater");
  ASSERT_TRUE(eventually([] { return at_the_gate() >= 1; }));
  begin_work_of_four();
  ASSERT_TRUE(eventually([] { return at_the_gate() >= 3; })) << "one piece of news and two steps";
  for (int times = 0; times < 4 && !engine_.idle(); ++times) {
    EXPECT_LE(at_the_gate(), 3u);
    go_on();
    ASSERT_TRUE(eventually([&] { return engine_.idle() || at_the_gate() > 0; }));
  }
  go_on();
  ASSERT_TRUE(eventually([&] { return engine_.idle(); }));
  for (const auto* counter : {"n-1", "n-2", "n-3", "c-1", "c-2", "c-3", "c-4"})
    EXPECT_THAT(*sidecar_.stored({"Counter", counter}, "state"), HasSubstr(R"("value":11)")) << counter;
}

TEST_F(AppChannelRoutes, LeaveWorkAfterACommitWhereAsMuchWaitsAsMay) {
  sidecar_.deliver_to(&engine_);
  begin_work_of_four();
  add_later("c-5");
  go_on();
  ASSERT_TRUE(eventually([&] { return at_the_gate() >= 2; }));
  go_on();
  ASSERT_TRUE(eventually([&] { return engine_.idle(); }));
  EXPECT_THAT(*sidecar_.stored({"Counter", "c-4"}, "state"), HasSubstr(R"("value":11)"));
  EXPECT_THAT(*sidecar_.stored({"Counter", "c-5"}, "state"), HasSubstr(R"("value":1})"));
  add_later("c-6");
  ASSERT_TRUE(somebody_waits()) << "there is room again";
  go_on();
}

TEST_F(AppChannelRoutes, LeaveWorkThatHasNotBegunWhenTheHostDrains) {
  sidecar_.deliver_to(&engine_);
  begin_work_of_four();
  engine_.drain();
  go_on();
  ASSERT_TRUE(eventually([&] { return engine_.idle(); }));
  int done = 0;
  for (const auto* counter : {"c-1", "c-2", "c-3", "c-4"})
    done += sidecar_.stored({"Counter", counter}, "state")->find(R"("value":11)") != std::string::npos;
  EXPECT_EQ(done, 2);
}

TEST_F(AppChannelRoutes, AnswerADeactivationThoughATurnIsInHand) {
  ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":1})");
  Wire first(server_.port()), second(server_.port());
  first.send(request("PUT", "/actors/Counter/c-1/method/WaitAndAdd"));
  ASSERT_TRUE(somebody_waits());
  second.send(request("PUT", "/actors/Counter/c-1/method/Value"));
  EXPECT_EQ(status_of(ask("DELETE", "/actors/Counter/c-1")), "200") << "the sidecar withholds state until it knows";
  // Another host has the actor meanwhile.
  io_.run(sidecar_.commit_state({"Counter", "c-1"},
                                {{"state", R"({"version":9,"data":{"value":50},"outbox":[],"handled":[]})"}}));
  const auto reads = sidecar_.counts["state_get"];
  go_on();
  first.message();
  second.message();
  EXPECT_GT(sidecar_.counts["state_get"], reads) << "whoever waited went by what is stored";
}

TEST_F(AppChannelRoutes, RingRemindersAndTickTimers) {
  EXPECT_EQ(status_of(ask("PUT", "/actors/Counter/c-1/method/remind/ring", R"({"data":{},"dueTime":"","period":""})")),
            "200");
  EXPECT_EQ(status_of(ask("PUT", "/actors/Counter/c-1/method/timer/tick",
                          R"({"callback":"tick","data":{},"dueTime":"","period":""})")),
            "200");
  EXPECT_EQ(body_of(ask("PUT", "/actors/Counter/c-1/method/Value")), "1100");
}

// covers: reminder-404
TEST_F(AppChannelRoutes, RemoveAReminderThatNobodyKnowsAnyMore) {
  io_.run(sidecar_.register_reminder({"Counter", "c-1"}, {"gone", 1s, 1s}));
  EXPECT_EQ(status_of(ask("PUT", "/actors/Counter/c-1/method/remind/gone", R"({"data":null})")), "200");
  EXPECT_EQ(sidecar_.armed({"Counter", "c-1"}, "gone"), nullptr);
}

TEST_F(AppChannelRoutes, FailATickWhoseBodyCannotBeRead) {
  EXPECT_EQ(status_of(ask("PUT", "/actors/Counter/c-1/method/remind/ring", "{")), "500");
}

// covers: deactivate-twice
TEST_F(AppChannelRoutes, DeactivateWhoeverIsNamed) {
  ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":1})");
  for (const auto* target : {"/actors/Counter/c-1", "/actors/Counter/c-1", "/actors/Counter/never", "/actors/Nobody/x"})
    EXPECT_EQ(status_of(ask("DELETE", target)), "200") << target;
  const auto reads = sidecar_.counts["state_get"];
  EXPECT_EQ(body_of(ask("PUT", "/actors/Counter/c-1/method/Value")), "1");
  EXPECT_EQ(sidecar_.counts["state_get"], reads + 1);
}

TEST_F(AppChannelRoutes, DropWhatTheyHoldOfAnActorWhoseCallerHasGone) {
  ask("PUT", "/actors/Counter/c-1/method/Add", R"({"amount":1})");
  Wire wire(server_.port());
  wire.send(request("PUT", "/actors/Counter/c-1/method/Wait"));
  ASSERT_TRUE(somebody_waits());
  const auto reads = sidecar_.counts["state_get"];
  wire.close();
  ASSERT_TRUE(eventually([&] { return abandoned_ == 1; }));
  go_on();
  ASSERT_TRUE(eventually([&] { return server_.connections() == 0; }));
  EXPECT_EQ(body_of(ask("PUT", "/actors/Counter/c-1/method/Value")), "1");
  EXPECT_EQ(sidecar_.counts["state_get"], reads + 1) << "it was read again";
}

TEST_F(AppChannelRoutes, DeliverEvents) {
  const auto envelope = [](const std::string& type, const std::string& data) {
    return R"({"specversion":"1.0","id":"1","source":"s","type":")" + type + R"(","data":)" + data + "}";
  };
  EXPECT_EQ(body_of(ask("POST", "/events/thing.happened", envelope("thing.happened", R"({"what":"one"})"))),
            R"({"status":"SUCCESS"})");
  EXPECT_EQ(happened_, std::vector<std::string>{"one"});
  EXPECT_EQ(body_of(ask("POST", "/events/thing.happened", envelope("thing.happened", R"({"what":"failure"})"))),
            R"({"status":"RETRY"})");
  EXPECT_EQ(body_of(ask("POST", "/events/thing.happened", envelope("thing.happened", "{}"))), R"({"status":"RETRY"})");
  EXPECT_EQ(body_of(ask("POST", "/events/unknown", envelope("other.happened", "{}"))), R"({"status":"SUCCESS"})");
}

TEST_F(AppChannelRoutes, ServeRoutesOfTheApplication) {
  const auto answer = ask("GET", "/internal/things/a%20b?x=y", "", "traceparent: 00-t\r\n");
  EXPECT_EQ(body_of(answer), "/internal/things/a%20b a b 00-t");
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain\r\n"));
  EXPECT_THAT(ask("PUT", "/internal/things/1", "body"), StartsWith("HTTP/1.1 202 Accepted\r\n"));
}

struct Misdirected {
  const char* verb;
  const char* target;
  const char* status;
  const char* allow;
  friend void PrintTo(const Misdirected& request, std::ostream* out) { *out << request.verb << " " << request.target; }
};
class AppChannelRefuses : public AppChannelRoutes, public ::testing::WithParamInterface<Misdirected> {};

TEST_P(AppChannelRefuses, AsHttpSays) {
  const auto answer = ask(GetParam().verb, GetParam().target);
  EXPECT_EQ(status_of(answer), GetParam().status) << answer;
  EXPECT_THAT(answer, HasSubstr("application/problem+json"));
  if (*GetParam().allow) {
    EXPECT_THAT(answer, HasSubstr(std::string("Allow: ") + GetParam().allow + "\r\n"));
  }
  EXPECT_TRUE(sidecar_.counts.empty()) << "no turn was run";
}

INSTANTIATE_TEST_SUITE_P(
    Misdirected, AppChannelRefuses,
    ::testing::Values(Misdirected{"GET", "/", "404", ""}, Misdirected{"GET", "/nothing", "404", ""},
                      Misdirected{"GET", "/actors", "404", ""}, Misdirected{"GET", "/actors/Counter", "404", ""},
                      Misdirected{"PUT", "/actors/Counter/c-1/method", "404", ""},
                      Misdirected{"PUT", "/actors/Counter/c-1/method/a/b", "404", ""},
                      Misdirected{"PUT", "/actors/Counter/c-1/state/x", "404", ""},
                      Misdirected{"GET", "/internal/things", "404", ""},
                      Misdirected{"GET", "/internal/things/1/2", "404", ""}, Misdirected{"GET", "/events", "404", ""},
                      Misdirected{"GET", "/dapr/metadata", "404", ""}, Misdirected{"GET", "/healthz/", "404", ""},
                      Misdirected{"POST", "/dapr/config", "405", "GET"}, Misdirected{"POST", "/healthz", "405", "GET"},
                      Misdirected{"POST", "/actors/Counter/c-1/method/Add", "405", "PUT"},
                      Misdirected{"GET", "/actors/Counter/c-1", "405", "DELETE"},
                      Misdirected{"GET", "/events/thing.happened", "405", "POST"},
                      Misdirected{"DELETE", "/internal/things/1", "405", "GET, PUT"},
                      Misdirected{"PUT", "/actors/Counter/a%2/method/Add", "400", ""},
                      Misdirected{"PUT", "/actors/Counter/a%zz/method/Add", "400", ""},
                      Misdirected{"PUT", "/actors/Counter/a+b/method/Add", "400", ""},
                      Misdirected{"PUT", "/actors/Counter//method/Add", "400", ""},
                      Misdirected{"PUT", "/actors//c-1/method/Add", "400", ""},
                      Misdirected{"PUT", "/actors/Counter/c-1/method/", "400", ""},
                      Misdirected{"PUT", "/actors/Counter/c-1/method/%00", "400", ""},
                      Misdirected{"PUT", "/actors/Counter/c-1/method/%FF", "400", ""},
                      Misdirected{"PUT", "/actors/Counter/c-1/method/remind/%C3", "400", ""},
                      Misdirected{"PUT", "/actors/%ED%A0%80/c-1/method/Add", "400", ""},
                      Misdirected{"PUT", "/actors/Counter/%FF/method/Add", "400", ""},
                      Misdirected{"GET", "/internal/things/%0A", "400", ""},
                      Misdirected{"GET", "/internal/things/%FF", "400", ""},
                      Misdirected{"GET", "/internal/things/", "400", ""},
                      Misdirected{"GET", "http://x/dapr/config", "400", ""}, Misdirected{"OPTIONS", "*", "400", ""}));

}  // namespace
}  // namespace dapr::actors::http
