#include "actors/payment/payment.hpp"

#include <dapr/actors/testing/bench.hpp>
#include <dapr/actors/testing/stored_json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/actors/payment/scripted_gateway.hpp"

namespace shop::payment {
namespace {

using namespace std::chrono_literals;
using actors::Cause;
using actors::Origin;
using actors::Reason;
using actors::SidecarError;
using actors::testing::Bench;
using actors::testing::CommitFailure;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;
using Act = ScriptedGateway::Act;

const Party admin{std::nullopt, true};
const OrderId order_id{"o-1"};
const std::string id = payment_of(order_id).value;
const Money total{4500, "EUR"};

const order::Created created{order_id, CustomerId("ann@example.org"), total, {"tok_secret"}};
const order::Cancelled cancelled{order_id, CustomerId("ann@example.org"), {}, total, "changed my mind", false};
Requested requested(int attempt) {
  return {PaymentId(id), order_id, attempt, total};
}
std::string key(int number) {
  return id + "-" + std::to_string(number);
}

/// The payment of `o-1` on a bench, and what happens to it.
class Till {
 public:
  Till() {
    bench.add<Payment>([this] { return std::make_unique<Payment>(gateway); });
  }
  ~Till() { release(Act::Fail); }

  template <auto Handle, class E>
  void event(const E& event, const std::string& event_id) {
    bench.call_as<Handle>(Origin{"source/" + event_id, Cause::Event}, id, event);
  }
  void create() { event<&Payment::order_created>(created, "Order/o-1/1/0"); }
  void cancel() { event<&Payment::order_cancelled>(cancelled, "Order/o-1/2/0"); }
  void request(int attempt) {
    event<&Payment::requested>(requested(attempt), "Payment/requested/" + std::to_string(attempt));
  }
  /// The gateway's answer to the last charge, or to another one.
  void answer(std::optional<Verdict> verdict, const std::string& of_key = key(1), int attempt = 1, int tries = 1) {
    const Charged charged{of_key, attempt, tries, std::move(verdict)};
    bench.call<&Payment::charged>(id, charged);
  }
  auto retry(const std::string& token = "tok_other") { return bench.call<&Payment::retry>(id, Retry{admin, {token}}); }
  auto view(const Party& party = admin) { return bench.call<&Payment::view>(id, party); }
  Status status() {
    const auto seen = view();
    return seen ? seen->status : Status::None;
  }
  /// The charges on hold are answered, and what follows from it is over.
  void release(Act act) {
    gateway.answer(act);
    view();
  }
  /// Time passes until the payment is no longer in the state it is in.
  void wait_for_change() {
    const auto before = status();
    for (int seconds = 0; seconds < 600 && status() == before; ++seconds) bench.advance(1s);
  }
  Attempt attempt(std::size_t number) { return view()->attempts.at(number - 1); }
  std::string document() const { return bench.sidecar.stored({"Payment", id}, "state").value_or(""); }

  /// What left, once by id: a repeated publish carries the same id and data (its members in whatever order).
  std::vector<std::pair<std::string, std::string>> events() const {
    std::vector<std::pair<std::string, std::string>> once;
    std::map<std::string, std::string> seen;
    for (const auto& event : bench.sidecar.published) {
      const auto data = actors::testing::as_the_store_gives_it(event.data.text);
      if (const auto [known, is_new] = seen.try_emplace(event.id, data); is_new)
        once.emplace_back(event.type, data);
      else
        EXPECT_EQ(known->second, data) << event.id;
    }
    return once;
  }
  std::vector<std::string> event_types() const {
    std::vector<std::string> types;
    for (const auto& [type, data] : events()) types.push_back(type);
    return types;
  }
  /// Its own events come back, all of them, also those that came before.
  void deliver_own() {
    for (const auto& event : std::vector(bench.sidecar.published))
      if (event.type == "payment.requested")
        bench.call_as<&Payment::requested>(Origin{event.id, Cause::Event}, id,
                                           actors::json::parse<Requested>(event.data.text));
  }

