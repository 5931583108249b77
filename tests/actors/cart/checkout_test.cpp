#include "tests/actors/cart/support.hpp"

namespace shop::cart {
namespace {

using namespace std::chrono_literals;
using actors::Reason;
using actors::SidecarError;
using actors::testing::CommitFailure;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

void fill(Shop& shop) {
  shop.catalog.list("tea", euro(450));
  shop.catalog.list("cup", euro(1200));
  ASSERT_TRUE(shop.add("c", "tea", 2));
  ASSERT_TRUE(shop.add("c", "cup", 1));
}

class CheckoutTest : public ::testing::Test {
 protected:
  CheckoutTest() { fill(shop); }
  std::vector<CheckoutCompleted> completed() const { return shop.bench.published<CheckoutCompleted>(); }
  Shop shop;
};

TEST_F(CheckoutTest, a_checkout_makes_an_order_of_everything_and_empties_the_cart) {
  const auto checkout = shop.check_out("c", "k").value();
  EXPECT_TRUE(is_id(checkout.order_id.value));
  EXPECT_GE(checkout.order_id.value.size(), 32u);
  EXPECT_EQ(checkout.status, "created");
  EXPECT_EQ(checkout.total, euro(2100));
  EXPECT_THAT(completed(),
              ElementsAre(CheckoutCompleted{
                  checkout.order_id,
                  CartId("c"),
                  std::nullopt,
                  {{ProductId("tea"), "Product tea", 2, euro(450)}, {ProductId("cup"), "Product cup", 1, euro(1200)}},
                  euro(2100),
                  {"tok_approve"},
                  {"Ada Lovelace", "12 Mill Lane", std::nullopt, "London", "W1", "GB"}}));
  const auto view = shop.view("c");
  EXPECT_THAT(view.items, IsEmpty());
  EXPECT_EQ(view.last_order_id, checkout.order_id);
  EXPECT_EQ(view.version, 3);
}

TEST_F(CheckoutTest, an_order_carries_the_customer_the_cart_belongs_to) {
  ASSERT_TRUE(shop.check_out("c", "k", ada));
  EXPECT_EQ(completed().back().customer_id, CustomerId("ada"));
  EXPECT_EQ(shop.view("c").customer_id, CustomerId("ada"));
}

TEST_F(CheckoutTest, a_cart_can_be_used_again_after_its_checkout) {
  const auto first = shop.check_out("c", "k1").value();
  ASSERT_TRUE(shop.add("c", "cup", 3));
  const auto second = shop.check_out("c", "k2").value();
  EXPECT_NE(first.order_id, second.order_id);
  EXPECT_EQ(second.total, euro(3600));
  EXPECT_EQ(shop.view("c").last_order_id, second.order_id);
}

TEST_F(CheckoutTest, an_empty_cart_is_refused_and_the_refusal_is_not_remembered) {
  const auto refused = shop.check_out("d", "k");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::Conflict);
  EXPECT_EQ(refused.error().code, "empty_cart");
  ASSERT_TRUE(shop.add("d", "tea"));
  EXPECT_TRUE(shop.check_out("d", "k"));
}

TEST_F(CheckoutTest, withdrawn_items_are_refused_by_name_until_they_are_removed) {
  shop.catalog.withdraw("tea");
  ASSERT_TRUE(shop.hear_of("tea"));
  const auto refused = shop.check_out("c", "k");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::Conflict);
  EXPECT_EQ(refused.error().code, "items_unavailable");
  EXPECT_THAT(refused.error().message, HasSubstr("tea"));
  EXPECT_THAT(refused.error().errors, ElementsAre(actors::RefusedPart{"/items/0", "is no longer sold", std::nullopt}));
  EXPECT_THAT(completed(), IsEmpty());
  EXPECT_THAT(shop.view("c").items, SizeIs(2));
  ASSERT_TRUE(shop.bench.call<&Cart::remove>("c", RemoveItem{guest, ProductId("tea")}));
  EXPECT_EQ(shop.check_out("c", "k")->total, euro(1200));
}

TEST_F(CheckoutTest, what_cannot_be_had_is_refused_item_by_item_with_what_can_be_had) {
  shop.catalog.list("pot", euro(3000));
  ASSERT_TRUE(shop.add("c", "pot", 5));
  shop.catalog.stock("tea", 1);
  shop.catalog.stock("pot", 0);
  const auto before = shop.view("c");
  const auto refused = shop.check_out("c", "k");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::Conflict);
  EXPECT_EQ(refused.error().code, "out_of_stock");
  EXPECT_THAT(refused.error().message, HasSubstr("tea, pot"));
  EXPECT_THAT(refused.error().errors, ElementsAre(actors::RefusedPart{"/items/0", "only 1 of 2 can be had", 1},
                                                  actors::RefusedPart{"/items/2", "is sold out at the moment", 0}));
  EXPECT_THAT(completed(), IsEmpty());
  EXPECT_EQ(shop.view("c").version, before.version);
}

