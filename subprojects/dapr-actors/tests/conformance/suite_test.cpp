// What the library relies on of a sidecar and promises to those who use it, asked of the fake, of the fake that lets
// things happen in a random order, and of a real sidecar. `covers:` names lines of docs/conformance.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/conformance/runtime.hpp"

namespace dapr::actors::conformance {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Conformance : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    runtime_ = runtime(GetParam());
    if (!runtime_) GTEST_SKIP() << "DAPR_BIN and DYNAMODB_LOCAL do not name the programs; ./shop test sets them";
    Probe::failures = Probe::failing_rings = Probe::most_inside = 0;
  }
  static void TearDownTestSuite() { end_runtimes(); }

  /// Of this test alone: all tests share one real runtime.
  std::string mine(const std::string& id) const {
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    return name.substr(0, std::min<std::size_t>(name.find('/'), 40)) + "-" + id;
  }
  template <auto Method, class... Args>
  auto call(const std::string& id, Args... args) {
    return call_as<Method>({random_id()}, id, args...);
  }
  template <auto Method, class... Args>
  auto call_as(Origin origin, const std::string& id, Args... args) {
    return runtime_->run(runtime_->calls(std::move(origin)).template proxy<Probe>(id).template call<Method>(args...));
  }
  ProbeState look(const std::string& id) { return *call<&Probe::look>(id); }
  bool within(Duration limit, const std::function<bool()>& condition) { return runtime_->within(limit, condition); }
  template <class T>
  SidecarError error(Task<T> task) {
    try {
      runtime_->run(std::move(task));
    } catch (const SidecarError& error) {
      return error;
    }
    ADD_FAILURE() << "it should have failed";
    return {0, "", ""};
  }
  template <auto Method, class... Args>
  SidecarError error_of_call(Origin origin, const std::string& id, Args... args) {
    return error(runtime_->calls(std::move(origin)).template proxy<Probe>(id).template call<Method>(args...));
  }
  Reply raw(const std::string& id, const std::string& method, const std::string& key, Cause cause = Cause::Call,
            Trace trace = {}) {
    return runtime_->run(runtime_->sidecar().call_actor({"Probe", id}, {method, "", key, cause, trace}));
  }
  std::optional<std::string> stored(const std::string& id, const std::string& key) {
    return runtime_->run(runtime_->sidecar().read_state({"Probe", id}, key));
  }

  std::shared_ptr<Runtime> runtime_;
  const Trace trace_{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ""};
};

// --- calls

// covers: call-headers, trace-in, call-activates
TEST_P(Conformance, a_call_arrives_with_its_id_its_cause_and_its_trace) {
  const auto told = json::parse<Told>(*raw(mine("a"), "Tell", "key 1/2", Cause::Event, trace_));
  EXPECT_EQ(told.id, mine("a"));
  EXPECT_EQ(told.origin, "key 1/2");
  EXPECT_EQ(told.cause, "event");
  EXPECT_THAT(told.traceparent, HasSubstr("0af7651916cd43dd8448eb211c80319c"));
}

// covers: trace-out
TEST_P(Conformance, a_call_that_a_turn_awaits_carries_the_trace_on) {
  const auto told = call_as<&Probe::ask>({"key", Cause::Call, trace_}, mine("a"), mine("b"));
  EXPECT_EQ(told->id, mine("b"));
  EXPECT_THAT(told->traceparent, HasSubstr("0af7651916cd43dd8448eb211c80319c"));
}

// covers: call-headers
TEST_P(Conformance, a_filter_sees_which_type_awaits_a_call) {
  call<&Probe::ask>(mine("a"), mine("b"));
  EXPECT_EQ(ProbeFilter::caller_of(mine("b")), "Probe");
  EXPECT_EQ(ProbeFilter::caller_of(mine("a")), "");
}

// covers: refusal-header
TEST_P(Conformance, a_filters_refusal_arrives_as_a_methods_does_and_the_turn_has_not_begun) {
  const auto before = runtime_->asked("actor_call");
  const auto refused = call_as<&Probe::add>({"not-let-in"}, mine("a"), Add{5});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), (Refusal{Reason::Forbidden, "not_let_in", "take another id"}));
  EXPECT_EQ(runtime_->asked("actor_call"), before + 1);
  EXPECT_EQ(look(mine("a")).value, 0);
}

