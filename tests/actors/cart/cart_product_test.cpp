#include "actors/cart/cart_product.hpp"

#include "tests/actors/cart/support.hpp"

namespace shop::cart {
namespace {

using actors::Reason;
using actors::SidecarError;
using product::Listing;

const Listing first{ProductId("p"), "Teapot", euro(1000), 1, false};
const Listing second{ProductId("p"), "Large teapot", euro(1200), 2, false};
const Listing gone{ProductId("p"), "", {}, 3, true};
const Listing back{ProductId("p"), "Teapot again", euro(900), 4, false};

class CartProductTest : public ::testing::Test {
 protected:
  void take(const Listing& listing) { ASSERT_TRUE(shop.bench.call<&CartProduct::take>("p", listing)); }
  std::optional<Listing> listing() { return shop.bench.call<&CartProduct::listing>("p").value(); }
  int commits() { return shop.bench.sidecar.counts["state_commit"]; }
  Shop shop;
};

TEST_F(CartProductTest, a_product_nobody_told_of_is_not_known) {
  EXPECT_EQ(listing(), std::nullopt);
}

TEST_F(CartProductTest, in_whatever_order_and_however_often_news_come_the_newest_stays) {
  std::vector<Listing> news{back, first, gone, second};
  std::sort(news.begin(), news.end(), [](const auto& a, const auto& b) { return a.version < b.version; });
  do {
    Shop fresh;
    for (const auto& heard : news)
      for (int times = 0; times < 2; ++times) ASSERT_TRUE(fresh.bench.call<&CartProduct::take>("p", heard));
    EXPECT_EQ(fresh.bench.call<&CartProduct::listing>("p").value(), back);
  } while (std::next_permutation(news.begin(), news.end(),
                                 [](const auto& a, const auto& b) { return a.version < b.version; }));
}

TEST_F(CartProductTest, a_deleted_product_is_known_as_deleted_until_it_is_created_again) {
  take(second);
  take(gone);
  EXPECT_TRUE(listing()->deleted);
  take(back);
  EXPECT_EQ(listing(), back);
}

TEST_F(CartProductTest, old_news_are_not_written) {
  take(second);
  const auto before = commits();
  take(first);
  take(second);
  EXPECT_EQ(commits(), before);
}

TEST_F(CartProductTest, a_price_that_no_cart_could_add_up_is_refused) {
  for (const auto& price : {Money{-1, "EUR"}, Money{1'000'000'000'001, "EUR"}, Money{1, "euro"}, Money{1, ""}}) {
    const auto refused = shop.bench.call<&CartProduct::take>("p", Listing{ProductId("p"), "Teapot", price, 1, false});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "impossible_price");
  }
  EXPECT_EQ(listing(), std::nullopt);
}

TEST_F(CartProductTest, looking_up_asks_the_catalog_and_keeps_what_it_says) {
  shop.catalog.list("p", euro(1000));
  EXPECT_EQ(shop.bench.call<&CartProduct::look_up>("p"), shop.catalog.at("p"));
  EXPECT_EQ(listing(), shop.catalog.at("p"));
  shop.restart();
  EXPECT_EQ(listing(), shop.catalog.at("p"));
  EXPECT_EQ(shop.catalog.asked, 1);
}

TEST_F(CartProductTest, a_catalog_that_lags_behind_the_events_does_not_set_a_listing_back) {
  take(second);
  shop.catalog.list("p", euro(1000), 1);
  EXPECT_EQ(shop.bench.call<&CartProduct::look_up>("p"), second);
  EXPECT_EQ(listing(), second);
}

TEST_F(CartProductTest, looking_up_a_deleted_product_answers_that_it_is_deleted) {
  shop.catalog.list("p", euro(1000));
  shop.catalog.withdraw("p");
  EXPECT_TRUE(shop.bench.call<&CartProduct::look_up>("p")->deleted);
}

TEST_F(CartProductTest, a_product_the_catalog_does_not_know_is_not_found_and_nothing_is_kept) {
  for (const bool answers_404 : {false, true}) {
    shop.catalog.answers_404 = answers_404;
    const auto refused = shop.bench.call<&CartProduct::look_up>("p");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, Reason::NotFound);
    EXPECT_EQ(refused.error().code, "unknown_product");
    EXPECT_EQ(commits(), 0);
  }
  shop.catalog.list("p", euro(1000));
  EXPECT_TRUE(shop.bench.call<&CartProduct::look_up>("p"));
}

TEST_F(CartProductTest, a_catalog_that_is_down_or_answers_nonsense_fails_the_look_up) {
  for (const auto& answer : {actors::HttpAnswer{503, "", ""}, actors::HttpAnswer{200, "<html>", "text/html"}}) {
    shop.bench.sidecar.applications["product-service"] = [&](const auto&) { return answer; };
    EXPECT_THROW(shop.bench.call<&CartProduct::look_up>("p"), SidecarError);
  }
  EXPECT_EQ(listing(), std::nullopt);
}

TEST_F(CartProductTest, news_whose_turn_dies_at_any_line_are_there_when_they_come_again) {
  for (std::size_t n = 1; n <= 3; ++n) {
    Shop fresh;
    fresh.bench.sidecar.crash_after(n);
    try {
      (void)fresh.bench.call_as<&CartProduct::take>({"event-1", actors::Cause::Event}, "p", first);
    } catch (const SidecarError&) {
    }
    fresh.restart();
    ASSERT_TRUE(fresh.bench.call_as<&CartProduct::take>({"event-1", actors::Cause::Event}, "p", first)) << n;
    EXPECT_EQ(fresh.bench.call<&CartProduct::listing>("p").value(), first) << n;
  }
}

}  // namespace
}  // namespace shop::cart
