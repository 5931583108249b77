// What the library relies on of a Dapr sidecar, asked of a real one. Needs DAPR_BIN (see dapr_runtime.hpp); without it
// every test is skipped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <iostream>
#include <mutex>
#include <set>

#include "dapr/actors/host.hpp"
#include "tests/dapr_runtime.hpp"

namespace dapr::actors {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct ProbeState {
  int value = 0;
  int rings = 0;
  int ticks = 0;
  bool operator==(const ProbeState&) const = default;
  DAPR_ACTORS_JSON(value, rings, ticks)
};
struct Add {
  int amount = 0;
  DAPR_ACTORS_JSON(amount)
};
struct Told {
  std::string id;
  std::string origin;
  std::string traceparent;
  DAPR_ACTORS_JSON(id, origin, traceparent)
};
struct ThingHappened {
  static constexpr EventType event_type{"thing.happened", "things"};
  std::string what;
  DAPR_ACTORS_JSON(what)
};

class Probe final : public Actor<ProbeState> {
 public:
  Result<int> add(const Add& command) {
    if (command.amount == 0) return refuse(Reason::Conflict, "nothing", "add something: \"é\"");
    return state().value += command.amount;
  }
  ProbeState look() const { return state(); }
  Told tell() const { return {id(), origin().id, origin().trace.traceparent}; }
  int fail() const { throw std::runtime_error("a bug"); }
  void ring_once() { remind<&Probe::ring>(100ms); }
  void ring_often() { remind<&Probe::ring>(100ms, 1s); }
  void stop_ringing() { forget<&Probe::ring>(); }
  void ring() { ++state().rings; }
  void tick_often() { start_timer<&Probe::tick>(50ms, 100ms); }
  void tick() { ++state().ticks; }
  void happen(const ThingHappened& event) {
    ++state().value;
    publish(event);
  }
};

}  // namespace

template <>
struct Describe<Probe> {
  static constexpr auto table = actors::type<Probe>("Probe")
                                    .method<&Probe::add>("Add")
                                    .method<&Probe::look>("Look")
                                    .method<&Probe::tell>("Tell")
                                    .method<&Probe::fail>("Fail")
                                    .method<&Probe::ring_once>("RingOnce")
                                    .method<&Probe::ring_often>("RingOften")
                                    .method<&Probe::stop_ringing>("StopRinging")
                                    .method<&Probe::tick_often>("TickOften")
                                    .method<&Probe::happen>("Happen")
                                    .reminder<&Probe::ring>("ring")
                                    .timer<&Probe::tick>("tick");
};

namespace {

class Events final : public Observer {
 public:
  void event_received(const EventReceived& event) override {
    const std::lock_guard lock(mutex_);
    received_.emplace_back(std::string(event.type) + " " + std::string(event.id) + " " + std::string(event.source) +
                           " " + std::string(event.subject));
  }
  std::vector<std::string> received() {
    const std::lock_guard lock(mutex_);
    return received_;
  }

  void warned(std::string_view message) override {
    const std::lock_guard lock(mutex_);
    warnings_.emplace_back(message);
  }
  /// How often the host has said that the store does not fence writes.
  long fence_warnings() {
    const std::lock_guard lock(mutex_);
    return std::count_if(warnings_.begin(), warnings_.end(),
                         [](const auto& text) { return text.find("the later write wins") != std::string::npos; });
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> received_;
  std::vector<std::string> warnings_;
};

/// One host and one runtime for all tests; each test has actors of its own.
class DaprConformance : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!http::testing::DaprRuntime::available()) return;
    const auto channel_port = http::testing::free_port();
    runtime_ = new http::testing::DaprRuntime("conformance", channel_port);
    HostSettings settings;
    settings.app_id = "conformance";
    settings.channel_port = channel_port;
    settings.sidecar_port = runtime_->sidecar_port();
    settings.app_token = "app-token";
    settings.sidecar_token = "sidecar-token";
    host_ = new Host(settings, events_, clock_);
    host_->add<Probe>();
    Subscriptions subscriptions;
    subscriptions.on<ThingHappened>([](ThingHappened, Calls) -> Task<void> { co_return; });
    host_->subscribe(std::move(subscriptions));
    host_->route("GET", "/internal/things/{id}", [](ChannelRequest request) -> Task<ChannelAnswer> {
      co_return ChannelAnswer{200, "\"" + request.parameters[0] + "\"", "application/json"};
    });
    host_->start();
    ready_ = within(60s, [] { return !run(host_->not_ready()); });
    if (!ready_) std::cerr << *run(host_->not_ready()) << "\n" << runtime_->logs();
  }
  static void TearDownTestSuite() {
    if (host_) {
      EXPECT_TRUE(host_->drain(10s));
    }
    delete host_;
    delete runtime_;
  }
  void SetUp() override {
    if (!runtime_) GTEST_SKIP() << "DAPR_BIN does not name a folder with placement, scheduler and daprd";
    ASSERT_TRUE(ready_) << "the runtime did not start";
  }

  template <class T>
  static T run(Task<T> task) {
    std::promise<T> promise;
    auto future = promise.get_future();
    host_->spawn(std::move(task), [&promise](Outcome<T> outcome) {
      if (outcome.failed())
        promise.set_exception(outcome.error());
      else if constexpr (std::is_void_v<T>)
        promise.set_value();
      else
        promise.set_value(std::move(outcome.get()));
    });
    return future.get();
  }
  template <class Condition>
  static bool within(std::chrono::seconds limit, Condition condition) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(20ms);
    }
    return true;
  }
  template <auto Method, class... Args>
  static auto call(const std::string& id, Args... args) {
    return run(host_->calls(Origin{random_id()}).proxy<Probe>(id).template call<Method>(args...));
  }
  static ProbeState look(const std::string& id) { return *call<&Probe::look>(id); }
  template <class T>
  static SidecarError error(Task<T> task) {
    try {
      run(std::move(task));
    } catch (const SidecarError& error) {
      return error;
    }
    ADD_FAILURE() << "it should have failed";
    return {0, "", ""};
  }
  static Sidecar& sidecar() { return host_->sidecar(); }

  static inline SystemClock clock_;
  static inline Events events_;
  static inline http::testing::DaprRuntime* runtime_ = nullptr;
  static inline Host* host_ = nullptr;
  static inline bool ready_ = false;
};

