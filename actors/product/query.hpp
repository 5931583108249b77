/// What can be asked of the list of products: words, filters, an order, and from where. Pure: any thread, no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/product/documents.hpp"
#include "actors/shared/library.hpp"

namespace shop::product {

/// The longest text that a search takes, in bytes of UTF-8.
inline constexpr std::size_t most_words = 200;

/// Ties are broken by id, those of `Relevance` by name before. `Newest` is by the time of creation.
enum class Sort { Relevance, Name, NameDescending, Price, PriceDescending, Newest };
/// `relevance`, `name`, `-name`, `price`, `-price`, `newest`; none for anything else.
std::optional<Sort> sort_from(std::string_view name);
std::string to_string(Sort sort);
/// All of them, as a message lists them.
std::string sort_names();

struct Query {
  /// Each must occur in name, category or description, see words.hpp. A text of white space asks for nothing.
  std::optional<std::string> words = {};
  std::optional<std::string> category = {};
  std::optional<std::int64_t> least_price = {};  ///< minor units, of `currency` if there is one, else of any
  std::optional<std::int64_t> highest_price = {};
  std::optional<std::string> currency = {};  ///< belongs to the price range: the facet of prices ignores it
  std::optional<bool> in_stock = {};
  std::optional<Sort> sort = {};  ///< `Relevance` if there are words, otherwise `Name`
  std::size_t limit = 20;
  std::optional<std::string> cursor = {};
};

/// The order that is meant. Without words everything is equally relevant, and goes by name.
Sort order_of(const Query& query);

struct Category {
  std::string name;
  std::size_t count = 0;
  bool operator==(const Category&) const = default;
  DAPR_ACTORS_JSON(name, count)
};

/// The lowest and the highest price in a currency, in its minor units.
struct PriceRange {
  std::string currency;
  std::int64_t min = 0;
  std::int64_t max = 0;
  bool operator==(const PriceRange&) const = default;
  DAPR_ACTORS_JSON(currency, min, max)
};

/// What a visitor can narrow the list down by: each counts what the query matches without the filter it is for.
struct Facets {
  std::vector<Category> categories;  ///< by name
  std::vector<PriceRange> prices;    ///< by currency
  std::size_t in_stock = 0;
  bool operator==(const Facets&) const = default;
  DAPR_ACTORS_JSON(categories, prices, in_stock)
};

/// How well a product matches: the lowest is the best, this the highest there is.
inline constexpr std::int64_t most_rank = 0xFFFFFFFF;

/// Where a page ended: as much of its last product as the order looks at. A cursor is its JSON in hexadecimal digits.
struct Position {
  std::string sort;
  std::optional<std::int64_t> rank;
  std::optional<std::string> name;
  std::optional<std::int64_t> amount;
  std::optional<Time> created_at;
  ProductId id;
  bool operator==(const Position&) const = default;
  DAPR_ACTORS_JSON(sort, rank, name, amount, created_at, id)
};
std::string to_cursor(const Position& position);
/// None for a text that is no cursor, or one of another order.
std::optional<Position> position_from(const std::string& cursor, Sort sort);

}  // namespace shop::product
