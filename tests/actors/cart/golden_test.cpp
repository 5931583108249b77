// What carts say and understand on every wire: a change of these files is a change of a contract, or of documents that
// are already stored.
#include "tests/actors/cart/support.hpp"
#include "tests/support/golden.hpp"

namespace shop::cart {
namespace {

using actors::Reply;
using shop::testing::golden;

class CartGoldenTest : public ::testing::Test {
 protected:
  CartGoldenTest() {
    shop.catalog.list("tea", euro(450));
    shop.catalog.list("cup", euro(1200));
  }
  template <class T>
  static std::string text(const T& value) {
    return actors::json::to_string(value);
  }
  /// What is stored under `state`, with all it can hold.
  std::string document(const char* type, const char* id) {
    return shop.bench.sidecar.stored({type, id}, "state").value();
  }
  /// A command as it is written is read and written alike.
  template <class T>
  void expect_command(const char* name, const T& command) {
    EXPECT_TRUE(golden(name, text(command)));
    EXPECT_EQ(text(actors::json::parse<T>(text(command))), text(command));
  }

  Shop shop;
};

TEST_F(CartGoldenTest, commands) {
  expect_command("cart/View.json", ViewCart{guest});
  expect_command("cart/AddItem.json", AddItem{ada, ProductId("tea"), 2});
  expect_command("cart/SetQuantity.json", SetQuantity{ada, ProductId("tea"), 2});
  expect_command("cart/RemoveItem.json", RemoveItem{admin, ProductId("tea")});
  expect_command("cart/Clear.json", ClearCart{guest});
  auto order = order_by(ada);
  order.shipping_address.line2 = "Second floor";
  expect_command("cart/CheckOut.json", order);
  expect_command("cart/Claim.json", ClaimCart{CustomerId("ada")});
  expect_command("cart/Seal.json", SealCart{CustomerId("ada"), CartId("c-2")});
  const std::vector<Line> lines{{ProductId("tea"), "Tea", 2, euro(450)}};
  expect_command("cart/TakeOver.json", TakeOver{"claim-1", CustomerId("ada"), lines});
  expect_command("cart/Settle.json", Settle{"claim-1", {std::nullopt, {{ProductId("tea"), 1}}}});
  expect_command("cart/Settle.refused.json", Settle{"claim-1", {"other_currency", {}}});
}

TEST_F(CartGoldenTest, a_command_without_a_party_is_a_guests) {
  const auto command = actors::json::parse<AddItem>(R"({"productId":"tea","quantity":2})");
  EXPECT_EQ(command.by, guest);
}

TEST_F(CartGoldenTest, views) {
  EXPECT_TRUE(golden("cart/cart.unused.json", text(shop.view("c"))));
  ASSERT_TRUE(shop.add("c", "tea", 2, ada));
  ASSERT_TRUE(shop.add("c", "cup", 1, ada));
  shop.catalog.list("tea", euro(500), 2);
  shop.catalog.withdraw("cup");
  ASSERT_TRUE(shop.hear_of("tea"));
  ASSERT_TRUE(shop.hear_of("cup"));
  shop.pass_a_second();
  EXPECT_TRUE(golden("cart/cart.json", text(shop.view("c"))));
  auto claimed = shop.view("c");
  claimed.left = {{ProductId("tea"), 1}};
  EXPECT_TRUE(golden("cart/cart.claimed.json", text(claimed)));
  EXPECT_TRUE(golden("cart/outline.json", text(CartOutline{"EUR", false})));
  EXPECT_TRUE(golden("cart/checkout.json", text(Checkout{OrderId("o-1"), "created", euro(900)})));
}

TEST_F(CartGoldenTest, documents) {
  ASSERT_TRUE(shop.bench.call_as<&Cart::add>({"key-1"}, "c", AddItem{ada, ProductId("tea"), 2}));
  EXPECT_TRUE(golden("cart/cart.document.json", document("Cart", "c")));
  ASSERT_TRUE(shop.bench.call_as<&CartProduct::take>({"key-2"}, "cup", shop.catalog.at("cup")));
  EXPECT_TRUE(golden("cart/cart_product.document.json", document("CartProduct", "cup")));
}

TEST_F(CartGoldenTest, the_stored_state_of_a_cart_with_everything_is_read_as_it_was_written) {
  const CartState state{CustomerId("ada"),
                        {{ProductId("tea"), "Tea", 2, euro(450)}},
                        actors::from_rfc3339("2026-05-04T10:11:12.013Z"),
                        OrderId("o-1")};
  EXPECT_TRUE(golden("cart/cart.state.json", text(state)));
  EXPECT_EQ(actors::json::parse<CartState>(text(state)), state);
  EXPECT_EQ(actors::json::parse<CartState>(R"({"lines":[]})"), CartState{});
}

TEST_F(CartGoldenTest, the_stored_state_of_a_sealed_cart_is_read_as_it_was_written) {
  const CartState state{std::nullopt,
                        {{ProductId("tea"), "Tea", 2, euro(450)}},
                        actors::from_rfc3339("2026-05-04T10:11:12.013Z"),
                        std::nullopt,
                        Seal{"claim-1", CustomerId("ada"), CartId("c-2"), 1},
                        actors::from_rfc3339("2026-05-04T10:11:42.013Z")};
  EXPECT_TRUE(golden("cart/cart.sealed.json", text(state)));
  EXPECT_EQ(actors::json::parse<CartState>(text(state)), state);
}

TEST_F(CartGoldenTest, events) {
  ASSERT_TRUE(shop.add("c", "tea", 2, ada));
  EXPECT_TRUE(golden("cart/cart.item_added.json", actors::to_envelope(shop.bench.sidecar.published.back())));
  EXPECT_TRUE(
      golden("cart/cart.checkout_completed.json", text(CheckoutCompleted{OrderId("o-1"),
                                                                         CartId("c"),
                                                                         CustomerId("ada"),
                                                                         {{ProductId("tea"), "Tea", 2, euro(450)}},
                                                                         euro(900),
                                                                         {"tok_approve"},
                                                                         order_by(ada).shipping_address})));
}

}  // namespace
}  // namespace shop::cart
