#include "actors/cart/cart_product.hpp"
#include "services/cart/routes.hpp"
#include "tests/actors/cart/support.hpp"

namespace shop::cart {
namespace {

using actors::Delivery;

class CartEventsTest : public ::testing::Test {
 protected:
  CartEventsTest() { shop.bench.subscribe(subscriptions()); }
  template <class E>
  Delivery hear(const E& event) {
    return hear_text(E::event_type.name, actors::json::to_string(event));
  }
  Delivery hear_text(std::string type, std::string data) {
    return shop.bench.deliver({"product/tea/" + std::to_string(++heard_),
                               "product-service",
                               std::move(type),
                               "tea",
                               "product-events",
                               shop.bench.clock.now(),
                               {std::move(data)},
                               {}});
  }
  std::optional<product::Listing> listing() { return shop.bench.call<&CartProduct::listing>("tea").value(); }

  Shop shop;

 private:
  int heard_ = 0;
};

TEST_F(CartEventsTest, products_that_are_created_changed_and_deleted_reach_their_listing) {
  const ProductId tea("tea");
  EXPECT_EQ(hear(product::Created{tea, "Tea", "drinks", euro(450), 3, 1}), Delivery::Done);
  EXPECT_EQ(listing(), (product::Listing{tea, "Tea", euro(450), 1, false}));
  EXPECT_EQ(hear(product::Updated{tea, "Fine tea", "drinks", euro(500), 3, 2}), Delivery::Done);
  EXPECT_EQ(listing(), (product::Listing{tea, "Fine tea", euro(500), 2, false}));
  EXPECT_EQ(hear(product::Deleted{tea, 3}), Delivery::Done);
  EXPECT_TRUE(listing()->deleted);
  EXPECT_EQ(hear(product::Updated{tea, "Fine tea", "drinks", euro(500), 3, 2}), Delivery::Done);
  EXPECT_TRUE(listing()->deleted);
}

TEST_F(CartEventsTest, an_event_that_cannot_be_read_or_taken_comes_again) {
  EXPECT_EQ(hear_text("product.updated", R"({"productId":"tea","version":"two"})"), Delivery::Retry);
  EXPECT_EQ(hear(product::Created{ProductId("tea"), "Tea", "drinks", euro(-1), 3, 1}), Delivery::Retry);
  EXPECT_EQ(listing(), std::nullopt);
}

}  // namespace
}  // namespace shop::cart