  void bring_to(const std::string& state) {
    if (state == "none") return;
    create();
    if (state == "requested") return;
    if (state == "cancelled") return cancel();
    gateway.script({state == "processing" || state == "cancelling" ? Act::Hold
                    : state == "failed"                            ? Act::Decline
                                                                   : Act::Approve});
    if (state == "refunding") gateway.refuse_refunds(1);
    request(1);
    if (state == "cancelling" || state == "refunding" || state == "refunded") cancel();
  }

  ScriptedGateway gateway;
  Bench bench{"payment-service"};
};

class PaymentTest : public ::testing::Test, public Till {};

const Verdict approval{true, "ref-1", "", false};
const Verdict decline{false, "", "insufficient_funds", true};

// --- the table of docs/contracts.md ---

/// What a cell of the table says: what a reader sees afterwards, the events that leave, and how a call is answered (0:
/// it succeeds; 500: it is to come again).
struct Cell {
  std::string state;
  std::vector<std::string> events = {};
  int answer = 0;
  int charges = 0;
  int refunds = 0;
};

using Row = std::map<std::string, Cell>;

const std::map<std::string, Row>& contract() {
  static const std::map<std::string, Row> table{
      {"none",
       {{"order.created", {"requested", {"payment.requested"}}},
        {"payment.requested", {"none", {}, 500}},
        {"approves", {"none"}},
        {"declines", {"none"}},
        {"unavailable", {"none"}},
        {"retry", {"none", {}, 404}},
        {"order.cancelled", {"cancelled"}}}},
      {"requested",
       {{"order.created", {"requested"}},
        {"payment.requested", {"processing", {}, 0, 1}},
        {"approves", {"requested"}},
        {"declines", {"requested"}},
        {"unavailable", {"requested"}},
        {"retry", {"requested", {}, 409}},
        {"order.cancelled", {"cancelled"}}}},
      {"processing",
       {{"order.created", {"processing"}},
        {"payment.requested", {"processing"}},
        {"approves", {"completed", {"payment.completed"}}},
        {"declines", {"failed", {"payment.failed"}}},
        {"unavailable", {"processing"}},
        {"retry", {"processing", {}, 409}},
        {"order.cancelled", {"processing"}}}},
      {"cancelling",  // processing, and the cancellation is remembered
       {{"order.created", {"processing"}},
        {"payment.requested", {"processing"}},
        {"approves", {"refunded", {"payment.refunded"}, 0, 0, 1}},
        {"declines", {"cancelled"}},
        {"unavailable", {"processing"}},
        {"retry", {"processing", {}, 409}},
        {"order.cancelled", {"processing"}}}},
      {"failed",
       {{"order.created", {"failed"}},
        {"payment.requested", {"failed"}},
        {"approves", {"completed", {"payment.completed"}}},
        {"declines", {"failed"}},
        {"unavailable", {"failed"}},
        {"retry", {"requested", {"payment.requested"}}},
        {"order.cancelled", {"cancelled"}}}},
      {"completed",
       {{"order.created", {"completed"}},
        {"payment.requested", {"completed"}},
        {"approves", {"completed"}},
        {"declines", {"completed"}},
        {"unavailable", {"completed"}},
        {"retry", {"completed", {}, 409}},
        {"order.cancelled", {"refunded", {"payment.refunded"}, 0, 0, 1}}}},
      {"refunding",
       {{"order.created", {"refunding"}},
        {"payment.requested", {"refunding"}},
        {"approves", {"refunding"}},
        {"declines", {"refunding"}},
        {"unavailable", {"refunding"}},
        {"retry", {"refunding", {}, 409}},
        {"order.cancelled", {"refunding"}}}},
      {"cancelled",
       {{"order.created", {"cancelled"}},
        {"payment.requested", {"cancelled"}},
        {"approves", {"refunded", {"payment.refunded"}, 0, 0, 1}},
        {"declines", {"cancelled"}},
        {"unavailable", {"cancelled"}},
        {"retry", {"cancelled", {}, 409}},
        {"order.cancelled", {"cancelled"}}}},
      {"refunded",
       {{"order.created", {"refunded"}},
        {"payment.requested", {"refunded"}},
        {"approves", {"refunded", {"payment.refunded"}, 0, 0, 1}},
        {"declines", {"refunded"}},
        {"unavailable", {"refunded"}},
        {"retry", {"refunded", {}, 409}},
        {"order.cancelled", {"refunded"}}}},
  };
  return table;
}

/// How the event was answered: 0, or an HTTP status.
int trigger(Till& till, const std::string& event, const std::string& state) {
  // A success after the refund can only be of another charge.
  const auto of_key = key(state == "refunded" ? 9 : 1);
  try {
    if (event == "order.created") till.event<&Payment::order_created>(created, "again");
    if (event == "payment.requested") till.event<&Payment::requested>(requested(1), "again");
    if (event == "approves") till.answer(approval, of_key);
    if (event == "declines") till.answer(decline, of_key);
    if (event == "unavailable") till.answer(std::nullopt, of_key);
    if (event == "order.cancelled") till.event<&Payment::order_cancelled>(cancelled, "again");
    if (event == "retry")
      if (const auto answer = till.retry(); !answer) return http_status(answer.error().reason);
  } catch (const SidecarError& error) {
    return error.status();
  }
  return 0;
}

TEST(PaymentStates, every_event_in_every_state_does_what_the_contract_says) {
  for (const auto& [state, row] : contract()) {
    EXPECT_THAT(row, SizeIs(7)) << state;
    for (const auto& [event, expected] : row) {
      Till till;
      till.bring_to(state);
      const auto before = till.event_types().size();
      const auto charges = till.gateway.charges.size();
      const auto refunds = till.gateway.times_returned();
      till.gateway.script({Act::Hold});
      const int answer = trigger(till, event, state);
      const auto where = state + " × " + event;
      EXPECT_EQ(answer, expected.answer) << where;
      EXPECT_EQ((actors::json::Codec<Status>::name(till.status())), expected.state) << where;
      const auto types = till.event_types();
      EXPECT_EQ(std::vector(types.begin() + static_cast<std::ptrdiff_t>(before), types.end()), expected.events)
          << where;
      EXPECT_EQ(till.gateway.charges.size() - charges, static_cast<std::size_t>(expected.charges)) << where;
      EXPECT_EQ(till.gateway.times_returned() - refunds, static_cast<std::size_t>(expected.refunds)) << where;
    }
  }
}

TEST(PaymentStates, every_event_may_come_twice) {
  for (const auto& [state, row] : contract())
    for (const auto& [event, expected] : row) {
      Till till;
      till.bring_to(state);
      till.gateway.script({Act::Hold});
      trigger(till, event, state);
      const auto once = till.status();
      const auto events = till.event_types();
      const auto charges = till.gateway.charges.size();
      trigger(till, event, state);
      EXPECT_EQ(till.status(), once) << state << " × " << event;
      EXPECT_EQ(till.event_types(), events) << state << " × " << event;
      EXPECT_EQ(till.gateway.charges.size(), charges) << state << " × " << event;
    }
}

// --- charging ---

TEST_F(PaymentTest, an_approved_charge_completes_the_payment) {
  create();
  EXPECT_EQ(bench.published<Requested>(), std::vector{requested(1)});
  deliver_own();
  EXPECT_EQ(status(), Status::Completed);
  EXPECT_EQ(bench.published<Completed>(), (std::vector{Completed{PaymentId(id), order_id, 1, total, "ref-" + key(1)}}));
  const auto seen = *view();
  EXPECT_EQ(seen.order_id, order_id);
  EXPECT_EQ(seen.amount, total);
  ASSERT_THAT(seen.attempts, SizeIs(1));
  EXPECT_EQ(seen.attempts[0].outcome, Outcome::Approved);
  EXPECT_EQ(seen.attempts[0].gateway_reference, "ref-" + key(1));
}

TEST_F(PaymentTest, the_intention_and_its_key_are_stored_before_the_gateway_is_asked) {
  std::string at_charge;
  gateway.on_charge = [&](const Charge& charge) {
    EXPECT_EQ(charge.key, key(1));
    EXPECT_EQ(charge.token, "tok_secret");
    EXPECT_EQ(charge.amount, total);
    at_charge = document();
  };
  create();
  request(1);
  EXPECT_THAT(at_charge, HasSubstr(R"("status":"processing")"));
  EXPECT_THAT(at_charge, HasSubstr(R"("inDoubt":true)"));
}

TEST_F(PaymentTest, the_token_is_forgotten_with_the_attempt_and_never_told) {
  create();
  request(1);
  EXPECT_THAT(document(), Not(HasSubstr("tok_secret")));
  for (const auto& [type, data] : events()) EXPECT_THAT(data, Not(HasSubstr("tok_"))) << type;
  EXPECT_THAT(actors::json::to_string(*view()), Not(HasSubstr("tok_")));
}

TEST_F(PaymentTest, a_slow_gateway_holds_up_nobody_and_is_asked_once) {
  gateway.script({Act::Hold});
  create();
  request(1);
  bench.advance(5s);
  EXPECT_EQ(status(), Status::Processing);  // a read is answered meanwhile
  release(Act::Approve);
  EXPECT_EQ(status(), Status::Completed);
  bench.advance(60s);
  EXPECT_THAT(gateway.charges, SizeIs(1));
  EXPECT_FALSE(bench.tended({"Payment", id}));
}

TEST_F(PaymentTest, a_gateway_that_is_unavailable_twice_is_asked_again_under_the_same_key) {
  gateway.script({Act::Fail, Act::Fail});
  create();
  request(1);
  EXPECT_EQ(status(), Status::Processing);
  bench.advance(1s);
  EXPECT_THAT(gateway.charges, SizeIs(2));
  bench.advance(2s);
  EXPECT_THAT(gateway.charges, SizeIs(3));
  EXPECT_EQ(status(), Status::Completed);
  for (const auto& charge : gateway.charges) EXPECT_EQ(charge.key, key(1));
}

TEST_F(PaymentTest, a_gateway_that_stays_unavailable_is_asked_six_times_more_and_then_the_payment_has_failed) {
  gateway.script(std::vector(7, Act::Fail));
  create();
  request(1);
  std::vector<actors::Time> asked{bench.clock.now()};
  gateway.on_charge = [&](const Charge&) { asked.push_back(bench.clock.now()); };
  wait_for_change();
  EXPECT_EQ(status(), Status::Failed);
  std::vector<actors::Duration> pauses;
  for (std::size_t i = 1; i < asked.size(); ++i) pauses.push_back(asked[i] - asked[i - 1]);
  // The reminder looks in every ten seconds.
  EXPECT_THAT(pauses, ElementsAre(1s, 2s, 4s, 8s, AllOf(Ge(15s), Le(25s)), AllOf(Ge(30s), Le(40s))));
  EXPECT_EQ(bench.published<Failed>(),
            (std::vector{Failed{PaymentId(id), order_id, 1, total, "gateway_unavailable", true}}));
  EXPECT_EQ(attempt(1).outcome, Outcome::Unavailable);
}

TEST_F(PaymentTest, a_charge_whose_answer_was_lost_is_repeated_and_made_once) {
  gateway.script({Act::ApproveAndFail});
  create();
  request(1);
  bench.advance(1s);
  EXPECT_EQ(status(), Status::Completed);
  EXPECT_EQ(gateway.held_money(), total.amount);
  EXPECT_EQ(gateway.times_taken(), 1u);
}

TEST_F(PaymentTest, a_charge_that_nobody_answered_is_repeated) {
  gateway.script({Act::Hold});
  create();
  request(1);
  bench.deactivate({"Payment", id});
  bench.advance(10s);
  EXPECT_THAT(gateway.charges, SizeIs(2));
  EXPECT_EQ(status(), Status::Completed);
  release(Act::Approve);  // the first one, after all: the same charge
  EXPECT_EQ(gateway.times_taken(), 1u);
  EXPECT_THAT(event_types(), ElementsAre("payment.requested", "payment.completed"));
}

TEST_F(PaymentTest, a_late_answer_of_an_earlier_charge_does_not_count_twice) {
  gateway.script({Act::Fail, Act::Hold});
  create();
  request(1);
  bench.advance(1s);                   // the second charge is under way
  answer(std::nullopt, key(1), 1, 1);  // the first one's answer once more
  bench.advance(8s);
  EXPECT_THAT(gateway.charges, SizeIs(2));
}

// --- failures and retries ---

TEST_F(PaymentTest, a_declined_payment_has_failed_and_says_why) {
  gateway.script({Act::Refuse});
  create();
  request(1);
  EXPECT_EQ(bench.published<Failed>(),
            (std::vector{Failed{PaymentId(id), order_id, 1, total, "card_declined", false}}));
  EXPECT_EQ(attempt(1).outcome, Outcome::Declined);
  EXPECT_EQ(attempt(1).reason, "card_declined");
  EXPECT_FALSE(bench.tended({"Payment", id}) && (bench.advance(60s), bench.tended({"Payment", id})));
}

TEST_F(PaymentTest, a_retry_after_a_decline_is_another_attempt_under_another_key) {
  gateway.script({Act::Decline});
  create();
  request(1);
  const auto retried = retry("tok_new");
  ASSERT_TRUE(retried);
  EXPECT_EQ(retried->status, Status::Requested);
  EXPECT_THAT(retried->attempts, SizeIs(2));
  request(1);  // an old event changes nothing
  EXPECT_EQ(status(), Status::Requested);
  request(2);
  EXPECT_EQ(status(), Status::Completed);
  EXPECT_EQ(gateway.charges.back().key, key(2));
  EXPECT_EQ(gateway.charges.back().token, "tok_new");
  EXPECT_EQ(attempt(1).outcome, Outcome::Declined);
  EXPECT_EQ(attempt(2).outcome, Outcome::Approved);
  EXPECT_EQ(bench.published<Completed>().at(0).attempt, 2);
}

TEST_F(PaymentTest, a_retry_after_an_unknown_outcome_keeps_the_key) {
  gateway.script(std::vector(7, Act::Fail));
  create();
  request(1);
  wait_for_change();
  ASSERT_EQ(status(), Status::Failed);
  ASSERT_TRUE(retry());
  request(2);
  EXPECT_EQ(status(), Status::Completed);
  for (const auto& charge : gateway.charges) EXPECT_EQ(charge.key, key(1));
}

TEST_F(PaymentTest, a_doubtful_charge_is_asked_about_and_completes_late) {
  auto acts = std::vector(6, Act::Fail);
  acts.push_back(Act::ApproveAndFail);
  gateway.script(acts);
  create();
  request(1);
  wait_for_change();
  ASSERT_EQ(status(), Status::Failed);
  gateway.script({Act::Fail, Act::Fail});  // asking may fail as well
  bench.advance(10min);
  EXPECT_EQ(status(), Status::Completed);
  EXPECT_THAT(event_types(), ElementsAre("payment.requested", "payment.failed", "payment.completed"));
  EXPECT_EQ(attempt(1).outcome, Outcome::Approved);
  EXPECT_EQ(gateway.times_taken(), 1u);
  EXPECT_FALSE(bench.tended({"Payment", id}));
}

TEST_F(PaymentTest, a_doubtful_charge_that_the_gateway_never_heard_of_is_not_asked_about_for_ever) {
  gateway.script(std::vector(7, Act::Fail));
  create();
  request(1);
  wait_for_change();
  bench.advance(24h);
  EXPECT_THAT(gateway.asked, ElementsAre(key(1)));
  EXPECT_EQ(status(), Status::Failed);
  EXPECT_FALSE(bench.tended({"Payment", id}));
  ASSERT_TRUE(retry());
  request(2);
  EXPECT_EQ(gateway.charges.back().key, key(1));  // it would do no harm
}

TEST_F(PaymentTest, a_late_answer_completes_a_failed_payment) {
  gateway.script({Act::Hold, Act::Fail, Act::Fail, Act::Fail, Act::Fail, Act::Fail, Act::Fail});
  create();
  request(1);
  wait_for_change();
  ASSERT_EQ(status(), Status::Failed);
  release(Act::Approve);
  EXPECT_EQ(status(), Status::Completed);
  EXPECT_THAT(event_types(), ElementsAre("payment.requested", "payment.failed", "payment.completed"));
}

TEST_F(PaymentTest, a_late_answer_while_the_next_attempt_is_charged_completes_once) {
  gateway.script({Act::Hold, Act::Fail, Act::Fail, Act::Fail, Act::Fail, Act::Fail, Act::Fail, Act::Hold});
  create();
  request(1);
  wait_for_change();
  ASSERT_EQ(status(), Status::Failed);
  ASSERT_TRUE(retry());
  request(2);
  ASSERT_EQ(status(), Status::Processing);
  release(Act::Approve);  // both: the same key, the same charge
  EXPECT_EQ(status(), Status::Completed);
  EXPECT_EQ(gateway.times_taken(), 1u);
  EXPECT_THAT(bench.published<Completed>(), SizeIs(1));
}

// --- cancelling ---

TEST_F(PaymentTest, an_order_cancelled_before_it_was_heard_of_is_never_charged) {
  cancel();
  create();
  bench.advance(5min);
  EXPECT_EQ(status(), Status::Cancelled);
  EXPECT_THAT(gateway.charges, IsEmpty());
  EXPECT_THAT(event_types(), IsEmpty());
}

TEST_F(PaymentTest, an_order_cancelled_before_the_charge_is_never_charged) {
  create();
  cancel();
  deliver_own();
  EXPECT_EQ(status(), Status::Cancelled);
  EXPECT_EQ(attempt(1).outcome, Outcome::Cancelled);
  EXPECT_THAT(gateway.charges, IsEmpty());
}

TEST_F(PaymentTest, a_paid_order_that_is_cancelled_is_refunded_once) {
  create();
  request(1);
  cancel();
  event<&Payment::order_cancelled>(cancelled, "another");
  EXPECT_EQ(status(), Status::Refunded);
  EXPECT_EQ(bench.published<Refunded>(),
            (std::vector{Refunded{PaymentId(id), order_id, 1, total, "ref-" + key(1) + "-refund"}}));
  EXPECT_EQ(gateway.times_returned(), 1u);
  EXPECT_EQ(gateway.held_money(), 0);
}

TEST_F(PaymentTest, a_refund_is_repeated_until_it_is_made) {
  gateway.refuse_refunds(5);
  create();
  request(1);
  cancel();
  EXPECT_EQ(status(), Status::Refunding);
  bench.advance(1h);
  EXPECT_EQ(status(), Status::Refunded);
  EXPECT_THAT(gateway.refunds, SizeIs(6));
  EXPECT_THAT(gateway.refunds, Each(key(1) + "-refund"));
  EXPECT_EQ(gateway.held_money(), 0);
  EXPECT_FALSE(bench.tended({"Payment", id}));
}

TEST_F(PaymentTest, a_charge_under_way_when_the_order_is_cancelled_is_refunded_when_approved) {
  gateway.script({Act::Hold});
  create();
  request(1);
  cancel();
  EXPECT_EQ(status(), Status::Processing);
  release(Act::Approve);
  EXPECT_EQ(status(), Status::Refunded);
  EXPECT_THAT(event_types(), ElementsAre("payment.requested", "payment.refunded"));
  EXPECT_EQ(gateway.held_money(), 0);
}

TEST_F(PaymentTest, a_charge_under_way_when_the_order_is_cancelled_may_be_declined) {
  gateway.script({Act::Hold});
  create();
  request(1);
  cancel();
  release(Act::Decline);
  EXPECT_EQ(status(), Status::Cancelled);
  EXPECT_FALSE(retry());
  EXPECT_THAT(event_types(), ElementsAre("payment.requested"));
}

TEST_F(PaymentTest, a_doubtful_charge_of_a_cancelled_order_is_asked_about_and_refunded) {
  auto acts = std::vector(6, Act::Fail);
  acts.push_back(Act::ApproveAndFail);
  gateway.script(acts);
  create();
  request(1);
  cancel();
  wait_for_change();
  EXPECT_EQ(status(), Status::Cancelled);
  EXPECT_EQ(gateway.held_money(), total.amount);
  wait_for_change();
  EXPECT_EQ(status(), Status::Refunded);
  EXPECT_EQ(gateway.held_money(), 0);
}

TEST_F(PaymentTest, a_doubtful_charge_is_not_forgotten_when_its_retry_is_cancelled) {
  auto acts = std::vector(6, Act::Fail);
  acts.push_back(Act::ApproveAndFail);
  gateway.script(acts);
  create();
  request(1);
  wait_for_change();
  ASSERT_TRUE(retry());
  cancel();
  EXPECT_EQ(status(), Status::Cancelled);
  bench.advance(10min);
  EXPECT_EQ(status(), Status::Refunded);
  EXPECT_EQ(gateway.held_money(), 0);
}

// --- who may ---

TEST_F(PaymentTest, a_payment_is_its_customers_and_to_others_it_does_not_exist) {
  create();
  EXPECT_TRUE(view({CustomerId("ann@example.org"), false}));
  EXPECT_TRUE(view(admin));
  for (const Party& other : {Party{CustomerId("bob"), false}, Party{}}) {
    const auto refused = view(other);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, Reason::NotFound);
    const auto retried = bench.call<&Payment::retry>(id, Retry{other, {"tok"}});
    ASSERT_FALSE(retried);
    EXPECT_EQ(retried.error().reason, Reason::NotFound);
  }
}

TEST_F(PaymentTest, a_guests_payment_is_whose_id_one_knows) {
  auto guests = created;
  guests.customer_id.reset();
  event<&Payment::order_created>(guests, "e");
  EXPECT_TRUE(view(Party{}));
}

TEST_F(PaymentTest, it_has_twenty_attempts_and_says_with_the_last_that_no_other_follows) {
  create();
  for (int number = 1; number <= 20; ++number) {
    if (number > 1) {
      ASSERT_TRUE(retry()) << number;
    }
    gateway.script({Act::Decline});
    request(number);
    ASSERT_EQ(status(), Status::Failed) << number;
    const auto last = events().back();
    EXPECT_EQ(last.first, "payment.failed");
    EXPECT_EQ(actors::json::parse<Failed>(last.second).retryable, number < 20) << number;
  }
  const auto before = document();
  const auto refused = retry();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, actors::Reason::Conflict);
  EXPECT_EQ(refused.error().code, "no_attempts_left");
  EXPECT_EQ(document(), before);
  EXPECT_THAT(view()->attempts, SizeIs(20));
}