// covers: refusal-header, errors-flattened
TEST_P(Conformance, a_refusal_arrives_as_it_was_made_and_is_not_repeated) {
  const auto before = runtime_->asked("actor_call");
  const auto refused = call<&Probe::add>(mine("a"), Add{0});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), (Refusal{Reason::Conflict, "nothing", "add something: \"é\""}));
  EXPECT_EQ(runtime_->asked("actor_call"), before + 1);
}

// covers: refusal-header, errors-flattened
TEST_P(Conformance, the_details_of_a_refusal_arrive_at_the_caller_and_at_his_caller) {
  const auto refused = call<&Probe::add>(mine("a"), Add{-40});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), (Refusal{Reason::Conflict, "too_few", "take more: \"é\"", {}, R"({"amount":40})"}));
  EXPECT_EQ(details_of<Add>(refused.error())->amount, 40);
  EXPECT_FALSE(details_of<Pass>(refused.error())) << "of another form";
  const auto passed = call<&Probe::pass>(mine("b"), Pass{mine("a"), -40});
  ASSERT_FALSE(passed);
  EXPECT_EQ(passed.error(), refused.error());
}

// covers: call-headers
TEST_P(Conformance, an_actor_can_be_called_by_name_and_in_json) {
  const auto probe = runtime_->calls({"by-name"}).proxy("Probe", mine("a"));
  const auto run = [&](Task<Reply> call) { return runtime_->run(std::move(call)); };
  EXPECT_EQ(run(probe.change("Add", R"({"amount":5})")), "5");
  EXPECT_EQ(run(probe.read("Look")), R"({"value":5,"rings":0,"ticks":0,"text":""})");
  EXPECT_EQ(run(probe.change("Note", R"("x")")), "null");
  const auto repeated = runtime_->calls({"by-name"}).proxy("Probe", mine("a"));
  EXPECT_EQ(run(repeated.change("Add", R"({"amount":5})")), "5") << "the same piece of work: carried out once";
  EXPECT_EQ(look(mine("a")).value, 5);
}

// covers: call-headers
TEST_P(Conformance, a_change_by_name_carries_an_id_and_a_read_carries_none) {
  const auto probe = runtime_->calls({"key"}).proxy("Probe", mine("a"));
  const auto origin = [&](Task<Reply> call) { return json::parse<Told>(*runtime_->run(std::move(call))).origin; };
  EXPECT_EQ(origin(probe.read("Tell")), "");
  EXPECT_EQ(origin(probe.change("Tell")), "key");
  EXPECT_EQ(origin(probe.read("Tell")), "");
  EXPECT_EQ(origin(probe.change("Tell")), "key/2");
}

