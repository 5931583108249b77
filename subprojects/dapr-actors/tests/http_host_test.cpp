#include "dapr/actors/host.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "dapr/actors/run.hpp"
#include "tests/http_support.hpp"

namespace dapr::actors {
namespace {

using namespace std::chrono_literals;
using http::testing::eventually;
using http::testing::ok;
using http::testing::ScriptedServer;
using http::testing::Wire;

struct SwitchState {
  bool on = false;
  bool operator==(const SwitchState&) const = default;
  DAPR_ACTORS_JSON(on)
};
struct Flipped {
  static constexpr EventType event_type{"switch.flipped", "switches"};
  bool on = false;
  DAPR_ACTORS_JSON(on)
};
class Switch final : public Actor<SwitchState> {
 public:
  bool flip() { return state().on = !state().on; }
  void flip_loudly() {
    state().on = !state().on;
    publish(Flipped{state().on});
  }
};

}  // namespace

template <>
struct Describe<Switch> {
  static constexpr auto table =
      actors::type<Switch>("Switch").method<&Switch::flip>("Flip").method<&Switch::flip_loudly>("FlipLoudly");
};

namespace {

constexpr auto no_content = "HTTP/1.1 204 No Content\r\n\r\n";
constexpr auto failed = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";

class HostOfActors : public ::testing::Test {
 protected:
  HostOfActors() {
    settings_.app_id = "switches";
    settings_.app_token = "token";
    settings_.sidecar_port = sidecar_.port();
    host_.emplace(settings_, observer_, clock_);
    host_->add<Switch>();
    host_->start();
  }
  static void flip(Wire& wire, const std::string& method = "Flip") {
    wire.send("PUT /actors/Switch/s-1/method/" + method +
              " HTTP/1.1\r\nHost: x\r\ndapr-api-token: token\r\nContent-Length: 0\r\n\r\n");
  }
  /// A turn whose event the broker did not take.
  void flip_in_vain() {
    for (const auto* answer : {no_content, no_content, no_content, failed}) sidecar_.add({answer});
    Wire wire(host_->channel_port());
    flip(wire, "FlipLoudly");
    ASSERT_TRUE(wire.message().starts_with("HTTP/1.1 200"));
    ASSERT_TRUE(eventually([&] { return sidecar_.requests().size() == 4; }));
    EXPECT_TRUE(sidecar_.requests()[1].starts_with("POST /v1.0/actors/Switch/s-1/reminders/tend-1 "));
    EXPECT_TRUE(sidecar_.requests()[3].starts_with("POST /v1.0/publish/pubsub/switches"));
  }
  template <class T>
  T run(Task<T> task) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    host_->spawn(std::move(task), [promise](Outcome<T> outcome) {
      if (outcome.failed())
        promise->set_exception(outcome.error());
      else if constexpr (std::is_void_v<T>)
        promise->set_value();
      else
        promise->set_value(std::move(outcome.get()));
    });
    if (future.wait_for(http::testing::patience) != std::future_status::ready)
      throw std::runtime_error("it did not end");
    return future.get();
  }

