/// What changed in the catalog, in the order in which it did: how a replica learns what others wrote without reading
/// everything again.
///
/// | key | holds |
/// |---|---|
/// | `catalog` | `CatalogNote`: which catalog this is |
/// | `log.<nn>` | `LogHead`: the newest entries, and the events that wait; small, since every write changes one |
/// | `log.<nn>.s<k>` | `Segment`: entries that no longer fit into the head; never changes |
/// | `log.<nn>.<fold>.<j>` | `Segment`: what older segments said, the newest word on each product only |
///
/// A product's changes are in the log that a hash of its id decides. A write costs the product's item and a head: the
/// same at a hundred products and at a million. Segments are folded once they hold half as much as what was folded
/// before, so that a fold costs each write a constant share, and the log stays as long as the catalog.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/product/documents.hpp"
#include "actors/shared/library.hpp"

namespace shop::product {

inline constexpr std::size_t log_count = 16;  // never to be changed: it decides where a product's changes are

std::size_t log_of(const ProductId& id);
std::string log_key(std::size_t log);
std::string segment_key(std::size_t log, std::int64_t segment);
std::string page_key(std::size_t log, const std::string& fold, std::int64_t page);
inline constexpr const char* catalog_key = "catalog";

/// A product has `version` now (0: nothing is said of it), and pieces of it can be had or not as of `stock_revision`.
struct LogEntry {
  ProductId id;
  std::int64_t version = 0;
  std::int64_t stock_revision = 0;
  bool in_stock = false;
  bool operator==(const LogEntry&) const = default;
};

struct Segment {
  std::vector<LogEntry> entries;
  DAPR_ACTORS_JSON(entries)
};

struct LogHead {
  std::int64_t revision = 0;  ///< of this item
  std::int64_t first = 0;     ///< segment that is not folded; those before it may be gone
  std::int64_t segments = 0;  ///< how many there were: the number of the next one
  std::vector<LogEntry> entries;
  std::vector<OutboxEntry> pending;
  std::string fold;         ///< name of the newest fold
  std::int64_t pages = 0;   ///< of it
  std::int64_t folded = 0;  ///< entries in it
  std::map<std::string, std::int64_t>
      taken_over;  ///< from the catalog's former form: up to which revision, see takeover.hpp
  DAPR_ACTORS_JSON(revision, first, segments, entries, pending, fold, pages, folded, taken_over)
  DAPR_ACTORS_JSON_DEFAULTED(first, segments, pending, fold, pages, folded, taken_over)
};

/// A read model of another catalog is of no use.
struct CatalogNote {
  std::string id;
  bool taken_over = false;  ///< it was in the former form once
  DAPR_ACTORS_JSON(id, taken_over)
  DAPR_ACTORS_JSON_DEFAULTED(taken_over)
};

/// Adds the entry to the head, which is to be written; a full head's entries become a segment. In a change that has
/// read the head.
void append(Items& items, std::size_t log, LogHead& head, LogEntry entry);
/// Writes many entries as segments at once.
void append_all(Items& items, std::size_t log, LogHead& head, const std::vector<LogEntry>& entries);

/// The newest word on each product.
class NewestWords {
 public:
  void add(const std::vector<LogEntry>& entries, std::size_t from = 0);
  std::vector<LogEntry> in_order() const;

 private:
  std::map<ProductId, LogEntry> entries_;
};

/// A page or a segment made at once holds so many entries: some 180 KB at most.
inline constexpr std::size_t entries_a_page = 2048;
/// Whether it is time to fold.
bool is_long(const LogHead& head);
/// How many changes there are about, from one segment to another.
std::int64_t changes_between(std::int64_t segment, std::int64_t later);

/// Where a reader of a log stands: everything in the segments before, and so many entries of this one.
struct LogPlace {
  std::int64_t segment = 0;
  std::size_t entries = 0;
  bool operator==(const LogPlace&) const = default;
  std::string text() const;
  static std::optional<LogPlace> from(const std::string& text);
};

}  // namespace shop::product

namespace dapr::actors::json {
/// As one short text: a head holds some of them, and every write pays for them.
template <>
struct Codec<shop::product::LogEntry> {
  static void write(Writer& writer, const shop::product::LogEntry& entry);
  static void read(const Value& from, shop::product::LogEntry& entry, Reading& reading);
};
}  // namespace dapr::actors::json