// covers: refusal-header
TEST_P(Conformance, a_call_by_name_is_refused_and_fails_as_one_by_type) {
  const auto probe = runtime_->calls({random_id()}).proxy("Probe", mine("a"));
  const auto refused = runtime_->run(probe.change("Add", R"({"amount":0})"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "nothing");
  const auto unreadable = runtime_->run(probe.change("Add", "not JSON"));
  ASSERT_FALSE(unreadable);
  EXPECT_EQ(unreadable.error().code, "invalid_arguments");
  EXPECT_THAT(error(probe.read("Nothing")).what(), HasSubstr("Nothing"));
}

// covers: void-errors
TEST_P(Conformance, a_method_that_answers_nothing_can_refuse_all_the_same) {
  EXPECT_TRUE(call<&Probe::check>(mine("a"), Add{1}));
  EXPECT_EQ(call<&Probe::check>(mine("a"), Add{-1}).error().code, "negative");
}

// covers: other-status-is-500, errors-flattened
TEST_P(Conformance, a_throw_is_a_failure_that_names_a_reference_and_changes_nothing) {
  const auto failed = error_of_call<&Probe::fail>({"key"}, mine("a"));
  EXPECT_EQ(failed.status(), 500);
  EXPECT_EQ(failed.code(), "ERR_ACTOR_INVOKE_METHOD");
  EXPECT_THAT(failed.what(), HasSubstr("under the reference key"));
  EXPECT_THAT(failed.what(), Not(HasSubstr("a bug"))) << "what was thrown is for the log alone";
  EXPECT_EQ(look(mine("a")).value, 0);
}

// covers: unknown-method-404
TEST_P(Conformance, a_method_that_is_not_there_is_a_failure) {
  const auto failed = error(runtime_->sidecar().call_actor({"Probe", mine("a")}, {"Nothing", "", "", Cause::Call, {}}));
  EXPECT_EQ(failed.status(), 500);
  EXPECT_THAT(failed.what(), HasSubstr("Nothing"));
}

// covers: ids-encoded
TEST_P(Conformance, an_id_may_hold_anything) {
  for (const std::string id : {"plain", "a/b", "a||b", "user@example.com", "..", ".", "100% é ?#+", "a%20b", "~x:y"}) {
    EXPECT_EQ(call<&Probe::add>(id, Add{7}), 7) << id;
    EXPECT_EQ(json::parse<Told>(*raw(id, "Tell", "")).id, id);
    const auto document = stored(id, "state");
    ASSERT_TRUE(document) << id;
    EXPECT_THAT(*document, HasSubstr(R"("value":7)")) << id;
  }
}

// covers: turn-lock
TEST_P(Conformance, turns_of_one_actor_never_overlap) {
  std::vector<Task<Result<int>>> turns;
  for (int i = 0; i < 20; ++i)
    turns.push_back(runtime_->calls({random_id()}).proxy<Probe>(mine("a")).call<&Probe::take_turns>(Add{1}));
  const auto values = runtime_->run(when_all(std::move(turns)));
  EXPECT_EQ(values.size(), 20u);
  EXPECT_EQ(Probe::most_inside, 1);
  EXPECT_EQ(look(mine("a")).value, 20);
}

// covers: turn-lock
TEST_P(Conformance, a_call_that_closes_a_circle_fails_instead_of_waiting) {
  const auto itself = error_of_call<&Probe::pass>({"itself"}, mine("a"), Pass{mine("a"), 5});
  EXPECT_THAT(itself.what(), HasSubstr("under the reference itself"));
  const auto back = error_of_call<&Probe::pass_back>({"back"}, mine("a"), Pass{mine("b"), 5});
  EXPECT_THAT(back.what(), HasSubstr("under the reference back"));
  EXPECT_EQ(look(mine("a")).value, 0);
  EXPECT_EQ(look(mine("b")).value, 0);
}

// covers: call-headers
TEST_P(Conformance, a_deadline_travels_with_a_call_and_what_its_turn_awaits_inherits_it) {
  const auto calls = runtime_->calls({random_id()}).within(1h);
  const auto left = *runtime_->run(calls.proxy<Probe>(mine("a")).call<&Probe::time_left_of>(mine("b")));
  EXPECT_GT(left, 0);
  EXPECT_LE(left, 3'600'000);
  EXPECT_EQ(call<&Probe::time_left_of>(mine("a"), mine("b")), -1);
}

// covers: call-headers, lost-answer
TEST_P(Conformance, a_call_without_an_answer_in_time_fails_of_that_and_its_turn_ends_all_the_same) {
  const auto calls = runtime_->calls({"key"}).within(300ms);
  std::vector<Task<Result<int>>> turns;
  for (int i = 0; i < 3; ++i) turns.push_back(calls.proxy<Probe>(mine("a")).call<&Probe::dawdle>());
  EXPECT_EQ(error(when_all(std::move(turns))).code(), "DEADLINE_EXCEEDED");
  EXPECT_TRUE(within(5s, [&] { return look(mine("a")).value >= 1; })) << "the first had begun";
}

// covers: call-twice, lost-answer
TEST_P(Conformance, a_call_that_comes_twice_is_carried_out_once) {
  EXPECT_EQ(call_as<&Probe::add>({"key"}, mine("a"), Add{5}), 5);
  EXPECT_EQ(call<&Probe::add>(mine("a"), Add{1}), 6);
  EXPECT_EQ(call_as<&Probe::add>({"key"}, mine("a"), Add{5}), 5);
  runtime_->restart();
  EXPECT_EQ(call_as<&Probe::add>({"key"}, mine("a"), Add{5}), 5);
  EXPECT_EQ(look(mine("a")).value, 6);
}

// covers: lost-answer, stale-cache
TEST_P(Conformance, a_commit_whose_answer_is_lost_is_found_by_the_repeated_call) {
  call<&Probe::add>(mine("a"), Add{5});
  runtime_->fail_next_commit(CommitFailure::StoredButUnanswered);
  error_of_call<&Probe::add>({"key"}, mine("a"), Add{6});
  EXPECT_EQ(call_as<&Probe::add>({"key"}, mine("a"), Add{6}), 11);
  EXPECT_EQ(look(mine("a")).value, 11);
}

// covers: lost-answer, call-twice
TEST_P(Conformance, an_awaited_call_is_carried_out_once_though_its_caller_has_to_begin_anew) {
  runtime_->fail_next_commit(CommitFailure::StoredButUnanswered);  // over there
  error_of_call<&Probe::pass>({"key"}, mine("a"), Pass{mine("b"), 5});
  EXPECT_EQ(call_as<&Probe::pass>({"key"}, mine("a"), Pass{mine("b"), 5}), -5);
  EXPECT_EQ(look(mine("b")).value, 5);
}

// --- state

// covers: state-get-absent
TEST_P(Conformance, a_key_that_is_not_there_is_none) {
  call<&Probe::look>(mine("a"));
  EXPECT_EQ(stored(mine("a"), "nothing"), std::nullopt);
}

// covers: state-saved-with-the-turn, state-transaction
TEST_P(Conformance, a_turn_saves_the_state_and_the_actors_own_keys_in_one_transaction) {
  const auto before = runtime_->asked("state_commit");
  call<&Probe::keep>(mine("a"), std::string("hello"));
  EXPECT_EQ(runtime_->asked("state_commit"), before + 1);
  runtime_->restart();
  EXPECT_EQ(call<&Probe::kept>(mine("a")), "hello");
  call<&Probe::drop>(mine("a"));
  EXPECT_EQ(call<&Probe::kept>(mine("a")), "nothing");
}

// covers: instance-missing, scaling-instance-missing
TEST_P(Conformance, state_of_an_actor_that_is_not_here_is_not_written) {
  const auto refused = error(runtime_->sidecar().commit_state({"Probe", mine("never-called")}, {{"state", "1"}}));
  EXPECT_EQ(refused.code(), "ERR_ACTOR_INSTANCE_MISSING");
  EXPECT_EQ(refused.status(), 400);
}

// covers: instance-missing, scaling-instance-missing, drain-loses-turn
TEST_P(Conformance, a_turn_whose_actor_moves_away_fails_and_its_repeat_is_carried_out_once) {
  call<&Probe::add>(mine("a"), Add{5});
  runtime_->fail_next_commit(CommitFailure::Moved);
  error_of_call<&Probe::add>({"key"}, mine("a"), Add{6});
  EXPECT_EQ(look(mine("a")).value, 5) << "no cache of what was not saved";
  EXPECT_EQ(call_as<&Probe::add>({"key"}, mine("a"), Add{6}), 11);
}

// covers: stale-cache, deactivate-twice
TEST_P(Conformance, a_deactivated_actor_comes_back_with_what_is_stored) {
  call<&Probe::add>(mine("a"), Add{5});
  runtime_->deactivate({"Probe", mine("a")});
  runtime_->deactivate({"Probe", mine("a")});
  runtime_->deactivate({"Probe", mine("never-seen")});
  EXPECT_EQ(look(mine("a")).value, 5);
  EXPECT_EQ(call<&Probe::add>(mine("a"), Add{1}), 6);
}

// covers: two-hosts, stale-cache
TEST_P(Conformance, a_write_over_what_another_host_wrote_meanwhile_is_refused_and_nothing_is_lost) {
  const auto id = mine("a");
  call<&Probe::add>(id, Add{5});
  // The other host's turn: the write after ours, past our cache.
  auto theirs = json::parse<json::Raw>(*stored(id, "state")).text;
  const auto replace = [&](const std::string& from, const std::string& to) {
    const auto at = theirs.find(from);
    ASSERT_NE(at, std::string::npos) << theirs;
    theirs.replace(at, from.size(), to);
  };
  replace(R"("revision":1)", R"("revision":2)");
  replace(R"("version":1)", R"("version":2)");
  replace(R"("value":5)", R"("value":105)");
  runtime_->run(runtime_->sidecar().commit_state({"Probe", id}, {{"state", theirs, std::nullopt, 2}}));

  error_of_call<&Probe::add>({"key"}, id, Add{1});
  EXPECT_EQ(look(id).value, 105) << "theirs";
  EXPECT_EQ(call_as<&Probe::add>({"key"}, id, Add{1}), 106) << "theirs and ours";
  error(runtime_->sidecar().commit_state({"Probe", id}, {{"state", theirs, std::nullopt, 2}}));
  EXPECT_EQ(look(id).value, 106);
}

// covers: state-ttl, ttl-and-caches
TEST_P(Conformance, a_key_is_gone_when_its_time_has_passed_although_the_actor_stays) {
  call<&Probe::keep>(mine("a"), std::string("lasting"));
  call<&Probe::note>(mine("a"), std::string("brief"));
  EXPECT_EQ(call<&Probe::noted>(mine("a")), "brief");
  EXPECT_TRUE(within(10s, [&] { return call<&Probe::noted>(mine("a")) == "nothing"; }));
  EXPECT_EQ(call<&Probe::kept>(mine("a")), "lasting");
}

// --- limits

// covers: limit-operations
TEST_P(Conformance, a_hundred_operations_are_saved_and_one_more_is_refused_before_the_sidecar_is_asked) {
  ASSERT_TRUE(call<&Probe::fill>(mine("a"), Fill{99, 10}));  // and the document
  EXPECT_TRUE(stored(mine("a"), "own/filled-98"));
  const auto before = runtime_->asked("state_commit");
  const auto refused = call<&Probe::fill>(mine("a"), Fill{100, 10});
  EXPECT_EQ(refused.error().reason, Reason::TooLarge);
  EXPECT_THAT(refused.error().message, HasSubstr("101"));
  EXPECT_EQ(runtime_->asked("state_commit"), before);
  EXPECT_EQ(look(mine("a")).value, 1);
  EXPECT_EQ(call<&Probe::add>(mine("a"), Add{1}), 2);
}

// covers: limit-item
TEST_P(Conformance, a_value_just_below_the_limit_is_saved_and_one_above_is_refused_before_the_sidecar_is_asked) {
  ASSERT_TRUE(call<&Probe::fill>(mine("a"), Fill{1, 398 * 1024}));
  EXPECT_EQ(stored(mine("a"), "own/filled-0")->size(), 398u * 1024 + 2);
  const auto before = runtime_->asked("state_commit");
  const auto refused = call<&Probe::fill>(mine("a"), Fill{1, 400 * 1024});
  EXPECT_EQ(refused.error().reason, Reason::TooLarge);
  EXPECT_THAT(refused.error().message, HasSubstr("filled-0"));
  EXPECT_EQ(runtime_->asked("state_commit"), before);
  EXPECT_EQ(look(mine("a")).value, 1);
}

// covers: limit-item
TEST_P(Conformance, a_value_counts_as_what_the_store_makes_of_it) {
  // The sidecar's encoder writes each of these as six bytes.
  ASSERT_TRUE(call<&Probe::fill>(mine("a"), Fill{1, 60 * 1024, "<"}));
  const auto before = runtime_->asked("state_commit");
  EXPECT_EQ(call<&Probe::fill>(mine("a"), Fill{1, 80 * 1024, "<"}).error().reason, Reason::TooLarge);
  EXPECT_EQ(runtime_->asked("state_commit"), before);
  EXPECT_EQ(look(mine("a")).value, 1);
}

// covers: limit-transaction
TEST_P(Conformance, a_transaction_that_is_too_large_as_a_whole_is_refused_before_the_sidecar_is_asked) {
  ASSERT_TRUE(call<&Probe::fill>(mine("a"), Fill{4, 390 * 1024}));
  const auto before = runtime_->asked("state_commit");
  const auto refused = call<&Probe::fill>(mine("a"), Fill{12, 390 * 1024});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::TooLarge);
  EXPECT_EQ(runtime_->asked("state_commit"), before);
  EXPECT_EQ(look(mine("a")).value, 1);
}

