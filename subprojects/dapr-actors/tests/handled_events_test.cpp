#include "internal/handled_events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dapr/actors/testing/bench.hpp"

namespace dapr::actors {
namespace {

using namespace std::chrono_literals;
using ::testing::SizeIs;

const Time start = *from_rfc3339("2026-05-04T10:11:12Z");

std::string answer_of(std::size_t bytes) {
  return '"' + std::string(bytes - 2, 'x') + '"';
}

TEST(HandledEvents, are_known_for_their_age_and_after_a_minute_more_no_longer) {
  HandledEvents events;
  EXPECT_EQ(events.find("a"), std::nullopt);
  EXPECT_FALSE(events.add("a", "null", start, 15min, 512));
  EXPECT_FALSE(events.add("b", "null", start + 15min, 15min, 512));
  EXPECT_EQ(events.find("a"), "null");
  EXPECT_FALSE(events.add("c", "null", start + 16min, 15min, 512));
  EXPECT_EQ(events.find("a"), std::nullopt);
  EXPECT_EQ(events.find("b"), "null");
}

TEST(HandledEvents, cost_eleven_bytes_each) {
  HandledEvents events;
  for (int i = 0; i < 100; ++i) events.add(std::to_string(i), "null", start, 15min, 512);
  ASSERT_THAT(events.groups(), SizeIs(1));
  EXPECT_THAT(events.groups()[0].digests, SizeIs(1100));
  EXPECT_LT(json::to_string(events.groups()).size(), 1150u);
}

TEST(HandledEvents, are_in_order_also_where_a_clock_goes_back) {
  HandledEvents events;
  events.add("a", "null", start, 15min, 512);
  events.add("b", "null", start - 5min, 15min, 512);
  EXPECT_THAT(events.groups(), SizeIs(1));
  EXPECT_EQ(events.find("b"), "null");
}

TEST(HandledEvents, beyond_their_number_the_oldest_go_and_it_is_said) {
  HandledEvents events;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(events.add(std::to_string(i), "1", start + i * 1min, 15min, 3));
  EXPECT_TRUE(events.add("3", "1", start + 3min, 15min, 3));
  EXPECT_EQ(events.find("0"), std::nullopt);
  for (const auto* known : {"1", "2", "3"}) EXPECT_EQ(events.find(known), "1");
}

TEST(HandledEvents, answer_alike_after_they_were_stored_and_are_known_where_the_answer_is_not) {
  HandledEvents events;
  const auto large = answer_of(HandledEvents::most_answer_bytes - 100);
  events.add("old", answer_of(200), start, 15min, 512);
  events.add("large", large, start + 1min, 15min, 512);
  events.add("void", "null", start + 1min, 15min, 512);
  const HandledEvents read(json::parse<std::vector<HandledEvents::Group>>(json::to_string(events.groups())));
  for (const HandledEvents* each : {&std::as_const(events), &read}) {
    EXPECT_EQ(each->find("old"), "");
    EXPECT_EQ(each->find("large"), large);
    EXPECT_EQ(each->find("void"), "null");
  }
}

// --- as a handler sees it ---

struct Happened {
  static constexpr EventType event_type{"thing.happened", "things"};
  std::string what;
  DAPR_ACTORS_JSON(what)
};
struct DiaryState {
  int entries = 0;
  bool operator==(const DiaryState&) const = default;
  DAPR_ACTORS_JSON(entries)
};
class Diary final : public Actor<DiaryState> {
 public:
  std::string enter(const Happened& event) {
    ++state().entries;
    return event.what;
  }
  int entries() const { return state().entries; }
};

}  // namespace

template <>
struct Describe<Diary> {
  static constexpr auto table = type<Diary>("Diary").method<&Diary::enter>("Enter").method<&Diary::entries>("Entries");
};

namespace {

TEST(HandledEvents, are_acknowledged_although_their_answer_is_forgotten) {
  testing::Bench bench;
  bench.add<Diary>();
  bench.subscribe(std::move(Subscriptions().on<Happened>([](Happened event, Calls calls) -> Task<void> {
    auto diary = calls.proxy<Diary>("d");
    co_await deliver(diary.call<&Diary::enter>(event));
  })));
  const auto event = [&](int number) {
    const Happened happened{std::string(5000, 'x')};
    return CloudEvent{std::to_string(number),      "src", "thing.happened", "d", "things", bench.clock.now(),
                      {json::to_string(happened)}, {}};
  };
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(bench.deliver(event(i)), Delivery::Done);
    bench.clock.set(bench.clock.now() + 10s);
  }
  for (int i = 0; i < 30; ++i) EXPECT_EQ(bench.deliver(event(i)), Delivery::Done) << i;
  EXPECT_EQ(bench.call<&Diary::entries>("d"), 30);
}

}  // namespace
}  // namespace dapr::actors
