#include "dapr/actors/actor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "internal/engine.hpp"
#include "dapr/actors/testing/bench.hpp"

namespace dapr::actors {
namespace {

using namespace std::chrono_literals;
using actors::testing::Bench;
using actors::testing::CommitFailure;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// --- an account, with one of everything the library offers ---

struct AccountState {
  int balance = 0;
  std::optional<Time> interest_at;
  bool operator==(const AccountState&) const = default;
  DAPR_ACTORS_JSON(balance, interest_at)
};

struct Deposit {
  int amount = 0;
  DAPR_ACTORS_JSON(amount)
};

struct Transfer {
  std::string to;
  int amount = 0;
  DAPR_ACTORS_JSON(to, amount)
};

struct Deposited {
  static constexpr EventType event_type{"account.deposited", "account-events"};
  int amount = 0;
  DAPR_ACTORS_JSON(amount)
};

struct Note {
  std::string text;
  DAPR_ACTORS_JSON(text)
};

class Account final : public Actor<AccountState> {
 public:
  Result<int> deposit(const Deposit& command) {
    state().balance += command.amount;
    if (command.amount <= 0) return refuse(Reason::Unprocessable, "not_positive", "a deposit is more than nothing");
    if (command.amount == 666) throw std::runtime_error("a bug");
    if (command.amount == 667) throw 5;
    publish(Deposited{command.amount});
    return state().balance;
  }
  int balance() const { return state().balance; }
  std::int64_t touch() {
    state().balance += 0;
    return version();
  }
  Task<Result<int>> send_there_and_back(Transfer command) {
    const Transfer back{id(), command.amount};
    const auto there = co_await proxy<Account>(command.to).call<&Account::send>(back);
    if (!there) co_return tl::unexpected(there.error());
    co_return *there;
  }
  Task<Result<int>> send(Transfer command) {
    state().balance -= command.amount;
    const Deposit deposit{command.amount};
    const auto there = co_await proxy<Account>(command.to).call<&Account::deposit>(deposit);
    if (!there) co_return tl::unexpected(there.error());
    co_return state().balance;
  }
  void promise_interest() { state().interest_at = now() + 5min; }
  std::optional<Time> due() const override { return state().interest_at; }
  Task<void> tend() override {
    state().interest_at.reset();
    state().balance += 1;
    publish(Deposited{1});
    co_return;
  }
  void note(const Note& command) { write("note", command, 60s); }
  Task<std::string> noted() const {
    const auto found = co_await read<Note>("note");
    co_return found ? found->text : "nothing";
  }
  void fill(const Note& command) {
    for (int i = 0; i < 120; ++i) write("key-" + std::to_string(i), command);
  }
  void ring_later() { remind<&Account::ring>(10s); }
  void ring_often() { remind<&Account::ring>(10s, 20s); }
  void ring_no_more() { forget<&Account::ring>(); }
  void ring() { state().balance += 100; }
  void tick_later() { start_timer<&Account::ring_timer>(10s); }
  void ring_timer() { state().balance += 1000; }
  void charge() {
    state().balance -= 10;
    after_commit([id = id()](Calls calls) { return charged(std::move(calls), id); });
  }
  void on_deposited(const Deposited& event) { state().balance += event.amount; }
  void copy_deposit(const Deposited& event) {
    state().balance += event.amount;
    publish(Deposited{event.amount + 1});
  }

 private:
  static Task<void> charged(Calls calls, std::string id) {
    const Deposit back{7};
    co_await calls.proxy<Account>(id).call<&Account::deposit>(back);
  }
};

}  // namespace

template <>
struct Describe<Account> {
  static constexpr auto table = type<Account>("Account")
                                    .method<&Account::deposit>("Deposit")
                                    .method<&Account::balance>("Balance")
                                    .method<&Account::touch>("Touch")
                                    .method<&Account::send>("Send", remember_for(24h))
                                    .method<&Account::send_there_and_back>("SendThereAndBack")
                                    .method<&Account::promise_interest>("PromiseInterest")
                                    .method<&Account::note>("Note")
                                    .method<&Account::noted>("Noted")
                                    .method<&Account::fill>("Fill")
                                    .method<&Account::ring_later>("RingLater")
                                    .method<&Account::ring_often>("RingOften")
                                    .method<&Account::ring_no_more>("RingNoMore")
                                    .method<&Account::tick_later>("TickLater")
                                    .method<&Account::charge>("Charge")
                                    .method<&Account::on_deposited>("OnDeposited", remember_for(24h * 15))
                                    .method<&Account::copy_deposit>("CopyDeposit")
                                    .reminder<&Account::ring>("ring")
                                    .timer<&Account::ring_timer>("ring-timer");
};

namespace {

/// A second host of the same actors on the same store, as there is one for a moment when the first was paused.
class OtherHost {
 public:
  explicit OtherHost(Bench& bench)
      : sidecar_(bench.sidecar), engine_(io_, bench.sidecar, bench.clock, observer_, "bench") {
    engine_.add(detail::describe<Account>([] { return std::make_unique<Account>(); }));
  }
  void call(const ActorId& actor, std::string method, std::string body) {
    bool succeeded = false;
    Call call{std::move(method), std::move(body), {}};
    spawn(engine_.call(actor, std::move(call)), [&](const Outcome<Reply>& outcome) { succeeded = !outcome.failed(); });
    do {
      io_.restart();
      io_.poll();
    } while (sidecar_.complete_one());
    EXPECT_TRUE(succeeded);
  }

