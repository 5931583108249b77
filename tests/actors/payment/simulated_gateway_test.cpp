#include "actors/payment/simulated_gateway.hpp"

#include <dapr/actors/testing/fake_state_store.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "actors/payment/contract.hpp"

namespace shop::payment {
namespace {

using namespace std::chrono_literals;
using actors::Duration;
using actors::Task;
using actors::testing::CommitFailure;
using actors::testing::FakeStateStore;
using actors::testing::VirtualClock;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Money price{4500, "EUR"};

/// Everything is complete at once: store and sleep are fakes.
template <class T>
T run(Task<T> task) {
  std::optional<actors::Outcome<T>> outcome;
  actors::spawn(std::move(task), [&](actors::Outcome<T> ended) { outcome.emplace(std::move(ended)); });
  return std::move(outcome.value().get());
}

class SimulatedGatewayTest : public ::testing::Test {
 protected:
  static Charge charge_of(const std::string& order, const std::string& token, int number = 1) {
    const auto payment = payment_of(OrderId(order));
    return {payment.value + "-" + std::to_string(number), payment, OrderId(order), price, token};
  }
  Verdict charge(const Charge& charge) { return run(gateway.charge(charge)); }
  Verdict charge(const std::string& order, const std::string& token, int number = 1) {
    return charge(charge_of(order, token, number));
  }
  std::string refund(const std::string& order, int number = 1) {
    const auto made = charge_of(order, "", number);
    return run(gateway.refund({made.key + "-refund", made.payment_id, made.key}));
  }
  std::vector<LedgerEntry> ledger(std::size_t limit = 1000) {
    std::vector<LedgerEntry> all;
    std::string cursor;
    for (;;) {
      auto page = run(gateway.ledger(cursor, limit));
      EXPECT_TRUE(page.has_value());
      EXPECT_LE(page->items.size(), limit);
      all.insert(all.end(), page->items.begin(), page->items.end());
      if (!page->next_cursor) return all;
      EXPECT_THAT(page->items, SizeIs(limit));
      cursor = *page->next_cursor;
    }
  }

  VirtualClock clock;
  FakeStateStore store{clock};
  std::vector<Duration> slept;
  SimulatedGateway::Sleep sleep = [this](Duration duration) {
    slept.push_back(duration);
    return nap();
  };
  static Task<void> nap() { co_return; }
  SimulatedGateway gateway{store, clock, sleep, 3};
};

/// Reads the numbers of what is to be stored as fractions, as Dapr's sidecar does.
class RoundingStore final : public actors::StateStore {
 public:
  explicit RoundingStore(actors::StateStore& store) : store_(store) {}
  Task<std::optional<actors::StateItem>> get(std::string key) override { return store_.get(std::move(key)); }
  Task<std::vector<std::optional<actors::StateItem>>> get_all(std::vector<std::string> keys) override {
    return store_.get_all(std::move(keys));
  }
  Task<void> transact(std::vector<actors::StateChange> changes) override {
    for (auto& change : changes)
      if (change.value) change.value = rounded(*change.value);
    return store_.transact(std::move(changes));
  }

  static std::string rounded(const std::string& text) {
    const actors::json::Document document(text);
    actors::json::Writer writer;
    write(writer, document.root());
    return writer.text();
  }

 private:
  static void write(actors::json::Writer& writer, const actors::json::Value& value) {
    if (const auto number = value.integer()) {
      writer.integer(static_cast<std::int64_t>(static_cast<double>(*number)));
    } else if (value.is_object() || value.is_array()) {
      value.is_object() ? writer.start_object() : writer.start_array();
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (value.is_object()) writer.key(value.name(i));
        write(writer, value[i]);
      }
      value.is_object() ? writer.end_object() : writer.end_array();
    } else {
      writer.raw(value.text());
    }
  }

