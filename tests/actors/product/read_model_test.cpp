#include "actors/product/read_model.hpp"

#include <gmock/gmock.h>

namespace shop::product::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Change tea(const std::string& id, const std::string& name, const std::string& description = "",
           std::int64_t version = 1) {
  Change change;
  change.product.id = ProductId(id);
  change.product.name = name;
  change.product.description = description;
  change.product.category = "drinks";
  change.product.price = {450, "EUR"};
  change.product.version = version;
  return change;
}
std::vector<std::string> ids(const ReadModel& model, const Query& query) {
  std::vector<std::string> ids;
  const auto page = model.select(query).value();
  for (const auto& entry : page.entries) ids.push_back(entry.product.id.value);
  return ids;
}

TEST(ReadModelTest, Works) {
  ReadModel model("");
  model.apply({tea("a", "Grüner Tée"), tea("b", "Cup", "for tea"), tea("c", "Kettle")});
  EXPECT_THAT(ids(model, {.words = "TEE"}), ElementsAre("a"));
  EXPECT_THAT(ids(model, {.words = "te"}), ElementsAre("a", "b"));
  EXPECT_THAT(ids(model, {.words = "ketle"}), ElementsAre("c"));
  EXPECT_THAT(ids(model, {.words = "%"}), IsEmpty());
}

}  // namespace
}  // namespace shop::product::testing
