// What cannot be read is told of where it stood: in the event, in another actor's answer, or in a key of one's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dapr/actors/testing/bench.hpp"

namespace dapr::actors {
namespace {

using actors::testing::Bench;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct Shown {
  static constexpr EventType event_type{"shown", "shows"};
  int number = 0;
  DAPR_ACTORS_JSON(number)
};
struct Nothing {
  bool operator==(const Nothing&) const = default;
  static constexpr auto json = json::object();
};
/// Writes what it does not read.
struct OneWay {
  int value = 0;
};

class Oracle final : public Actor<Nothing> {
 public:
  OneWay answer() const { return {}; }
  void keep(const std::string& text) { write("key", text); }
  Task<int> kept() const { co_return (co_await read<int>("key")).value_or(0); }
};

struct Events final : Observer {
  std::vector<EventOutcome> outcomes;
  std::string error;
  void event_received(const EventReceived& event) override {
    outcomes.push_back(event.outcome);
    error = event.error;
  }
};

}  // namespace

template <>
struct json::Codec<OneWay> {
  static void write(Writer& writer, const OneWay&) { writer.string("not a number"); }
  static void read(const Value& from, OneWay& to, Reading& reading) { json::read(from, to.value, reading); }
};

template <>
struct Describe<Oracle> {
  static constexpr auto table =
      type<Oracle>("Oracle").method<&Oracle::answer>("Answer").method<&Oracle::keep>("Keep").method<&Oracle::kept>(
          "Kept");
};

namespace {

struct UnreadableTest : ::testing::Test {
  UnreadableTest() { bench.add<Oracle>(); }
  Events deliver(const std::string& envelope) {
    Subscriptions subscriptions;
    subscriptions.on<Shown>(
        [](Shown, Calls calls) -> Task<void> { co_await deliver(calls.proxy<Oracle>("o").call<&Oracle::answer>()); });
    Events events;
    bench.run(subscriptions.deliver(envelope, {}, bench.sidecar, events));
    return events;
  }
  template <class T>
  static Task<void> deliver(Task<T> task) {
    co_await std::move(task);
  }
  Bench bench;
};

TEST_F(UnreadableTest, an_event_is_unreadable_if_it_is_its_own_text_that_cannot_be_read) {
  for (const auto* envelope : {"[]", "{", R"({"type":"shown","id":"1"})", R"({"type":"shown","data":{"number":1}})",
                               R"({"type":"shown","id":"1","data":{"number":"x"}})"})
    EXPECT_EQ(deliver(envelope).outcomes, std::vector{EventOutcome::Unreadable}) << envelope;
}

TEST_F(UnreadableTest, an_event_has_failed_if_its_handler_cannot_read_an_answer) {
  const auto events = deliver(R"({"type":"shown","id":"1","data":{"number":1}})");
  EXPECT_EQ(events.outcomes, std::vector{EventOutcome::Failed});
  EXPECT_THAT(events.error, AllOf(HasSubstr("Oracle answered Answer"), HasSubstr("must be an integer")));
}

TEST_F(UnreadableTest, an_answer_that_cannot_be_read_is_a_failure_of_the_call_and_no_mistake_of_the_request) {
  try {
    bench.call<&Oracle::answer>("o");
    FAIL() << "it was read";
  } catch (const SidecarError& error) {
    EXPECT_EQ(error.code(), "UNREADABLE_REPLY");
  }
}

TEST_F(UnreadableTest, a_key_of_its_own_that_cannot_be_read_is_named) {
  bench.call<&Oracle::keep>("o", "a text");
  EXPECT_THROW(bench.call<&Oracle::kept>("o"), SidecarError);
  EXPECT_THAT(bench.failures().back(), HasSubstr("the key key cannot be read"));
}

}  // namespace
}  // namespace dapr::actors
