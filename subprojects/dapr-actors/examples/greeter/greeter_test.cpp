#include "greeter.hpp"

#include <dapr/actors/testing/bench.hpp>
#include <gtest/gtest.h>

namespace guide {

// [test]
TEST(Greeter, greets_once_however_often_the_same_call_comes_and_forgets_after_a_day) {
  actors::testing::Bench bench;
  bench.add<Greeter>();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(bench.call_as<&Greeter::greet>({"the-same-id"}, "anna", Greet{"Anna"}), "Hello, Anna!");
  EXPECT_EQ(bench.call<&Greeter::greetings>("anna"), 1);
  EXPECT_EQ(bench.published<Greeted>().size(), 1u);

  bench.restart();  // the process dies; reminders survive
  bench.advance(std::chrono::hours(25));
  EXPECT_EQ(bench.call<&Greeter::greetings>("anna"), 0);
}
// [test]

}  // namespace guide