 private:
  testing::FakeSidecar& sidecar_;
  boost::asio::io_context io_;
  Observer observer_;
  Engine engine_;
};

class AccountTest : public ::testing::Test {
 protected:
  AccountTest() { bench.add<Account>(); }
  int balance(const std::string& id = "a") { return *bench.call<&Account::balance>(id); }
  int commits() { return bench.sidecar.counts["state_commit"]; }
  std::string document(const std::string& id = "a") {
    return bench.sidecar.stored({"Account", id}, "state").value_or("");
  }
  const ActorId a{"Account", "a"};
  Bench bench;
};

TEST_F(AccountTest, a_call_changes_the_state_publishes_and_answers) {
  EXPECT_EQ(bench.call<&Account::deposit>("a", Deposit{5}), 5);
  EXPECT_EQ(bench.call<&Account::deposit>("a", Deposit{6}), 11);
  ASSERT_THAT(bench.sidecar.published, SizeIs(2));
  const auto& event = bench.sidecar.published[1];
  EXPECT_EQ(event.id, "Account/a/2/0");
  EXPECT_EQ(event.source, "bench");
  EXPECT_EQ(event.subject, "a");
  EXPECT_EQ(event.topic, "account-events");
  EXPECT_EQ(event.data.text, R"({"amount":6})");
}

TEST_F(AccountTest, a_refusal_arrives_as_it_was_made_and_leaves_nothing_behind) {
  EXPECT_EQ(bench.call<&Account::deposit>("a", Deposit{-5}).error(),
            (Refusal{Reason::Unprocessable, "not_positive", "a deposit is more than nothing"}));
  EXPECT_EQ(balance(), 0);
  EXPECT_EQ(commits(), 0);
  EXPECT_THAT(bench.sidecar.published, IsEmpty());
}

TEST_F(AccountTest, a_throw_fails_the_call_and_leaves_nothing_behind) {
  EXPECT_THROW(bench.call<&Account::deposit>("a", Deposit{666}), SidecarError);
  EXPECT_EQ(balance(), 0);
  EXPECT_EQ(commits(), 0);
}

TEST_F(AccountTest, whatever_a_turn_throws_the_next_one_gets_in) {
  EXPECT_ANY_THROW(bench.call<&Account::deposit>("a", Deposit{667}));
  EXPECT_EQ(bench.call<&Account::deposit>("a", Deposit{5}), 5);
}

TEST_F(AccountTest, arguments_that_cannot_be_read_are_refused_and_an_unknown_method_is_not_found) {
  const auto reply = bench.call_raw(a, {"Deposit", R"({"amount":"x"})", "id", Cause::Call, {}});
  EXPECT_EQ(reply.error().reason, Reason::Invalid);
  EXPECT_THAT(reply.error().message, HasSubstr("/amount"));
  EXPECT_THROW(bench.call_raw(a, {"Nothing", "", "id", Cause::Call, {}}), NoSuchMethod);
  EXPECT_THROW(bench.call_raw({"Nobody", "a"}, {"Deposit", "", "id", Cause::Call, {}}), NoSuchMethod);
}

TEST_F(AccountTest, a_cached_read_makes_no_round_trip_and_what_did_not_change_is_not_written) {
  bench.call<&Account::deposit>("a", Deposit{5});
  const auto before = bench.sidecar.counts;
  EXPECT_EQ(balance(), 5);
  EXPECT_EQ(bench.call<&Account::touch>("a"), 1);
  auto after = bench.sidecar.counts;
  after["actor_call"] = before.at("actor_call");
  EXPECT_EQ(after, before);
}

TEST_F(AccountTest, a_known_account_costs_one_write_and_one_publish_per_deposit) {
  bench.call<&Account::deposit>("a", Deposit{5});
  const auto before = bench.sidecar.operations();
  bench.call<&Account::deposit>("a", Deposit{5});
  EXPECT_EQ(bench.sidecar.operations() - before, 2u);
}

TEST_F(AccountTest, the_same_id_is_carried_out_once_and_answered_alike) {
  const Origin origin{"key-1"};
  EXPECT_EQ(bench.call_as<&Account::deposit>(origin, "a", Deposit{5}), 5);
  EXPECT_EQ(bench.call<&Account::deposit>("a", Deposit{1}), 6);
  EXPECT_EQ(bench.call_as<&Account::deposit>(origin, "a", Deposit{5}), 5);
  EXPECT_EQ(balance(), 6);
  bench.restart();
  EXPECT_EQ(bench.call_as<&Account::deposit>(origin, "a", Deposit{5}), 5);
  EXPECT_EQ(balance(), 6);
}

TEST_F(AccountTest, the_same_id_for_another_request_is_refused) {
  bench.call_as<&Account::deposit>({"key-1"}, "a", Deposit{5});
  EXPECT_EQ(bench.call_as<&Account::deposit>({"key-1"}, "a", Deposit{6}).error().code, "idempotency_key_reused");
}

TEST_F(AccountTest, a_refusal_is_not_remembered) {
  EXPECT_FALSE(bench.call_as<&Account::deposit>({"key-1"}, "a", Deposit{-1}));
  EXPECT_EQ(bench.call_as<&Account::deposit>({"key-1"}, "a", Deposit{5}), 5);
}

TEST_F(AccountTest, an_id_with_a_key_of_its_own_is_known_until_the_key_expires) {
  const Transfer transfer{"b", 5};
  EXPECT_EQ(bench.call_as<&Account::send>({"key-1"}, "a", transfer), -5);
  for (int i = 0; i < 100; ++i) bench.call<&Account::deposit>("a", Deposit{1});
  EXPECT_EQ(bench.call_as<&Account::send>({"key-1"}, "a", transfer), -5);
  EXPECT_EQ(balance("b"), 5);
  bench.clock.set(bench.clock.now() + 25h);
  EXPECT_EQ(bench.call_as<&Account::send>({"key-1"}, "a", transfer), 90);
}

TEST_F(AccountTest, an_awaited_call_that_is_repeated_is_carried_out_once_over_there) {
  // The transfer commits at b and fails at a: done again under the same id, b must not get the money twice.
  bench.call<&Account::deposit>("b", Deposit{1});
  bench.call<&Account::deposit>("a", Deposit{1});
  bench.sidecar.crash_after(2);  // the call's commit and event at b
  EXPECT_THROW(bench.call_as<&Account::send>({"key-1"}, "a", Transfer{"b", 5}), SidecarError);
  bench.restart();
  EXPECT_EQ(bench.call_as<&Account::send>({"key-1"}, "a", Transfer{"b", 5}), -4);
  EXPECT_EQ(balance("b"), 6);
  EXPECT_THAT(bench.sidecar.awaited, ElementsAre(std::pair<std::string, std::string>("Account", "Account")));
}

TEST_F(AccountTest, a_commit_that_failed_is_no_success_and_drops_the_cache) {
  bench.call<&Account::deposit>("a", Deposit{5});
  bench.sidecar.fail_next_commit(CommitFailure::NotStored);
  EXPECT_THROW(bench.call<&Account::deposit>("a", Deposit{6}), SidecarError);
  EXPECT_EQ(balance(), 5);
}

TEST_F(AccountTest, what_another_host_committed_meanwhile_is_neither_overwritten_nor_overlooked) {
  bench.call<&Account::deposit>("a", Deposit{10});
  OtherHost other(bench);
  other.call(a, "Deposit", R"({"amount":5})");

  EXPECT_THROW(bench.call<&Account::deposit>("a", Deposit{1}), SidecarError);
  EXPECT_EQ(balance(), 15);
  EXPECT_EQ(bench.call<&Account::deposit>("a", Deposit{1}), 16);
}

TEST_F(AccountTest, housekeeping_overwrites_nothing_of_another_host_either) {
  bench.call<&Account::deposit>("a", Deposit{10});  // its event was sent and is still in the stored outbox
  ASSERT_TRUE(bench.tended(a));
  OtherHost other(bench);
  other.call(a, "Deposit", R"({"amount":5})");
  bench.advance(10min);  // the reminder ticks at the host that knows of one deposit only
  EXPECT_EQ(balance(), 15);
  EXPECT_FALSE(bench.tended(a));
}

TEST_F(AccountTest, a_host_that_lost_an_actor_does_not_remove_the_reminder_that_the_new_one_armed) {
  bench.call<&Account::deposit>("a", Deposit{10});
  bench.advance(10min);
  ASSERT_FALSE(bench.tended(a));
  OtherHost other(bench);
  other.call(a, "PromiseInterest", "null");
  bench.advance(6min);  // ticks at the host that knows of no promise
  EXPECT_EQ(balance(), 11);
}

TEST_F(AccountTest, a_host_that_pauses_before_it_removes_its_reminder_removes_none_that_another_armed_meanwhile) {
  bench.call<&Account::deposit>("a", Deposit{10});
  OtherHost other(bench);
  bench.sidecar.before_next("reminder_unregister", [&] { other.call(a, "PromiseInterest", "null"); });
  bench.advance(31s);  // the look that finds nothing left
  EXPECT_TRUE(bench.tended(a));
  bench.advance(6min);
  EXPECT_EQ(balance(), 11);
  EXPECT_FALSE(bench.tended(a));
}

TEST_F(AccountTest, a_reminder_that_was_armed_for_a_commit_that_never_came_finds_nothing_and_goes) {
  bench.sidecar.fail_next_commit(CommitFailure::NotStored);
  EXPECT_THROW(bench.call<&Account::deposit>("a", Deposit{5}), SidecarError);
  ASSERT_THAT(bench.sidecar.reminders(a), SizeIs(1));
  OtherHost other(bench);
  for (int n = 0; n < 2; ++n) other.call(a, "OnDeposited", R"({"amount":5})");  // commits that need no reminder
  bench.advance(31s);
  EXPECT_THAT(bench.sidecar.reminders(a), IsEmpty());
  EXPECT_EQ(balance(), 10);
}

TEST_F(AccountTest, a_stray_reminder_takes_nothing_from_the_one_that_is_needed) {
  bench.call<&Account::promise_interest>("a");
  ASSERT_THAT(bench.sidecar.reminders(a), SizeIs(1));
  bench.run(bench.sidecar.register_reminder(a, {"tend-77", 10s, 30s, "{}"}));
  bench.advance(11s);
  EXPECT_THAT(bench.sidecar.reminders(a), SizeIs(1));
  bench.advance(6min);
  EXPECT_EQ(balance(), 1);
  EXPECT_THAT(bench.sidecar.reminders(a), IsEmpty());
}

TEST_F(AccountTest, a_type_whose_reminder_has_the_librarys_name_is_refused) {
  boost::asio::io_context io;
  Observer observer;
  for (const auto* name : {"tend", "tend-3"}) {
    Engine engine(io, bench.sidecar, bench.clock, observer, "bench");
    auto type = detail::describe<Account>([] { return std::make_unique<Account>(); });
    auto& reminders = type.entries[EntryKind::Reminder];
    reminders.emplace(name, reminders.at("ring"));
    EXPECT_THROW(engine.add(std::move(type)), std::logic_error) << name;
  }
}

TEST_F(AccountTest, a_document_of_an_older_version_names_the_reminder_that_all_had) {
  bench.sidecar.put(a, "state",
                    R"({"version":1,"data":{"balance":5},"outbox":[],"handled":[],"tend":"2026-01-01T00:00:30Z"})");
  bench.run(bench.sidecar.register_reminder(a, {"tend", 30s, 30s, "{}"}));
  bench.advance(31s);
  EXPECT_THAT(bench.sidecar.reminders(a), IsEmpty());
  EXPECT_EQ(balance(), 5);
}

TEST_F(AccountTest, a_commit_whose_answer_is_lost_is_found_on_the_next_try) {
  bench.call<&Account::deposit>("a", Deposit{5});
  bench.sidecar.fail_next_commit(CommitFailure::StoredButUnanswered);
  EXPECT_THROW(bench.call_as<&Account::deposit>({"key-1"}, "a", Deposit{6}), SidecarError);
  EXPECT_EQ(bench.call_as<&Account::deposit>({"key-1"}, "a", Deposit{6}), 11);
  EXPECT_EQ(balance(), 11);
}

TEST_F(AccountTest, an_event_that_could_not_leave_is_sent_by_the_reminder_for_unfinished_business) {
  bench.sidecar.fail_publishes(1);
  EXPECT_EQ(bench.call<&Account::deposit>("a", Deposit{5}), 5);
  EXPECT_THAT(bench.sidecar.published, IsEmpty());
  EXPECT_TRUE(bench.tended(a));
  bench.advance(31s);
  EXPECT_THAT(bench.sidecar.published, SizeIs(1));
  EXPECT_FALSE(bench.tended(a));
  EXPECT_THAT(document(), HasSubstr(R"("outbox":[])"));
  EXPECT_THAT(document(), HasSubstr(R"({"version":1,)"));
}

TEST_F(AccountTest, sent_events_do_not_lie_about_to_be_sent_again) {
  bench.call<&Account::deposit>("a", Deposit{5});
  bench.advance(31s);
  EXPECT_FALSE(bench.tended(a));
  bench.restart();
  bench.call<&Account::deposit>("a", Deposit{6});
  EXPECT_THAT(bench.sidecar.published, SizeIs(2));
}

TEST_F(AccountTest, events_leave_in_the_order_of_their_commits_even_if_the_first_had_to_wait) {
  bench.sidecar.fail_publishes(1);
  bench.call<&Account::deposit>("a", Deposit{5});
  bench.call<&Account::deposit>("a", Deposit{6});
  ASSERT_THAT(bench.sidecar.published, SizeIs(2));
  EXPECT_EQ(bench.sidecar.published[0].id, "Account/a/1/0");
  EXPECT_EQ(bench.sidecar.published[1].id, "Account/a/2/0");
}

// covers: time-in-tests, reminders-through-downtime
TEST_F(AccountTest, a_deadline_is_kept_through_downtime) {
  bench.call<&Account::promise_interest>("a");
  bench.advance(4min);
  EXPECT_EQ(balance(), 0);
  bench.restart();
  bench.advance(2min);
  EXPECT_EQ(balance(), 1);
  EXPECT_THAT(bench.published<Deposited>(), SizeIs(1));
  EXPECT_FALSE(bench.tended(a));
}

TEST_F(AccountTest, between_an_early_look_and_a_far_deadline_nothing_ticks) {
  bench.call<&Account::deposit>("a", Deposit{5});  // wants a look in 30 s
  bench.call<&Account::promise_interest>("a");
  bench.advance(31s);
  const auto turns = bench.turns(TurnOutcome::Unchanged) + bench.turns(TurnOutcome::Committed);
  bench.advance(4min);
  EXPECT_EQ(bench.turns(TurnOutcome::Unchanged) + bench.turns(TurnOutcome::Committed), turns);
  bench.advance(1min);
  EXPECT_EQ(balance(), 6);
}

TEST_F(AccountTest, a_later_need_that_is_sooner_arms_the_reminder_anew) {
  bench.call<&Account::promise_interest>("a");  // in 5 minutes
  bench.sidecar.fail_publishes(1);
  bench.call<&Account::deposit>("a", Deposit{5});
  bench.advance(31s);
  EXPECT_THAT(bench.sidecar.published, SizeIs(1));
}

// covers: time-in-tests, state-ttl
TEST_F(AccountTest, keys_of_its_own_are_written_with_the_state_and_expire) {
  bench.call<&Account::note>("a", Note{"hello"});
  EXPECT_EQ(bench.call<&Account::noted>("a"), "hello");
  bench.clock.set(bench.clock.now() + 61s);
  EXPECT_EQ(bench.call<&Account::noted>("a"), "nothing");
}

TEST_F(AccountTest, what_the_store_would_refuse_is_refused_before_it_is_asked_and_loses_nothing) {
  bench.call<&Account::deposit>("a", Deposit{5});
  const auto writes = commits();
  const auto many = bench.call<&Account::fill>("a", Note{"x"});
  EXPECT_EQ(many.error().reason, Reason::TooLarge);
  EXPECT_THAT(many.error().message, HasSubstr("121"));
  EXPECT_EQ(bench.call<&Account::note>("a", Note{std::string(400 * 1024, 'x')}).error().reason, Reason::TooLarge);
  EXPECT_EQ(commits(), writes);
  EXPECT_EQ(balance(), 5);
}

TEST_F(AccountTest, a_reminder_that_fires_once_is_repeated_until_it_succeeds_and_then_removed) {
  bench.call<&Account::ring_later>("a");
  bench.sidecar.fail_next_commit(CommitFailure::NotStored);
  bench.advance(11s);
  EXPECT_EQ(balance(), 0);
  bench.advance(10s);
  EXPECT_EQ(balance(), 100);
  EXPECT_EQ(bench.sidecar.armed(a, "ring"), nullptr);
  bench.advance(1h);
  EXPECT_EQ(balance(), 100);
}

TEST_F(AccountTest, a_periodic_reminder_goes_on_until_it_is_forgotten) {
  bench.call<&Account::ring_often>("a");
  bench.advance(51s);  // at 10, 30 and 50
  EXPECT_EQ(balance(), 300);
  bench.call<&Account::ring_no_more>("a");
  bench.advance(1h);
  EXPECT_EQ(balance(), 300);
}

TEST_F(AccountTest, a_reminder_that_somebody_else_registered_needs_no_data_of_ours) {
  for (const auto* data : {"null", "5", "[]", R"("text")", "", "{}"}) {
    bench.run(bench.sidecar.register_reminder(a, {"ring", 1s, Duration{0}, data}));
    bench.advance(2s);
  }
  EXPECT_EQ(balance(), 600);
}

TEST_F(AccountTest, a_stored_document_that_cannot_be_read_fails_the_call_and_not_the_process) {
  for (const auto* document : {"null", "5", "[]", "{}", R"({"version":1})"}) {
    bench.sidecar.put(a, "state", document);
    EXPECT_THROW(balance(), SidecarError) << document;
  }
}

TEST_F(AccountTest, a_stored_document_whose_counts_cannot_grow_any_more_is_refused) {
  const auto document = [](const std::string& version, const std::string& revision) {
    return R"({"version":)" + version + R"(,"revision":)" + revision +
           R"(,"data":{"balance":1},"outbox":[],"handled":[]})";
  };
  bench.sidecar.put(a, "state", document("9007199254740992", "0"));
  EXPECT_EQ(balance(), 1);
  bench.restart();
  for (const auto* number : {"-1", "9007199254740993", "9223372036854775807"}) {
    for (const auto& text : {document(number, "1"), document("1", number)}) {
      bench.sidecar.put(a, "state", text);
      EXPECT_THROW(balance(), SidecarError) << text;
      EXPECT_EQ(bench.sidecar.stored(a, "state"), text);
    }
  }
}

TEST_F(AccountTest, a_timer_fires_and_is_gone_with_the_sidecar) {
  bench.call<&Account::tick_later>("a");
  bench.advance(11s);
  EXPECT_EQ(balance(), 1000);
  bench.call<&Account::tick_later>("a");
  bench.restart();
  bench.advance(1h);
  EXPECT_EQ(balance(), 1000);
}

TEST_F(AccountTest, work_after_the_commit_comes_back_as_a_call_of_its_own) {
  bench.call<&Account::charge>("a");
  EXPECT_EQ(balance(), -3);
}

TEST_F(AccountTest, work_after_a_commit_that_failed_does_not_start) {
  bench.sidecar.fail_next_commit(CommitFailure::NotStored);
  EXPECT_THROW(bench.call<&Account::charge>("a"), SidecarError);
  EXPECT_EQ(balance(), 0);
}

TEST_F(AccountTest, a_call_that_closes_a_circle_is_refused_at_once) {
  EXPECT_THROW(bench.call<&Account::send>("a", Transfer{"a", 5}), SidecarError);
  ASSERT_THAT(bench.failures(), SizeIs(1));
  EXPECT_THAT(bench.failures()[0], HasSubstr("awaits Deposit of Account/a, whose own turn has not ended"));

  EXPECT_THROW(bench.call<&Account::send_there_and_back>("a", Transfer{"b", 5}), SidecarError);
  ASSERT_THAT(bench.failures(), SizeIs(3)) << "the turn that was refused, and the one that waited for it";
  EXPECT_THAT(bench.failures()[1], HasSubstr("awaits Deposit of Account/a, whose own turn has not ended"));
  EXPECT_EQ(balance("a"), 0);
  EXPECT_EQ(balance("b"), 0);
  EXPECT_EQ(bench.call<&Account::send>("a", Transfer{"b", 5}), -5) << "nothing of it is left behind";
}

TEST_F(AccountTest, tasks_that_answer_nothing_are_awaited_together_and_the_first_error_is_thrown_after_all) {
  int ended = 0;
  const auto task = [&ended](const char* error) -> Task<void> {
    ++ended;
    if (error) throw std::runtime_error(error);
    co_return;
  };
  std::vector<Task<void>> none, well, badly;
  bench.run(when_all(std::move(none)));
  for (int i = 0; i < 3; ++i) well.push_back(task(nullptr));
  bench.run(when_all(std::move(well)));
  EXPECT_EQ(ended, 3);
  for (const auto* error : {"first", "second"}) badly.push_back(task(error));
  try {
    bench.run(when_all(std::move(badly)));
    ADD_FAILURE() << "no error came through";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "first");
  }
  EXPECT_EQ(ended, 5);
}

// --- an actor without state, and methods that do not throw ---

class Bell final : public Actor<> {
 public:
  int sound() const noexcept { return 5; }
  int strike() noexcept {
    publish(Deposited{1});
    return 1;
  }
};

}  // namespace

