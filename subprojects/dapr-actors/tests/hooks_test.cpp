// What a hook asks for and nobody would carry out is an error that says why, never discarded in silence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dapr/actors/testing/bench.hpp"

namespace dapr::actors {
namespace {

using namespace std::chrono_literals;
using actors::testing::Bench;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Looks {
  int looks = 0;
  bool operator==(const Looks&) const = default;
  DAPR_ACTORS_JSON(looks)
};
struct Looked {
  static constexpr EventType event_type{"looked", "looks"};
  static constexpr auto json = json::object();
};

/// Its id says what its hooks ask for, `on_activate:timer` for instance.
class Hooked final : public Actor<Looks> {
 public:
  int look() { return ++state().looks; }
  int looks() const { return state().looks; }
  void ring() {}
  void tick() {}
  Task<void> on_activate() override {
    if (state().looks == 0) unused_draft();  // a draft that stays as it was is no change
    ask("on_activate:");
    co_return;
  }
  void on_committed() override { ask("on_committed:"); }
  void on_deactivate() override {
    if (deactivates_) start_timer<&Hooked::tick>(1s);
  }
  void leave_something_to_tend() { state().looks = -1; }
  void deactivate_wrongly() { deactivates_ = true; }
  std::optional<Time> due() const override { return state().looks < 0 ? std::optional(Time{}) : std::nullopt; }
  Task<void> tend() override {
    remind<&Hooked::ring>(1h);
    co_return;
  }

 private:
  void unused_draft() { state().looks += 0; }
  void ask(std::string_view hook) {
    if (!id().starts_with(hook)) return;
    const auto what = id().substr(hook.size());
    if (what == "event") publish(Looked{});
    if (what == "write") write("key", 1);
    if (what == "erase") erase("key");
    if (what == "reminder") remind<&Hooked::ring>(1s);
    if (what == "forget") forget<&Hooked::ring>();
    if (what == "timer") start_timer<&Hooked::tick>(1s);
    if (what == "stop") stop_timer<&Hooked::tick>();
    if (what == "work") after_commit([](Calls) -> Task<void> { co_return; });
    if (what == "state") state().looks += 100;
  }
  bool deactivates_ = false;
};

constexpr std::array asked_for{"event", "write", "erase", "reminder", "forget", "timer", "stop", "work", "state"};

}  // namespace

template <>
struct Describe<Hooked> {
  static constexpr auto table = type<Hooked>("Hooked")
                                    .method<&Hooked::look>("Look")
                                    .method<&Hooked::looks>("Looks")
                                    .method<&Hooked::leave_something_to_tend>("LeaveSomethingToTend")
                                    .method<&Hooked::deactivate_wrongly>("DeactivateWrongly")
                                    .reminder<&Hooked::ring>("ring")
                                    .timer<&Hooked::tick>("tick");
};

namespace {

struct HooksTest : ::testing::Test {
  HooksTest() { bench.add<Hooked>(); }
  Bench bench;
};

TEST_F(HooksTest, what_an_activation_asks_for_fails_its_turn_and_says_why) {
  for (const std::string what : asked_for) {
    const auto id = "on_activate:" + what;
    EXPECT_THROW(bench.call<&Hooked::look>(id), SidecarError) << what;
    ASSERT_FALSE(bench.failures().empty()) << what;
    EXPECT_THAT(bench.failures().back(),
                AllOf(HasSubstr("Hooked/" + id), HasSubstr("on_activate"), HasSubstr("in a turn"), HasSubstr("`due`")));
  }
}

TEST_F(HooksTest, what_is_asked_for_after_a_commit_is_told_and_the_commit_stands) {
  for (const std::string what : asked_for) {
    const auto id = "on_committed:" + what;
    EXPECT_EQ(bench.call<&Hooked::look>(id), 1) << what;
    EXPECT_EQ(bench.call<&Hooked::looks>(id), 1) << what;
    ASSERT_FALSE(bench.warnings().empty()) << what;
    EXPECT_THAT(bench.warnings().back(), AllOf(HasSubstr("Hooked/" + id), HasSubstr("on_committed")));
  }
  EXPECT_THAT(bench.failures(), IsEmpty());
}

TEST_F(HooksTest, what_a_deactivation_asks_for_is_told) {
  bench.call<&Hooked::deactivate_wrongly>("a");
  bench.deactivate({"Hooked", "a"});
  EXPECT_THAT(bench.warnings(), ElementsAre(HasSubstr("on_deactivate: an actor's functions belong to its turns")));
}

TEST_F(HooksTest, a_reminder_that_tend_asks_for_is_armed_though_tend_changes_nothing) {
  bench.call<&Hooked::leave_something_to_tend>("tend");
  bench.advance(1s);
  EXPECT_NE(bench.sidecar.armed({"Hooked", "tend"}, "ring"), nullptr);
}

}  // namespace
}  // namespace dapr::actors
