#include "actors/cart/cart.hpp"

#include "tests/actors/cart/support.hpp"

namespace shop::cart {
namespace {

using namespace std::chrono_literals;
using actors::Reason;
using actors::SidecarError;
using actors::testing::CommitFailure;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class CartTest : public ::testing::Test {
 protected:
  CartTest() {
    shop.catalog.list("tea", euro(450));
    shop.catalog.list("cup", euro(1200));
    shop.catalog.list("pin", {300, "USD"});
  }
  template <class T>
  static void expect_refused(const actors::Result<T>& result, Reason reason, const char* code) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason, reason);
    EXPECT_EQ(result.error().code, code);
    EXPECT_FALSE(result.error().message.empty());
  }
  actors::Result<CartView> set(const std::string& product, std::int64_t quantity, Party by = guest) {
    return shop.bench.call<&Cart::set_quantity>("c", SetQuantity{std::move(by), ProductId(product), quantity});
  }
  actors::Result<CartView> remove(const std::string& product, Party by = guest) {
    return shop.bench.call<&Cart::remove>("c", RemoveItem{std::move(by), ProductId(product)});
  }
  actors::Result<CartView> clear(Party by = guest) {
    return shop.bench.call<&Cart::clear>("c", ClearCart{std::move(by)});
  }
  std::vector<ItemAdded> added() const { return shop.bench.published<ItemAdded>(); }

  Shop shop;
};

// --- what is in a cart ---

TEST_F(CartTest, an_unused_cart_is_empty_and_costs_nothing) {
  const auto view = shop.view("c");
  EXPECT_EQ(view, (CartView{CartId("c"), std::nullopt, {}, {0, "XXX"}, 0, shop.bench.clock.now(), std::nullopt}));
  EXPECT_EQ(shop.bench.sidecar.counts["state_commit"], 0);
}

TEST_F(CartTest, an_added_item_is_shown_at_its_price_and_announced) {
  const auto view = shop.add("c", "tea", 2).value();
  EXPECT_EQ(view, (CartView{CartId("c"),
                            std::nullopt,
                            {{ProductId("tea"), "Product tea", 2, euro(450), true, true, std::nullopt}},
                            euro(900),
                            1,
                            shop.bench.clock.now(),
                            std::nullopt}));
  EXPECT_EQ(shop.view("c"), view);
  EXPECT_THAT(added(), ElementsAre(ItemAdded{CartId("c"), std::nullopt, ProductId("tea"), 2, euro(450)}));
  EXPECT_THAT(shop.event_ids("cart.item_added"), ElementsAre("Cart/c/1/0"));
}

TEST_F(CartTest, adding_adds_to_what_is_there_and_announces_what_was_added) {
  ASSERT_TRUE(shop.add("c", "tea", 2));
  ASSERT_TRUE(shop.add("c", "cup", 1));
  const auto view = shop.add("c", "tea", 3).value();
  ASSERT_THAT(view.items, SizeIs(2));
  EXPECT_EQ(view.items[0].quantity, 5);
  EXPECT_EQ(view.total, euro(5 * 450 + 1200));
  EXPECT_EQ(view.version, 3);
  EXPECT_EQ(added().back().quantity, 3);
}

TEST_F(CartTest, quantities_are_1_to_999_in_a_call_and_in_the_cart) {
  for (const std::int64_t quantity : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1000}, INT64_MAX, INT64_MIN})
    expect_refused(shop.add("c", "tea", quantity), Reason::Unprocessable, "quantity");
  ASSERT_TRUE(shop.add("c", "tea", 998));
  expect_refused(shop.add("c", "tea", 2), Reason::Unprocessable, "quantity");
  EXPECT_EQ(shop.add("c", "tea", 1)->items[0].quantity, 999);
  expect_refused(set("tea", 1000), Reason::Unprocessable, "quantity");
  expect_refused(set("tea", -1), Reason::Unprocessable, "quantity");
  EXPECT_THAT(added(), SizeIs(2));
}