template <>
struct Describe<Bell> {
  static constexpr auto table = type<Bell>("Bell").method<&Bell::sound>("Sound").method<&Bell::strike>("Strike");
};

namespace {

TEST(Stateless, an_actor_without_state_publishes_and_knows_what_it_has_done) {
  Bench bench;
  bench.add<Bell>();
  EXPECT_EQ(bench.call<&Bell::sound>("b"), 5);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(bench.call_as<&Bell::strike>({"key"}, "b"), 1);
    bench.deactivate({"Bell", "b"});
  }
  for (const auto& event : bench.sidecar.published) EXPECT_EQ(event.id, "Bell/b/1/0") << "sent again, not anew";
  EXPECT_EQ(bench.call<&Bell::strike>("b"), 1);
  EXPECT_EQ(bench.sidecar.published.back().id, "Bell/b/2/0");
}

TEST_F(AccountTest, calls_that_come_at_the_same_time_run_one_after_the_other) {
  std::vector<Task<Result<int>>> calls;
  const Calls origin(bench.sidecar, {});
  for (int i = 0; i < 50; ++i) calls.push_back(origin.proxy<Account>("a").call<&Account::deposit>(Deposit{1}));
  const auto balances = bench.run(when_all(std::move(calls)));
  EXPECT_EQ(balance(), 50);
  EXPECT_EQ(document().find(R"({"version":50,)"), 0u);
}

