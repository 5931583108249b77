/// What others see, and what is stored: a change here breaks clients, subscribers, or what is already in the store.
#include "tests/actors/product/support.hpp"
#include "tests/support/golden.hpp"

namespace shop::product::testing {
namespace {

using shop::testing::golden;

class ProductGoldenTest : public CatalogTest {
 protected:
  static constexpr const char* write_id = "000000000000.000000000000";
  std::string stored(const std::string& key) const { return store.stored(key).value(); }
  /// A stored item with its random write ids replaced.
  template <class T>
  std::string steady(const std::string& key) const {
    auto item = actors::json::parse<T>(stored(key));
    for (auto& id : item.writes.ids) id = write_id;
    return actors::json::to_string(item);
  }
};

TEST_F(ProductGoldenTest, Events) {
  create(tea("tea", 9));
  run(replica->catalog.replace(ProductId("tea"), dearer_tea(), {}, trace)).value();
  run(replica->stock.sell(order_of("o-1", {{"tea", 4}}), trace));
  remove("tea");
  for (const auto& event : sidecar.published)
    EXPECT_TRUE(golden("product/" + event.type + ".json", actors::to_envelope(event))) << event.type;
}

TEST_F(ProductGoldenTest, Answers) {
  create(tea("cup", 1));
  const auto product = create(tea());
  EXPECT_TRUE(golden("product/product.json", actors::json::to_string(product)));
  EXPECT_TRUE(golden("product/page.json", actors::json::to_string(run(replica->catalog.list({.limit = 1})).value())));
  EXPECT_TRUE(golden("product/categories.json", actors::json::to_string(run(replica->catalog.categories()))));
  EXPECT_TRUE(
      golden("product/listing.json", actors::json::to_string(run(replica->catalog.listing(ProductId("tea"))).value())));
  remove("tea");
  EXPECT_TRUE(golden("product/listing_deleted.json",
                     actors::json::to_string(run(replica->catalog.listing(ProductId("tea"))).value())));
}

TEST_F(ProductGoldenTest, Items) {
  create(tea());
  EXPECT_TRUE(golden("product/item.product.json", steady<ProductItem>("product.tea")));
  EXPECT_TRUE(golden("product/item.log.json", stored(log_key(log_of(ProductId("tea"))))));
  sidecar.fail_publishes(1);
  EXPECT_THROW(run(replica->stock.sell(order_of("o-1", {{"tea", 6}}), trace)), actors::SidecarError);
  EXPECT_TRUE(golden("product/item.stock.json", stored("stock.tea")));
  auto sold = actors::json::parse<Reservation>(stored("order.o-1"));
  sold.sold_by = write_id;
  EXPECT_TRUE(golden("product/item.order.sold.json", actors::json::to_string(sold)));
  run(replica->stock.reserve(OrderId("o-2"), {{{ProductId("tea"), 2}}}));
  EXPECT_TRUE(golden("product/item.order.held.json", stored("order.o-2")));
  run(replica->stock.reserve(OrderId("o-3"), {{{ProductId("tea"), 20}}}));
  EXPECT_TRUE(golden("product/item.order.refused.json", stored("order.o-3")));
}

}  // namespace
}  // namespace shop::product::testing