  actors::StateStore& store_;
};

TEST_F(SimulatedGatewayTest, the_largest_total_is_exact_in_a_store_that_reads_numbers_as_fractions) {
  constexpr std::int64_t largest = std::int64_t{40} * 999 * 1'000'000'000'000 - 1;
  ASSERT_NE(RoundingStore::rounded(std::to_string(largest)), std::to_string(largest));
  RoundingStore rounding(store);
  SimulatedGateway other(rounding, clock, sleep, 3);
  std::vector<std::int64_t> amounts{largest, std::int64_t{1} << 53, (std::int64_t{1} << 53) + 1, 450};
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    auto charge = charge_of("o-" + std::to_string(i), "tok_approve");
    charge.amount = {amounts[i], "EUR"};
    EXPECT_TRUE(run(other.charge(charge)).approved);
    run(other.refund({charge.key + "-refund", charge.payment_id, charge.key}));
  }
  std::map<std::string, std::vector<std::int64_t>> found;
  const auto page = run(other.ledger("", 1000));
  for (const auto& entry : page->items) {
    found[entry.order_id.value].push_back(entry.amount.amount);
    EXPECT_EQ(entry.amount.currency, "EUR");
  }
  for (std::size_t i = 0; i < amounts.size(); ++i)
    EXPECT_THAT(found["o-" + std::to_string(i)], ElementsAre(amounts[i], amounts[i]));
}

TEST_F(SimulatedGatewayTest, it_decides_by_token) {
  EXPECT_TRUE(charge("o-1", "tok_approve").approved);
  EXPECT_FALSE(charge("o-1", "tok_approve").reference.empty());
  EXPECT_EQ(charge("o-2", "tok_decline"), (Verdict{false, "", "card_declined", false}));
  EXPECT_EQ(charge("o-3", "tok_insufficient_funds"), (Verdict{false, "", "insufficient_funds", true}));
  EXPECT_EQ(charge("o-4", "tok_something"), (Verdict{false, "", "unknown_token", false}));
  EXPECT_EQ(charge("o-5", ""), (Verdict{false, "", "unknown_token", false}));
  EXPECT_THAT(slept, IsEmpty());
  EXPECT_TRUE(charge("o-6", "tok_slow").approved);
  EXPECT_THAT(slept, ElementsAre(Duration(5s)));
}

TEST_F(SimulatedGatewayTest, a_flaky_token_is_unavailable_twice_for_each_key_whoever_asks) {
  EXPECT_THROW(charge("o-1", "tok_flaky"), GatewayUnavailable);
  SimulatedGateway replica{store, clock, sleep, 3};
  EXPECT_THROW(run(replica.charge(charge_of("o-1", "tok_flaky"))), GatewayUnavailable);
  EXPECT_TRUE(charge("o-1", "tok_flaky").approved);
  EXPECT_THROW(charge("o-2", "tok_flaky"), GatewayUnavailable);
  EXPECT_THAT(ledger(), SizeIs(1));
}

TEST_F(SimulatedGatewayTest, one_key_charges_once_and_always_gives_the_same_answer) {
  const auto first = charge("o-1", "tok_approve");
  EXPECT_EQ(charge("o-1", "tok_approve"), first);
  EXPECT_EQ(charge("o-1", "tok_decline"), first);
  const auto declined = charge("o-2", "tok_decline");
  EXPECT_EQ(charge("o-2", "tok_approve"), declined);
  EXPECT_THAT(ledger(), SizeIs(1));
}

TEST_F(SimulatedGatewayTest, a_second_success_for_one_payment_is_refused) {
  EXPECT_TRUE(charge("o-1", "tok_approve", 1).approved);
  EXPECT_EQ(charge("o-1", "tok_approve", 2), (Verdict{false, "", "already_charged", false}));
  refund("o-1");
  EXPECT_FALSE(charge("o-1", "tok_approve", 3).approved);
  EXPECT_THAT(ledger(), SizeIs(2));
}

TEST_F(SimulatedGatewayTest, a_decline_does_not_stand_in_the_way_of_the_next_key) {
  EXPECT_FALSE(charge("o-1", "tok_insufficient_funds", 1).approved);
  EXPECT_TRUE(charge("o-1", "tok_approve", 2).approved);
}

