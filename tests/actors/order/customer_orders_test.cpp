#include "actors/order/customer_orders.hpp"

#include <dapr/actors/stored_size.hpp>
#include <dapr/actors/testing/bench.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shop::order {
namespace {

using namespace std::chrono_literals;
using actors::Reason;
using actors::testing::Bench;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CustomerOrdersTest : public ::testing::Test {
 protected:
  CustomerOrdersTest() { bench.add<CustomerOrders>(); }

  static OrderId order(int number) { return OrderId("o-" + std::to_string(number)); }
  void note(int number, Status status = Status::Created, int changes = 1) {
    bench.call<&CustomerOrders::note>("ann", ListedOrder{order(number), start + number * 1s, status, changes});
  }
  auto list(std::optional<Status> status = {}, int limit = 20, std::optional<std::string> cursor = {}) {
    return bench.call<&CustomerOrders::list>("ann", ListOrders{status, limit, std::move(cursor)});
  }
  /// All of it, page by page.
  std::vector<OrderId> everything(std::optional<Status> status, int limit) {
    std::vector<OrderId> all;
    std::optional<std::string> cursor;
    do {
      const auto page = *list(status, limit, cursor);
      EXPECT_LE(page.orders.size(), static_cast<std::size_t>(limit));
      all.insert(all.end(), page.orders.begin(), page.orders.end());
      cursor = page.next_cursor;
    } while (cursor && all.size() < 10'000);
    return all;
  }
  static std::vector<OrderId> down(int from, int to, int by = 1) {
    std::vector<OrderId> orders;
    for (int number = from; number >= to; number -= by) orders.push_back(order(number));
    return orders;
  }

  Bench bench;
  const actors::Time start = bench.clock.now();
};

TEST_F(CustomerOrdersTest, a_customer_without_orders_has_an_empty_list) {
  EXPECT_EQ(list(), OrderList{});
}

TEST_F(CustomerOrdersTest, two_hundred_and_fifty_orders_are_listed_newest_first_whatever_the_limit) {
  for (int i = 1; i <= 250; ++i) note(i);
  for (const int limit : {1, 7, 20, 50, 100}) EXPECT_EQ(everything({}, limit), down(250, 1)) << limit;
}

TEST_F(CustomerOrdersTest, the_last_part_has_no_cursor) {
  for (int i = 1; i <= 20; ++i) note(i);
  EXPECT_EQ(list({}, 20)->next_cursor, std::nullopt);
  EXPECT_NE(list({}, 19)->next_cursor, std::nullopt);
}

TEST_F(CustomerOrdersTest, a_cursor_stays_good_while_orders_come_and_change) {
  for (int i = 1; i <= 60; ++i) note(i);
  const auto first = *list({}, 5);
  note(61);
  note(55, Status::Confirmed, 2);
  EXPECT_EQ(list({}, 5, first.next_cursor)->orders, down(55, 51));
}

TEST_F(CustomerOrdersTest, an_order_that_is_told_late_stands_where_it_belongs) {
  note(1);
  note(3);
  note(4);
  const auto first = *list({}, 1);
  note(2);
  EXPECT_EQ(list()->orders, down(4, 1));
  EXPECT_EQ(list({}, 20, first.next_cursor)->orders, down(3, 1));
}

TEST_F(CustomerOrdersTest, an_order_that_is_told_after_a_page_was_begun_stands_where_it_belongs) {
  for (int i = 1; i <= 102; ++i)
    if (i != 20 && i != 49 && i != 100) note(i);
  for (const int late : {100, 49, 20}) note(late);
  note(103);
  for (const int limit : {7, 50}) EXPECT_EQ(everything({}, limit), down(103, 1)) << limit;
}

TEST_F(CustomerOrdersTest, orders_told_in_the_reverse_order_are_listed_newest_first_on_bounded_pages) {
  for (int i = 180; i >= 1; --i) note(i);
  EXPECT_EQ(everything({}, 20), down(180, 1));
  for (int i = 600; i >= 201; --i) note(i);
  EXPECT_THAT(everything({}, 100), SizeIs(180 + 400));
  for (int page = 0; page < 20; ++page) {
    const auto stored = bench.sidecar.stored({"CustomerOrders", "ann"}, "own/page/" + std::to_string(page));
    EXPECT_LT(stored.value_or("").size(), 40'000u) << page;
  }
}

TEST_F(CustomerOrdersTest, a_change_told_twice_or_late_changes_nothing) {
  note(1, Status::Confirmed, 2);
  const auto known = bench.sidecar.stored({"CustomerOrders", "ann"}, "state");
  note(1, Status::Confirmed, 2);
  note(1, Status::Created, 1);
  EXPECT_EQ(bench.sidecar.stored({"CustomerOrders", "ann"}, "state"), known);
  EXPECT_THAT(list(Status::Confirmed)->orders, ElementsAre(order(1)));
}

TEST_F(CustomerOrdersTest, a_status_picks_its_orders_from_all_pages) {
  for (int i = 1; i <= 250; ++i) note(i, i % 10 == 0 ? Status::Shipped : Status::Confirmed);
  EXPECT_EQ(everything(Status::Shipped, 7), down(250, 10, 10));
  EXPECT_THAT(list(Status::Cancelled)->orders, IsEmpty());
  EXPECT_EQ(list(Status::Cancelled)->next_cursor, std::nullopt);
}

TEST_F(CustomerOrdersTest, a_rare_status_is_found_in_a_bounded_number_of_reads_a_list) {
  constexpr int many = CustomerOrders::page_size * (CustomerOrders::pages_a_list + 2);
  note(1, Status::Shipped);
  for (int i = 2; i <= many; ++i) note(i);
  const auto before = bench.sidecar.counts["state_get"];
  const auto part = *list(Status::Shipped);
  EXPECT_THAT(part.orders, IsEmpty());
  EXPECT_LE(bench.sidecar.counts["state_get"] - before, CustomerOrders::pages_a_list);
  EXPECT_THAT(list(Status::Shipped, 20, part.next_cursor)->orders, ElementsAre(order(1)));
}

TEST_F(CustomerOrdersTest, no_document_grows_with_the_number_of_orders) {
  for (int i = 1; i <= 250; ++i) note(i);
  const auto page = bench.sidecar.stored({"CustomerOrders", "ann"}, "own/page/0");
  ASSERT_TRUE(page);
  EXPECT_LT(page->size(), 10'000u);
  EXPECT_LT(bench.sidecar.stored({"CustomerOrders", "ann"}, "state")->size(), 200u);
}

TEST_F(CustomerOrdersTest, ten_thousand_orders_are_listed_with_the_reads_of_a_hundred_and_in_small_documents) {
  constexpr int many = 10'000;
  const auto reads_of = [this](const auto& act) {
    const auto before = bench.sidecar.counts["state_get"];
    act();
    return bench.sidecar.counts["state_get"] - before;
  };
  for (int i = 1; i <= many; ++i) note(i, i % 1000 == 0 ? Status::PaymentFailed : Status::Shipped);
  EXPECT_EQ(everything({}, 100), down(many, 1));
  std::optional<std::string> cursor;
  for (int part = 0; part < many / 100; ++part)
    EXPECT_LE(reads_of([&] { cursor = list({}, 100, cursor)->next_cursor; }), 4) << part;
  EXPECT_LE(reads_of([&] { list(Status::PaymentFailed, 5); }), CustomerOrders::pages_a_list);
  EXPECT_EQ(everything(Status::PaymentFailed, 3), down(many, 1000, 1000));
  EXPECT_LE(reads_of([&] { note(many + 1); }), 3) << "a new one costs no more either";
  EXPECT_LE(reads_of([&] { note(17, Status::Cancelled, 2); }), 2) << "nor does a change of an old one";

  std::size_t largest = 0;
  for (int page = 0; page <= many / CustomerOrders::page_size; ++page) {
    const auto stored = bench.sidecar.stored({"CustomerOrders", "ann"}, "own/page/" + std::to_string(page));
    ASSERT_TRUE(stored) << page;
    largest = std::max(largest, actors::stored_size(*stored));
  }
  EXPECT_LT(largest, 10'000u);
  EXPECT_LT(actors::stored_size(bench.sidecar.stored({"CustomerOrders", "ann"}, "state").value()), 300u);
}

TEST_F(CustomerOrdersTest, a_cursor_of_ones_own_making_is_refused) {
  note(1);
  for (const auto* cursor :
       {"x", "1", "1.2", "-1.2.o-1", "0.x.o-1", "0.1.", "0.1.o 1", "0.1.o-1.", "99999999999.1.o-1"})
    EXPECT_EQ(list({}, 20, cursor).error().reason, Reason::Invalid) << cursor;
  EXPECT_TRUE(list({}, 20, "99.1.o-1"));
}

}  // namespace
}  // namespace shop::order
