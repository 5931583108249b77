/// The lines of an import: one product each, as NDJSON (https://github.com/ndjson/ndjson-spec) or CSV (RFC 4180).
///
/// Bytes are put in as they come; a line is taken out as soon as it is whole. Never more than `most_line` of one line
/// is kept. Not for two threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/product/catalog.hpp"
#include "actors/shared/library.hpp"

namespace shop::product {

/// Bytes of one line, or of one CSV record with its quotes and line breaks.
inline constexpr std::size_t most_line = 64 * 1024;

/// What a line says: a product without problems, or its problems. `id` is what can be said of a product either way.
struct ImportLine {
  std::size_t number = 0;  ///< of its first line in the file, from 1
  std::optional<NewProduct> product;
  std::optional<std::string> id;
  std::vector<actors::json::Problem> problems;
};

class ImportReader {
 public:
  virtual ~ImportReader() = default;
  void put(std::string_view bytes);
  /// No more comes. `whole`: the file ended where its sender said it would; then a last line may lack its line break.
  void finish(bool whole);
  /// The next line that is whole; none until more is put, or at the end. Throws services::ProblemError 400 for a file
  /// that cannot be read at all (a CSV header that names no or wrong columns).
  virtual std::optional<ImportLine> next() = 0;
  /// Whether the file is known to be one: from now on `next` throws nothing.
  virtual bool is_ready() const = 0;
  /// Of the line that comes next.
  std::size_t line_number() const { return line_; }

 protected:
  enum class Ended { NotYet, Whole, CutOff };
  /// Takes a byte; none when there is no more.
  std::optional<char> take() {
    if (at_ == bytes_.size() || held_) return std::nullopt;
    return bytes_[at_++];
  }
  std::string bytes_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  Ended ended_ = Ended::NotYet;

 private:
  bool began_ = false;
  bool held_ = false;  ///< what came may be the beginning of a byte-order mark
};

std::unique_ptr<ImportReader> read_ndjson();
/// The header row names the columns: id, name, description, category, price.amount, price.currency, stock, imageUrl, in
/// any order; `priceAmount` or `amount`, and `priceCurrency` or `currency`, mean the same. id, description and imageUrl
/// may be missing. An empty field is one that is not given.
std::unique_ptr<ImportReader> read_csv();

}  // namespace shop::product
