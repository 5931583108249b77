// What an administrator uploads as a picture of a product. Input is its type, a line end, and the bytes.
//
// What is taken is whole: nothing stands behind it, and it survives being kept in pieces.

#include <dapr/actors/utf8.hpp>

#include "actors/product/picture.hpp"

#include "actors/product/picture_store.hpp"
#include "actors/product/svg.hpp"
#include "tests/fuzz/require.hpp"

namespace product = shop::product;
using fuzz::require;

namespace {

bool is_taken(const std::string& type, std::string bytes) {
  const product::Picture picture{type, std::move(bytes)};
  const auto problem = product::problem_of(picture);
  if (problem)
    require(!problem->code.empty() && actors::is_utf8(problem->message), "a refusal can be said", problem->message);
  require(product::problem_of(picture) == problem, "the same picture is judged the same");
  return !problem;
}

void kept(const product::Picture& picture) {
  const shop::ProductId id("p");
  const auto record = product::record_of(picture, 1);
  std::vector<std::optional<actors::StateItem>> items;
  for (const auto& change : product::pieces(id, 1, picture)) {
    require(change.value->size() <= 380'000, "a piece fits into an item");
    items.push_back(actors::StateItem{*change.value, "1"});
  }
  require(items.size() == product::piece_keys(id, record).size(), "every piece has a key");
  require(product::join(record, items) == picture, "kept and read: the same");
}

}  // namespace

void fuzz::run(std::string_view input) {
  const std::string type(take_until(input, "\n"));
  const std::string bytes(input);
  if (!is_taken(type, bytes)) return;
  require(product::is_picture_type(type) && bytes.size() <= product::largest_picture,
          "a picture has a type and an end");
  kept({type, bytes});
  if (type == "image/svg+xml") {
    require(actors::is_utf8(bytes), "a drawing is text", bytes);
    require(bytes.find('\0') == std::string::npos, "a drawing has no NUL");
    require(!is_taken(type, bytes + "<g/>"), "a drawing has one root");
    require(!is_taken(type, "<!DOCTYPE svg>" + bytes), "a drawing has no document type");
    require(!is_taken(type, "<?xml-stylesheet href='x'?>" + bytes), "a drawing has no instructions");
    return;
  }
  require(!is_taken(type, bytes + '\0'), "nothing stands behind a picture");
  require(!is_taken(type, bytes.substr(0, bytes.size() - 1)), "a picture is whole");
  for (const auto& other : product::picture_types)
    require(other == type || !is_taken(std::string(other), bytes), "a picture has one type", type);
}