// --- reminders

// covers: reminders-until-success, one-shot-lost, reminder-after-removal, state-after-reminder
TEST_P(Conformance, a_reminder_comes_until_it_succeeds_and_then_no_more) {
  Probe::failing_rings = 5;  // more than the sidecar tries by itself
  call<&Probe::ring_once>(mine("a"));
  EXPECT_TRUE(within(60s, [&] { return Probe::failing_rings == 0 && look(mine("a")).rings == 1; }));
  call<&Probe::ring_often>(mine("b"));
  // What others ring tells time: it would have come again long since.
  const auto others = look(mine("b")).rings;
  EXPECT_TRUE(within(20s, [&] { return look(mine("b")).rings >= others + 6; }));
  EXPECT_EQ(look(mine("a")).rings, 1);
  EXPECT_THAT(*stored(mine("a"), "state"), HasSubstr(R"("rings":1)")) << "saved";
  call<&Probe::stop_ringing>(mine("b"));
}

// covers: reminders-through-downtime, one-shot-lost
TEST_P(Conformance, a_reminder_survives_the_death_of_the_process) {
  call<&Probe::ring_once>(mine("a"));
  runtime_->restart();
  EXPECT_TRUE(within(20s, [&] { return look(mine("a")).rings == 1; }));
}

// covers: reminder-delete, reminder-after-removal, ttl-and-period
TEST_P(Conformance, a_periodic_reminder_comes_until_it_is_forgotten) {
  call<&Probe::ring_often>(mine("a"));
  call<&Probe::ring_often>(mine("b"));
  EXPECT_TRUE(within(20s, [&] { return look(mine("a")).rings >= 3; })) << "a period is no time to live";
  call<&Probe::stop_ringing>(mine("a"));
  const int rings = look(mine("a")).rings, others = look(mine("b")).rings;
  EXPECT_TRUE(within(20s, [&] { return look(mine("b")).rings >= others + 3; }));
  EXPECT_LE(look(mine("a")).rings, rings + 1) << "a tick may have been on its way";
  call<&Probe::stop_ringing>(mine("b"));
}

