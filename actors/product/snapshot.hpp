/// The products of a log packed together, as they were some time ago: a replica that has no read model yet reads these
/// instead of each product's item, which takes a store a request's work a product.
///
/// | key | holds |
/// |---|---|
/// | `snapshot1.<nn>` | `SnapshotNote`: when the newest one was begun |
/// | `snapshot1.<nn>.<page>` | products of log nn, packed |
///
/// A snapshot is no truth. Each product in it has its version; the log says whether that is the present one, and what
/// it is not is read by its key. So pages may be missing, damaged or of several ages, as after a crash between two of
/// them, or after two replicas that wrote at the same time. A new version of this program that shows more of a product,
/// or another form of it, takes other keys (`snapshot2`).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/product/change_log.hpp"
#include "actors/product/documents.hpp"

namespace shop::product {

struct SnapshotNote {
  std::int64_t segments = 0;  ///< of the log, when it was begun
  std::int64_t products = 0;
  std::string name;  ///< random: who began it knows it by that
  DAPR_ACTORS_JSON(segments, products, name)
};
std::string snapshot_key(std::size_t log);
std::string snapshot_page_key(std::size_t log, std::size_t page);

/// Whether a log has changed so much since that a new snapshot pays: by a quarter, so that it costs each change the
/// writing of five products, packed, and a replica that starts reads at most every fifth product by its key.
bool is_outdated(const SnapshotNote& note, const LogHead& head);

/// A deleted one has its id and its version.
struct SnapshotProduct {
  Product product;
  bool deleted = false;
  bool operator==(const SnapshotProduct&) const = default;
  DAPR_ACTORS_JSON(product, deleted)
  DAPR_ACTORS_JSON_DEFAULTED(deleted)
};

/// Takes products until a page is full: some 250 KB, which fit into an item even where nothing can be compressed.
class SnapshotPage {
 public:
  void add(const SnapshotProduct& product);
  bool is_full() const;
  bool is_empty() const { return text_.empty(); }
  /// The value to be stored; the page is empty afterwards.
  std::string packed();

 private:
  std::string text_;
};
/// Nothing for what is no page: the reader does without it.
std::vector<SnapshotProduct> unpacked(std::string_view page);

}  // namespace shop::product
