#include <gmock/gmock.h>

#include "tests/actors/product/support.hpp"

namespace shop::product::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The pointers of what is wrong with tea after a change.
template <class Change>
std::vector<std::string> wrong(Change change) {
  auto product = tea();
  change(product);
  std::vector<std::string> pointers;
  for (const auto& problem : problems_of(product)) pointers.push_back(problem.pointer);
  return pointers;
}

TEST(ProductRules, TeaIsAllRight) {
  EXPECT_THAT(wrong([](NewProduct&) {}), IsEmpty());
}

TEST(ProductRules, ANameHasOneToTwoHundredCharacters) {
  EXPECT_THAT(wrong([](auto& p) { p.name = ""; }), ElementsAre("/name"));
  EXPECT_THAT(wrong([](auto& p) { p.name = "   "; }), ElementsAre("/name"));
  EXPECT_THAT(wrong([](auto& p) { p.name = std::string(200, 'x'); }), IsEmpty());
  EXPECT_THAT(wrong([](auto& p) { p.name = std::string(201, 'x'); }), ElementsAre("/name"));
  EXPECT_THAT(wrong([](auto& p) { p.name = "tea\nand more"; }), ElementsAre("/name"));
  std::string tea_signs;
  for (int i = 0; i < 200; ++i) tea_signs += "\xe8\x8c\xb6";
  EXPECT_THAT(wrong([&](auto& p) { p.name = tea_signs; }), IsEmpty()) << "characters count, not bytes";
}

TEST(ProductRules, ACategoryHasOneToAHundredCharacters) {
  EXPECT_THAT(wrong([](auto& p) { p.category = ""; }), ElementsAre("/category"));
  EXPECT_THAT(wrong([](auto& p) { p.category = std::string(101, 'x'); }), ElementsAre("/category"));
}

TEST(ProductRules, ADescriptionHasAtMostFourThousandCharactersAndMayHaveLines) {
  EXPECT_THAT(wrong([](auto& p) { p.description = "one\ntwo"; }), IsEmpty());
  EXPECT_THAT(wrong([](auto& p) { p.description = std::string(4001, 'x'); }), ElementsAre("/description"));
  EXPECT_THAT(wrong([](auto& p) { p.description = std::string("a\0b", 3); }), ElementsAre("/description"));
}

TEST(ProductRules, APriceIsAnAmountFromZeroInACurrency) {
  EXPECT_THAT(wrong([](auto& p) { p.price = {0, "USD"}; }), IsEmpty());
  EXPECT_THAT(wrong([](auto& p) { p.price = {-1, "USD"}; }), ElementsAre("/price/amount"));
  EXPECT_THAT(wrong([](auto& p) { p.price = {1'000'000'000'001, "USD"}; }), ElementsAre("/price/amount"));
  for (const auto* currency : {"usd", "US", "XXX", "DEM", ""})
    EXPECT_THAT(wrong([=](auto& p) { p.price = {1, currency}; }), ElementsAre("/price/currency")) << currency;
  EXPECT_THAT(wrong([](auto& p) { p.price = {-1, "EURO"}; }), ElementsAre("/price/currency", "/price/amount"));
}

TEST(ProductRules, StockIsAtLeastZeroAndBounded) {
  EXPECT_THAT(wrong([](auto& p) { p.stock = 0; }), IsEmpty());
  EXPECT_THAT(wrong([](auto& p) { p.stock = -1; }), ElementsAre("/stock"));
  EXPECT_THAT(wrong([](auto& p) { p.stock = most_stock + 1; }), ElementsAre("/stock"));
}

TEST(ProductRules, AnImagesAddressIsOneThatABrowserFetches) {
  for (const auto* url :
       {"", "https://img.example/a:b.png?x=1", "http://img.example/", "/img/tea.png", "img/tea.png", "?a:b"})
    EXPECT_THAT(wrong([&](auto& p) { p.image_url = url; }), IsEmpty()) << url;
  for (const auto* url :
       {"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "https:evil", "java\tscript:x", "a b"})
    EXPECT_THAT(wrong([&](auto& p) { p.image_url = url; }), ElementsAre("/imageUrl")) << url;
  EXPECT_THAT(wrong([](auto& p) { p.image_url = "/" + std::string(2048, 'x'); }), ElementsAre("/imageUrl"));
}

TEST(ProductRules, EverythingThatIsWrongIsSaid) {
  EXPECT_THAT(wrong([](auto& p) {
                p.name = "";
                p.stock = -1;
                p.price.amount = -1;
              }),
              ElementsAre("/name", "/price/amount", "/stock"));
}

TEST(ProductRules, AReplacementIsOfTheProductInThePath) {
  auto product = dearer_tea();
  EXPECT_THAT(problems_of(product, ProductId("tea")), IsEmpty());
  product.id = ProductId("tea");
  EXPECT_THAT(problems_of(product, ProductId("tea")), IsEmpty());
  product.stock = -1;
  EXPECT_THAT(problems_of(product, ProductId("cup")),
              ElementsAre(::testing::Field(&actors::json::Problem::pointer, "/stock"),
                          ::testing::Field(&actors::json::Problem::pointer, "/id")));
}

}  // namespace
}  // namespace shop::product::testing