TEST_F(DaprConformance, PassesTheHeadersOfACallThrough) {
  const auto reply = run(sidecar().call_actor(
      {"Probe", "p-1"},
      {"Tell", "", "key 1/2", Cause::Event, {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ""}}));
  ASSERT_TRUE(reply);
  const auto told = json::parse<Told>(*reply);
  EXPECT_EQ(told.id, "p-1");
  EXPECT_EQ(told.origin, "key 1/2");
  EXPECT_THAT(told.traceparent, HasSubstr("0af7651916cd43dd8448eb211c80319c"));
}

TEST_F(DaprConformance, PassesARefusalThroughIntact) {
  const auto refused = call<&Probe::add>("p-2", Add{0});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), (Refusal{Reason::Conflict, "nothing", "add something: \"é\""}));
}

TEST_F(DaprConformance, TellsAFailedMethodAndAnUnknownOneAsErrors) {
  const auto failed = error(sidecar().call_actor({"Probe", "p-3"}, {"Fail", "", "", Cause::Call, {}}));
  EXPECT_EQ(failed.status(), 500);
  EXPECT_EQ(failed.code(), "ERR_ACTOR_INVOKE_METHOD");
  EXPECT_THAT(failed.what(), HasSubstr("under the reference "));
  EXPECT_EQ(error(sidecar().call_actor({"Probe", "p-3"}, {"Nothing", "", "", Cause::Call, {}})).status(), 500);
}

TEST_F(DaprConformance, SaysOnceThatTheStoreDoesNotFenceWritesWhereItDoesNot) {
  EXPECT_EQ(run(host_->not_ready()), std::nullopt);  // has asked the sidecar what it is capable of
  EXPECT_EQ(events_.fence_warnings(), http::testing::DaprRuntime::store() == "dynamodb" ? 0 : 1);
}

TEST_F(DaprConformance, KeepsStateUnderIdsOfAnyKind) {
  for (const std::string id : {"plain", "a/b", "a||b", "user@example.com", "..", ".", "100% é ?#+", "a%20b", "~x:y"}) {
    EXPECT_EQ(call<&Probe::add>(id, Add{7}), 7) << id;
    EXPECT_EQ(json::parse<Told>(*run(sidecar().call_actor({"Probe", id}, {"Tell", "", "", Cause::Call, {}}))).id, id);
    const auto stored = run(sidecar().read_state({"Probe", id}, "state"));
    ASSERT_TRUE(stored) << id;
    EXPECT_THAT(*stored, HasSubstr(R"("value":7)")) << id;
  }
}

TEST_F(DaprConformance, RefusesToWriteTheStateOfAnActorThatIsNotActive) {
  const auto refused = error(sidecar().commit_state({"Probe", "never-called"}, {{"state", "1"}}));
  EXPECT_EQ(refused.code(), "ERR_ACTOR_INSTANCE_MISSING");
}

