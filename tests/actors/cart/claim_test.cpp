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

const CustomerId the_customer("ada");

/// Of a stored document: the number of its last write.
struct Revision {
  std::int64_t revision = 0;
  DAPR_ACTORS_JSON(revision)
};

/// A guest's cart `g` and ada's cart `a`.
class ClaimTest : public ::testing::Test {
 protected:
  ClaimTest() { fill(shop); }
  static void fill(Shop& shop) {
    shop.catalog.list("tea", euro(450));
    shop.catalog.list("cup", euro(1200));
    shop.catalog.list("pin", {300, "USD"});
    ASSERT_TRUE(shop.add("g", "tea", 2));
    ASSERT_TRUE(shop.add("g", "cup", 1));
    ASSERT_TRUE(shop.add("a", "tea", 3, ada));
  }
  static actors::Result<TakeOver> seal(Shop& shop, const std::string& cart, const std::string& into,
                                       CustomerId by = the_customer) {
    return shop.bench.call<&Cart::seal>(cart, SealCart{std::move(by), CartId(into)});
  }
  static void settle(Shop& shop, const std::string& cart, const Settle& outcome) {
    ASSERT_TRUE(shop.bench.call<&Cart::settle>(cart, outcome));
  }
  /// As the facade does it, on behalf of one request.
  static Taken merge(Shop& shop, const std::string& from, const std::string& into, CustomerId by = the_customer) {
    const auto lines = seal(shop, from, into, std::move(by)).value();
    const auto taken = shop.bench.call<&Cart::take_over>(into, lines).value();
    settle(shop, from, {lines.claim, taken});
    return taken;
  }
  template <class T>
  static void expect_refused(const actors::Result<T>& result, Reason reason, const char* code) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason, reason);
    EXPECT_EQ(result.error().code, code);
  }
  static std::map<std::string, int> pieces(Shop& shop, const std::string& cart) {
    std::map<std::string, int> pieces;
    for (const auto& item : shop.view(cart).items) pieces[item.product_id.value] = item.quantity;
    return pieces;
  }
  std::map<std::string, int> pieces(const std::string& cart) { return pieces(shop, cart); }
  void list_many(int products) {
    for (int i = 0; i < products; ++i) shop.catalog.list("p" + std::to_string(i), euro(1));
  }

  Shop shop;
};

// --- a guest's cart becomes a customer's ---

TEST_F(ClaimTest, a_guests_cart_becomes_the_customers_and_stays_as_it_is) {
  const auto before = shop.view("g", guest);
  const auto cart = shop.bench.call<&Cart::claim>("g", ClaimCart{the_customer}).value();
  EXPECT_EQ(cart.customer_id, the_customer);
  EXPECT_EQ(cart.items, before.items);
  expect_refused(shop.add("g", "tea", 1, guest), Reason::NotFound, "unknown_cart");
  expect_refused(shop.bench.call<&Cart::claim>("g", ClaimCart{CustomerId("bob")}), Reason::NotFound, "unknown_cart");
  EXPECT_EQ(shop.bench.call<&Cart::claim>("g", ClaimCart{the_customer}), cart) << "again";
}

TEST_F(ClaimTest, the_order_of_a_guest_does_not_follow_from_a_claim) {
  ASSERT_TRUE(shop.check_out("g", "k"));
  EXPECT_EQ(shop.bench.call<&Cart::claim>("g", ClaimCart{the_customer})->last_order_id, std::nullopt);
}

// --- a cart is merged into another ---

TEST_F(ClaimTest, quantities_add_up_and_the_guests_cart_is_empty_and_a_guests_again) {
  EXPECT_EQ(merge(shop, "g", "a"), Taken{});
  EXPECT_THAT(pieces("a"), ElementsAre(Pair("cup", 1), Pair("tea", 5)));
  EXPECT_THAT(pieces("g"), IsEmpty());
  EXPECT_EQ(shop.view("g").customer_id, std::nullopt);
  ASSERT_TRUE(shop.add("g", "tea", 1, guest));
  EXPECT_THAT(shop.bench.published<ItemAdded>(), SizeIs(4)) << "the demand was counted when it was put into a cart";
}