TEST_F(CartTest, the_41st_product_does_not_fit_and_more_of_the_others_does) {
  for (int i = 0; i < 41; ++i) shop.catalog.list("p" + std::to_string(i), euro(1));
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(shop.add("c", "p" + std::to_string(i)));
  expect_refused(shop.add("c", "p40"), Reason::Conflict, "cart_full");
  EXPECT_TRUE(shop.add("c", "p39"));
  ASSERT_TRUE(remove("p0"));
  EXPECT_TRUE(shop.add("c", "p40"));
}

TEST_F(CartTest, a_cart_is_in_one_currency_and_an_emptied_one_in_any) {
  ASSERT_TRUE(shop.add("c", "tea"));
  expect_refused(shop.add("c", "pin"), Reason::Conflict, "other_currency");
  ASSERT_TRUE(remove("tea"));
  EXPECT_EQ(shop.add("c", "pin")->total, (Money{300, "USD"}));
}

TEST_F(CartTest, the_fullest_cart_at_the_highest_prices_adds_up) {
  constexpr std::int64_t highest = 1'000'000'000'000;
  for (int i = 0; i < 40; ++i) {
    shop.catalog.list("p" + std::to_string(i), euro(highest));
    ASSERT_TRUE(shop.add("c", "p" + std::to_string(i), 999));
  }
  EXPECT_EQ(shop.view("c").total, euro(40 * 999 * highest));
  EXPECT_EQ(shop.check_out("c", "k")->total, euro(40 * 999 * highest));
}

TEST_F(CartTest, a_product_the_catalog_does_not_know_is_not_found_until_it_does) {
  expect_refused(shop.add("c", "new"), Reason::NotFound, "unknown_product");
  EXPECT_EQ(shop.view("c").version, 0);
  shop.catalog.list("new", euro(100));
  EXPECT_TRUE(shop.add("c", "new"));
}

TEST_F(CartTest, a_withdrawn_product_is_not_added_until_it_is_back) {
  shop.catalog.withdraw("tea");
  expect_refused(shop.add("c", "tea"), Reason::Conflict, "product_withdrawn");
  shop.catalog.list("tea", euro(500), 3);  // the event of it is still on its way
  EXPECT_EQ(shop.add("c", "tea")->total, euro(500));
}

TEST_F(CartTest, a_quantity_is_set_and_zero_removes_the_item) {
  ASSERT_TRUE(shop.add("c", "tea", 2));
  ASSERT_TRUE(shop.add("c", "cup", 1));
  EXPECT_EQ(set("tea", 7)->items[0].quantity, 7);
  const auto view = set("tea", 0).value();
  ASSERT_THAT(view.items, SizeIs(1));
  EXPECT_EQ(view.items[0].product_id, ProductId("cup"));
  EXPECT_THAT(added(), SizeIs(2));  // the demand is what was added
}

TEST_F(CartTest, the_quantity_of_an_item_that_is_not_there_cannot_be_set) {
  expect_refused(set("tea", 1), Reason::NotFound, "unknown_item");
  expect_refused(set("tea", 0), Reason::NotFound, "unknown_item");
}

TEST_F(CartTest, removing_what_is_not_there_and_clearing_what_is_empty_change_nothing) {
  ASSERT_TRUE(shop.add("c", "tea"));
  const auto before = shop.view("c");
  EXPECT_EQ(remove("cup"), before);
  EXPECT_EQ(set("tea", 1), before);
  EXPECT_THAT(remove("tea")->items, IsEmpty());
  EXPECT_EQ(clear()->version, 2);
  EXPECT_EQ(shop.view("c").version, 2);
}

TEST_F(CartTest, a_cleared_cart_is_empty_and_can_be_used_again) {
  ASSERT_TRUE(shop.add("c", "tea"));
  ASSERT_TRUE(shop.add("c", "cup"));
  const auto view = clear().value();
  EXPECT_THAT(view.items, IsEmpty());
  EXPECT_EQ(view.total, (Money{0, "XXX"}));
  EXPECT_EQ(view.version, 3);
  EXPECT_TRUE(shop.add("c", "cup"));
}

