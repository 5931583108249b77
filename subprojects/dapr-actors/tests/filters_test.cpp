// What stands around turns: who is let in, in which order filters run, and what they are told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dapr/actors/testing/bench.hpp"

namespace dapr::actors {
namespace {

using namespace std::chrono_literals;
using actors::testing::Bench;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Held {
  int coins = 0;
  bool operator==(const Held&) const = default;
  DAPR_ACTORS_JSON(coins)
};

class Purse final : public Actor<Held> {
 public:
  Result<int> put(const int& coins) {
    if (coins == 0) return refuse(Reason::Unprocessable, "nothing", "put something");
    if (coins == 666) throw std::runtime_error("a bug");
    return state().coins += coins;
  }
  int coins() const { return state().coins; }
  /// Whatever `put` of the other one answers.
  Task<Result<int>> pass(std::string to) {
    const int one = 1;
    const auto passed = co_await proxy<Purse>(std::move(to)).call<&Purse::put>(one);
    if (!passed) co_return tl::unexpected(passed.error());
    state().coins -= 1;
    co_return *passed;
  }
  void ring_later() { remind<&Purse::ring>(10s); }
  void ring() { state().coins += 100; }
  void tick_later() { start_timer<&Purse::tick>(10s); }
  void tick() { state().coins += 1000; }
};

/// Of another type.
class Policy final : public Actor<Held> {
 public:
  void forbid() { state().coins = 1; }
  bool forbids() const { return state().coins == 1; }
};

}  // namespace

template <>
struct Describe<Purse> {
  static constexpr auto table = type<Purse>("Purse")
                                    .method<&Purse::put>("Put")
                                    .method<&Purse::coins>("Coins")
                                    .method<&Purse::pass>("Pass")
                                    .method<&Purse::ring_later>("RingLater")
                                    .method<&Purse::tick_later>("TickLater")
                                    .reminder<&Purse::ring>("ring")
                                    .timer<&Purse::tick>("tick");
};
template <>
struct Describe<Policy> {
  static constexpr auto table =
      type<Policy>("Policy").method<&Policy::forbid>("Forbid").method<&Policy::forbids>("Forbids");
};

namespace {

std::string text_of(const TurnAhead& turn) {
  constexpr const char* kinds[] = {"method", "reminder", "timer"};
  return std::string(kinds[static_cast<int>(turn.kind)]) + " " + turn.actor.type + "/" + turn.actor.id + " " +
         std::string(turn.method) + " " + std::string(to_string(turn.cause));
}

/// Writes down what it is told, and refuses or throws what it is asked to.
class Scribe final : public TurnFilter {
 public:
  Scribe(std::string name, std::vector<std::string>& lines) : name_(std::move(name)), lines_(lines) {}
  Task<Result<void>> before(const TurnAhead& turn) override {
    lines_.push_back(name_ + " before " + text_of(turn));
    if (turn.method == throws) throw std::runtime_error("the filter's bug");
    if (turn.method == refuses) co_return refuse(Reason::Forbidden, "not_you", "somebody else may");
    co_return Result<void>{};
  }
  void after(const TurnAhead&, const TurnResult& result) override {
    auto line = name_ + " after " + std::string(to_string(result.outcome)) + " " + std::to_string(result.version);
    if (!result.error.empty()) line += " " + std::string(result.error);
    lines_.push_back(std::move(line));
    if (throws_after) throw std::runtime_error("nobody wants this");
  }
  void error(const TurnAhead&, const std::exception_ptr& error) override {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& known) {
      lines_.push_back(name_ + " error " + known.what());
    }
  }
  std::string refuses, throws;
  bool throws_after = false;

 private:
  std::string name_;
  std::vector<std::string>& lines_;
};

class Filters : public ::testing::Test {
 protected:
  Filters() { bench.add<Purse>().add<Policy>(); }
  std::shared_ptr<Scribe> scribe(const std::string& name) { return std::make_shared<Scribe>(name, lines); }
  std::vector<std::string> taken() { return std::exchange(lines, {}); }