TEST_F(ClaimTest, an_unused_cart_that_is_merged_into_becomes_the_customers) {
  merge(shop, "g", "new");
  EXPECT_THAT(pieces("new"), ElementsAre(Pair("cup", 1), Pair("tea", 2)));
  EXPECT_EQ(shop.view("new").customer_id, the_customer);
}

TEST_F(ClaimTest, pieces_beyond_999_stay_behind_and_are_named) {
  ASSERT_TRUE(shop.add("g", "tea", 500));
  ASSERT_TRUE(shop.add("a", "tea", 600, ada));
  EXPECT_THAT(merge(shop, "g", "a").left, ElementsAre(LeftBehind{ProductId("tea"), 502 + 603 - 999}));
  EXPECT_EQ(pieces("a")["tea"], 999);
  EXPECT_THAT(pieces("g"), ElementsAre(Pair("tea", 502 + 603 - 999)));
  EXPECT_THAT(merge(shop, "g", "a").left, ElementsAre(LeftBehind{ProductId("tea"), 502 + 603 - 999})) << "again";
}

TEST_F(ClaimTest, lines_beyond_40_stay_behind_and_are_named) {
  list_many(39);
  for (int i = 0; i < 38; ++i) ASSERT_TRUE(shop.add("a", "p" + std::to_string(i), 1, ada));
  ASSERT_TRUE(shop.add("g", "p38", 7));
  EXPECT_THAT(merge(shop, "g", "a").left, ElementsAre(LeftBehind{ProductId("p38"), 7}));
  EXPECT_THAT(pieces("a"), SizeIs(40));
  EXPECT_EQ(pieces("a")["tea"], 5);
  EXPECT_THAT(pieces("g"), ElementsAre(Pair("p38", 7)));
  ASSERT_TRUE(shop.bench.call<&Cart::remove>("a", RemoveItem{ada, ProductId("p0")}));
  EXPECT_THAT(merge(shop, "g", "a").left, IsEmpty()) << "once there is room";
  EXPECT_EQ(pieces("a")["p38"], 7);
}

TEST_F(ClaimTest, carts_in_two_currencies_stay_as_they_are) {
  ASSERT_TRUE(shop.add("dollars", "pin", 1, ada));
  EXPECT_EQ(merge(shop, "g", "dollars").refused, "other_currency");
  EXPECT_THAT(pieces("dollars"), ElementsAre(Pair("pin", 1)));
  EXPECT_THAT(pieces("g"), SizeIs(2));
  EXPECT_TRUE(shop.add("g", "tea"));
}

TEST_F(ClaimTest, a_cart_of_somebody_elses_is_neither_moved_nor_moved_into) {
  ASSERT_TRUE(shop.add("b", "cup", 1, bob));
  expect_refused(seal(shop, "b", "a"), Reason::NotFound, "unknown_cart");
  expect_refused(shop.bench.call<&Cart::outline>("b", ViewCart{ada}), Reason::NotFound, "unknown_cart");
  EXPECT_EQ(merge(shop, "g", "b").refused, "unknown_cart");
  EXPECT_THAT(pieces("b"), ElementsAre(Pair("cup", 1)));
  EXPECT_THAT(pieces("g"), SizeIs(2));
}

TEST_F(ClaimTest, an_empty_cart_is_not_sealed) {
  expect_refused(seal(shop, "unused", "a"), Reason::Conflict, "empty_cart");
  EXPECT_EQ(shop.view("unused").version, 0);
}

TEST_F(ClaimTest, the_outline_says_what_there_is_without_asking_anybody) {
  const auto before = shop.bench.sidecar.counts["actor_call"];
  EXPECT_EQ(shop.bench.call<&Cart::outline>("g", ViewCart{ada}), (CartOutline{"EUR", false}));
  EXPECT_EQ(shop.bench.call<&Cart::outline>("unused", ViewCart{ada}), CartOutline{});
  EXPECT_EQ(shop.bench.sidecar.counts["actor_call"], before + 2);
}

// --- while it is under way ---