// --- events ---

class EventTest : public AccountTest {
 protected:
  EventTest() {
    bench.subscribe(std::move(
        Subscriptions().forward<&Account::copy_deposit>([](const Deposited&) { return std::string("copy"); })));
  }
  CloudEvent event(std::string id = "1", std::string data = R"({"amount":5})") {
    return {std::move(id), "src", "account.deposited", "x", "account-events", bench.clock.now(), {std::move(data)}, {}};
  }
};

TEST_F(EventTest, an_event_is_handled_once_however_often_it_comes) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bench.deliver(event()), Delivery::Done);
  EXPECT_EQ(balance("copy"), 5);
  EXPECT_THAT(bench.sidecar.published, SizeIs(1));
  EXPECT_EQ(bench.turns(TurnOutcome::Duplicate), 2);
}

TEST_F(EventTest, an_event_is_known_for_minutes_however_many_others_come) {
  const auto first = event("first");
  bench.deliver(first);
  for (int i = 0; i < 100; ++i) bench.deliver(event(std::to_string(i)));
  for (int i = 0; i < 50; ++i) bench.call<&Account::deposit>("copy", Deposit{1});
  bench.clock.set(bench.clock.now() + 15min);
  bench.deliver(event("last"));
  const auto before = balance("copy");
  bench.deliver(first);
  EXPECT_EQ(balance("copy"), before);
  bench.restart();
  bench.deliver(first);
  EXPECT_EQ(balance("copy"), before);
  EXPECT_THAT(bench.warnings(), IsEmpty());

  bench.clock.set(bench.clock.now() + 17min);
  bench.deliver(event("much later"));
  EXPECT_THAT(document("copy"), HasSubstr(R"("digests":)"));
  EXPECT_LT(document("copy").size(), 3000u) << "the old ones are forgotten";
}