TEST_F(CartTest, the_time_of_the_last_change_is_shown) {
  ASSERT_TRUE(shop.add("c", "tea"));
  const auto then = shop.bench.clock.now();
  shop.bench.advance(5min);
  EXPECT_EQ(shop.view("c").updated_at, then);
  EXPECT_EQ(set("tea", 3)->updated_at, shop.bench.clock.now());
}

// --- prices ---

TEST_F(CartTest, a_new_price_shows_in_every_cart_that_holds_the_product_with_one_write) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(shop.add("cart-" + std::to_string(i), "tea", 2));
  const auto writes = shop.bench.sidecar.counts["state_commit"];
  shop.catalog.list("tea", euro(500), 2, "Finer tea");
  ASSERT_TRUE(shop.hear_of("tea"));
  shop.pass_a_second();
  for (int i = 0; i < 100; ++i) {
    const auto view = shop.view("cart-" + std::to_string(i));
    EXPECT_THAT(view.items, ElementsAre(CartItem{ProductId("tea"), "Finer tea", 2, euro(500), true, true, euro(450)}));
    EXPECT_EQ(view.total, euro(1000));
  }
  EXPECT_EQ(shop.bench.sidecar.counts["state_commit"], writes + 1);
}

TEST_F(CartTest, more_of_an_item_costs_the_present_price_and_the_first_one_is_still_told) {
  ASSERT_TRUE(shop.add("c", "tea"));
  shop.catalog.list("tea", euro(500), 2);
  ASSERT_TRUE(shop.hear_of("tea"));
  shop.pass_a_second();
  const auto view = shop.add("c", "tea").value();
  EXPECT_EQ(view.items[0].price_changed_from, euro(450));
  EXPECT_EQ(view.total, euro(1000));
  EXPECT_EQ(added().back().unit_price, euro(500));
}

TEST_F(CartTest, a_price_that_came_back_is_no_change) {
  ASSERT_TRUE(shop.add("c", "tea"));
  shop.catalog.list("tea", euro(500), 2);
  ASSERT_TRUE(shop.hear_of("tea"));
  shop.catalog.list("tea", euro(450), 3);
  ASSERT_TRUE(shop.hear_of("tea"));
  shop.pass_a_second();
  EXPECT_EQ(shop.view("c").items[0].price_changed_from, std::nullopt);
}

TEST_F(CartTest, a_deleted_product_stays_in_the_cart_as_not_available_and_does_not_count) {
  ASSERT_TRUE(shop.add("c", "tea", 2));
  ASSERT_TRUE(shop.add("c", "cup", 1));
  shop.catalog.withdraw("tea");
  ASSERT_TRUE(shop.hear_of("tea"));
  shop.pass_a_second();
  const auto view = shop.view("c");
  EXPECT_EQ(view.items[0], (CartItem{ProductId("tea"), "Product tea", 2, euro(450), false, false, std::nullopt}));
  EXPECT_EQ(view.total, euro(1200));
  EXPECT_EQ(set("tea", 1)->items[0].quantity, 1);
  EXPECT_THAT(remove("tea")->items, SizeIs(1));
}

TEST_F(CartTest, a_product_that_costs_another_currency_since_is_not_available) {
  ASSERT_TRUE(shop.add("c", "tea", 2));
  shop.catalog.list("tea", {500, "USD"}, 2);
  ASSERT_TRUE(shop.hear_of("tea"));
  shop.pass_a_second();
  EXPECT_EQ(shop.view("c").items[0],
            (CartItem{ProductId("tea"), "Product tea", 2, euro(450), false, false, std::nullopt}));
  EXPECT_EQ(shop.view("c").total, euro(0));
  expect_refused(shop.add("c", "tea"), Reason::Conflict, "other_currency");
  expect_refused(shop.check_out("c", "k"), Reason::Conflict, "items_unavailable");
}

// --- whether it can be had ---

