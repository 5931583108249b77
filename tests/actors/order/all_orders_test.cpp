#include "actors/order/all_orders.hpp"

#include <dapr/actors/stored_size.hpp>
#include <dapr/actors/testing/bench.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace shop::order {
namespace {

using namespace std::chrono_literals;
using actors::Calls;
using actors::SidecarError;
using actors::Task;
using actors::testing::Bench;
using actors::testing::CommitFailure;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AllOrdersTest : public ::testing::Test {
 protected:
  AllOrdersTest() { bench.add<AllOrders>(); }

  static OrderId order(int number) { return OrderId("o-" + std::to_string(number)); }
  ListedOrder listed(int number, Status status = Status::Created, int changes = 1) const {
    return {order(number), start + number * 1s, status, changes};
  }
  void note(const ListedOrder& told) {
    ASSERT_TRUE(bench.call<&AllOrders::note>(AllOrders::piece_of(told.order_id), NoteOrders{{told}}));
  }
  void note(int number, Status status = Status::Created, int changes = 1) { note(listed(number, status, changes)); }
  /// As many at once as a piece takes.
  void note_all(const std::vector<ListedOrder>& orders) {
    std::map<std::string, NoteOrders> told;
    const auto tell = [&](const std::string& piece) {
      ASSERT_TRUE(bench.call<&AllOrders::note>(piece, std::exchange(told[piece], {})));
    };
    for (const auto& listed : orders) {
      const auto piece = AllOrders::piece_of(listed.order_id);
      told[piece].orders.push_back(listed);
      if (told[piece].orders.size() == AllOrders::most_told) tell(piece);
    }
    for (const auto& [piece, rest] : std::map(told))
      if (!rest.orders.empty()) tell(piece);
  }
  OrdersPart list(std::optional<Status> status = {}, int limit = 20, std::optional<Place> before = {}) {
    return bench.run(list_all_orders(Calls(bench.sidecar, {}), ListAllOrders{status, limit, std::move(before)}));
  }
  /// All of it, part by part.
  std::vector<OrderId> everything(std::optional<Status> status, int limit) {
    std::vector<OrderId> all;
    std::optional<Place> next;
    do {
      const auto part = list(status, limit, next);
      EXPECT_LE(part.orders.size(), static_cast<std::size_t>(limit));
      EXPECT_EQ(part.next.has_value() && part.orders.size() < static_cast<std::size_t>(limit), false);
      all.insert(all.end(), part.orders.begin(), part.orders.end());
      next = part.next;
    } while (next);
    return all;
  }
  static std::vector<OrderId> down(int from, int to) {
    std::vector<OrderId> orders;
    for (int number = from; number >= to; --number) orders.push_back(order(number));
    return orders;
  }
  int reads_of(const std::function<void()>& act) {
    const auto before = bench.sidecar.counts["state_get"];
    act();
    return bench.sidecar.counts["state_get"] - before;
  }
  /// The size of the largest value that a piece has stored under such a key.
  std::size_t largest(const std::string& kind) {
    std::size_t bytes = 0;
    for (int piece = 0; piece < AllOrders::pieces; ++piece)
      for (int number = 0; number < 2000; ++number) {
        const auto key = kind == "state" ? kind : "own/" + kind + "/" + std::to_string(number);
        const auto stored = bench.sidecar.stored({"AllOrders", std::to_string(piece)}, key);
        bytes = std::max(bytes, stored ? actors::stored_size(*stored) : 0);
      }
    return bytes;
  }

  Bench bench;
  const actors::Time start = bench.clock.now();
};

TEST_F(AllOrdersTest, a_shop_without_orders_has_an_empty_list) {
  EXPECT_THAT(list().orders, IsEmpty());
  EXPECT_EQ(list().next, std::nullopt);
  EXPECT_EQ(bench.sidecar.counts["state_commit"], 0);
}

TEST_F(AllOrdersTest, a_thousand_orders_are_listed_newest_first_whatever_the_limit) {
  for (int i = 1; i <= 1000; ++i) note(i);
  for (const int limit : {1, 7, 20, 100}) EXPECT_EQ(everything({}, limit), down(1000, 1)) << limit;
}

TEST_F(AllOrdersTest, orders_of_one_moment_are_listed_once_each) {
  std::set<OrderId> all;
  for (int i = 0; i < 300; ++i) {
    note({order(i), start, Status::Created, 1});
    all.insert(order(i));
  }
  const auto found = everything({}, 7);
  EXPECT_EQ(found, std::vector<OrderId>(all.rbegin(), all.rend()));
}

TEST_F(AllOrdersTest, a_cursor_stays_good_while_orders_come_and_change) {
  for (int i = 1; i <= 400; ++i) note(i);
  const auto first = list({}, 5);
  for (int i = 401; i <= 600; ++i) note(i);
  for (int i = 380; i <= 400; ++i) note(i, Status::Confirmed, 2);
  EXPECT_EQ(list({}, 5, first.next).orders, down(395, 391));
}

TEST_F(AllOrdersTest, orders_that_are_told_late_or_in_the_reverse_order_stand_where_they_belong) {
  for (int i = 3000; i >= 1; --i)
    if (i % 7 != 0) note(i);
  for (int i = 7; i <= 3000; i += 7) note(i);
  EXPECT_EQ(everything({}, 100), down(3000, 1));
  EXPECT_LT(largest("page"), 4'000u);
}

TEST_F(AllOrdersTest, what_is_told_twice_or_late_is_not_written) {
  for (int i = 1; i <= 500; ++i) note(i, Status::Confirmed, 2);
  const auto commits = bench.sidecar.counts["state_commit"];
  for (const int i : {1, 250, 500}) {
    note(i, Status::Confirmed, 2);
    note(i, Status::Created, 1);
  }
  EXPECT_EQ(bench.sidecar.counts["state_commit"], commits);
  EXPECT_EQ(everything(Status::Confirmed, 100), down(500, 1));
  EXPECT_THAT(everything(Status::Created, 100), IsEmpty());
}

TEST_F(AllOrdersTest, a_new_order_or_a_change_of_a_recent_one_is_one_write_of_the_document_alone) {
  for (int i = 1; i <= 40; ++i) note(i);
  EXPECT_EQ(reads_of([&] {
              const auto commits = bench.sidecar.counts["state_commit"];
              note(41);
              note(30, Status::Confirmed, 2);
              EXPECT_EQ(bench.sidecar.counts["state_commit"], commits + 2);
            }),
            0);
}

TEST_F(AllOrdersTest, more_than_a_turn_can_write_is_refused) {
  NoteOrders told;
  for (std::size_t i = 0; i <= AllOrders::most_told; ++i) told.orders.push_back(listed(static_cast<int>(i)));
  EXPECT_EQ(bench.call<&AllOrders::note>("0", told).error().code, "too_many");
}

/// Whatever is told in whatever order, all lists are those of a plain sorted map.
TEST_F(AllOrdersTest, says_what_a_sorted_map_says_after_anything_was_told_in_any_order) {
  std::minstd_rand random(7);
  const auto pick = [&random](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  constexpr std::array statuses{Status::Created, Status::PaymentFailed, Status::Confirmed, Status::Cancelled,
                                Status::Shipped};
  std::map<Place, std::pair<int, Status>> model;
  for (int round = 0; round < 40; ++round) {
    std::vector<ListedOrder> told;
    // Now the newest, now an old stretch all at once, now anything.
    const int from = round % 3 == 0 ? round * 200 : pick(8000), span = round % 3 == 1 ? 300 : 8000;
    for (int i = 0; i < 250; ++i) {
      const int number = from + pick(span), changes = 1 + pick(3);
      const ListedOrder one{order(number), start + (number / 3) * 1s, statuses[static_cast<std::size_t>(pick(5))],
                            changes};
      told.push_back(one);
      auto& known = model[{one.created_at, one.order_id}];
      if (known.first < changes) known = {changes, one.status};
    }
    note_all(told);
  }
  bench.restart();
  std::optional<Status> any;
  std::vector<std::optional<Status>> asked{any};
  asked.insert(asked.end(), statuses.begin(), statuses.end());
  for (const auto& status : asked) {
    std::vector<OrderId> expected;
    for (auto at = model.rbegin(); at != model.rend(); ++at)
      if (!status || at->second.second == *status) expected.push_back(at->first.order_id);
    EXPECT_EQ(everything(status, 37), expected);
  }
  for (int i = 0; i < 50; ++i) {  // from anywhere, also where there is no order
    const Place before{start + pick(3000) * 1s, order(pick(9000))};
    std::vector<OrderId> expected;
    for (auto at = std::make_reverse_iterator(model.lower_bound(before)); at != model.rend() && expected.size() < 9;
         ++at)
      expected.push_back(at->first.order_id);
    EXPECT_EQ(list({}, 9, before).orders, expected);
  }
}

TEST_F(AllOrdersTest, a_hundred_thousand_orders_are_listed_with_the_reads_of_a_hundred_and_in_small_documents) {
  constexpr int many = 100'000;
  std::vector<ListedOrder> told;
  for (int i = 1; i <= many; ++i)
    told.push_back({OrderId("0123456789abcdef01234567" + std::to_string(10'000'000 + i)), start + i * 1s,
                    i % 30'000 == 0 ? Status::PaymentFailed : Status::Confirmed, 3});
  note_all(told);
  const auto id = [&](int number) { return told[static_cast<std::size_t>(number - 1)].order_id; };
  EXPECT_EQ(reads_of([&] { EXPECT_EQ(list().orders.front(), id(many)); }), 0) << "the first part lies in the documents";
  EXPECT_LE(reads_of([&] {
              EXPECT_EQ(list({}, 100, Place{told[50'000].created_at, id(50'001)}).orders.front(), id(50'000));
            }),
            AllOrders::pieces * (1 + 5))
      << "any other part: a group of each piece, and the pages that hold it";
  EXPECT_LE(reads_of([&] {
              EXPECT_THAT(list(Status::PaymentFailed).orders, ElementsAre(id(90'000), id(60'000), id(30'000)));
            }),
            3 * 2)
      << "three among them: a group and a page for each at most";
  EXPECT_EQ(reads_of([&] { EXPECT_THAT(list(Status::Shipped).orders, IsEmpty()); }), 0) << "none among them";
  EXPECT_LT(largest("state"), 6'000u);
  EXPECT_LT(largest("page"), 4'000u);
  EXPECT_LT(largest("group"), 20'000u);

  // A page deep in the past grows, is split, and so is its group.
  std::vector<ListedOrder> late;
  for (int i = 0; i < 12'000; ++i)
    late.push_back({OrderId("late-" + std::to_string(i)), start + 20'000s + i * 1ms, Status::Cancelled, 1});
  note_all(late);
  EXPECT_THAT(everything(Status::Cancelled, 100), SizeIs(12'000));
  EXPECT_LT(largest("group"), 20'000u);
  EXPECT_LT(largest("page"), 4'000u);
}

TEST_F(AllOrdersTest, a_note_whose_commit_fails_or_whose_answer_is_lost_is_noted_once_by_its_repeat) {
  for (int i = 1; i <= 200; ++i) note(i);
  int changes = 1;
  for (const auto how : {CommitFailure::NotStored, CommitFailure::StoredButUnanswered})
    for (const int number : {201, 100}) {
      const auto told = listed(number, Status::Cancelled, ++changes);
      bench.sidecar.fail_next_commit(how);
      EXPECT_THROW(note(told), SidecarError);
      note(told);
    }
  EXPECT_THAT(everything(Status::Cancelled, 100), ElementsAre(order(201), order(100)));
  EXPECT_EQ(everything({}, 100), down(201, 1));
}

// --- the desk ---

TEST_F(AllOrdersTest, who_has_something_to_tell_at_once_tells_it_together) {
  AllOrdersDesk desk;
  bench.sidecar.complete_later(3);
  std::vector<Task<bool>> telling;
  const auto tell = [&](int number) -> Task<bool> {
    const Calls calls(bench.sidecar, {});
    co_await desk.tell(calls, listed(number));
    co_return true;
  };
  for (int i = 1; i <= 200; ++i) telling.push_back(tell(i));
  bench.run(actors::when_all(std::move(telling)));
  // The first of each piece alone, all others of it behind it.
  EXPECT_LE(bench.sidecar.counts["actor_call"], AllOrders::pieces * (1 + 200 / static_cast<int>(AllOrders::most_told)));
  EXPECT_EQ(everything({}, 100), down(200, 1));
}

TEST_F(AllOrdersTest, whose_call_fails_hears_of_it_and_those_behind_go_on) {
  AllOrdersDesk desk;
  bench.sidecar.complete_later(3);
  int failed = 0;
  std::vector<Task<bool>> telling;
  const auto tell = [&](int number) -> Task<bool> {
    const Calls calls(bench.sidecar, {});
    try {
      co_await desk.tell(calls, listed(number));
    } catch (const SidecarError&) {
      ++failed;
    }
    co_return true;
  };
  bench.sidecar.fail_next_commit(CommitFailure::NotStored);
  for (int i = 1; i <= 100; ++i) telling.push_back(tell(i));
  bench.run(actors::when_all(std::move(telling)));
  EXPECT_GE(failed, 1);
  EXPECT_THAT(everything({}, 100), SizeIs(static_cast<std::size_t>(100 - failed)));
  for (int i = 1; i <= 100; ++i) bench.run(desk.tell(Calls(bench.sidecar, {}), listed(i)));
  EXPECT_EQ(everything({}, 100), down(100, 1));
}

}  // namespace
}  // namespace shop::order
