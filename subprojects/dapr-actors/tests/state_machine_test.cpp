#include "dapr/actors/state_machine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace dapr::actors {
namespace {

enum class Door { Open, Shut, Locked, Gone };
enum class Act { Push, Lock, Unlock, Burn };
constexpr Door doors[] = {Door::Open, Door::Shut, Door::Locked, Door::Gone};
constexpr Act acts[] = {Act::Push, Act::Lock, Act::Unlock, Act::Burn};

constexpr Transition<Door, Act> transitions[] = {
    {Door::Open, Act::Push, Door::Shut},     {Door::Shut, Act::Push, Door::Open}, {Door::Shut, Act::Lock, Door::Locked},
    {Door::Locked, Act::Unlock, Door::Shut}, {Door::Open, Act::Burn, Door::Gone},
};
using Machine = StateMachine<transitions, Door::Open, Door::Gone>;

TEST(StateMachine, leads_where_the_table_says_and_nowhere_else) {
  int led = 0;
  for (const auto door : doors)
    for (const auto act : acts) {
      std::optional<Door> expected;
      for (const auto& row : transitions)
        if (row.from == door && row.event == act) expected = row.to;
      EXPECT_EQ(Machine::next(door, act), expected) << static_cast<int>(door) << ' ' << static_cast<int>(act);
      if (expected) ++led;
    }
  EXPECT_EQ(led, 5);
}

TEST(StateMachine, knows_which_states_are_final) {
  for (const auto door : doors) EXPECT_EQ(Machine::is_final(door), door == Door::Gone) << static_cast<int>(door);
}

TEST(StateMachine, may_go_round_for_ever) {
  static constexpr Transition<Door, Act> round[] = {{Door::Open, Act::Push, Door::Shut},
                                                    {Door::Shut, Act::Push, Door::Open}};
  using Round = StateMachine<round, Door::Open>;
  EXPECT_FALSE(Round::is_final(Door::Open) || Round::is_final(Door::Shut));
  EXPECT_TRUE(Round::reaches(Door::Shut));
  EXPECT_FALSE(Round::reaches(Door::Locked));
}

TEST(StateMachine, an_event_may_leave_a_state_as_it_is) {
  static constexpr Transition<Door, Act> stay[] = {{Door::Open, Act::Push, Door::Open},
                                                   {Door::Open, Act::Burn, Door::Gone}};
  EXPECT_EQ((StateMachine<stay, Door::Open, Door::Gone>::next(Door::Open, Act::Push)), Door::Open);
}

TEST(StateMachine, finds_an_enumerator_that_the_table_forgets) {
  constexpr std::array named{std::pair{Door::Open, "open"}, std::pair{Door::Shut, "shut"},
                             std::pair{Door::Locked, "locked"}, std::pair{Door::Gone, "gone"}};
  static_assert(Machine::reaches_each(named));
  static constexpr Transition<Door, Act> forgetful[] = {{Door::Open, Act::Burn, Door::Gone}};
  static_assert(!StateMachine<forgetful, Door::Open, Door::Gone>::reaches_each(named));
}

}  // namespace
}  // namespace dapr::actors