TEST_F(ClaimTest, a_sealed_cart_is_shown_and_refuses_every_change) {
  const auto lines = seal(shop, "g", "a").value();
  EXPECT_THAT(lines.lines, SizeIs(2));
  EXPECT_THAT(shop.view("g", guest).items, SizeIs(2));
  EXPECT_TRUE(shop.bench.call<&Cart::outline>("g", ViewCart{ada})->sealed);
  constexpr auto code = "claim_under_way";
  for (const auto& by : {guest, ada, admin}) {
    expect_refused(shop.add("g", "tea", 1, by), Reason::Conflict, code);
    expect_refused(shop.bench.call<&Cart::set_quantity>("g", SetQuantity{by, ProductId("tea"), 1}), Reason::Conflict,
                   code);
    expect_refused(shop.bench.call<&Cart::remove>("g", RemoveItem{by, ProductId("tea")}), Reason::Conflict, code);
    expect_refused(shop.bench.call<&Cart::clear>("g", ClearCart{by}), Reason::Conflict, code);
    expect_refused(shop.check_out("g", "k", by), Reason::Conflict, code);
  }
  expect_refused(shop.bench.call<&Cart::claim>("g", ClaimCart{the_customer}), Reason::Conflict, code);
  expect_refused(seal(shop, "g", "elsewhere"), Reason::Conflict, code);
  expect_refused(seal(shop, "g", "b", CustomerId("bob")), Reason::Conflict, code);
  EXPECT_EQ(seal(shop, "g", "a"), lines) << "the same claim finds itself";
  EXPECT_THAT(pieces("g"), ElementsAre(Pair("cup", 1), Pair("tea", 2)));
}

TEST_F(ClaimTest, lines_are_taken_once_however_often_they_come) {
  const auto lines = seal(shop, "g", "a").value();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(shop.bench.call<&Cart::take_over>("a", lines).value(), Taken{});
    shop.restart();
  }
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(shop.add("a", "cup", 1, ada)) << "and the ids of many calls come between";
  EXPECT_EQ(shop.bench.call<&Cart::take_over>("a", lines).value(), Taken{});
  EXPECT_THAT(pieces("a"), ElementsAre(Pair("cup", 21), Pair("tea", 5)));
}

TEST_F(ClaimTest, a_refusal_is_for_ever_so_that_a_request_that_arrives_late_takes_nothing) {
  ASSERT_TRUE(shop.add("dollars", "pin", 1, ada));
  const auto lines = seal(shop, "g", "dollars").value();
  const auto refused = shop.bench.call<&Cart::take_over>("dollars", lines).value();
  settle(shop, "g", {lines.claim, refused});
  ASSERT_TRUE(shop.bench.call<&Cart::clear>("dollars", ClearCart{ada}));
  EXPECT_EQ(shop.bench.call<&Cart::take_over>("dollars", lines).value(), refused);
  EXPECT_THAT(pieces("dollars"), IsEmpty());
  EXPECT_EQ(merge(shop, "g", "dollars"), Taken{}) << "a new claim finds the emptied cart";
}

TEST_F(ClaimTest, what_was_settled_is_not_settled_again) {
  const auto first = seal(shop, "g", "a").value();
  const auto taken = shop.bench.call<&Cart::take_over>("a", first).value();
  settle(shop, "g", {first.claim, taken});
  ASSERT_TRUE(shop.add("g", "cup", 4));
  settle(shop, "g", {first.claim, taken});
  EXPECT_THAT(pieces("g"), ElementsAre(Pair("cup", 4)));
  const auto second = seal(shop, "g", "a").value();
  EXPECT_NE(second.claim, first.claim);
  settle(shop, "g", {first.claim, taken});
  EXPECT_THAT(pieces("g"), ElementsAre(Pair("cup", 4)));
}

