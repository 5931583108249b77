#include "actors/product/stock.hpp"

#include <gmock/gmock.h>

#include "tests/actors/product/support.hpp"

namespace shop::product::testing {
namespace {

using actors::Reason;
using actors::SidecarError;
using actors::testing::CommitFailure;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const ProductId tea_id("tea");

class StockTest : public CatalogTest {
 protected:
  StockTest() {
    create(tea("tea", 10));
    create(tea("cup", 3));
  }
  void take(const order::Confirmed& order) { run(replica->stock.sell(order, trace)); }
  void give_back(const order::Cancelled& order) { run(replica->stock.give_back(order)); }
  actors::Result<View> adjust(std::int64_t delta, const std::string& key) {
    return run(replica->stock.adjust(tea_id, delta, key));
  }
};

TEST_F(StockTest, AConfirmedOrderTakesItsPieces) {
  take(order_of("o-1", {{"tea", 2}, {"cup", 1}}));
  EXPECT_EQ(stock_of("tea"), 8);
  EXPECT_EQ(stock_of("cup"), 2);
  EXPECT_THAT(oversold, IsEmpty());
}

TEST_F(StockTest, ASaleIsNoNewVersionAndNoUpdate) {
  take(order_of("o-1", {{"tea", 2}}));
  EXPECT_EQ(run(replica->catalog.find(tea_id))->version, 1);
  EXPECT_THAT(published<Updated>(), IsEmpty());
}

TEST_F(StockTest, AnOrderTakesItsPiecesOnceHoweverOftenItIsConfirmed) {
  const auto order = order_of("o-1", {{"tea", 2}});
  for (int i = 0; i < 3; ++i) take(order);
  run(other->stock.sell(order, trace));
  EXPECT_EQ(stock_of("tea"), 8);
}

TEST_F(StockTest, LinesOfOneProductAddUp) {
  take(order_of("o-1", {{"tea", 2}, {"tea", 3}}));
  EXPECT_EQ(stock_of("tea"), 5);
}

TEST_F(StockTest, ASaleStopsAtZeroAndReportsWhatWasMissingOnce) {
  const auto order = order_of("o-1", {{"cup", 5}, {"tea", 1}});
  take(order);
  take(order);
  EXPECT_EQ(stock_of("cup"), 0);
  EXPECT_EQ(stock_of("tea"), 9);
  EXPECT_THAT(oversold, ElementsAre(std::tuple("o-1", "cup", 2)));
}

TEST_F(StockTest, WhatIsNotKnownIsOversold) {
  take(order_of("o-1", {{"unheard-of", 2}, {"tea", 1}}));
  EXPECT_EQ(stock_of("tea"), 9);
  EXPECT_THAT(oversold, ElementsAre(std::tuple("o-1", "unheard-of", 2)));
}

TEST_F(StockTest, AnOrderForADeletedProductStillTakesItsPieces) {
  remove("tea");
  take(order_of("o-1", {{"tea", 2}}));
  EXPECT_THAT(oversold, IsEmpty());
  EXPECT_EQ(run(replica->catalog.find(tea_id)), std::nullopt);
}

TEST_F(StockTest, ACancelledOrderGivesBackWhatItTookOnce) {
  const auto order = order_of("o-1", {{"cup", 5}, {"tea", 2}});
  take(order);
  for (int i = 0; i < 3; ++i) give_back(cancellation_of(order));
  EXPECT_EQ(stock_of("cup"), 3) << "it had taken three of five";
  EXPECT_EQ(stock_of("tea"), 10);
  take(order);
  EXPECT_EQ(stock_of("tea"), 10) << "a late duplicate";
}

TEST_F(StockTest, WhatToGiveBackDoesNotDependOnTheCancellationsLines) {
  const auto order = order_of("o-1", {{"tea", 2}});
  take(order);
  auto bare = cancellation_of(order);
  bare.lines.clear();
  give_back(bare);
  EXPECT_EQ(stock_of("tea"), 10);
}

TEST_F(StockTest, AnOrderThatIsCancelledBeforeItWasConfirmedTakesNothing) {
  const auto order = order_of("o-1", {{"tea", 2}});
  give_back(cancellation_of(order));
  take(order);
  give_back(cancellation_of(order));
  EXPECT_EQ(stock_of("tea"), 10);
}

TEST_F(StockTest, AnOrderThatHadNoStockGivesNoneBack) {
  const auto before = store.counts["transact"];
  give_back(cancellation_of(order_of("o-1", {{"tea", 2}}), false));
  EXPECT_EQ(store.counts["transact"], before);
  EXPECT_EQ(stock_of("tea"), 10);
}

// Two replicas at the same time.

TEST_F(StockTest, TwoSalesAtTheSameTimeBothCount) {
  store.before_next_transact([&] { run(other->stock.sell(order_of("o-2", {{"tea", 3}}), trace)); });
  take(order_of("o-1", {{"tea", 2}}));
  EXPECT_EQ(stock_of("tea"), 5);
}

TEST_F(StockTest, TheSameSaleAtTheSameTimeCountsOnce) {
  const auto order = order_of("o-1", {{"cup", 4}});
  store.before_next_transact([&] { run(other->stock.sell(order, trace)); });
  take(order);
  EXPECT_EQ(stock_of("cup"), 0);
  EXPECT_THAT(oversold, SizeIs(1));
}

TEST_F(StockTest, ASaleAndItsCancellationAtTheSameTimeLeaveNothingTaken) {
  const auto order = order_of("o-1", {{"tea", 2}});
  store.before_next_transact([&] { run(other->stock.give_back(cancellation_of(order))); });
  take(order);
  EXPECT_EQ(stock_of("tea"), 10);

  const auto second = order_of("o-2", {{"tea", 2}});
  auto bare = cancellation_of(second);
  bare.lines.clear();
  store.before_next_transact([&] { run(other->stock.sell(second, trace)); });
  give_back(bare);
  EXPECT_EQ(stock_of("tea"), 10);
}

// A store or a broker that fails.

TEST_F(StockTest, ASaleThatWasStoredButNotAnsweredCountsOnce) {
  store.fail_next(CommitFailure::StoredButUnanswered);
  take(order_of("o-1", {{"cup", 4}}));
  EXPECT_EQ(stock_of("cup"), 0);
  EXPECT_THAT(oversold, ElementsAre(std::tuple("o-1", "cup", 1)));
  store.fail_next(CommitFailure::StoredButUnanswered);
  give_back(cancellation_of(order_of("o-1", {})));
  EXPECT_EQ(stock_of("cup"), 3);
}

TEST_F(StockTest, ASaleInAnOutageIsLeftForRedelivery) {
  const auto order = order_of("o-1", {{"tea", 2}});
  cut_off_store();
  EXPECT_THROW(take(order), SidecarError);
  reach_store();
  EXPECT_EQ(stock_of("tea"), 10);
  take(order);
  EXPECT_EQ(stock_of("tea"), 8);
}

TEST_F(StockTest, ASaleThatLeavesFewIsAnnouncedOnce) {
  take(order_of("o-1", {{"tea", 4}}));
  EXPECT_THAT(published<LowStock>(), IsEmpty());
  take(order_of("o-2", {{"tea", 1}}));
  EXPECT_THAT(published<LowStock>(), ElementsAre(LowStock{tea_id, 5}));
  take(order_of("o-3", {{"tea", 1}}));
  take(order_of("o-2", {{"tea", 1}}));
  EXPECT_THAT(published<LowStock>(), SizeIs(1));
  const auto& event = sidecar.published.back();
  EXPECT_EQ(event.id, "Stock/tea/3/0");
  EXPECT_EQ(event.source, "product-service");
  EXPECT_EQ(event.topic, "product-events");
  EXPECT_EQ(event.subject, "tea");
  EXPECT_EQ(event.trace, trace);
}

TEST_F(StockTest, AnAnnouncementThatDidNotLeaveComesWithTheRedelivery) {
  const auto order = order_of("o-1", {{"tea", 7}});
  sidecar.fail_publishes(1);
  EXPECT_THROW(take(order), SidecarError);
  take(order);
  EXPECT_THAT(published<LowStock>(), ElementsAre(LowStock{tea_id, 3}));
  EXPECT_EQ(stock_of("tea"), 3);
}

TEST_F(StockTest, AReplicaThatDiesBeforeItAnnouncesIsMadeUpForByTheRedelivery) {
  const auto order = order_of("o-1", {{"tea", 10}});
  store.crash_after(1);
  EXPECT_THROW(take(order), SidecarError);
  store.revive();
  EXPECT_THAT(published<LowStock>(), IsEmpty());
  run(other->stock.sell(order, trace));
  EXPECT_THAT(published<LowStock>(), ElementsAre(LowStock{tea_id, 0}));
  EXPECT_EQ(run(other->catalog.list({.in_stock = false}))->total, 1u);
  EXPECT_EQ(stock_of("tea"), 0);
}

// An administrator's changes.

TEST_F(StockTest, PiecesCanBeAddedAndTakenOff) {
  EXPECT_EQ(adjust(5, "k-1")->stock, 15);
  EXPECT_EQ(adjust(-15, "k-2")->stock, 0);
  EXPECT_EQ(adjust(0, "k-3")->stock, 0);
  EXPECT_EQ(stock_of("tea"), 0);
}

TEST_F(StockTest, TheCountStaysWithinItsLimits) {
  EXPECT_EQ(adjust(-11, "k-1").error().code, "stock_below_zero");
  EXPECT_EQ(adjust(most_stock, "k-2").error().reason, Reason::Conflict);
  EXPECT_EQ(stock_of("tea"), 10);
}

TEST_F(StockTest, OnlyAProductInTheCatalogHasStock) {
  EXPECT_EQ(run(replica->stock.adjust(ProductId("unheard-of"), 1, "k-1")).error().reason, Reason::NotFound);
  remove("tea");
  EXPECT_EQ(adjust(1, "k-1").error().reason, Reason::NotFound);
}

TEST_F(StockTest, AChangeIsMadeOnceForItsKey) {
  EXPECT_EQ(adjust(5, "k-1")->stock, 15);
  EXPECT_EQ(adjust(5, "k-1")->stock, 15);
  EXPECT_EQ(adjust(6, "k-1").error().reason, Reason::Unprocessable);
  store.fail_next(CommitFailure::StoredButUnanswered);
  EXPECT_EQ(adjust(5, "k-2")->stock, 20);
}

TEST_F(StockTest, TwoChangesAtTheSameTimeBothCount) {
  store.before_next_transact([&] { EXPECT_TRUE(run(other->stock.adjust(tea_id, -8, "k-1"))); });
  EXPECT_EQ(adjust(-8, "k-2").error().code, "stock_below_zero");
  store.before_next_transact([&] { EXPECT_TRUE(run(other->stock.adjust(tea_id, 1, "k-3"))); });
  EXPECT_EQ(adjust(1, "k-4")->stock, 4);
}

}  // namespace
}  // namespace shop::product::testing
