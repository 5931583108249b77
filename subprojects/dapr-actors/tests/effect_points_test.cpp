#include "dapr/actors/testing/effect_points.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dapr/actors/testing/bench.hpp"
#include "dapr/actors/testing/fake_state_store.hpp"

namespace dapr::actors::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Points : public ::testing::Test {
 protected:
  Points() { bench.sidecar.activated(a); }
  static std::string document(int version) {
    return R"({"version":)" + std::to_string(version) + R"(,"data":{},"outbox":[],"handled":[]})";
  }
  template <class T>
  T run(Task<T> task) {
    return bench.run(std::move(task));
  }

  Bench bench;
  std::vector<std::string> reached;
  EffectPoints points{[this](const Point& point) { reached.push_back(point.text()); }, 10};
  Sidecar& sidecar = points.between(static_cast<Sidecar&>(bench.sidecar));
  const ActorId a{"Account", "a"};
};

TEST_F(Points, are_before_and_after_each_effect) {
  run(sidecar.publish({"Account/a/1/0", "bench", "account.opened", "a", "topic", bench.clock.now(), {"{}"}, {}}));
  EXPECT_THAT(reached, ElementsAre("Account publish account.opened:before", "Account publish account.opened:after"));
  EXPECT_EQ(bench.sidecar.published.size(), 1u);
}

TEST_F(Points, tell_a_turn_from_a_tidied_document) {
  run(sidecar.commit_state(a, {{"state", document(1)}}));
  run(sidecar.commit_state(a, {{"state", document(1)}}));
  EXPECT_THAT(reached, ElementsAre("Account commit tend:before", "Account commit tend:after", "Account tidy:before",
                                   "Account tidy:after"));
}

TEST_F(Points, know_a_document_that_was_there_before) {
  bench.sidecar.put(a, "state", document(7));
  run(sidecar.read_state(a, "state"));
  run(sidecar.commit_state(a, {{"state", document(7)}}));
  EXPECT_THAT(reached, ElementsAre("Account tidy:before", "Account tidy:after"));
}

TEST_F(Points, are_none_for_what_changes_nothing) {
  run(sidecar.read_state(a, "state"));
  points.answering({"PUT", "/actors/Account/a/method/Balance", "", 200});
  points.answering({"GET", "/healthz", "", 200});
  points.answering({"DELETE", "/actors/Account/a", "", 200});
  EXPECT_THAT(reached, IsEmpty());
}

TEST_F(Points, are_right_before_an_answer_leaves) {
  points.answering({"PUT", "/actors/Account/a/method/Deposit", "key", 200});
  points.answering({"PUT", "/actors/Account/a/method/remind/tend-7", "", 200});
  points.answering({"POST", "/events/account.opened", "", 200});
  EXPECT_THAT(reached, ElementsAre("Account answer Deposit:before", "Account answer remind tend:before",
                                   "events answer account.opened:before"));
}

TEST_F(Points, let_reminders_come_sooner_in_step_with_a_quick_clock) {
  run(sidecar.register_reminder(a, {"ring", 20s, 40s}));
  EXPECT_EQ(bench.sidecar.armed(a, "ring")->alarm.due, 2s);
  EXPECT_EQ(bench.sidecar.armed(a, "ring")->alarm.period, 4s);
  const QuickClock clock(SystemClock().now() - 1s, 10);
  EXPECT_GE(clock.now(), SystemClock().now() + 8s);
}

TEST_F(Points, of_a_store_are_named_by_its_keys_without_their_ids) {
  FakeStateStore real(bench.clock);
  auto& store = points.between(static_cast<StateStore&>(real));
  run(store.transact(
      {{"product.p-1", "1"}, {"index.07", "2"}, {"gateway-account-x-y", "3"}, {"gateway-ledger-3", "4"}}));
  EXPECT_EQ(reached.front(), "store transact gateway-account+gateway-ledger+index+product:before");
}

TEST(EndOfAProcess, is_at_once) {
  EXPECT_EXIT(end_process(), ::testing::ExitedWithCode(ended_process), "");
}

}  // namespace
}  // namespace dapr::actors::testing