TEST_F(CartTest, each_item_says_whether_so_many_can_be_had) {
  shop.catalog.stock("tea", 3);
  shop.catalog.stock("cup", 0);
  ASSERT_TRUE(shop.add("c", "tea", 3)->items[0].in_stock);
  auto view = *shop.add("c", "cup", 1);
  EXPECT_TRUE(view.items[0].in_stock);
  EXPECT_FALSE(view.items[1].in_stock);
  EXPECT_TRUE(view.items[1].available) << "it is still sold";
  EXPECT_EQ(view.total, euro(3 * 450 + 1200)) << "and counts";
  EXPECT_FALSE(set("tea", 4)->items[0].in_stock);
  EXPECT_EQ(shop.view("c").items, set("tea", 4)->items);
  shop.catalog.stock("tea", 4);
  shop.pass_a_second();
  EXPECT_TRUE(shop.view("c").items[0].in_stock);
}

TEST_F(CartTest, a_stock_of_less_than_nothing_is_nothing) {
  shop.catalog.stock("tea", -3);
  EXPECT_FALSE(shop.add("c", "tea")->items[0].in_stock);
}

TEST_F(CartTest, without_a_word_of_the_stock_everything_can_be_had) {
  ASSERT_TRUE(shop.add("c", "tea", 999));
  shop.pass_a_second();
  shop.catalog.stock("tea", 1);
  shop.catalog.knows_its_stock = false;  // it answers 503
  EXPECT_TRUE(shop.view("c").items[0].in_stock);
  shop.pass_a_second();
  const auto answer = [&](const char* text) {
    shop.bench.sidecar.applications["product-service"] = [text](const auto&) {
      return actors::HttpAnswer{200, text, "application/json"};
    };
  };
  for (const auto* text : {"<html>", "{}", R"({"items":[]})", R"({"items":[{"productId":"cup","available":0}]})"}) {
    answer(text);
    EXPECT_TRUE(shop.view("c").items[0].in_stock) << text;
    shop.pass_a_second();
  }
  shop.bench.sidecar.applications.clear();  // it is away
  EXPECT_TRUE(shop.view("c").items[0].in_stock);
}

TEST_F(CartTest, the_word_of_the_stock_is_not_worth_a_long_wait) {
  ASSERT_TRUE(shop.add("c", "tea"));
  EXPECT_GT(shop.catalog.patience, 0s);
  EXPECT_LE(shop.catalog.patience, 1s);
}

// --- what it costs ---

TEST_F(CartTest, the_stock_is_asked_at_once_for_all_it_was_not_asked_for_within_the_second) {
  auto& asked = shop.catalog.asked_for_pieces;
  ASSERT_TRUE(shop.add("c", "tea"));
  ASSERT_TRUE(shop.add("c", "cup"));
  EXPECT_THAT(asked,
              ElementsAre(product::AskAvailability{{ProductId("tea")}}, product::AskAvailability{{ProductId("cup")}}));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(shop.add("cart-" + std::to_string(i), "tea"));
  EXPECT_THAT(asked, SizeIs(2));
  shop.pass_a_second();
  shop.view("c");
  shop.view("c");
  ASSERT_THAT(asked, SizeIs(3));
  EXPECT_EQ(asked.back().products, (std::vector{ProductId("cup"), ProductId("tea")}));
}

TEST_F(CartTest, a_stock_that_does_not_answer_is_asked_once_a_second) {
  ASSERT_TRUE(shop.add("c", "tea"));
  shop.pass_a_second();
  shop.catalog.knows_its_stock = false;
  const auto before = shop.catalog.asked_for_pieces.size();
  for (int i = 0; i < 10; ++i) shop.view("c");
  EXPECT_EQ(shop.catalog.asked_for_pieces.size(), before + 1);
}

TEST_F(CartTest, an_empty_cart_asks_nobody) {
  shop.view("c");
  EXPECT_THAT(shop.catalog.asked_for_pieces, IsEmpty());
}

TEST_F(CartTest, an_add_to_a_known_cart_is_one_write_one_publish_and_within_a_second_no_call) {
  ASSERT_TRUE(shop.add("c", "tea"));
  auto before = shop.bench.sidecar.counts;
  ASSERT_TRUE(shop.add("c", "tea"));
  before["state_commit"] += 1;
  before["publish"] += 1;
  before["actor_call"] += 1;  // the test's own
  EXPECT_EQ(shop.bench.sidecar.counts, before);
}