TEST_F(EventTest, more_events_than_a_document_keeps_are_told_once) {
  const auto first = event("first");
  bench.deliver(first);
  const TypeSettings settings;
  for (std::size_t i = 0; i < settings.events_in_document + 10; ++i) bench.deliver(event(std::to_string(i)));
  EXPECT_THAT(bench.warnings(), ElementsAre(HasSubstr("Account/copy handled more than 512 events within 15 minutes")));
  EXPECT_LT(document("copy").size(), 8192u);
}

TEST_F(EventTest, a_document_of_the_version_before_is_read_and_one_that_cannot_be_read_fails_the_call) {
  bench.deliver(event());
  const ActorId copy{"Account", "copy"};
  const auto text = document("copy");
  const auto begin = text.find(R"(,"events":[)"), end = text.find("}]", begin) + 2;
  ASSERT_NE(begin, std::string::npos);
  const auto store = [&](const std::string& events) {
    bench.restart();
    bench.sidecar.put(copy, "state", text.substr(0, begin) + events + text.substr(end));
  };
  store("");
  bench.deliver(event());
  EXPECT_EQ(balance("copy"), 5) << "known by the calls that are kept beside";
  for (const auto* events : {R"(,"events":[{"minute":1,"digests":"short"}])", R"(,"events":{"a":1})"}) {
    store(events);
    EXPECT_THROW(bench.call<&Account::balance>("copy"), SidecarError) << events;
  }
}