  Bench bench;
  std::vector<std::string> lines;
};

TEST_F(Filters, are_told_of_a_turn_that_is_let_in_too_late_as_refused) {
  bench.filter(scribe("all"));
  Call late{"Put", "5", "key"};
  late.deadline = std::chrono::steady_clock::now();
  EXPECT_ANY_THROW(bench.call_raw({"Purse", "a"}, late));
  EXPECT_THAT(taken(), ElementsAre("all before method Purse/a Put call", HasSubstr("all after refused 0 ")));
}

TEST_F(Filters, are_layers_of_which_the_first_is_the_outermost) {
  bench.filter(scribe("all")).filter<Purse>(scribe("purse")).filter(scribe("inner"));
  EXPECT_EQ(bench.call<&Purse::put>("a", 5), 5);
  EXPECT_THAT(taken(), ElementsAre("all before method Purse/a Put call", "purse before method Purse/a Put call",
                                   "inner before method Purse/a Put call", "inner after committed 1",
                                   "purse after committed 1", "all after committed 1"));
  bench.call<&Policy::forbids>("p");
  EXPECT_THAT(taken(),
              ElementsAre("all before method Policy/p Forbids call", "inner before method Policy/p Forbids call",
                          "inner after unchanged 0", "all after unchanged 0"));
}

TEST_F(Filters, end_with_the_first_that_refuses_and_its_refusal_is_the_answer) {
  auto guard = scribe("guard");
  guard->refuses = "Put";
  bench.filter(scribe("outer")).filter(guard).filter(scribe("inner"));
  const auto refused = bench.call<&Purse::put>("a", 5);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), (Refusal{Reason::Forbidden, "not_you", "somebody else may"}));
  EXPECT_THAT(taken(), ElementsAre("outer before method Purse/a Put call", "guard before method Purse/a Put call",
                                   "outer after refused 0 not_you: somebody else may"));
  EXPECT_EQ(bench.turns(TurnOutcome::Refused), 1);
  EXPECT_EQ(bench.sidecar.counts["state_get"], 0) << "the actor was loaded for what is refused";
  EXPECT_EQ(bench.call<&Purse::coins>("a"), 0);
}

TEST_F(Filters, refuse_repeated_calls_too) {
  auto guard = scribe("guard");
  bench.filter(guard);
  EXPECT_EQ(bench.call_as<&Purse::put>({"key"}, "a", 5), 5);
  guard->refuses = "Put";
  EXPECT_EQ(bench.call_as<&Purse::put>({"key"}, "a", 5).error().code, "not_you");
  guard->refuses = "";
  EXPECT_EQ(bench.call_as<&Purse::put>({"key"}, "a", 5), 5);
  EXPECT_EQ(lines.back(), "guard after duplicate 1");
}

TEST_F(Filters, are_told_of_a_methods_refusal_and_of_what_it_throws) {
  bench.filter(scribe("f"));
  bench.call<&Purse::put>("a", 0);
  EXPECT_EQ(taken().back(), "f after refused 0 nothing: put something");
  EXPECT_THROW(bench.call<&Purse::put>("a", 666), SidecarError);
  EXPECT_EQ(taken().back(), "f error a bug");
  bench.sidecar.fail_next_commit(actors::testing::CommitFailure::NotStored);
  EXPECT_THROW(bench.call<&Purse::put>("a", 1), SidecarError);
  EXPECT_EQ(taken().back(), "f error not stored");
}

TEST_F(Filters, that_throw_fail_the_turn_and_only_those_outside_are_told) {
  auto faulty = scribe("faulty");
  faulty->throws = "Put";
  bench.filter(scribe("outer")).filter(faulty);
  EXPECT_THROW(bench.call<&Purse::put>("a", 5), SidecarError);
  EXPECT_EQ(taken().back(), "outer error the filter's bug");
  EXPECT_THAT(bench.failures(), ElementsAre("the filter's bug"));
  faulty->throws = "";
  EXPECT_EQ(bench.call<&Purse::put>("a", 5), 5) << "the next one gets in";
}

TEST_F(Filters, whose_after_throws_leave_the_turn_and_the_other_filters_as_they_are) {
  auto faulty = scribe("faulty");
  faulty->throws_after = true;
  bench.filter(scribe("outer")).filter(faulty);
  EXPECT_EQ(bench.call<&Purse::put>("a", 5), 5);
  EXPECT_EQ(lines.back(), "outer after committed 1");
  EXPECT_THAT(bench.warnings(), ElementsAre("Purse/a: a filter's after: nobody wants this"));
}