TEST_F(ClaimTest, lines_and_remainders_that_cannot_be_are_refused) {
  const Line none{ProductId("tea"), "Tea", 0, euro(450)}, many{ProductId("tea"), "Tea", 1000, euro(450)};
  for (const auto& lines :
       {std::vector<Line>{}, {none}, {many}, std::vector<Line>(41, {ProductId("p"), "", 1, euro(1)})})
    expect_refused(shop.bench.call<&Cart::take_over>("a", TakeOver{"x", the_customer, lines}), Reason::Unprocessable,
                   "lines");
  const auto claim = seal(shop, "g", "a")->claim;
  for (const auto& left :
       {LeftBehind{ProductId("tea"), 3}, LeftBehind{ProductId("tea"), 0}, LeftBehind{ProductId("p"), 1}})
    expect_refused(shop.bench.call<&Cart::settle>("g", Settle{claim, {std::nullopt, {left}}}), Reason::Unprocessable,
                   "left");
  EXPECT_THAT(pieces("g"), ElementsAre(Pair("cup", 1), Pair("tea", 2)));
  EXPECT_THAT(pieces("a"), ElementsAre(Pair("tea", 3)));
}

TEST_F(ClaimTest, two_carts_that_are_merged_into_each_other_both_stay) {
  const auto there = seal(shop, "g", "a").value();
  const auto back = seal(shop, "a", "g").value();
  const auto one = shop.bench.call<&Cart::take_over>("a", there).value();
  const auto other = shop.bench.call<&Cart::take_over>("g", back).value();
  EXPECT_EQ(one.refused, "claim_under_way");
  EXPECT_EQ(other.refused, "claim_under_way");
  settle(shop, "g", {there.claim, one});
  settle(shop, "a", {back.claim, other});
  EXPECT_THAT(pieces("g"), ElementsAre(Pair("cup", 1), Pair("tea", 2)));
  EXPECT_THAT(pieces("a"), ElementsAre(Pair("tea", 3)));
  EXPECT_TRUE(shop.check_out("g", "k"));
}

TEST_F(ClaimTest, what_is_checked_out_meanwhile_is_ordered_once) {
  const auto lines = seal(shop, "g", "a").value();
  EXPECT_EQ(shop.check_out("a", "k", ada)->total, euro(3 * 450)) << "before the lines came";
  const auto taken = shop.bench.call<&Cart::take_over>("a", lines).value();
  EXPECT_EQ(shop.check_out("a", "l", ada)->total, euro(2 * 450 + 1200)) << "after";
  settle(shop, "g", {lines.claim, taken});
  EXPECT_THAT(pieces("a"), IsEmpty());
  EXPECT_THAT(pieces("g"), IsEmpty());
}

// --- what goes wrong ---

TEST_F(ClaimTest, what_nobody_goes_on_with_goes_on_by_itself) {
  seal(shop, "g", "a").value();
  shop.restart();
  EXPECT_TRUE(shop.bench.tended({"Cart", "g"}));
  shop.bench.advance(29s);
  EXPECT_THAT(pieces("g"), SizeIs(2));
  shop.bench.advance(2s);
  EXPECT_THAT(pieces("a"), ElementsAre(Pair("cup", 1), Pair("tea", 5)));
  EXPECT_THAT(pieces("g"), IsEmpty());
  shop.bench.advance(10min);
  EXPECT_FALSE(shop.bench.tended({"Cart", "g"}));
  EXPECT_FALSE(shop.bench.tended({"Cart", "a"}));
}

TEST_F(ClaimTest, it_goes_on_for_as_long_as_it_takes_while_the_other_cart_cannot_be_reached) {
  const auto kept = shop.bench.sidecar.stored({"Cart", "a"}, "state").value();
  seal(shop, "g", "a").value();
  shop.restart();
  shop.bench.sidecar.put({"Cart", "a"}, "state", "unreadable");
  const auto turns = [this](std::chrono::minutes span) {
    const auto before = shop.bench.turns(actors::TurnOutcome::Committed);
    shop.bench.advance(span);
    return shop.bench.turns(actors::TurnOutcome::Committed) - before;
  };
  EXPECT_EQ(turns(4min), 3) << "after half a minute, one, and two";
  EXPECT_EQ(turns(8min), 2) << "every four";
  shop.bench.sidecar.put({"Cart", "a"}, "state", kept, actors::json::parse<Revision>(kept).revision);
  shop.bench.advance(4min);
  EXPECT_THAT(pieces("a"), ElementsAre(Pair("cup", 1), Pair("tea", 5)));
  EXPECT_THAT(pieces("g"), IsEmpty());
}