TEST_F(EventTest, the_same_id_from_another_source_is_another_event) {
  bench.deliver(event());
  auto other = event();
  other.source = "elsewhere";
  bench.deliver(other);
  EXPECT_EQ(balance("copy"), 10);
}

TEST_F(EventTest, an_event_is_acknowledged_only_after_the_events_it_caused_have_left) {
  bench.sidecar.fail_publishes(1);
  EXPECT_EQ(bench.deliver(event()), Delivery::Retry);
  EXPECT_TRUE(bench.tended({"Account", "copy"}));
  EXPECT_EQ(bench.deliver(event()), Delivery::Done);
  EXPECT_EQ(balance("copy"), 5);
  EXPECT_THAT(bench.sidecar.published, SizeIs(1));
}

TEST_F(EventTest, an_event_of_an_unknown_type_is_acknowledged_and_one_that_cannot_be_read_comes_again) {
  auto unknown = event();
  unknown.type = "account.closed";
  EXPECT_EQ(bench.deliver(unknown), Delivery::Done);
  EXPECT_EQ(bench.deliver(event("2", R"({"amount":"five"})")), Delivery::Retry);
  EXPECT_EQ(balance("copy"), 0);
}

TEST_F(EventTest, an_event_whose_turn_dies_at_any_line_has_the_same_end) {
  for (std::size_t n = 1; n <= 6; ++n) {
    Bench fresh;
    fresh.add<Account>();
    fresh.subscribe(std::move(Subscriptions().on<Deposited>([](Deposited happened, Calls calls) -> Task<void> {
      auto proxy = calls.proxy<Account>("copy");
      co_await deliver(proxy.call<&Account::copy_deposit>(happened));
    })));
    fresh.sidecar.crash_after(n);
    const auto first = fresh.deliver(event());
    fresh.restart();
    if (first == Delivery::Retry) {
      EXPECT_EQ(fresh.deliver(event()), Delivery::Done) << n;
    }
    fresh.advance(10min);
    EXPECT_EQ(fresh.call<&Account::balance>("copy"), 5) << n;
    std::set<std::string> ids;
    for (const auto& sent : fresh.sidecar.published) ids.insert(sent.id);
    EXPECT_THAT(ids, ElementsAre("Account/copy/1/0")) << n;
    EXPECT_FALSE(fresh.tended({"Account", "copy"})) << n;
  }
}

