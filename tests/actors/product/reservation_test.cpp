#include <gmock/gmock.h>

#include "actors/product/stock.hpp"
#include "tests/actors/product/support.hpp"

namespace shop::product::testing {
namespace {

using actors::SidecarError;
using actors::testing::CommitFailure;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Lines = std::vector<std::pair<std::string, int>>;

class ReservationTest : public CatalogTest {
 protected:
  ReservationTest() {
    create(tea("tea", 10));
    create(tea("cup", 3));
  }
  static Reserve wanted(const Lines& lines) {
    Reserve reserve;
    for (const auto& [product, quantity] : lines) reserve.lines.push_back({ProductId(product), quantity});
    return reserve;
  }
  Reserved reserve(Replica& where, const std::string& order, const Lines& lines) {
    return run(where.stock.reserve(OrderId(order), wanted(lines)));
  }
  Reserved reserve(const std::string& order, const Lines& lines) { return reserve(*replica, order, lines); }
  void sell(const std::string& order, const Lines& lines) { run(replica->stock.sell(order_of(order, lines), trace)); }
  void cancel(const std::string& order, const Lines& lines, bool was_confirmed = false) {
    run(replica->stock.give_back(cancellation_of(order_of(order, lines), was_confirmed)));
  }
  /// Shelf, reserved, available.
  std::tuple<std::int64_t, std::int64_t, std::int64_t> pieces(const std::string& id) {
    const auto view = run(replica->catalog.find(ProductId(id))).value();
    return {view.stock, view.reserved, view.available};
  }
};

TEST_F(ReservationTest, AnOrderHoldsAllItsLines) {
  EXPECT_TRUE(reserve("o-1", {{"tea", 4}, {"cup", 1}}).held);
  EXPECT_EQ(pieces("tea"), std::tuple(10, 4, 6));
  EXPECT_EQ(pieces("cup"), std::tuple(3, 1, 2));
}

TEST_F(ReservationTest, OrNoneAndIsToldWhichCannotBeHad) {
  const auto refused = reserve("o-1", {{"tea", 4}, {"cup", 4}});
  EXPECT_FALSE(refused.held);
  EXPECT_THAT(refused.shortages, ElementsAre(Reserved::Shortage{ProductId("cup"), 3}));
  EXPECT_EQ(pieces("tea"), std::tuple(10, 0, 10));
  EXPECT_EQ(pieces("cup"), std::tuple(3, 0, 3));
}

TEST_F(ReservationTest, TheFirstAnswerToAnOrderStays) {
  EXPECT_TRUE(reserve("o-1", {{"cup", 3}}).held);
  EXPECT_TRUE(reserve("o-1", {{"cup", 3}}).held);
  EXPECT_TRUE(reserve(*other, "o-1", {{"cup", 3}}).held);
  EXPECT_EQ(pieces("cup"), std::tuple(3, 3, 0));

  const auto refused = reserve("o-2", {{"cup", 1}});
  EXPECT_FALSE(refused.held);
  cancel("o-1", {{"cup", 3}});
  EXPECT_EQ(reserve("o-2", {{"cup", 1}}), refused) << "although there are pieces again";
  EXPECT_EQ(pieces("cup"), std::tuple(3, 0, 3));
}

TEST_F(ReservationTest, LinesOfOneProductAddUp) {
  EXPECT_FALSE(reserve("o-1", {{"cup", 2}, {"cup", 2}}).held);
  EXPECT_TRUE(reserve("o-2", {{"cup", 2}, {"cup", 1}}).held);
  EXPECT_EQ(pieces("cup"), std::tuple(3, 3, 0));
}

TEST_F(ReservationTest, WhatTheStockDoesNotKnowAndWhatNoLineCanHaveAreRefusedLikeAnyShortage) {
  EXPECT_THAT(reserve("o-1", {{"unheard-of", 1}}).shortages,
              ElementsAre(Reserved::Shortage{ProductId("unheard-of"), 0}));
  EXPECT_THAT(reserve("o-2", {{"tea", 1000}}).shortages, ElementsAre(Reserved::Shortage{ProductId("tea"), 10}));
  EXPECT_THAT(reserve("o-3", {{"tea", 0}}).shortages, ElementsAre(Reserved::Shortage{ProductId("tea"), 10}));
  EXPECT_THAT(reserve("o-4", {{"tea", -5}}).shortages, SizeIs(1));
  EXPECT_EQ(pieces("tea"), std::tuple(10, 0, 10));
}

TEST_F(ReservationTest, AConfirmedOrderTakesWhatItHoldsNotWhatItsLinesSay) {
  reserve("o-1", {{"tea", 4}});
  sell("o-1", {{"tea", 9}, {"cup", 3}});
  EXPECT_EQ(pieces("tea"), std::tuple(6, 0, 6));
  EXPECT_EQ(pieces("cup"), std::tuple(3, 0, 3));
  sell("o-1", {{"tea", 4}});
  EXPECT_EQ(pieces("tea"), std::tuple(6, 0, 6)) << "once";
  EXPECT_THAT(oversold, IsEmpty());
}

TEST_F(ReservationTest, WhatAnOrderHoldsIsTakenAlsoIfItsEventNamesNoLines) {
  reserve("o-1", {{"tea", 4}});
  sell("o-1", {});
  EXPECT_EQ(pieces("tea"), std::tuple(6, 0, 6));
}

TEST_F(ReservationTest, ACancelledOrderGivesBackWhatItHolds) {
  reserve("o-1", {{"tea", 4}});
  for (int i = 0; i < 3; ++i) cancel("o-1", {{"tea", 4}});
  EXPECT_EQ(pieces("tea"), std::tuple(10, 0, 10));
  sell("o-1", {{"tea", 4}});
  EXPECT_EQ(pieces("tea"), std::tuple(10, 0, 10)) << "a confirmation that comes late";
  EXPECT_FALSE(reserve("o-1", {{"tea", 4}}).held) << "so does a question";
}

TEST_F(ReservationTest, ACancelledOrderGivesBackWhatItTook) {
  reserve("o-1", {{"tea", 4}});
  sell("o-1", {{"tea", 4}});
  for (int i = 0; i < 3; ++i) cancel("o-1", {{"tea", 4}}, true);
  EXPECT_EQ(pieces("tea"), std::tuple(10, 0, 10));
}

TEST_F(ReservationTest, ACancellationThatComesBeforeTheConfirmationLeavesNothingTaken) {
  reserve("o-1", {{"tea", 4}});
  cancel("o-1", {{"tea", 4}}, true);
  sell("o-1", {{"tea", 4}});
  EXPECT_EQ(pieces("tea"), std::tuple(10, 0, 10));
}

TEST_F(ReservationTest, ARefusedOrderHasNothingToGiveBackOrToTake) {
  reserve("o-1", {{"cup", 9}});
  cancel("o-1", {{"cup", 9}});
  sell("o-1", {{"cup", 9}});
  EXPECT_EQ(pieces("cup"), std::tuple(3, 0, 3));
}

TEST_F(ReservationTest, AnOrderFromBeforeOrdersReservedTakesOnlyWhatNobodyHolds) {
  reserve("o-1", {{"cup", 2}});
  sell("old", {{"cup", 3}});
  EXPECT_EQ(pieces("cup"), std::tuple(2, 2, 0));
  EXPECT_THAT(oversold, ElementsAre(std::tuple("old", "cup", 2)));
}

TEST_F(ReservationTest, WhatAnOrderTookInTheFormerFormIsGivenBack) {
  store.put("order.old", R"({"taken":[{"productId":"tea","quantity":4}],"closed":false,"takenBy":"w"})");
  EXPECT_TRUE(reserve("old", {{"tea", 4}}).held);
  cancel("old", {{"tea", 4}}, true);
  cancel("old", {{"tea", 4}}, true);
  EXPECT_EQ(pieces("tea"), std::tuple(14, 0, 14));
  store.put("order.older", R"({"taken":[],"closed":true,"takenBy":""})");
  sell("older", {{"tea", 4}});
  EXPECT_EQ(pieces("tea"), std::tuple(14, 0, 14));
}

TEST_F(ReservationTest, AReservationWhoseAnswerWasLostIsMadeOnce) {
  store.fail_next(CommitFailure::StoredButUnanswered);
  EXPECT_TRUE(reserve("o-1", {{"tea", 4}}).held);
  EXPECT_EQ(pieces("tea"), std::tuple(10, 4, 6));
}

TEST_F(ReservationTest, AReplicaThatDiesAfterItReservedHasReservedOnce) {
  store.crash_after(1);
  EXPECT_THROW(reserve("o-1", {{"tea", 4}}), SidecarError);
  store.revive();
  EXPECT_TRUE(reserve(*other, "o-1", {{"tea", 4}}).held);
  EXPECT_EQ(pieces("tea"), std::tuple(10, 4, 6));
}

TEST_F(ReservationTest, TwoReplicasDoNotReserveTheSamePiece) {
  Reserved second;
  store.before_next_transact([&] { second = reserve(*other, "o-2", {{"cup", 2}}); });
  const auto first = reserve("o-1", {{"cup", 2}});
  EXPECT_TRUE(second.held);
  EXPECT_FALSE(first.held);
  EXPECT_EQ(pieces("cup"), std::tuple(3, 2, 1));
}

TEST_F(ReservationTest, AnAdministratorCannotTakeOffWhatOrdersHold) {
  reserve("o-1", {{"cup", 2}});
  EXPECT_EQ(run(replica->stock.adjust(ProductId("cup"), -2, "k-1")).error().code, "stock_below_reserved");
  EXPECT_EQ(run(replica->stock.adjust(ProductId("cup"), -1, "k-2")).value().available, 0);
}

TEST_F(ReservationTest, AStockTakeMayFindFewerPiecesThanOrdersHold) {
  reserve("o-1", {{"tea", 4}});
  run(replica->catalog.replace(ProductId("tea"), dearer_tea(1), {}, trace)).value();
  EXPECT_EQ(pieces("tea"), std::tuple(1, 4, 0));
  EXPECT_FALSE(reserve("o-2", {{"tea", 1}}).held);
  sell("o-1", {{"tea", 4}});
  EXPECT_EQ(pieces("tea"), std::tuple(0, 0, 0));
  EXPECT_THAT(oversold, ElementsAre(std::tuple("o-1", "tea", 3)));
}

TEST_F(ReservationTest, WhatOrdersHoldOutlivesADeletedProduct) {
  reserve("o-1", {{"tea", 4}});
  remove("tea");
  create(tea("tea", 6));
  EXPECT_EQ(pieces("tea"), std::tuple(6, 4, 2));
  sell("o-1", {{"tea", 4}});
  EXPECT_EQ(pieces("tea"), std::tuple(2, 0, 2));
}

TEST_F(ReservationTest, AReservationChangesTheEntityTagThoughNotTheVersion) {
  const auto before = run(replica->catalog.find(ProductId("tea"))).value();
  reserve("o-1", {{"tea", 4}});
  const auto after = run(replica->catalog.find(ProductId("tea"))).value();
  EXPECT_EQ(after.version, before.version);
  EXPECT_NE(etag_of(after), etag_of(before));
}

TEST_F(ReservationTest, TheListsFollowTheLastPieceAndTheFirst) {
  run(other->catalog.list({}));
  reserve("o-1", {{"cup", 3}});
  EXPECT_EQ(run(replica->catalog.list({.in_stock = true}))->total, 1u);
  advance(list_age);
  EXPECT_EQ(run(other->catalog.list({.in_stock = true}))->total, 1u);
  cancel("o-1", {{"cup", 3}});
  EXPECT_EQ(run(replica->catalog.list({.in_stock = true}))->total, 2u);
  advance(list_age);
  EXPECT_EQ(run(other->catalog.list({.in_stock = true}))->total, 2u);
}

TEST_F(ReservationTest, ASaleIsScarceByWhatLiesOnTheShelf) {
  reserve("o-1", {{"tea", 7}});
  EXPECT_THAT(published<LowStock>(), IsEmpty());
  sell("o-1", {{"tea", 7}});
  EXPECT_THAT(published<LowStock>(), ElementsAre(LowStock{ProductId("tea"), 3}));
}

TEST_F(ReservationTest, AnItemFromBeforeOrdersReservedHasNoPiecesHeld) {
  store.put("stock.tea", R"({"count":5,"revision":9,"pending":[],"writes":[]})");
  EXPECT_EQ(pieces("tea"), std::tuple(5, 0, 5));
  EXPECT_TRUE(reserve("o-1", {{"tea", 5}}).held);
  EXPECT_EQ(pieces("tea"), std::tuple(5, 5, 0));
}

TEST_F(ReservationTest, WhatTheStockDoesNotKnowIsLeftOut) {
  reserve("o-1", {{"tea", 4}});
  const auto items = run(replica->stock.items({ProductId("tea"), ProductId("unheard-of")}));
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items.at(ProductId("tea")).available(), 6);
}

}  // namespace
}  // namespace shop::product::testing