TEST_F(CheckoutTest, a_refusal_for_want_of_pieces_is_not_remembered) {
  shop.catalog.stock("tea", 1);
  ASSERT_FALSE(shop.check_out("c", "k"));
  shop.catalog.stock("tea", 2);
  EXPECT_TRUE(shop.check_out("c", "k"));
  EXPECT_THAT(completed(), SizeIs(1));
}

TEST_F(CheckoutTest, what_is_no_longer_sold_is_named_before_what_cannot_be_had) {
  shop.catalog.stock("tea", 0);
  shop.catalog.withdraw("cup");
  ASSERT_TRUE(shop.hear_of("cup"));
  const auto refused = shop.check_out("c", "k");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "items_unavailable");
  EXPECT_THAT(refused.error().errors, ElementsAre(actors::RefusedPart{"/items/1", "is no longer sold", std::nullopt}));
}

TEST_F(CheckoutTest, asks_the_stock_anew_whatever_it_said_a_moment_ago) {
  shop.view("c");
  shop.catalog.stock("tea", 0);
  EXPECT_TRUE(shop.view("c").items[0].in_stock) << "within the second";
  ASSERT_FALSE(shop.check_out("c", "k"));
  EXPECT_FALSE(shop.view("c").items[0].in_stock) << "and the cart knows it too";
  EXPECT_THAT(shop.catalog.asked_for_pieces.back().products, ElementsAre(ProductId("cup"), ProductId("tea")));
}

TEST_F(CheckoutTest, goes_on_without_a_word_of_the_stock) {
  shop.catalog.stock("tea", 0);
  shop.catalog.knows_its_stock = false;
  EXPECT_TRUE(shop.check_out("c", "k"));
}

TEST_F(CheckoutTest, the_price_of_the_moment_counts_whatever_was_read_a_moment_ago) {
  shop.view("c");
  shop.catalog.list("tea", euro(500), 2);
  ASSERT_TRUE(shop.hear_of("tea"));
  EXPECT_EQ(shop.view("c").total, euro(2100));  // within the second
  EXPECT_EQ(shop.check_out("c", "k")->total, euro(2200));
  EXPECT_EQ(completed().back().lines[0].unit_price, euro(500));
}

TEST_F(CheckoutTest, the_same_key_gives_the_same_answer_for_a_day_whatever_happens_meanwhile) {
  const auto first = shop.check_out("c", "k");
  ASSERT_TRUE(first);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(shop.add("c", "cup"));
  ASSERT_TRUE(shop.check_out("c", "another"));
  shop.restart();
  shop.bench.advance(23h);
  EXPECT_EQ(shop.check_out("c", "k"), first);
  EXPECT_THAT(shop.event_ids("cart.checkout_completed"), SizeIs(2));
}

TEST_F(CheckoutTest, after_a_day_the_key_is_new) {
  const auto first = shop.check_out("c", "k");
  ASSERT_TRUE(shop.add("c", "cup"));
  shop.bench.advance(25h);
  EXPECT_NE(shop.check_out("c", "k")->order_id, first->order_id);
}