TEST_F(AccountTest, a_call_whose_process_dies_at_any_line_and_is_repeated_has_the_same_end) {
  for (std::size_t n = 1; n <= 6; ++n) {
    Bench fresh;
    fresh.add<Account>();
    fresh.sidecar.crash_after(n);
    const Origin origin{"key-1"};
    try {
      fresh.call_as<&Account::deposit>(origin, "a", Deposit{5});
    } catch (const SidecarError&) {
    }
    fresh.restart();
    EXPECT_EQ(fresh.call_as<&Account::deposit>(origin, "a", Deposit{5}), 5) << n;
    fresh.advance(10min);
    EXPECT_EQ(fresh.call<&Account::balance>("a"), 5) << n;
    std::set<std::string> ids;
    for (const auto& sent : fresh.sidecar.published) ids.insert(sent.id);
    EXPECT_THAT(ids, ElementsAre("Account/a/1/0")) << n;
    EXPECT_FALSE(fresh.tended(a)) << n;
  }
}

// covers: drain-key, config-asked
TEST_F(AccountTest, the_sidecar_is_told_of_the_type_and_its_settings) {
  EXPECT_EQ(bench.configuration(),
            R"({"entities":["Account"],"drainRebalancedActors":true,"entitiesConfig":[{"entities":["Account"],)"
            R"("actorIdleTimeout":"300000ms","drainOngoingCallTimeout":"3000ms","drainRebalancedActors":true}]})");
}

TEST_F(AccountTest, a_reminder_that_somebody_else_removed_is_armed_again_by_a_later_turn) {
  bench.call<&Account::deposit>("a", Deposit{5});
  ASSERT_TRUE(bench.tended(a));
  for (const auto& name : bench.sidecar.reminders(a)) bench.run(bench.sidecar.unregister_reminder(a, name));
  bench.advance(5min);
  ASSERT_FALSE(bench.tended(a));
  bench.call<&Account::deposit>("a", Deposit{5});
  EXPECT_TRUE(bench.tended(a));
}

TEST_F(AccountTest, a_deactivated_actor_comes_back_with_its_committed_state) {
  bench.call<&Account::deposit>("a", Deposit{5});
  bench.deactivate(a);
  bench.deactivate(a);
  bench.deactivate({"Account", "never-seen"});
  EXPECT_EQ(balance(), 5);
}

}  // namespace
}  // namespace dapr::actors
