// A deadline travels with a call: past it nothing is begun, what has begun may end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "dapr/actors/testing/bench.hpp"
#include "internal/deadline.hpp"
#include "internal/engine.hpp"

namespace dapr::actors {
namespace {

using namespace std::chrono_literals;
using actors::testing::Bench;
using ::testing::HasSubstr;

struct StopState {
  int passed = 0;
  bool operator==(const StopState&) const = default;
  DAPR_ACTORS_JSON(passed)
};

/// A stop on the way, which may send on to the next.
class Stop final : public Actor<StopState> {
 public:
  int pass() { return ++state().passed; }
  int passed() const { return state().passed; }
  bool in_a_hurry() const { return origin().deadline != no_deadline; }
  Task<bool> next_is_in_a_hurry(std::string next) const {
    const auto hurry = co_await proxy<Stop>(next).call<&Stop::in_a_hurry>();
    co_return *hurry;
  }
  /// Ends when its caller has given up.
  Task<int> dawdle() {
    ++state().passed;
    co_await read<int>("nothing");
    while (!is_over(origin().deadline)) std::this_thread::sleep_until(origin().deadline);
    co_return state().passed;
  }
  Task<int> dawdle_and_send_on(std::string next) {
    ++state().passed;
    while (!is_over(origin().deadline)) std::this_thread::sleep_until(origin().deadline);
    const auto there = co_await proxy<Stop>(next).call<&Stop::pass>();
    co_return *there;
  }
  /// Waits less long for the next than its own caller for it.
  Task<std::string> send_on_in_no_time(std::string next) const {
    std::string code;
    try {
      co_await calls().within(0ms).proxy<Stop>(next).call<&Stop::pass>();
    } catch (const SidecarError& error) {
      code = error.code();
    }
    co_return code;
  }
  void work_after() {
    ++state().passed;
    after_commit([id = id()](Calls calls) { return hurry_along(std::move(calls), id); });
  }
  static inline bool work_in_a_hurry = false;