TEST_F(DaprConformance, ReadsAnAbsentKeyAsNone) {
  call<&Probe::look>("p-4");
  EXPECT_EQ(run(sidecar().read_state({"Probe", "p-4"}, "nothing")), std::nullopt);
}

TEST_F(DaprConformance, ForgetsAKeyWhoseTimeHasPassed) {
  call<&Probe::look>("p-5");
  run(sidecar().commit_state({"Probe", "p-5"}, {{"brief", "1", 1s}, {"lasting", "2", 100s}}));
  EXPECT_EQ(run(sidecar().read_state({"Probe", "p-5"}, "brief")), "1");
  EXPECT_TRUE(within(10s, [] { return !run(sidecar().read_state({"Probe", "p-5"}, "brief")); }));
  EXPECT_EQ(run(sidecar().read_state({"Probe", "p-5"}, "lasting")), "2");
}

TEST_F(DaprConformance, RingsAReminderOnceAndForgetsIt) {
  call<&Probe::ring_once>("p-6");
  EXPECT_TRUE(within(20s, [] { return look("p-6").rings == 1; }));
}

TEST_F(DaprConformance, RingsAReminderUntilItIsForgotten) {
  call<&Probe::ring_often>("p-7");
  call<&Probe::ring_often>("p-7-goes-on");  // its ticks tell how many the other would have had
  EXPECT_TRUE(within(20s, [] { return look("p-7").rings >= 3; }));
  call<&Probe::stop_ringing>("p-7");
  const int rings = look("p-7").rings;
  const int others = look("p-7-goes-on").rings;
  EXPECT_TRUE(within(20s, [others] { return look("p-7-goes-on").rings >= others + 3; }));
  EXPECT_LE(look("p-7").rings, rings + 1) << "a tick may have been on its way";
  call<&Probe::stop_ringing>("p-7-goes-on");
}

TEST_F(DaprConformance, TicksATimer) {
  call<&Probe::tick_often>("p-8");
  EXPECT_TRUE(within(20s, [] { return look("p-8").ticks >= 3; }));
  run(sidecar().unregister_timer({"Probe", "p-8"}, "tick"));
}

TEST_F(DaprConformance, DeliversAnEventWithItsOwnIdTypeAndSource) {
  call<&Probe::happen>("p-9", ThingHappened{"x"});
  EXPECT_TRUE(within(20s, [] {
    for (const auto& event : events_.received())
      if (event.starts_with("thing.happened Probe/p-9/1/") && event.find(" conformance ") != std::string::npos)
        return true;
    return false;
  })) << ::testing::PrintToString(events_.received());
}

TEST_F(DaprConformance, ChangesValuesOfTheStateStoreOnlyUnderTheirTags) {
  auto& state = host_->state();
  EXPECT_FALSE(run(state.get("thing")));
  run(state.transact({{"thing", R"({"n":1})"}, {"other", "[1]"}}));
  const auto first = run(state.get("thing"));
  ASSERT_TRUE(first);
  EXPECT_EQ(json::parse<json::Raw>(first->value).text, R"({"n":1})");
  EXPECT_FALSE(first->etag.empty());
  run(state.transact({{"thing", R"({"n":2})", first->etag}}));
  error(state.transact({{"thing", R"({"n":3})", first->etag}, {"other", "[2]"}}));
  const auto all = run(state.get_all({"other", "absent", "thing"}));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]->value, "[1]") << "all or nothing";
  EXPECT_FALSE(all[1]);
  EXPECT_EQ(all[2]->value, R"({"n":2})");
  EXPECT_NE(all[2]->etag, first->etag);
  run(state.transact({{"thing", std::nullopt}}));
  EXPECT_FALSE(run(state.get("thing")));
}

TEST_F(DaprConformance, ReadsASecret) {
  EXPECT_EQ(run(host_->secrets().secret("jwt")), (std::map<std::string, std::string>{{"hs256", "key"}}));
}

TEST_F(DaprConformance, InvokesAnApplication) {
  const auto found = run(sidecar().invoke("conformance", {"GET", "/internal/things/t-1", {}, {}, {}}));
  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(found.body, "\"t-1\"");
  EXPECT_EQ(run(sidecar().invoke("conformance", {"GET", "/internal/nothing", {}, {}, {}})).status, 404);
  EXPECT_EQ(run(sidecar().invoke("conformance", {"POST", "/internal/things/t-1", "{}", "application/json", {}})).status,
            405);
}

TEST_F(DaprConformance, TellsThatAnApplicationIsNotThere) {
  EXPECT_THAT(error(sidecar().invoke("nobody", {"GET", "/x", {}, {}, {}})).code(), HasSubstr("ERR_DIRECT_INVOKE"));
}

}  // namespace
}  // namespace dapr::actors