TEST_F(SimulatedGatewayTest, it_can_be_asked_what_became_of_a_key) {
  const auto made = charge_of("o-1", "tok_approve");
  EXPECT_EQ(run(gateway.find(made.payment_id, made.key)), std::nullopt);
  const auto verdict = charge(made);
  EXPECT_EQ(run(gateway.find(made.payment_id, made.key)), verdict);
  EXPECT_EQ(run(gateway.find(made.payment_id, "another")), std::nullopt);
  EXPECT_THROW(charge("o-2", "tok_flaky"), GatewayUnavailable);
  EXPECT_EQ(run(gateway.find(payment_of(OrderId("o-2")), charge_of("o-2", "").key)), std::nullopt);
}

TEST_F(SimulatedGatewayTest, a_refund_gives_back_what_was_charged_once) {
  charge("o-1", "tok_approve");
  const auto reference = refund("o-1");
  EXPECT_EQ(refund("o-1"), reference);
  const auto entries = ledger();
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(entries[0].kind, "charge");
  EXPECT_EQ(entries[1].kind, "refund");
  EXPECT_EQ(entries[0].amount, price);
  EXPECT_EQ(entries[1].amount, price);
  EXPECT_EQ(entries[1].order_id, OrderId("o-1"));
  EXPECT_NE(entries[0].key, entries[1].key);
}

TEST_F(SimulatedGatewayTest, what_was_never_charged_is_not_given_back) {
  EXPECT_THROW(refund("o-1"), std::logic_error);
  charge("o-1", "tok_decline");
  EXPECT_THROW(refund("o-1"), std::logic_error);
  EXPECT_THAT(ledger(), IsEmpty());
}

TEST_F(SimulatedGatewayTest, the_ledger_is_complete_in_order_and_the_same_for_every_page_size) {
  for (int i = 0; i < 100; ++i) {
    charge("o-" + std::to_string(i), "tok_approve");
    clock.set(clock.now() + 1ms);
    if (i % 7 == 0) refund("o-" + std::to_string(i));
  }
  const auto all = ledger();
  ASSERT_THAT(all, SizeIs(115));
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.at < b.at; }));
  std::map<std::string, int> keys;
  std::int64_t sum = 0;
  for (const auto& entry : all) {
    ++keys[entry.key];
    sum += entry.kind == "charge" ? entry.amount.amount : -entry.amount.amount;
  }
  EXPECT_THAT(keys, SizeIs(115));
  EXPECT_EQ(sum, 85 * price.amount);
  for (const std::size_t limit : {1u, 2u, 7u, 50u, 115u, 116u}) EXPECT_EQ(ledger(limit), all) << limit;
}

TEST_F(SimulatedGatewayTest, entries_made_while_the_ledger_is_read_come_on_a_later_page) {
  for (int i = 0; i < 20; ++i) charge("o-" + std::to_string(i), "tok_approve");
  const auto first = run(gateway.ledger("", 10)).value();
  for (int i = 20; i < 40; ++i) charge("o-" + std::to_string(i), "tok_approve");
  std::set<std::string> keys;
  for (const auto& entry : first.items) keys.insert(entry.key);
  for (auto cursor = first.next_cursor; cursor;) {
    const auto page = run(gateway.ledger(*cursor, 10)).value();
    for (const auto& entry : page.items) EXPECT_TRUE(keys.insert(entry.key).second);
    cursor = page.next_cursor;
  }
  EXPECT_THAT(keys, SizeIs(40));
}

TEST_F(SimulatedGatewayTest, a_cursor_it_did_not_give_is_refused) {
  charge("o-1", "tok_approve");
  for (const std::string cursor :
       {"x", "1", "0.0", "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0", "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.-1",
        "99.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0", "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.99999999999999999999999"}) {
    const auto page = run(gateway.ledger(cursor, 10));
    ASSERT_FALSE(page) << cursor;
    EXPECT_EQ(page.error().code, "invalid_cursor");
  }
}

TEST_F(SimulatedGatewayTest, it_remembers_no_token) {
  charge("o-1", "tok_secret");
  charge("o-2", "tok_approve");
  for (const auto& key : store.keys()) EXPECT_EQ(store.stored(key)->find("tok_"), std::string::npos) << key;
}