TEST(PaymentIds, a_payment_id_follows_from_its_order_and_no_other) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(payment_of(OrderId("o-" + std::to_string(i))).value);
  ids.insert(payment_of(OrderId(std::string(64, 'x'))).value);
  EXPECT_THAT(ids, SizeIs(1001));
  for (const auto& each : ids) EXPECT_TRUE(is_id(each + "-123-refund")) << each;
  EXPECT_EQ(payment_of(order_id), payment_of(order_id));
}

// --- order, duplicates, crashes ---

TEST(PaymentOrder, events_in_any_order_end_the_same) {
  std::vector<std::string> events{"created", "requested", "cancelled"};
  do {
    Till till;
    std::vector<std::string> open = events;
    for (int round = 0; round < 3; ++round)
      for (const auto& event : open) try {
          if (event == "created") till.create();
          if (event == "requested") till.request(1);
          if (event == "cancelled") till.cancel();
        } catch (const SidecarError&) {  // left for redelivery
        }
    till.bench.advance(5min);
    EXPECT_EQ(till.gateway.held_money(), 0);
    EXPECT_TRUE(till.status() == Status::Cancelled || till.status() == Status::Refunded) << events[0] << events[1];
  } while (std::next_permutation(events.begin(), events.end()));
}

/// The same story, with the process dying after the n-th operation; what was not acknowledged comes again, and what was
/// too.
struct Story {
  std::vector<Act> script;
  bool cancels;
  Status ends;
  std::int64_t money;
  std::vector<std::string> events;
};

