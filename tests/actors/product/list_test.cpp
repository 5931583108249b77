#include <gmock/gmock.h>

#include <algorithm>

#include "tests/actors/product/support.hpp"

namespace shop::product::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

std::vector<std::string> ids_of(const ProductPage& page) {
  std::vector<std::string> ids;
  for (const auto& item : page.items) ids.push_back(item.id.value);
  return ids;
}

class ListTest : public CatalogTest {
 protected:
  ProductPage list(Replica& components, const Query& query = {}) { return run(components.catalog.list(query)).value(); }
  std::vector<std::string> ids(const Query& query) { return ids_of(list(*replica, query)); }

  void fill() {
    const auto add = [&](const char* id, const char* name, const char* category, std::int64_t price,
                         std::int64_t stock) {
      auto product = tea(id, stock);
      product.name = name;
      product.category = category;
      product.price.amount = price;
      create(product);
      advance(1s);
    };
    add("d", "Cup", "things", 900, 3);
    add("a", "Green tea", "drinks", 450, 0);
    add("c", "Black tea", "drinks", 450, 7);
    add("b", "Cup", "things", 100, 1);
  }
};

TEST_F(ListTest, AnEmptyCatalogIsAnEmptyPage) {
  const auto page = list(*replica);
  EXPECT_THAT(page.items, IsEmpty());
  EXPECT_EQ(page.total, 0u);
  EXPECT_EQ(page.next_cursor, std::nullopt);
}

TEST_F(ListTest, AnItemIsTheWholeProduct) {
  const auto created = create(tea());
  EXPECT_THAT(list(*replica).items, ElementsAre(created));
  EXPECT_THAT(list(*other).items, ElementsAre(created));
}

TEST_F(ListTest, AReplicaSeesItsOwnWritesAtOnceAndThoseOfOthersWithinASecond) {
  EXPECT_THAT(list(*other).items, IsEmpty());
  EXPECT_THAT(list(*replica).items, IsEmpty());
  create(tea());
  EXPECT_THAT(list(*replica).items, SizeIs(1));
  EXPECT_THAT(list(*other).items, IsEmpty());
  advance(list_age);
  EXPECT_THAT(list(*other).items, SizeIs(1));

  run(replica->catalog.replace(ProductId("tea"), dearer_tea(), {}, trace)).value();
  EXPECT_EQ(list(*replica).items[0].price.amount, 500);
  remove("tea");
  EXPECT_THAT(list(*replica).items, IsEmpty());
  advance(list_age);
  EXPECT_THAT(list(*other).items, IsEmpty());
}

TEST_F(ListTest, ManyVisitorsWithinASecondCostTheStoreOneLook) {
  create(tea());
  list(*other);
  const auto before = store.counts["get_all"];
  for (int i = 0; i < 50; ++i) list(*other);
  EXPECT_EQ(store.counts["get_all"], before);
}

TEST_F(ListTest, WhatDidNotChangeIsNotReadAgain) {
  fill();
  list(*other);
  advance(list_age);
  const auto before = store.counts["get_all"];
  list(*other);
  EXPECT_EQ(store.counts["get_all"], before + 2) << "the heads, and the stock of the page";
}

TEST_F(ListTest, StockIsAtMostASecondOld) {
  create(tea());
  EXPECT_EQ(list(*other).items[0].stock, 10);
  run(replica->stock.sell(order_of("o-1", {{"tea", 4}}), trace));
  EXPECT_EQ(list(*replica).items[0].stock, 6);
  advance(list_age);
  EXPECT_EQ(list(*other).items[0].stock, 6);
}

TEST_F(ListTest, AStoreThatIsDownIsNotAnEmptyCatalog) {
  create(tea());
  advance(list_age);
  store.fail_reads(1);
  EXPECT_THROW(list(*replica), actors::SidecarError);
  EXPECT_THAT(list(*replica).items, SizeIs(1));
}

TEST_F(ListTest, ProductsAreSortedByNameThenId) {
  fill();
  EXPECT_THAT(ids({}), ElementsAre("c", "b", "d", "a"));
  EXPECT_THAT(ids({.sort = Sort::NameDescending}), ElementsAre("a", "d", "b", "c"));
}

TEST_F(ListTest, ProductsCanBeSortedByPriceAndAge) {
  fill();
  EXPECT_THAT(ids({.sort = Sort::Price}), ElementsAre("b", "a", "c", "d"));
  EXPECT_THAT(ids({.sort = Sort::PriceDescending}), ElementsAre("d", "c", "a", "b"));
  EXPECT_THAT(ids({.sort = Sort::Newest}), ElementsAre("b", "c", "a", "d"));
}

TEST_F(ListTest, FiltersMustAllHold) {
  fill();
  EXPECT_THAT(ids({.words = "TEA"}), ElementsAre("c", "a"));
  EXPECT_THAT(ids({.words = "leaf black"}), ElementsAre("c"));
  EXPECT_THAT(ids({.category = "things"}), ElementsAre("b", "d"));
  EXPECT_THAT(ids({.category = "thing"}), IsEmpty());
  EXPECT_THAT(ids({.least_price = 450}), ElementsAre("c", "d", "a"));
  EXPECT_THAT(ids({.highest_price = 450}), ElementsAre("c", "b", "a"));
  EXPECT_THAT(ids({.least_price = 450, .highest_price = 450}), ElementsAre("c", "a"));
  EXPECT_THAT(ids({.in_stock = false}), ElementsAre("a"));
  EXPECT_THAT(ids({.words = "tea", .in_stock = true}), ElementsAre("c"));
}