TEST_F(CartTest, a_listing_is_read_once_a_second_however_many_carts_show_it) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(shop.add("cart-" + std::to_string(i), "tea"));
  shop.pass_a_second();
  const auto calls = shop.bench.sidecar.counts["actor_call"];
  for (int i = 0; i < 10; ++i) shop.view("cart-" + std::to_string(i));
  EXPECT_EQ(shop.bench.sidecar.counts["actor_call"], calls + 10 + 1);
  EXPECT_EQ(shop.catalog.asked, 1);
}

TEST_F(CartTest, carts_await_their_products_and_nobody_else) {
  ASSERT_TRUE(shop.add("c", "tea"));
  ASSERT_TRUE(shop.add("c", "cup"));
  ASSERT_TRUE(set("tea", 4));
  ASSERT_TRUE(remove("cup"));
  shop.view("c");
  ASSERT_TRUE(shop.check_out("c", "k"));
  ASSERT_TRUE(clear());
  shop.bench.advance(1h);
  EXPECT_THAT(shop.bench.sidecar.awaited, ElementsAre(Pair("Cart", "CartProduct")));
}

// --- whose it is ---

TEST_F(CartTest, a_cart_belongs_to_the_first_customer_who_changed_it) {
  shop.view("c", bob);
  EXPECT_EQ(shop.add("c", "tea", 1, ada)->customer_id, CustomerId("ada"));
  expect_refused(shop.add("c", "tea", 1, bob), Reason::NotFound, "unknown_cart");
  expect_refused(set("tea", 2, guest), Reason::NotFound, "unknown_cart");
  expect_refused(remove("tea", bob), Reason::NotFound, "unknown_cart");
  expect_refused(clear(guest), Reason::NotFound, "unknown_cart");
  expect_refused(shop.check_out("c", "k", bob), Reason::NotFound, "unknown_cart");
  expect_refused(shop.bench.call<&Cart::view>("c", ViewCart{guest}), Reason::NotFound, "unknown_cart");
  EXPECT_EQ(shop.view("c", ada), shop.view("c", admin));
  EXPECT_EQ(added().back().customer_id, CustomerId("ada"));
}

TEST_F(CartTest, a_guests_cart_becomes_the_customers_who_goes_on_with_it) {
  EXPECT_EQ(shop.add("c", "tea", 1, guest)->customer_id, std::nullopt);
  EXPECT_EQ(shop.add("c", "tea", 1, ada)->customer_id, CustomerId("ada"));
  expect_refused(shop.add("c", "tea", 1, guest), Reason::NotFound, "unknown_cart");
  ASSERT_TRUE(shop.check_out("c", "k", ada));
  expect_refused(shop.add("c", "tea", 1, bob), Reason::NotFound, "unknown_cart");
}

TEST_F(CartTest, the_last_order_is_shown_to_the_owner_and_to_administrators_only) {
  ASSERT_TRUE(shop.add("c", "tea", 1, guest));
  const auto guests = shop.check_out("c", "k", guest)->order_id;
  EXPECT_EQ(shop.view("c", guest).last_order_id, std::nullopt);
  EXPECT_EQ(shop.view("c", bob).last_order_id, std::nullopt);
  EXPECT_EQ(shop.view("c", admin).last_order_id, guests);
  EXPECT_EQ(shop.add("c", "tea", 1, guest)->last_order_id, std::nullopt);
  EXPECT_EQ(set("tea", 2, guest)->last_order_id, std::nullopt);
  EXPECT_EQ(remove("tea", guest)->last_order_id, std::nullopt);
  EXPECT_EQ(clear(guest)->last_order_id, std::nullopt);
  EXPECT_EQ(shop.add("c", "tea", 1, ada)->last_order_id, std::nullopt) << "hers from now on, but not that order";
  EXPECT_EQ(shop.view("c", admin).last_order_id, std::nullopt);
  const auto adas = shop.check_out("c", "l", ada)->order_id;
  EXPECT_EQ(shop.view("c", ada).last_order_id, adas);
  EXPECT_EQ(shop.add("c", "tea", 1, ada)->last_order_id, adas);
}

