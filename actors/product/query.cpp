#include "actors/product/query.hpp"

#include <algorithm>
#include <array>
#include <boost/algorithm/hex.hpp>
#include <boost/algorithm/string/join.hpp>
#include <iterator>

#include "actors/product/words.hpp"

namespace shop::product {
namespace {

constexpr std::array known_sorts{std::pair{Sort::Relevance, "relevance"},    std::pair{Sort::Name, "name"},
                                 std::pair{Sort::NameDescending, "-name"},   std::pair{Sort::Price, "price"},
                                 std::pair{Sort::PriceDescending, "-price"}, std::pair{Sort::Newest, "newest"}};

/// Whether a position has what its order looks at, and nothing else.
bool fits(const Position& position, Sort sort) {
  const bool by_rank = sort == Sort::Relevance;
  const bool by_name = by_rank || sort == Sort::Name || sort == Sort::NameDescending;
  const bool by_price = sort == Sort::Price || sort == Sort::PriceDescending;
  return position.sort == to_string(sort) && position.rank.has_value() == by_rank && position.rank.value_or(0) >= 0 &&
         position.rank.value_or(0) <= most_rank && position.name.has_value() == by_name &&
         position.amount.has_value() == by_price && position.created_at.has_value() == (sort == Sort::Newest);
}

}  // namespace

std::optional<Sort> sort_from(std::string_view name) {
  for (const auto& [sort, known] : known_sorts)
    if (known == name) return sort;
  return std::nullopt;
}

std::string to_string(Sort sort) {
  return std::find_if(known_sorts.begin(), known_sorts.end(), [&](const auto& known) { return known.first == sort; })
      ->second;
}

std::string sort_names() {
  std::vector<std::string> names;
  for (const auto& [sort, name] : known_sorts) names.emplace_back(name);
  return boost::algorithm::join(names, ", ");
}

Sort order_of(const Query& query) {
  const bool has_words = query.words && !is_blank(*query.words);
  const auto sort = query.sort.value_or(Sort::Relevance);
  return sort == Sort::Relevance && !has_words ? Sort::Name : sort;
}

std::string to_cursor(const Position& position) {
  const auto text = actors::json::to_string(position);
  std::string cursor;
  boost::algorithm::hex_lower(text.begin(), text.end(), std::back_inserter(cursor));
  return cursor;
}

std::optional<Position> position_from(const std::string& cursor, Sort sort) {
  try {
    std::string text;
    boost::algorithm::unhex(cursor.begin(), cursor.end(), std::back_inserter(text));
    auto position = actors::json::parse<Position>(text);
    if (!fits(position, sort)) return std::nullopt;
    return position;
  } catch (const boost::algorithm::hex_decode_error&) {
    return std::nullopt;
  } catch (const actors::json::Error&) {
    return std::nullopt;
  }
}

}  // namespace shop::product