 private:
  static Task<void> hurry_along(Calls calls, std::string) {
    work_in_a_hurry = calls.deadline() != no_deadline;
    co_return;
  }
};

}  // namespace

template <>
struct Describe<Stop> {
  static constexpr auto table = type<Stop>("Stop")
                                    .method<&Stop::pass>("Pass")
                                    .method<&Stop::passed>("Passed")
                                    .method<&Stop::in_a_hurry>("InAHurry")
                                    .method<&Stop::next_is_in_a_hurry>("NextIsInAHurry")
                                    .method<&Stop::dawdle>("Dawdle")
                                    .method<&Stop::dawdle_and_send_on>("DawdleAndSendOn")
                                    .method<&Stop::send_on_in_no_time>("SendOnInNoTime")
                                    .method<&Stop::work_after>("WorkAfter");
};

namespace {

class Deadlines : public ::testing::Test {
 protected:
  Deadlines() { bench.add<Stop>(); }
  template <auto Method, class... Args>
  auto call_within(Duration limit, const std::string& id, Args... args) {
    return bench.run(Calls(bench.sidecar, {"key"}).within(limit).proxy<Stop>(id).call<Method>(args...));
  }
  template <auto Method, class... Args>
  std::string code_within(Duration limit, const std::string& id, Args... args) {
    try {
      call_within<Method>(limit, id, args...);
    } catch (const SidecarError& error) {
      return error.code();
    }
    return "";
  }
  int passed(const std::string& id) { return *bench.call<&Stop::passed>(id); }
  Bench bench;
};

TEST_F(Deadlines, a_call_in_time_is_carried_out_and_what_it_awaits_inherits_the_deadline) {
  EXPECT_EQ(call_within<&Stop::pass>(1h, "a"), 1);
  EXPECT_EQ(call_within<&Stop::next_is_in_a_hurry>(1h, "a", "b"), true);
  EXPECT_EQ(bench.call<&Stop::next_is_in_a_hurry>("a", "b"), false);
  EXPECT_EQ(call_within<&Stop::next_is_in_a_hurry>(Duration::max(), "a", "b"), false) << "that is none";
}

TEST_F(Deadlines, past_it_nothing_is_begun) {
  EXPECT_EQ(code_within<&Stop::pass>(0ms, "a"), "DEADLINE_EXCEEDED");
  EXPECT_EQ(code_within<&Stop::pass>(-5ms, "a"), "DEADLINE_EXCEEDED");
  EXPECT_EQ(bench.sidecar.counts["actor_call"], 0);
  EXPECT_EQ(passed("a"), 0);
}

TEST_F(Deadlines, a_turn_that_is_let_in_after_it_is_not_carried_out) {
  Call late{"Pass", "", "key"};
  late.deadline = std::chrono::steady_clock::now();
  EXPECT_THROW(bench.call_raw({"Stop", "a"}, late), Overdue);
  EXPECT_EQ(bench.turns(TurnOutcome::Refused), 1);
  EXPECT_EQ(bench.sidecar.counts["state_get"], 0) << "nothing is loaded for it";
  EXPECT_EQ(passed("a"), 0);
  EXPECT_EQ(bench.call_as<&Stop::pass>({"key"}, "a"), 1) << "its id is not used up";
}

TEST_F(Deadlines, a_turn_that_waited_too_long_for_another_is_not_carried_out) {
  bench.sidecar.complete_later(1);
  const Calls calls(bench.sidecar, {"key"});
  std::vector<Task<Result<int>>> turns;
  turns.push_back(calls.within(30ms).proxy<Stop>("a").call<&Stop::dawdle>());
  turns.push_back(calls.within(30ms).proxy<Stop>("a").call<&Stop::dawdle>());
  EXPECT_THROW(bench.run(when_all(std::move(turns))), SidecarError);
  EXPECT_EQ(passed("a"), 1);
}

TEST_F(Deadlines, a_turn_that_has_begun_commits_all_the_same_and_is_found_under_its_id) {
  EXPECT_EQ(call_within<&Stop::dawdle>(10ms, "a"), 1);
  EXPECT_EQ(passed("a"), 1);
}

TEST_F(Deadlines, a_turn_whose_own_call_comes_too_late_fails_of_it_and_changes_nothing) {
  EXPECT_EQ(code_within<&Stop::dawdle_and_send_on>(10ms, "a", "b"), "DEADLINE_EXCEEDED");
  EXPECT_EQ(passed("a"), 0);
  EXPECT_EQ(passed("b"), 0);
}

TEST_F(Deadlines, a_turn_may_give_what_it_awaits_less_time_than_it_has) {
  EXPECT_EQ(bench.call<&Stop::send_on_in_no_time>("a", "b"), "DEADLINE_EXCEEDED");
  EXPECT_EQ(passed("b"), 0);
}

TEST_F(Deadlines, never_grow) {
  const auto calls = Calls(bench.sidecar, {}).within(1s);
  EXPECT_EQ(calls.within(1h).deadline(), calls.deadline());
  EXPECT_LT(calls.within(1ms).deadline(), calls.deadline());
}

TEST_F(Deadlines, calls_with_another_deadline_share_the_numbering) {
  const Calls calls(bench.sidecar, {"key"});
  EXPECT_EQ(bench.run(calls.proxy<Stop>("a").call<&Stop::pass>()), 1);
  EXPECT_EQ(bench.run(calls.within(1h).proxy<Stop>("a").call<&Stop::pass>()), 2);
}

TEST_F(Deadlines, work_after_the_commit_has_none) {
  Stop::work_in_a_hurry = true;
  call_within<&Stop::work_after>(1h, "a");
  bench.settle();
  EXPECT_FALSE(Stop::work_in_a_hurry);
}

TEST_F(Deadlines, an_application_is_asked_with_no_more_patience_than_there_is_time) {
  Duration patience{};
  bench.sidecar.applications["mail"] = [&](const HttpRequest& request) {
    patience = request.patience;
    return HttpAnswer{200, "", ""};
  };
  const Calls calls(bench.sidecar, {});
  HttpRequest request("GET", "/x");
  bench.run(calls.invoke("mail", request));
  EXPECT_EQ(patience, 0ms);
  bench.run(calls.within(1h).invoke("mail", request));
  EXPECT_TRUE(patience > 0ms && patience <= 1h);
  request.patience = 5ms;
  bench.run(calls.within(1h).invoke("mail", request));
  EXPECT_EQ(patience, 5ms);
  EXPECT_THROW(bench.run(calls.within(0ms).invoke("mail", request)), SidecarError);
}

TEST(TimeLeft, is_read_from_whole_milliseconds_alone) {
  EXPECT_EQ(deadline_from(""), no_deadline);
  EXPECT_EQ(deadline_from("999999999999"), no_deadline) << "more than a year";
  EXPECT_TRUE(is_over(*deadline_from("0")));
  EXPECT_FALSE(is_over(*deadline_from("3600000")));
  for (const auto* text : {"-1", "1.5", "1s", " 1", "x", "9999999999999"}) EXPECT_FALSE(deadline_from(text)) << text;
}

}  // namespace
}  // namespace dapr::actors