TEST_F(CheckoutTest, the_same_key_for_something_else_is_refused) {
  ASSERT_TRUE(shop.check_out("c", "k"));
  const auto refused = shop.bench.call_as<&Cart::check_out>({"k"}, "c", order_by(guest, "tok_decline"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::Unprocessable);
  EXPECT_EQ(refused.error().code, "idempotency_key_reused");
}

TEST_F(CheckoutTest, the_same_key_in_another_cart_is_another_checkout) {
  ASSERT_TRUE(shop.add("d", "cup"));
  EXPECT_NE(shop.check_out("c", "k")->order_id, shop.check_out("d", "k")->order_id);
}

TEST_F(CheckoutTest, fifty_checkouts_at_the_same_time_with_one_key_make_one_order) {
  std::vector<actors::Task<actors::Result<Checkout>>> checkouts;
  const auto order = order_by(guest);
  for (int i = 0; i < 50; ++i) {
    const actors::Calls calls(shop.bench.sidecar, {"k"});
    checkouts.push_back(calls.proxy<Cart>("c").call<&Cart::check_out>(order));
  }
  const auto answers = shop.bench.run(actors::when_all(std::move(checkouts)));
  for (const auto& answer : answers) EXPECT_EQ(answer, answers.front());
  EXPECT_TRUE(answers.front());
  EXPECT_THAT(completed(), SizeIs(1));
}

TEST_F(CheckoutTest, of_fifty_checkouts_with_a_key_each_one_makes_an_order) {
  std::vector<actors::Task<actors::Result<Checkout>>> checkouts;
  const auto order = order_by(guest);
  for (int i = 0; i < 50; ++i) {
    const actors::Calls calls(shop.bench.sidecar, {});
    checkouts.push_back(calls.proxy<Cart>("c").call<&Cart::check_out>(order));
  }
  const auto answers = shop.bench.run(actors::when_all(std::move(checkouts)));
  EXPECT_EQ(std::count_if(answers.begin(), answers.end(), [](const auto& answer) { return answer.has_value(); }), 1);
  EXPECT_THAT(completed(), SizeIs(1));
}

TEST_F(CheckoutTest, a_checkout_that_is_not_stored_leaves_the_cart_as_it_was) {
  shop.bench.sidecar.fail_next_commit(CommitFailure::NotStored);
  EXPECT_THROW(shop.check_out("c", "k"), SidecarError);
  EXPECT_THAT(shop.view("c").items, SizeIs(2));
  EXPECT_THAT(completed(), IsEmpty());
  EXPECT_TRUE(shop.check_out("c", "k"));
  EXPECT_THAT(completed(), SizeIs(1));
}

TEST_F(CheckoutTest, a_checkout_whose_answer_is_lost_is_found_again) {
  shop.bench.sidecar.fail_next_commit(CommitFailure::StoredButUnanswered);
  EXPECT_THROW(shop.check_out("c", "k"), SidecarError);
  const auto again = shop.check_out("c", "k");
  ASSERT_TRUE(again);
  shop.bench.advance(10min);
  ASSERT_THAT(completed(), SizeIs(1));
  EXPECT_EQ(completed().front().order_id, again->order_id);
}

TEST_F(CheckoutTest, a_checkout_while_the_broker_is_down_is_announced_later) {
  shop.bench.sidecar.fail_publishes(3);
  const auto checkout = shop.check_out("c", "k");
  ASSERT_TRUE(checkout);
  shop.bench.advance(10min);
  ASSERT_THAT(completed(), SizeIs(1));
  EXPECT_EQ(completed().front().order_id, checkout->order_id);
  EXPECT_FALSE(shop.bench.tended({"Cart", "c"}));
}

TEST_F(CheckoutTest, a_checkout_whose_process_dies_at_any_line_and_is_repeated_makes_one_order) {
  for (std::size_t n = 1; n <= 6; ++n) {
    Shop fresh;
    fill(fresh);
    fresh.bench.advance(10min);  // the tending of the adds is over
    fresh.bench.sidecar.crash_after(n);
    try {
      (void)fresh.check_out("c", "k");
    } catch (const SidecarError&) {
    }
    EXPECT_EQ(fresh.bench.sidecar.crashed(), n <= 3) << n << ": the crash points are not all walked";
    fresh.restart();
    const auto checkout = fresh.check_out("c", "k");
    ASSERT_TRUE(checkout) << n;
    fresh.bench.advance(10min);
    EXPECT_EQ(checkout->total, euro(2100)) << n;
    EXPECT_THAT(fresh.event_ids("cart.checkout_completed"), ElementsAre("Cart/c/3/0")) << n;
    for (const auto& event : fresh.bench.published<CheckoutCompleted>())
      EXPECT_EQ(event.order_id, checkout->order_id) << n;
    const auto view = fresh.view("c");
    EXPECT_THAT(view.items, IsEmpty()) << n;
    EXPECT_EQ(view.last_order_id, checkout->order_id) << n;
    EXPECT_EQ(view.version, 3) << n;
    EXPECT_FALSE(fresh.bench.tended({"Cart", "c"})) << n;
  }
}

TEST_F(CheckoutTest, a_checkout_whose_process_dies_and_that_nobody_repeats_is_announced_if_it_was_stored) {
  for (std::size_t n = 1; n <= 6; ++n) {
    Shop fresh;
    fill(fresh);
    fresh.bench.sidecar.crash_after(n);
    try {
      (void)fresh.check_out("c", "k");
    } catch (const SidecarError&) {
    }
    fresh.restart();
    fresh.bench.advance(10min);
    EXPECT_THAT(fresh.event_ids("cart.checkout_completed"), SizeIs(fresh.view("c").last_order_id ? 1 : 0)) << n;
    EXPECT_FALSE(fresh.bench.tended({"Cart", "c"})) << n;
  }
}

}  // namespace
}  // namespace shop::cart