bool tell(const Story& story, std::size_t crash_after, CommitFailure* failing = nullptr) {
  Till till;
  till.gateway.script(story.script);
  if (failing) {
    till.bench.sidecar.fail_next_commit(*failing);
  } else {
    till.bench.sidecar.crash_after(crash_after);
  }
  bool crashed = false;
  for (int round = 0; round < 6; ++round) {
    try {
      till.create();
      till.deliver_own();
      if (story.cancels) till.cancel();
    } catch (const SidecarError&) {  // comes again
    }
    if (till.bench.sidecar.crashed()) {
      crashed = true;
      till.bench.restart();
    }
    till.bench.advance(20s);
    if (till.bench.sidecar.crashed()) {
      crashed = true;
      till.bench.restart();
    }
  }
  till.bench.advance(10min);
  EXPECT_EQ(till.status(), story.ends);
  EXPECT_EQ(till.gateway.held_money(), story.money);
  EXPECT_LE(till.gateway.times_taken(), 1u);
  EXPECT_LE(till.gateway.times_returned(), 1u);
  EXPECT_EQ(till.event_types(), story.events);
  EXPECT_FALSE(till.bench.tended({"Payment", id}));
  return crashed;
}

const std::vector<Story>& stories() {
  static const std::vector<Story> all{
      {{Act::Approve}, false, Status::Completed, total.amount, {"payment.requested", "payment.completed"}},
      {{Act::Fail, Act::ApproveAndFail},
       false,
       Status::Completed,
       total.amount,
       {"payment.requested", "payment.completed"}},
      {{Act::Decline}, false, Status::Failed, 0, {"payment.requested", "payment.failed"}},
      {{Act::Decline}, true, Status::Cancelled, 0, {"payment.requested", "payment.failed"}},
  };
  return all;
}