// --- races, failures, crashes ---

TEST_F(SimulatedGatewayTest, of_two_that_charge_the_same_key_at_once_one_charges_and_both_hear_of_it) {
  const auto made = charge_of("o-1", "tok_approve");
  std::optional<Verdict> winner;
  SimulatedGateway replica{store, clock, sleep, 3};
  store.before_next_transact([&] { winner = run(replica.charge(made)); });
  EXPECT_EQ(charge(made), winner);
  EXPECT_THAT(ledger(), SizeIs(1));
}

TEST_F(SimulatedGatewayTest, of_two_keys_of_one_payment_charged_at_once_one_succeeds) {
  SimulatedGateway replica{store, clock, sleep, 3};
  std::optional<Verdict> winner;
  store.before_next_transact([&] { winner = run(replica.charge(charge_of("o-1", "tok_approve", 2))); });
  EXPECT_FALSE(charge("o-1", "tok_approve", 1).approved);
  EXPECT_TRUE(winner->approved);
  EXPECT_THAT(ledger(), SizeIs(1));
}

TEST_F(SimulatedGatewayTest, two_payments_of_one_shard_charged_at_once_are_both_in_the_ledger) {
  for (int i = 0; i < 60; ++i) {
    store.before_next_transact([&] {
      SimulatedGateway replica{store, clock, sleep, 3};
      for (int other = 0; other < 40; ++other)
        run(replica.charge(charge_of("other-" + std::to_string(i * 100 + other), "tok_approve")));
    });
    EXPECT_TRUE(charge("o-" + std::to_string(i), "tok_approve").approved);
  }
  EXPECT_THAT(ledger(), SizeIs(60 + 60 * 40));
}

TEST_F(SimulatedGatewayTest, a_store_that_is_down_charges_nobody) {
  store.fail_next(CommitFailure::NotStored);
  EXPECT_THROW(charge("o-1", "tok_approve"), actors::SidecarError);
  EXPECT_THAT(ledger(), IsEmpty());
  store.fail_reads(1);
  EXPECT_THROW(charge("o-1", "tok_approve"), actors::SidecarError);
  EXPECT_TRUE(charge("o-1", "tok_approve").approved);
  EXPECT_THAT(ledger(), SizeIs(1));
}

TEST_F(SimulatedGatewayTest, a_charge_that_was_stored_without_an_answer_is_found) {
  store.fail_next(CommitFailure::StoredButUnanswered);
  EXPECT_TRUE(charge("o-1", "tok_approve").approved);
  EXPECT_THAT(ledger(), SizeIs(1));
}

TEST_F(SimulatedGatewayTest, a_crash_after_a_charge_or_a_refund_does_not_repeat_it) {
  store.crash_after(1);
  EXPECT_THROW(charge("o-1", "tok_approve"), actors::SidecarError);
  store.revive();
  EXPECT_TRUE(charge("o-1", "tok_approve").approved);
  store.crash_after(1);
  EXPECT_THROW(refund("o-1"), actors::SidecarError);
  store.revive();
  refund("o-1");
  EXPECT_THAT(ledger(), SizeIs(2));
}

TEST(SimulatedGatewayBooks, a_ledger_of_many_entries_stays_within_the_stores_limits) {
  VirtualClock clock;
  FakeStateStore store(clock);  // it refuses an item over 400 KB
  SimulatedGateway gateway(store, clock, [](Duration) -> Task<void> { co_return; });
  for (int i = 0; i < 2000; ++i) {
    const OrderId order("o-" + std::to_string(i));
    const auto payment = payment_of(order);
    const Charge charge{payment.value + "-1", payment, order, price, "tok_approve"};
    ASSERT_TRUE(run(gateway.charge(charge)).approved) << i;
  }
  std::size_t largest = 0;
  for (const auto& key : store.keys("gateway-ledger")) largest = std::max(largest, store.stored(key)->size());
  EXPECT_LT(largest, 32u * 1024);
}

}  // namespace
}  // namespace shop::payment