TEST_F(ListTest, APriceRangeMayBeOfOneCurrency) {
  fill();
  auto yen = tea("y", 1);
  yen.price = {450, "JPY"};
  create(yen);
  EXPECT_THAT(ids({.least_price = 450, .highest_price = 450}), UnorderedElementsAre("a", "c", "y"));
  const auto page = list(*replica, {.least_price = 450, .highest_price = 450, .currency = "JPY"});
  EXPECT_THAT(ids_of(page), ElementsAre("y"));
  EXPECT_THAT(page.facets.prices, ElementsAre(PriceRange{"EUR", 100, 900}, PriceRange{"JPY", 450, 450}))
      << "it belongs to the price's filter, which this facet does not look at";
  EXPECT_EQ(page.facets.in_stock, 1u);
}

TEST_F(ListTest, TheTotalCountsAllPages) {
  fill();
  const auto page = list(*replica, {.category = "drinks", .limit = 1});
  EXPECT_THAT(page.items, SizeIs(1));
  EXPECT_EQ(page.total, 2u);
  EXPECT_NE(page.next_cursor, std::nullopt);
}

TEST_F(ListTest, PagesShowEveryProductOnceInEveryOrder) {
  for (int i = 0; i < 23; ++i) {
    auto product = tea("p-" + std::to_string(i));
    product.name = "Name " + std::to_string(i % 5);
    product.price.amount = i % 3;
    create(product);
    if (i % 2) advance(1ms);
  }
  for (const auto sort : {Sort::Name, Sort::NameDescending, Sort::Price, Sort::PriceDescending, Sort::Newest}) {
    std::vector<std::string> seen;
    Query query{.sort = sort, .limit = 4};
    int pages = 0;
    do {
      const auto page = list(*replica, query);
      for (const auto& item : page.items) seen.push_back(item.id.value);
      query.cursor = page.next_cursor;
      ++pages;
    } while (query.cursor);
    EXPECT_EQ(pages, 6);
    EXPECT_EQ(seen, ids({.sort = sort, .limit = 100}));
    EXPECT_EQ(seen.size(), 23u);
  }
}

TEST_F(ListTest, APageThatEndsWithTheLastProductHasNoNext) {
  fill();
  EXPECT_EQ(list(*replica, {.limit = 4}).next_cursor, std::nullopt);
  EXPECT_EQ(list(*replica, {.limit = 100}).next_cursor, std::nullopt);
}

TEST_F(ListTest, PagesNeitherRepeatNorSkipWhenProductsComeAndGo) {
  fill();
  const auto first = list(*replica, {.limit = 2});
  ASSERT_EQ(ids_of(first), (std::vector<std::string>{"c", "b"}));
  remove("b");
  auto newcomer = tea("e");
  newcomer.name = "A first one";
  create(newcomer);
  EXPECT_THAT(ids({.limit = 2, .cursor = first.next_cursor}), ElementsAre("d", "a"));
}

TEST_F(ListTest, ACursorIsRefusedWhenItIsNoneOrOfAnotherOrder) {
  fill();
  const auto next = list(*replica, {.limit = 1}).next_cursor;
  EXPECT_EQ(run(replica->catalog.list({.sort = Sort::Price, .cursor = next})), std::nullopt);
  for (const auto* text : {"nonsense", "00", "7b7d", "zz", "abc"})
    EXPECT_EQ(run(replica->catalog.list({.cursor = text})), std::nullopt) << text;
}

TEST_F(ListTest, CategoriesAreCountedByName) {
  fill();
  EXPECT_THAT(run(replica->catalog.categories()).items, ElementsAre(Category{"drinks", 2}, Category{"things", 2}));
}

TEST_F(ListTest, TheListFollowsWhatIsInStock) {
  create(tea("tea", 2));
  run(replica->stock.sell(order_of("o-1", {{"tea", 2}}), trace));
  EXPECT_THAT(ids({.in_stock = true}), IsEmpty());
  EXPECT_THAT(ids({.in_stock = false}), ElementsAre("tea"));
  run(replica->stock.adjust(ProductId("tea"), 5, "k-1")).value();
  run(replica->index.tend());
  EXPECT_THAT(ids({.in_stock = true}), ElementsAre("tea"));
  EXPECT_EQ(run(replica->catalog.find(ProductId("tea")))->version, 1);
  EXPECT_THAT(published<Updated>(), IsEmpty());
}

TEST_F(ListTest, AFlagThatStayedBehindIsMendedWhenTheProductIsShown) {
  create(tea("tea", 2));
  list(*other);
  store.put(stock_key(ProductId("tea")), actors::json::to_string(StockItem{0, 9, {}, {}, 0}));
  advance(list_age);
  list(*other);
  run(other->index.tend());
  EXPECT_THAT(ids_of(list(*other, {.in_stock = false})), ElementsAre("tea"));
}

}  // namespace
}  // namespace shop::product::testing