TEST_F(CartTest, the_order_by_which_a_guests_cart_becomes_a_customers_is_shown_to_her) {
  ASSERT_TRUE(shop.add("c", "tea", 1, guest));
  const auto order = shop.check_out("c", "k", ada)->order_id;
  EXPECT_EQ(shop.view("c", ada).last_order_id, order);
}

TEST_F(CartTest, an_administrator_may_change_a_cart_without_owning_it) {
  ASSERT_TRUE(shop.add("c", "tea", 1, guest));
  EXPECT_EQ(set("tea", 3, admin)->customer_id, std::nullopt);
  ASSERT_TRUE(shop.add("c", "tea", 1, ada));
  EXPECT_EQ(set("tea", 3, admin)->customer_id, CustomerId("ada"));
}

TEST_F(CartTest, what_changes_nothing_gives_the_cart_to_nobody) {
  ASSERT_TRUE(shop.add("c", "tea"));
  ASSERT_TRUE(remove("cup", ada));
  expect_refused(shop.add("c", "unknown", 1, ada), Reason::NotFound, "unknown_product");
  EXPECT_EQ(shop.view("c").customer_id, std::nullopt);
}

// --- what goes wrong ---

TEST_F(CartTest, the_same_add_twice_is_one) {
  const AddItem add{guest, ProductId("tea"), 2};
  const auto first = shop.bench.call_as<&Cart::add>({"key"}, "c", add);
  shop.restart();
  EXPECT_EQ(shop.bench.call_as<&Cart::add>({"key"}, "c", add), first);
  EXPECT_EQ(shop.view("c").items[0].quantity, 2);
  EXPECT_THAT(shop.event_ids("cart.item_added"), SizeIs(1));
  expect_refused(shop.bench.call_as<&Cart::add>({"key"}, "c", AddItem{guest, ProductId("tea"), 3}),
                 Reason::Unprocessable, "idempotency_key_reused");
}

TEST_F(CartTest, an_answer_that_was_remembered_before_there_was_a_word_of_the_stock_is_given_again) {
  const AddItem add{guest, ProductId("tea"), 2};
  ASSERT_TRUE(shop.bench.call_as<&Cart::add>({"key"}, "c", add));
  auto text = *shop.bench.sidecar.stored({"Cart", "c"}, "state");
  const std::string word = R"(,"inStock":true)";
  const auto at = text.find(word);
  ASSERT_NE(at, std::string::npos);
  text.erase(at, word.size());
  Shop later;
  later.bench.sidecar.put({"Cart", "c"}, "state", text, 1);
  const auto again = later.bench.call_as<&Cart::add>({"key"}, "c", add);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->items[0].in_stock);
  EXPECT_EQ(again->version, 1);
}

TEST_F(CartTest, an_add_that_is_not_stored_fails_and_one_whose_answer_is_lost_is_found_again) {
  const AddItem add{guest, ProductId("tea"), 2};
  ASSERT_TRUE(shop.add("other", "tea"));  // the listing is known
  shop.bench.sidecar.fail_next_commit(CommitFailure::NotStored);
  EXPECT_THROW(shop.bench.call_as<&Cart::add>({"key"}, "c", add), SidecarError);
  EXPECT_THAT(shop.view("c").items, IsEmpty());
  shop.bench.sidecar.fail_next_commit(CommitFailure::StoredButUnanswered);
  EXPECT_THROW(shop.bench.call_as<&Cart::add>({"key"}, "c", add), SidecarError);
  EXPECT_EQ(shop.bench.call_as<&Cart::add>({"key"}, "c", add)->items[0].quantity, 2);
  shop.bench.advance(10min);
  EXPECT_THAT(shop.event_ids("cart.item_added"), ElementsAre("Cart/c/1/0", "Cart/other/1/0"));
}

TEST_F(CartTest, an_add_while_the_broker_is_down_is_announced_later) {
  shop.bench.sidecar.fail_publishes(3);
  ASSERT_TRUE(shop.add("c", "tea"));
  EXPECT_THAT(added(), IsEmpty());
  shop.bench.advance(10min);
  EXPECT_THAT(added(), SizeIs(1));
  EXPECT_FALSE(shop.bench.tended({"Cart", "c"}));
}