  ScriptedServer sidecar_;
  HostSettings settings_;
  Observer observer_;
  SystemClock clock_;
  std::optional<Host> host_;
};

TEST_F(HostOfActors, RunsATurnBetweenTheSidecarsCallAndItsOwn) {
  sidecar_.add({no_content});  // the state: none yet
  sidecar_.add({no_content});  // the commit
  Wire wire(host_->channel_port());
  flip(wire);
  EXPECT_TRUE(wire.message().ends_with("\r\n\r\ntrue"));
  ASSERT_EQ(sidecar_.requests().size(), 2u);
  EXPECT_TRUE(sidecar_.requests()[0].starts_with("GET /v1.0/actors/Switch/s-1/state/state "));
  EXPECT_TRUE(sidecar_.requests()[1].starts_with("POST /v1.0/actors/Switch/s-1/state "));
  EXPECT_TRUE(host_->drain(10s));
}

TEST_F(HostOfActors, SaysWhatItWaitsFor) {
  sidecar_.add({no_content});
  sidecar_.add({ok(R"({"actorRuntime":{"runtimeStatus":"RUNNING","hostReady":true}})")});
  EXPECT_EQ(run(host_->not_ready()), "the sidecar does not host Switch yet");
  sidecar_.add({no_content});
  sidecar_.add(
      {ok(R"({"actorRuntime":{"runtimeStatus":"RUNNING","activeActors":[{"type":"Switch"}],"hostReady":true}})")});
  EXPECT_EQ(run(host_->not_ready()), std::nullopt);
}

TEST_F(HostOfActors, IsNotReadyBeforeItListens) {
  Host silent(settings_, observer_, clock_);
  std::optional<std::string> reason;
  spawn(silent.not_ready(), [&](Outcome<std::optional<std::string>> outcome) { reason = outcome.get(); });
  EXPECT_EQ(reason, "the app channel does not listen");
}

TEST_F(HostOfActors, LetsARunningTurnEndBeforeItStops) {
  Wire wire(host_->channel_port());
  flip(wire);
  ASSERT_TRUE(eventually([&] { return sidecar_.requests().size() == 1; }));
  auto drained = std::async(std::launch::async, [&] { return host_->drain(10s); });
  Wire late(host_->channel_port());
  EXPECT_TRUE(eventually([&] {
    return Wire(host_->channel_port()).ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 503");
  }));
  late.send(
      "PUT /actors/Switch/s-2/method/Flip HTTP/1.1\r\nHost: x\r\ndapr-api-token: token\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(late.message().starts_with("HTTP/1.1 503")) << "no new turn";
  sidecar_.add({no_content});
  sidecar_.add({no_content});
  EXPECT_TRUE(wire.message().ends_with("\r\n\r\ntrue"));
  EXPECT_TRUE(drained.get());
  EXPECT_THROW(Wire(host_->channel_port()), std::runtime_error);
}

TEST_F(HostOfActors, SendsWhatTheBrokerDidNotTakeBeforeItStops) {
  flip_in_vain();
  sidecar_.add({failed});
  sidecar_.add({no_content});
  EXPECT_TRUE(host_->drain(10s));
  const auto requests = sidecar_.requests();
  ASSERT_EQ(requests.size(), 6u);
  EXPECT_EQ(requests[4], requests[3]) << "under the same id";
  EXPECT_EQ(requests[5], requests[3]);
}

TEST_F(HostOfActors, LeavesToTheStoreWhatTheBrokerDoesNotTakeInTime) {
  flip_in_vain();
  for (int i = 0; i < 10; ++i) sidecar_.add({failed});
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(host_->drain(2s)) << "no work is left, and the events are stored";
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
  EXPECT_GE(sidecar_.requests().size(), 6u) << "it tried more than once";
}

TEST_F(HostOfActors, LeavesToTheStoreWhatTheBrokerHasNotTakenWhenTimeIsUp) {
  flip_in_vain();
  Wire idle(host_->channel_port());
  EXPECT_TRUE(idle.ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 2"));
  EXPECT_TRUE(host_->drain(1s)) << "an attempt without an answer is no work that is left";
  EXPECT_EQ(sidecar_.requests().size(), 5u);
}

TEST_F(HostOfActors, DoesNotWaitForASidecarThatIsGone) {
  flip_in_vain();
  sidecar_.stop();
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(host_->drain(1min));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 20s);
}

TEST_F(HostOfActors, GivesUpOnATurnThatDoesNotEndInTime) {
  Wire wire(host_->channel_port());
  flip(wire);
  ASSERT_TRUE(eventually([&] { return sidecar_.requests().size() == 1; }));
  EXPECT_FALSE(host_->drain(50ms));
}

TEST_F(HostOfActors, SleepsForATime) {
  const auto before = std::chrono::steady_clock::now();
  run(host_->sleep(30ms));
  EXPECT_GE(std::chrono::steady_clock::now() - before, 30ms);
}

TEST_F(HostOfActors, TakesTheSettingsOfItsTypesFromAText) {
  auto settings = settings_;
  settings.type_settings = R"({"Switch":{"idleTimeout":61000}})";
  Host host(settings, observer_, clock_);
  host.add<Switch>();
  host.start();
  const auto configuration =
      Wire(host.channel_port()).ask("GET /dapr/config HTTP/1.1\r\nHost: x\r\ndapr-api-token: token\r\n\r\n");
  EXPECT_NE(configuration.find(R"("actorIdleTimeout":"61000ms","drainOngoingCallTimeout":"3000ms")"), std::string::npos)
      << configuration;
}

TEST_F(HostOfActors, ListsItsActorsAlsoOnTheAppChannelIfItIsAskedTo) {
  auto settings = settings_;
  settings.lists_actors = true;
  Host host(settings, observer_, clock_);
  host.add<Switch>();
  host.start();
  sidecar_.add({no_content});  // the state: none yet
  sidecar_.add({no_content});  // the commit
  Wire wire(host.channel_port());
  flip(wire);
  EXPECT_TRUE(wire.message().ends_with("\r\n\r\ntrue"));
  const auto here = host.active_actors("Switch").actors;
  ASSERT_EQ(here.size(), 1u);
  EXPECT_EQ(here[0].id, "s-1");
  EXPECT_EQ(here[0].version, 1);
  EXPECT_TRUE(host_->active_actors().actors.empty()) << "of another host";
  const std::string line = "GET /actors/active HTTP/1.1\r\nHost: x\r\ndapr-api-token: token\r\n\r\n";
  EXPECT_NE(wire.ask(line).find(R"({"actors":[{"type":"Switch","id":"s-1",)"), std::string::npos);
  EXPECT_TRUE(Wire(host_->channel_port()).ask(line).starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(host.drain(10s));
}

TEST_F(HostOfActors, StartsWithNoSettingsThatAreWrong) {
  auto settings = settings_;
  settings.type_settings = R"({"Switch":{"idleTimeout":"1m"}})";
  EXPECT_THROW(Host(settings, observer_, clock_), std::runtime_error);
  settings.type_settings = R"({"Swicth":{}})";
  Host host(settings, observer_, clock_);
  host.add<Switch>();
  EXPECT_THROW(host.start(), std::runtime_error);
}

/// Of this process, while it lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(SettingsFromTheEnvironment, HoldWhatIsInTheFileThatIsNamed) {
  const Variable token("APP_API_TOKEN", "token");
  EXPECT_EQ(settings_from_environment("switches").type_settings, "");
  const auto folder = std::filesystem::temp_directory_path() / ("settings-" + random_id());
  std::filesystem::create_directory(folder);
  const auto path = folder / "types.json";
  const Variable named("ACTOR_SETTINGS_FILE", path.string());
  EXPECT_THROW(settings_from_environment("switches"), std::runtime_error) << "there is no such file";
  std::ofstream(path) << "{}\n";
  EXPECT_EQ(settings_from_environment("switches").type_settings, "{}\n");
  std::ofstream(path, std::ios::trunc);
  EXPECT_THROW(settings_from_environment("switches"), std::runtime_error) << "nothing in it";
  std::filesystem::remove_all(folder);
}

TEST_F(HostOfActors, SaysThatItsPortIsTaken) {
  auto settings = settings_;
  settings.channel_port = host_->channel_port();
  Host second(settings, observer_, clock_);
  EXPECT_THROW(second.start(), std::system_error);
}

}  // namespace
}  // namespace dapr::actors
