#include "actors/product/picture_store.hpp"

#include <algorithm>
#include <stdexcept>

#include "actors/product/base64.hpp"

namespace shop::product {
namespace {

std::size_t piece_count(std::int64_t size) {
  return (static_cast<std::size_t>(std::max<std::int64_t>(size, 0)) + picture_piece - 1) / picture_piece;
}

}  // namespace

PictureRecord record_of(const Picture& picture, std::int64_t version) {
  return {version, picture.type, static_cast<std::int64_t>(picture.bytes.size()), digest_of(picture.bytes)};
}

std::vector<std::string> piece_keys(const ProductId& id, const PictureRecord& record) {
  const auto prefix = "picture." + id.value + "." + std::to_string(record.version) + ".";
  std::vector<std::string> keys;
  for (std::size_t n = 0; n < piece_count(record.size); ++n) keys.push_back(prefix + std::to_string(n));
  return keys;
}

std::vector<actors::StateChange> pieces(const ProductId& id, std::int64_t version, const Picture& picture) {
  std::vector<actors::StateChange> changes;
  std::string_view rest = picture.bytes;
  for (auto& key : piece_keys(id, record_of(picture, version))) {
    const auto piece = rest.substr(0, picture_piece);
    changes.push_back({std::move(key), '"' + to_base64(piece) + '"'});
    rest.remove_prefix(piece.size());
  }
  return changes;
}

std::vector<actors::StateChange> without_pieces(const ProductId& id, const PictureRecord& record) {
  std::vector<actors::StateChange> changes;
  for (auto& key : piece_keys(id, record)) changes.push_back({std::move(key), std::nullopt});
  return changes;
}

std::optional<Picture> join(const PictureRecord& record, const std::vector<std::optional<actors::StateItem>>& found) {
  Picture picture{record.type, {}};
  for (const auto& item : found) {
    if (!item || item->value.size() < 2) return std::nullopt;
    const auto piece = from_base64(std::string_view(item->value).substr(1, item->value.size() - 2));
    if (!piece) return std::nullopt;
    picture.bytes += *piece;
  }
  if (record_of(picture, record.version) != record) return std::nullopt;
  return picture;
}

actors::Task<std::optional<Picture>> read_picture(actors::StateStore& store, ProductId id, PictureRecord record) {
  auto keys = piece_keys(id, record);
  const auto found = co_await store.get_all(std::move(keys));
  if (std::any_of(found.begin(), found.end(), [](const auto& item) { return !item; })) co_return std::nullopt;
  auto picture = join(record, found);
  if (!picture) throw std::runtime_error("the picture of the product " + id.value + " cannot be put together");
  co_return picture;
}

}  // namespace shop::product
