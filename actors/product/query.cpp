#include "actors/product/query.hpp"

#include <algorithm>
#include <array>
#include <boost/algorithm/hex.hpp>
#include <iterator>
#include <map>
#include <sstream>
#include <tuple>

namespace shop::product {
namespace {

constexpr std::array sort_names{std::pair{Sort::Name, "name"}, std::pair{Sort::NameDescending, "-name"},
                                std::pair{Sort::Price, "price"}, std::pair{Sort::PriceDescending, "-price"},
                                std::pair{Sort::Newest, "newest"}};

bool before(Sort sort, const Product& left, const Product& right) {
  switch (sort) {
    case Sort::Name: return std::tie(left.name, left.id) < std::tie(right.name, right.id);
    case Sort::NameDescending: return std::tie(right.name, right.id) < std::tie(left.name, left.id);
    case Sort::Price: return std::tie(left.price.amount, left.id) < std::tie(right.price.amount, right.id);
    case Sort::PriceDescending: return std::tie(right.price.amount, right.id) < std::tie(left.price.amount, left.id);
    case Sort::Newest: return std::tie(right.created_at, right.id) < std::tie(left.created_at, left.id);
  }
  return false;
}

/// Where a page ended: as much of its last product as the order looks at.
struct Position {
  std::string sort;
  std::optional<std::string> name;
  std::optional<std::int64_t> amount;
  std::optional<Time> created_at;
  ProductId id;
  static constexpr auto json = actors::json::object(
      actors::json::field("sort", &Position::sort), actors::json::field("name", &Position::name),
      actors::json::field("amount", &Position::amount), actors::json::field("createdAt", &Position::created_at),
      actors::json::field("id", &Position::id));
};

std::string name_of(Sort sort) {
  return std::find_if(sort_names.begin(), sort_names.end(), [&](const auto& known) { return known.first == sort; })
      ->second;
}

std::string cursor_after(Sort sort, const Product& product) {
  Position position{name_of(sort), {}, {}, {}, product.id};
  switch (sort) {
    case Sort::Name:
    case Sort::NameDescending: position.name = product.name; break;
    case Sort::Price:
    case Sort::PriceDescending: position.amount = product.price.amount; break;
    case Sort::Newest: position.created_at = product.created_at; break;
  }
  const auto text = actors::json::to_string(position);
  std::string cursor;
  boost::algorithm::hex_lower(text.begin(), text.end(), std::back_inserter(cursor));
  return cursor;
}

std::optional<Product> product_at(Sort sort, const std::string& cursor) {
  try {
    std::string text;
    boost::algorithm::unhex(cursor.begin(), cursor.end(), std::back_inserter(text));
    auto position = actors::json::parse<Position>(text);
    if (position.sort != name_of(sort)) return std::nullopt;
    Product product;
    product.id = std::move(position.id);
    product.name = std::move(position.name).value_or("");
    product.price.amount = position.amount.value_or(0);
    product.created_at = position.created_at.value_or(Time{});
    return product;
  } catch (const boost::algorithm::hex_decode_error&) {
    return std::nullopt;
  } catch (const actors::json::Error&) {
    return std::nullopt;
  }
}

std::string folded(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return result;
}

class Filter {
 public:
  explicit Filter(const Query& query) : query_(query) {
    std::istringstream words(folded(query.words.value_or("")));
    words_.assign(std::istream_iterator<std::string>(words), {});
  }
  bool passes(const Entry& entry) const {
    const auto& product = entry.product;
    if (query_.category && product.category != *query_.category) return false;
    if (query_.least_price && product.price.amount < *query_.least_price) return false;
    if (query_.highest_price && product.price.amount > *query_.highest_price) return false;
    if (query_.in_stock && entry.in_stock != *query_.in_stock) return false;
    if (words_.empty()) return true;
    const auto text = folded(product.name + '\n' + product.description + '\n' + product.category);
    return std::all_of(words_.begin(), words_.end(),
                       [&](const auto& word) { return text.find(word) != std::string::npos; });
  }

 private:
  const Query& query_;
  std::vector<std::string> words_;
};

}  // namespace

std::optional<Sort> sort_from(std::string_view name) {
  for (const auto& [sort, known] : sort_names)
    if (known == name) return sort;
  return std::nullopt;
}

std::optional<Page> select(const ProductList& list, const Query& query) {
  std::optional<Product> last;
  if (query.cursor && !(last = product_at(query.sort, *query.cursor))) return std::nullopt;

  const Filter filter(query);
  std::vector<const Entry*> found;
  std::copy_if(list.by_name.begin(), list.by_name.end(), std::back_inserter(found),
               [&](const Entry* entry) { return filter.passes(*entry); });
  if (query.sort != Sort::Name)
    std::sort(found.begin(), found.end(),
              [&](const Entry* left, const Entry* right) { return before(query.sort, left->product, right->product); });

  auto first = found.begin();
  if (last)
    first = std::upper_bound(found.begin(), found.end(), *last, [&](const Product& product, const Entry* entry) {
      return before(query.sort, product, entry->product);
    });
  const auto size = std::min(query.limit, static_cast<std::size_t>(found.end() - first));
  Page page{{first, first + static_cast<std::ptrdiff_t>(size)}, std::nullopt, found.size()};
  if (size > 0 && first + static_cast<std::ptrdiff_t>(size) != found.end())
    page.next = cursor_after(query.sort, page.entries.back()->product);
  return page;
}

std::vector<Category> categories(const ProductList& list) {
  std::map<std::string, std::size_t> counts;
  for (const auto* entry : list.by_name) ++counts[entry->product.category];
  std::vector<Category> categories;
  for (const auto& [name, count] : counts) categories.push_back({name, count});
  return categories;
}

}  // namespace shop::product
