#include "room.hpp"

#include <dapr/actors/testing/bench.hpp>
#include <gtest/gtest.h>

namespace chat {
namespace {

using namespace std::chrono_literals;

class RoomTest : public ::testing::Test {
 protected:
  RoomTest() { bench.add<Room>(); }
  void post(int times) {
    for (int i = 0; i < times; ++i) ASSERT_TRUE((bench.call<&Room::post>("tea", "ann", "hello")));
  }
  std::vector<Line> page(std::int64_t number) { return bench.call<&Room::page>("tea", number).value(); }

  actors::testing::Bench bench;
};

TEST_F(RoomTest, KeepsEveryLineInPages) {
  post(51);
  ASSERT_EQ(page(1).size(), 50u);
  ASSERT_EQ(page(51).size(), 1u);
  EXPECT_EQ(page(51)[0].number, 51);
  EXPECT_TRUE(page(101).empty());
  EXPECT_EQ(bench.published<Posted>().size(), 51u);
  bench.restart();
  EXPECT_EQ(page(50).size(), 50u);
}

TEST_F(RoomTest, HearsNobodyWhoIsMutedUntilTheTimeIsOver) {
  ASSERT_TRUE((bench.call<&Room::mute>("tea", "bob", 60)));
  const auto refused = bench.call<&Room::post>("tea", "bob", "hello");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "muted");
  bench.restart();  // the deadline survives
  bench.advance(70s);
  EXPECT_EQ(bench.published<Unmuted>().size(), 1u);
  EXPECT_TRUE((bench.call<&Room::post>("tea", "bob", "hello")));
}

TEST_F(RoomTest, TellsWhoIsMutedUntilWhen) {
  ASSERT_TRUE((bench.call<&Room::mute>("tea", "bob", 60)));
  const auto refused = bench.call<&Room::post>("tea", "bob", "hello");
  ASSERT_FALSE(refused);
  const auto muted = actors::details_of<Muted>(refused.error());
  ASSERT_TRUE(muted);
  EXPECT_EQ(muted->until, bench.clock.now() + 60s);
}

TEST_F(RoomTest, NoticesSilenceOnce) {
  post(1);
  bench.advance(4min);
  post(1);
  bench.advance(4min);
  EXPECT_EQ(bench.published<FellSilent>().size(), 0u);
  bench.advance(10min);
  EXPECT_EQ(bench.published<FellSilent>().size(), 1u);
}

TEST_F(RoomTest, AnnouncesWhatWasNotCalledOff) {
  bench.call<&Room::announce_later>("tea", "cake", "there is cake", 60);
  bench.call<&Room::announce_later>("tea", "talk", "the talk begins", 90);
  bench.call<&Room::call_off>("tea", "talk");
  bench.restart();
  bench.advance(1h);
  ASSERT_EQ(bench.published<Announced>().size(), 1u);
  EXPECT_EQ(bench.published<Announced>()[0].text, "there is cake");
}

TEST_F(RoomTest, RefusesNothingAndNoTime) {
  EXPECT_EQ((bench.call<&Room::post>("tea", "ann", "").error().code), "no_text");
  EXPECT_EQ((bench.call<&Room::mute>("tea", "ann", 0).error().code), "no_time");
}

}  // namespace
}  // namespace chat
