// Reminders and timers that carry data, and several of one method under names of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dapr/actors/testing/bench.hpp"

namespace dapr::actors {
namespace {

using namespace std::chrono_literals;
using actors::testing::Bench;
using actors::testing::CommitFailure;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Visit {
  std::string who;
  int guests = 1;
  DAPR_ACTORS_JSON(who, guests)
  DAPR_ACTORS_JSON_DEFAULTED(who, guests)
};
struct Plan {
  std::string name;
  std::string who;
  int seconds = 0;
  DAPR_ACTORS_JSON(name, who, seconds)
};
struct PlannerState {
  std::vector<std::string> seen;
  bool operator==(const PlannerState&) const = default;
  DAPR_ACTORS_JSON(seen)
};

class Planner final : public Actor<PlannerState> {
 public:
  void expect(const std::string& who) { remind<&Planner::visited>(10s, {}, who, 2); }
  void expect_often(const std::string& who) { remind<&Planner::visited>(10s, 20s, Visit{who, 3}); }
  void forget_it() { forget<&Planner::visited>(); }
  void plan(const Plan& plan) {
    remind_as<&Planner::visited>(plan.name, std::chrono::seconds(plan.seconds), {}, plan.who);
  }
  void call_off(const std::string& name) { forget_as<&Planner::visited>(name); }
  void visited(const Visit& visit) {
    if (visit.who == "nobody") throw std::runtime_error("nobody came");
    state().seen.push_back(visit.who + "+" + std::to_string(visit.guests));
  }
  void cook(const Plan& plan) {
    start_timer_as<&Planner::cooked>(plan.name, std::chrono::seconds(plan.seconds), {}, plan.who);
  }
  void put_out(const std::string& name) { stop_timer_as<&Planner::cooked>(name); }
  void tick(const std::string& who) { start_timer<&Planner::cooked>(5s, 10s, Visit{who, 7}); }
  void cooked(const Visit& visit) { state().seen.push_back("cooked " + visit.who); }
  std::vector<std::string> seen() const { return state().seen; }
};

}  // namespace

template <>
struct Describe<Planner> {
  static constexpr auto table = type<Planner>("Planner")
                                    .method<&Planner::expect>("Expect")
                                    .method<&Planner::expect_often>("ExpectOften")
                                    .method<&Planner::forget_it>("ForgetIt")
                                    .method<&Planner::plan>("Plan")
                                    .method<&Planner::call_off>("CallOff")
                                    .method<&Planner::cook>("Cook")
                                    .method<&Planner::put_out>("PutOut")
                                    .method<&Planner::tick>("Tick")
                                    .method<&Planner::seen>("Seen")
                                    .reminder<&Planner::visited>("visited")
                                    .timer<&Planner::cooked>("cooked");
};

namespace {

class Alarms : public ::testing::Test {
 protected:
  Alarms() { bench.add<Planner>(); }
  std::vector<std::string> seen() { return *bench.call<&Planner::seen>("d"); }
  const ActorId d{"Planner", "d"};
  Bench bench;
};

TEST_F(Alarms, a_reminder_brings_the_struct_it_was_registered_with_also_after_the_process_has_died) {
  bench.call<&Planner::expect>("d", "ann");
  bench.restart();
  bench.advance(11s);
  EXPECT_THAT(seen(), ElementsAre("ann+2"));
  bench.advance(1h);
  EXPECT_THAT(seen(), ElementsAre("ann+2"));
}

TEST_F(Alarms, one_that_fails_comes_again_with_the_same_data) {
  bench.call<&Planner::expect>("d", "ann");
  bench.sidecar.fail_next_commit(CommitFailure::NotStored);
  bench.advance(11s);
  EXPECT_THAT(seen(), IsEmpty());
  bench.advance(10s);
  EXPECT_THAT(seen(), ElementsAre("ann+2"));
}

TEST_F(Alarms, a_periodic_one_brings_it_each_time_until_it_is_forgotten) {
  bench.call<&Planner::expect_often>("d", "bob");
  bench.advance(31s);  // at 10 and 30
  EXPECT_THAT(seen(), ElementsAre("bob+3", "bob+3"));
  bench.call<&Planner::forget_it>("d");
  bench.advance(1h);
  EXPECT_THAT(seen(), ElementsAre("bob+3", "bob+3"));
}

TEST_F(Alarms, several_of_one_method_come_each_with_its_own_data_and_are_removed_alone) {
  bench.call<&Planner::plan>("d", "monday", "ann", 10);
  bench.call<&Planner::plan>("d", "tuesday", "bob", 20);
  bench.call<&Planner::plan>("d", "wednesday", "eve", 30);
  bench.call<&Planner::expect>("d", "zoe");  // the one without a name, due at 10 s
  bench.call<&Planner::plan>("d", "wednesday", "eva", 40);
  bench.call<&Planner::call_off>("d", "tuesday");
  bench.advance(1h);
  EXPECT_THAT(seen(), ::testing::UnorderedElementsAre("zoe+2", "ann+1", "eva+1"));
  EXPECT_THAT(bench.sidecar.reminders(d), IsEmpty());
}

TEST_F(Alarms, a_name_may_hold_anything_and_is_registered_in_letters_that_a_url_and_dapr_leave_alone) {
  const std::vector<std::string> names{"", ".", "..", "a/b", "a:b", "a~b", "50% é?#\\", "with space", "a%20b"};
  for (const auto& name : names) bench.call<&Planner::plan>("d", name, name, 10);
  for (const auto& name : bench.sidecar.reminders(d))
    EXPECT_THAT(name, ::testing::MatchesRegex("visited:[-A-Za-z0-9._~]*"));
  EXPECT_EQ(bench.sidecar.reminders(d).size(), names.size());
  bench.call<&Planner::call_off>("d", "a/b");
  bench.advance(11s);
  EXPECT_EQ(seen().size(), names.size() - 1);
}

TEST_F(Alarms, a_timer_brings_its_data_and_one_of_several_is_stopped_alone) {
  bench.call<&Planner::cook>("d", "soup", "soup", 10);
  bench.call<&Planner::cook>("d", "rice", "rice", 10);
  bench.call<&Planner::put_out>("d", "rice");
  bench.call<&Planner::tick>("d", "egg");
  bench.advance(16s);  // the egg at 5 and 15
  EXPECT_THAT(seen(), ElementsAre("cooked egg", "cooked soup", "cooked egg"));
}

TEST_F(Alarms, one_that_an_older_version_registered_without_data_brings_an_empty_struct) {
  for (const auto* data : {R"({"once":true})", R"({"once":true,"traceparent":"t"})", "null", "5"}) {
    bench.run(bench.sidecar.register_reminder(d, {"visited", 1s, Duration{0}, data}));
    bench.advance(2s);
  }
  EXPECT_THAT(seen(), ElementsAre("+1", "+1", "+1", "+1"));
}

TEST_F(Alarms, data_that_cannot_be_read_fails_the_turn_and_it_comes_again) {
  bench.run(bench.sidecar.register_reminder(d, {"visited", 1s, 5s, R"({"once":true,"data":{"guests":"many"}})"}));
  bench.advance(7s);
  EXPECT_THAT(seen(), IsEmpty());
  ASSERT_EQ(bench.failures().size(), 2u);
  EXPECT_THAT(bench.failures()[0], HasSubstr("/guests"));
}

TEST_F(Alarms, what_carries_no_data_is_registered_as_it_always_was) {
  EXPECT_EQ(detail::once_data({}), R"({"once":true})");
  EXPECT_EQ(detail::repeated_data({"trace"}), R"({"once":false,"traceparent":"trace"})");
  EXPECT_EQ(detail::once_data({"trace"}, "[1]"), R"({"once":true,"traceparent":"trace","data":[1]})");
}

class Twins final : public Actor<> {
 public:
  void one() {}
  void two() {}
};

}  // namespace

template <>
struct Describe<Twins> {
  static constexpr auto table = type<Twins>("Twins").reminder<&Twins::one>("ring").reminder<&Twins::two>("ring:late");
};

namespace {

TEST_F(Alarms, an_entry_that_looks_like_one_of_several_of_another_is_refused) {
  try {
    bench.add<Twins>();
    ADD_FAILURE() << "it should have been refused";
  } catch (const std::logic_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("ring:late"));
  }
}

}  // namespace
}  // namespace dapr::actors
