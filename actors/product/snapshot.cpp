#include "actors/product/snapshot.hpp"

#include <zlib.h>

#include <algorithm>
#include <stdexcept>

#include "actors/product/base64.hpp"

namespace shop::product {
namespace {

constexpr std::size_t full_page_bytes = 250'000;
/// With the product that filled it: its texts take some 20 KB at most.
constexpr std::size_t most_page_bytes = full_page_bytes + 100'000;
/// A log with fewer changes is read product by product in a moment.
constexpr std::int64_t least_changes = 1024;

}  // namespace

std::string snapshot_key(std::size_t log) {
  return "snapshot1." + log_key(log).substr(log_key(log).find('.') + 1);
}
std::string snapshot_page_key(std::size_t log, std::size_t page) {
  return snapshot_key(log) + "." + std::to_string(page);
}

bool is_outdated(const SnapshotNote& note, const LogHead& head) {
  return changes_between(note.segments, head.segments) >= std::max(least_changes, note.products / 4);
}

void SnapshotPage::add(const SnapshotProduct& product) {
  text_ += text_.empty() ? '[' : ',';
  text_ += actors::json::to_string(product);
}

bool SnapshotPage::is_full() const {
  return text_.size() >= full_page_bytes;
}

std::string SnapshotPage::packed() {
  text_ += ']';
  auto size = compressBound(text_.size());
  std::string bytes(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(bytes.data()), &size, reinterpret_cast<const Bytef*>(text_.data()),
                text_.size(), Z_BEST_SPEED) != Z_OK)
    throw std::runtime_error("a page of the catalog's snapshot cannot be compressed");
  bytes.resize(size);
  text_.clear();
  return '"' + to_base64(bytes) + '"';
}

std::vector<SnapshotProduct> unpacked(std::string_view page) {
  if (page.size() < 2) return {};
  const auto bytes = from_base64(page.substr(1, page.size() - 2));
  if (!bytes) return {};
  std::string text(most_page_bytes, '\0');
  auto size = text.size();
  if (uncompress(reinterpret_cast<Bytef*>(text.data()), &size, reinterpret_cast<const Bytef*>(bytes->data()),
                 bytes->size()) != Z_OK)
    return {};
  text.resize(size);
  try {
    return actors::json::parse<std::vector<SnapshotProduct>>(text);
  } catch (const actors::json::Error&) {
    return {};
  }
}

}  // namespace shop::product