// covers: reminder-body, reminder-delete, timers
TEST_P(Conformance, one_of_several_reminders_and_timers_comes_with_the_data_that_it_was_registered_with) {
  call<&Probe::ring_with>(mine("a"), Add{5});
  EXPECT_TRUE(within(20s, [&] { return look(mine("a")).value == 5; }));
  call<&Probe::tick_with>(mine("a"), Add{7});
  EXPECT_TRUE(within(10s, [&] { return look(mine("a")).value == 12; }));
  call<&Probe::ring_often>(mine("a"));
  // What others ring tells time: it would have come again long since.
  EXPECT_TRUE(within(20s, [&] { return look(mine("a")).rings >= 7; }));
  EXPECT_EQ(look(mine("a")).value, 12) << "it was removed under its own name";
  call<&Probe::stop_ringing>(mine("a"));
}

// covers: reminder-deadlock
TEST_P(Conformance, what_a_reminder_sets_off_may_call_its_own_actor) {
  call<&Probe::ring_and_work>(mine("a"));
  EXPECT_TRUE(within(20s, [&] { return look(mine("a")).value == 10; }));
}

// covers: after-commit
TEST_P(Conformance, work_after_a_commit_comes_back_as_a_call_of_its_own) {
  call<&Probe::work_after>(mine("a"));
  EXPECT_TRUE(within(5s, [&] { return look(mine("a")).value == 11; }));
}