TEST(PaymentCrashes, a_crash_after_any_operation_changes_nothing_in_the_end) {
  for (const auto& story : stories()) {
    std::size_t n = 1;
    while (tell(story, n)) ++n;
    EXPECT_GT(n, 5u);
    if (::testing::Test::HasFailure()) FAIL() << "after a crash at operation " << n;
  }
}

TEST(PaymentCrashes, a_failed_commit_changes_nothing_in_the_end) {
  for (const auto& story : stories())
    for (auto failure : {CommitFailure::NotStored, CommitFailure::StoredButUnanswered}) tell(story, 0, &failure);
}

TEST(PaymentCrashes, a_crash_at_any_point_of_a_refund_gives_the_money_back_once) {
  for (std::size_t n = 1;; ++n) {
    Till till;
    till.create();
    till.deliver_own();
    till.bench.sidecar.crash_after(n);
    bool crashed = false;
    for (int round = 0; round < 4; ++round) {
      try {
        till.cancel();
      } catch (const SidecarError&) {
      }
      if (till.bench.sidecar.crashed()) {
        crashed = true;
        till.bench.restart();
      }
      till.bench.advance(1min);
    }
    EXPECT_EQ(till.status(), Status::Refunded) << n;
    EXPECT_EQ(till.gateway.times_returned(), 1u) << n;
    EXPECT_EQ(till.gateway.held_money(), 0) << n;
    EXPECT_THAT(till.event_types(), ElementsAre("payment.requested", "payment.completed", "payment.refunded")) << n;
    if (!crashed) return;
  }
}

TEST_F(PaymentTest, whose_document_contradicts_itself_is_refused_and_its_document_kept) {
  PaymentState requested;
  requested.status = Status::Requested;
  PaymentState processing;
  processing.status = Status::Processing;
  processing.attempts.push_back({1, bench.clock.now(), Outcome::Pending, {}, {}});
  PaymentState refunding = processing;
  refunding.status = Status::Refunding;
  PaymentState failed = processing;
  failed.status = Status::Failed;
  failed.tries = -1;
  int number = 0;
  for (const auto& state : {requested, processing, refunding, failed}) {
    const auto text = R"({"version":1,"data":)" + actors::json::to_string(state) + R"(,"outbox":[],"handled":[]})";
    const auto broken = "broken-" + std::to_string(++number);
    bench.sidecar.put({"Payment", broken}, "state", text);
    EXPECT_THROW(bench.call<&Payment::view>(broken, admin), actors::SidecarError) << text;
    EXPECT_THROW(bench.call<&Payment::order_cancelled>(broken, cancelled), actors::SidecarError) << text;
    EXPECT_EQ(bench.sidecar.stored({"Payment", broken}, "state"), text);
  }
}

}  // namespace
}  // namespace shop::payment