TEST_F(CartTest, a_catalog_that_is_down_fails_the_add_of_a_product_no_cart_knows_and_no_other) {
  ASSERT_TRUE(shop.add("c", "tea"));
  shop.bench.sidecar.applications.clear();
  EXPECT_THROW(shop.add("c", "cup"), SidecarError);
  shop.pass_a_second();
  EXPECT_TRUE(shop.add("c", "tea"));
  EXPECT_TRUE(shop.check_out("c", "k"));
}

TEST_F(CartTest, an_add_whose_process_dies_at_any_line_and_is_repeated_has_the_same_end) {
  for (std::size_t n = 1; n <= 8; ++n) {
    Shop fresh;
    fresh.catalog.list("tea", euro(450));
    fresh.bench.sidecar.crash_after(n);
    const AddItem add{guest, ProductId("tea"), 2};
    try {
      (void)fresh.bench.call_as<&Cart::add>({"key"}, "c", add);
    } catch (const SidecarError&) {
    }
    EXPECT_EQ(fresh.bench.sidecar.crashed(), n <= 4) << n << ": the crash points are not all walked";
    fresh.restart();
    const auto again = fresh.bench.call_as<&Cart::add>({"key"}, "c", add);
    ASSERT_TRUE(again) << n;
    EXPECT_EQ(again->items[0].quantity, 2) << n;
    fresh.bench.advance(10min);
    EXPECT_EQ(fresh.view("c").items[0].quantity, 2) << n;
    EXPECT_EQ(fresh.view("c").version, 1) << n;
    EXPECT_THAT(fresh.event_ids("cart.item_added"), ElementsAre("Cart/c/1/0")) << n;
    EXPECT_FALSE(fresh.bench.tended({"Cart", "c"})) << n;
  }
}

TEST_F(CartTest, an_add_whose_process_dies_and_that_nobody_repeats_is_announced_if_it_was_stored) {
  for (std::size_t n = 1; n <= 8; ++n) {
    Shop fresh;
    fresh.catalog.list("tea", euro(450));
    fresh.bench.sidecar.crash_after(n);
    try {
      (void)fresh.add("c", "tea");
    } catch (const SidecarError&) {
    }
    fresh.restart();
    fresh.bench.advance(10min);
    EXPECT_THAT(fresh.event_ids("cart.item_added"), SizeIs(fresh.view("c").items.size())) << n;
    EXPECT_FALSE(fresh.bench.tended({"Cart", "c"})) << n;
  }
}

TEST_F(CartTest, adds_that_come_at_the_same_time_are_all_counted) {
  const actors::Calls calls(shop.bench.sidecar, {});
  std::vector<actors::Task<actors::Result<CartView>>> adds;
  for (int i = 0; i < 50; ++i) adds.push_back(calls.proxy<Cart>("c").call<&Cart::add>(guest, ProductId("tea"), 1));
  shop.bench.run(actors::when_all(std::move(adds)));
  EXPECT_EQ(shop.view("c").items[0].quantity, 50);
  EXPECT_THAT(shop.event_ids("cart.item_added"), SizeIs(50));
}

TEST_F(CartTest, whose_document_holds_more_than_a_cart_can_is_refused) {
  CartState state;
  for (const int quantity : {0, -1, 1000, 2'000'000'000}) {
    state.lines = {{ProductId("tea"), "Tea", quantity, euro(450)}};
    const auto text = R"({"version":1,"data":)" + actors::json::to_string(state) + R"(,"outbox":[],"handled":[]})";
    const auto cart = "c" + std::to_string(quantity);
    shop.bench.sidecar.put({"Cart", cart}, "state", text);
    EXPECT_THROW(shop.view(cart), actors::SidecarError) << text;
    EXPECT_THROW(shop.add(cart, "tea"), actors::SidecarError) << text;
    EXPECT_EQ(shop.bench.sidecar.stored({"Cart", cart}, "state"), text);
  }
}

}  // namespace
}  // namespace shop::cart