// --- timers

// covers: timers, timer-callbacks
TEST_P(Conformance, a_timer_ticks_by_name_also_after_its_process_has_died) {
  call<&Probe::tick_often>(mine("a"));
  EXPECT_TRUE(within(10s, [&] { return look(mine("a")).ticks >= 3; }));
  runtime_->restart();
  const int ticks = look(mine("a")).ticks;
  EXPECT_TRUE(within(10s, [&] { return look(mine("a")).ticks >= ticks + 3; })) << "it is the sidecar's";
  call<&Probe::stop_ticking>(mine("a"));
}

// covers: deactivation-and-timers
TEST_P(Conformance, a_timer_ticks_on_when_its_actor_was_deactivated) {
  call<&Probe::tick_often>(mine("a"));
  EXPECT_TRUE(within(10s, [&] { return look(mine("a")).ticks >= 1; }));
  runtime_->deactivate({"Probe", mine("a")});
  const int ticks = look(mine("a")).ticks;
  EXPECT_TRUE(within(10s, [&] { return look(mine("a")).ticks >= ticks + 3; }));
  call<&Probe::stop_ticking>(mine("a"));
}

// --- events

// covers: event-envelope, publish-envelope
TEST_P(Conformance, an_event_arrives_once_with_the_id_that_its_actor_gave_it) {
  call<&Probe::happen>(mine("a"), ThingHappened{mine("b")});
  EXPECT_TRUE(within(20s, [&] { return look(mine("b")).value == 1; }));
  bool left = false;
  for (const auto& event : runtime_->published("thing.happened"))
    left |= event.id == "Probe/" + mine("a") + "/1/0" && event.source == "conformance" && event.subject == mine("a");
  EXPECT_TRUE(left);
}