TEST_F(Filters, see_reminders_and_timers_which_come_again_when_they_are_refused) {
  auto guard = scribe("guard");
  bench.call<&Purse::ring_later>("a");
  bench.call<&Purse::tick_later>("a");
  bench.filter(guard);
  guard->refuses = "ring";
  bench.advance(11s);
  EXPECT_THAT(taken(),
              ::testing::UnorderedElementsAre("guard before reminder Purse/a ring reminder",
                                              "guard before timer Purse/a tick timer", "guard after committed 1"));
  EXPECT_THAT(bench.failures(), ElementsAre("not_you: somebody else may"));
  guard->refuses = "";
  bench.advance(10s);
  EXPECT_EQ(bench.call<&Purse::coins>("a"), 1100);
}

class Witness final : public TurnFilter {
 public:
  Task<Result<void>> before(const TurnAhead& turn) override {
    if (turn.method == "Put")
      seen.push_back(std::string(turn.caller) + " " + std::string(turn.id) + " " + turn.trace.traceparent);
    co_return Result<void>{};
  }
  std::vector<std::string> seen;
};

TEST_F(Filters, see_who_calls_and_under_which_id_and_trace) {
  auto witness = std::make_shared<Witness>();
  bench.filter(witness);
  const std::string b = "b";
  bench.call_as<&Purse::pass>({"key", Cause::Call, {"00-a-b-01"}}, "a", b);
  bench.call_as<&Purse::put>({"key", Cause::Call, {"00-a-b-01"}}, "a", 1);
  EXPECT_THAT(witness->seen, ElementsAre("Purse key 00-a-b-01", " key 00-a-b-01"));
}

TEST_F(Filters, are_there_after_a_restart) {
  bench.filter(scribe("f"));
  bench.restart();
  bench.call<&Purse::coins>("a");
  EXPECT_EQ(taken().size(), 2u);
}

TEST_F(Filters, need_to_be_something) {
  EXPECT_THROW(bench.filter(nullptr), std::logic_error);
}

/// Asks another actor whether the turn may be.
class Asks final : public TurnFilter {
 public:
  explicit Asks(ActorId whom) : whom_(std::move(whom)) {}
  Task<Result<void>> before(const TurnAhead& turn) override {
    const auto forbids = co_await turn.calls.proxy<Policy>(whom_.id).call<&Policy::forbids>();
    if (*forbids) co_return refuse(Reason::Forbidden, "policy", "not today");
    co_return Result<void>{};
  }

 private:
  ActorId whom_;
};

TEST_F(Filters, may_ask_other_actors) {
  bench.filter<Purse>(std::make_shared<Asks>(ActorId("Policy", "p")));
  EXPECT_EQ(bench.call<&Purse::put>("a", 5), 5);
  bench.call<&Policy::forbid>("p");
  EXPECT_EQ(bench.call<&Purse::put>("a", 5).error().code, "policy");
}

TEST_F(Filters, that_ask_the_actor_whose_turn_they_decide_on_are_refused_it_instead_of_asking_for_ever) {
  bench.filter<Policy>(std::make_shared<Asks>(ActorId("Policy", "p")));
  EXPECT_THROW(bench.call<&Policy::forbid>("p"), SidecarError);
  EXPECT_THAT(bench.failures(), ElementsAre(HasSubstr("neither would ever end")));
}

/// Lets in what it was told to, one after the other.
class Door final : public TurnFilter {
 public:
  Task<Result<void>> before(const TurnAhead& turn) override {
    if (turn.method != "Put") co_return Result<void>{};
    co_await suspend<void>([this](Completion<void> done) { outside.push_back(done); });
    co_return Result<void>{};
  }
  std::vector<Completion<void>> outside;
};

TEST_F(Filters, that_await_keep_nobody_else_waiting) {
  auto door = std::make_shared<Door>();
  bench.filter(door);
  std::optional<Outcome<Reply>> put;
  Call call{"Put", "5", "key"};
  spawn(bench.sidecar.call_actor({"Purse", "a"}, std::move(call)),
        [&](Outcome<Reply> ended) { put.emplace(std::move(ended)); });
  bench.settle();
  ASSERT_EQ(door->outside.size(), 1u);
  EXPECT_EQ(bench.call<&Purse::coins>("a"), 0) << "it waits behind a turn that is not in yet";
  EXPECT_FALSE(put);
  door->outside[0]();
  bench.settle();
  ASSERT_TRUE(put);
  EXPECT_EQ(*put->get(), "5");
}

}  // namespace
}  // namespace dapr::actors