/// Merges as a client does who asks again until he has an answer.
void insist_on_merging(Shop& shop) {
  for (int tries = 0; tries < 5; ++tries) {
    try {
      const auto lines = shop.bench.call<&Cart::seal>("g", SealCart{the_customer, CartId("a")});
      if (!lines) {
        ASSERT_EQ(lines.error().code, "empty_cart") << "an answer was lost, and nothing is left to be moved";
        return;
      }
      const auto taken = shop.bench.call<&Cart::take_over>("a", *lines).value();
      ASSERT_TRUE(shop.bench.call<&Cart::settle>("g", Settle{lines->claim, taken}));
      return;
    } catch (const SidecarError&) {
      if (shop.bench.sidecar.crashed()) shop.restart();
    }
  }
  FAIL() << "never merged";
}

TEST_F(ClaimTest, wherever_the_process_dies_nothing_is_lost_or_doubled) {
  for (const bool repeats : {true, false}) {
    std::size_t crashes = 0;
    for (std::size_t n = 1; n < 40; ++n) {
      Shop fresh;
      fill(fresh);
      fresh.bench.advance(10min);  // the tending of the adds is over
      fresh.bench.sidecar.crash_after(n);
      bool sealed = true;
      if (repeats) {
        insist_on_merging(fresh);
      } else {
        try {
          merge(fresh, "g", "a");
        } catch (const SidecarError&) {
          ++crashes;
        }
        fresh.restart();
        sealed = fresh.bench.call<&Cart::outline>("g", ViewCart{ada})->sealed || pieces(fresh, "g").empty();
      }
      fresh.restart();
      fresh.bench.advance(10min);
      if (sealed) {
        EXPECT_THAT(pieces(fresh, "a"), ElementsAre(Pair("cup", 1), Pair("tea", 5))) << n;
        EXPECT_THAT(pieces(fresh, "g"), IsEmpty()) << n;
      } else {  // it had not begun
        EXPECT_THAT(pieces(fresh, "a"), ElementsAre(Pair("tea", 3))) << n;
        EXPECT_THAT(pieces(fresh, "g"), SizeIs(2)) << n;
      }
      for (const auto* cart : {"g", "a"}) EXPECT_FALSE(fresh.bench.tended({"Cart", cart})) << n;
    }
    EXPECT_GE(crashes, repeats ? 0u : 4u);
  }
}

TEST_F(ClaimTest, commits_that_fail_or_whose_answers_are_lost_change_nothing_of_the_outcome) {
  for (const auto how : {CommitFailure::NotStored, CommitFailure::StoredButUnanswered})
    for (int nth = 0; nth < 3; ++nth) {
      Shop fresh;
      fill(fresh);
      if (nth == 0) fresh.bench.sidecar.fail_next_commit(how);
      for (int tries = 0; tries < 3; ++tries) {
        try {
          const auto lines = seal(fresh, "g", "a");
          if (!lines) break;  // moved already
          if (nth == 1 && tries == 0) fresh.bench.sidecar.fail_next_commit(how);
          const auto taken = fresh.bench.call<&Cart::take_over>("a", *lines).value();
          if (nth == 2 && tries == 0) fresh.bench.sidecar.fail_next_commit(how);
          settle(fresh, "g", {lines->claim, taken});
          break;
        } catch (const SidecarError&) {
        }
      }
      EXPECT_THAT(pieces(fresh, "a"), ElementsAre(Pair("cup", 1), Pair("tea", 5))) << nth;
      EXPECT_THAT(pieces(fresh, "g"), IsEmpty()) << nth;
    }
}

TEST_F(ClaimTest, no_cart_awaits_another) {
  merge(shop, "g", "a");
  ASSERT_TRUE(shop.add("g", "cup", 1));
  seal(shop, "g", "a").value();
  shop.bench.advance(1h);
  EXPECT_THAT(shop.bench.sidecar.awaited, ElementsAre(Pair("Cart", "CartProduct")));
  EXPECT_THAT(pieces("g"), IsEmpty());
}

}  // namespace
}  // namespace shop::cart