// covers: outbox
TEST_P(Conformance, an_event_that_cannot_leave_leaves_with_the_next_turn_in_order) {
  runtime_->fail_publishes(1);
  call<&Probe::happen>(mine("a"), ThingHappened{mine("b")});
  EXPECT_THAT(*stored(mine("a"), "state"), HasSubstr("thing.happened"));
  call<&Probe::happen>(mine("a"), ThingHappened{mine("b")});
  EXPECT_TRUE(within(20s, [&] { return look(mine("b")).value == 2; }));
  std::vector<std::string> ids;
  for (const auto& event : runtime_->published("thing.happened"))
    if (event.subject == mine("a")) ids.push_back(event.id);
  EXPECT_THAT(ids, ::testing::ElementsAre("Probe/" + mine("a") + "/1/0", "Probe/" + mine("a") + "/2/0"));
}

// covers: event-retry
TEST_P(Conformance, an_event_whose_turn_fails_comes_again) {
  call<&Probe::look>(mine("b"));
  call<&Probe::happen>(mine("a"), ThingHappened{mine("warm")});
  EXPECT_TRUE(within(20s, [&] { return look(mine("warm")).value == 1; }));
  const auto event = CloudEvent{"lost-once-" + mine("b"),
                                "elsewhere",
                                "thing.happened",
                                mine("b"),
                                "things",
                                SystemClock().now(),
                                {R"({"what":")" + mine("b") + R"("})"},
                                {}};
  runtime_->fail_next_commit(CommitFailure::NotStored);
  runtime_->run(runtime_->sidecar().publish(event));
  EXPECT_TRUE(within(20s, [&] { return look(mine("b")).value == 1; }));
}

// covers: event-once
TEST_P(Conformance, an_event_that_comes_twice_is_handled_once) {
  const auto event = CloudEvent{"twice-" + mine("b"),
                                "elsewhere",
                                "thing.happened",
                                mine("b"),
                                "things",
                                SystemClock().now(),
                                {R"({"what":")" + mine("b") + R"("})"},
                                {}};
  runtime_->run(runtime_->sidecar().publish(event));
  runtime_->run(runtime_->sidecar().publish(event));
  const auto last = CloudEvent{"last-" + mine("b"),
                               "elsewhere",
                               "thing.happened",
                               mine("b"),
                               "things",
                               SystemClock().now(),
                               {R"({"what":")" + mine("c") + R"("})"},
                               {}};
  EXPECT_TRUE(within(20s, [&] { return look(mine("b")).value == 1; }));
  runtime_->run(runtime_->sidecar().publish(last));
  EXPECT_TRUE(within(20s, [&] { return look(mine("c")).value == 1; }));
  EXPECT_EQ(look(mine("b")).value, 1);
}

// --- the plain state store

// covers: etag-failure-is-500, delete-ignores-etag
TEST_P(Conformance, values_of_the_state_store_change_only_under_their_tags_and_all_together) {
  auto& state = runtime_->state();
  const auto get = [&](const std::string& key) { return runtime_->run(state.get(key)); };
  const auto thing = mine("thing"), other = mine("other");
  EXPECT_FALSE(get(thing));
  runtime_->run(state.transact({{thing, R"({"n":1})"}, {other, "[1]"}}));
  const auto first = get(thing);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->etag.empty());
  runtime_->run(state.transact({{thing, R"({"n":2})", first->etag}}));
  EXPECT_EQ(error(state.transact({{thing, R"({"n":3})", first->etag}, {other, "[2]"}})).status(), 500);
  const auto all = runtime_->run(state.get_all({other, mine("absent"), thing}));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]->value, "[1]") << "all or nothing";
  EXPECT_FALSE(all[1]);
  EXPECT_EQ(all[2]->value, R"({"n":2})");
  EXPECT_NE(all[2]->etag, first->etag);
  EXPECT_EQ(error(state.transact({{thing, "4", "", {}, true}})).status(), 500) << "it is there already";
  runtime_->run(state.transact({{thing, std::nullopt}}));
  EXPECT_FALSE(get(thing));
}

INSTANTIATE_TEST_SUITE_P(Runtimes, Conformance,
                         ::testing::Values("fake", "fake_out_of_order_1", "fake_out_of_order_2", "fake_out_of_order_3",
                                           "dapr"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace dapr::actors::conformance
