#include "actors/product/list_query.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <sstream>
#include <tuple>

namespace shop::product {
namespace {

bool before(Sort sort, const Product& left, const Product& right) {
  switch (sort) {
    case Sort::Relevance:
    case Sort::Name: return std::tie(left.name, left.id) < std::tie(right.name, right.id);
    case Sort::NameDescending: return std::tie(right.name, right.id) < std::tie(left.name, left.id);
    case Sort::Price: return std::tie(left.price.amount, left.id) < std::tie(right.price.amount, right.id);
    case Sort::PriceDescending: return std::tie(right.price.amount, right.id) < std::tie(left.price.amount, left.id);
    case Sort::Newest: return std::tie(right.created_at, right.id) < std::tie(left.created_at, left.id);
  }
  return false;
}

std::string cursor_after(Sort sort, const Product& product) {
  Position position;
  position.sort = to_string(sort);
  position.id = product.id;
  switch (sort) {
    case Sort::Relevance:
    case Sort::Name:
    case Sort::NameDescending: position.name = product.name; break;
    case Sort::Price:
    case Sort::PriceDescending: position.amount = product.price.amount; break;
    case Sort::Newest: position.created_at = product.created_at; break;
  }
  return to_cursor(position);
}

std::optional<Product> product_at(Sort sort, const std::string& cursor) {
  auto position = position_from(cursor, sort);
  if (!position) return std::nullopt;
  Product product;
  product.id = std::move(position->id);
  product.name = std::move(position->name).value_or("");
  product.price.amount = position->amount.value_or(0);
  product.created_at = position->created_at.value_or(Time{});
  return product;
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

std::optional<Page> select(const ProductList& list, const Query& query) {
  const auto sort = query.sort.value_or(Sort::Name) == Sort::Relevance ? Sort::Name : query.sort.value_or(Sort::Name);
  std::optional<Product> last;
  if (query.cursor && !(last = product_at(sort, *query.cursor))) return std::nullopt;

  const Filter filter(query);
  std::vector<const Entry*> found;
  std::copy_if(list.by_name.begin(), list.by_name.end(), std::back_inserter(found),
               [&](const Entry* entry) { return filter.passes(*entry); });
  if (sort != Sort::Name)
    std::sort(found.begin(), found.end(),
              [&](const Entry* left, const Entry* right) { return before(sort, left->product, right->product); });

  auto first = found.begin();
  if (last)
    first = std::upper_bound(found.begin(), found.end(), *last, [&](const Product& product, const Entry* entry) {
      return before(sort, product, entry->product);
    });
  const auto size = std::min(query.limit, static_cast<std::size_t>(found.end() - first));
  Page page{{first, first + static_cast<std::ptrdiff_t>(size)}, std::nullopt, found.size()};
  if (size > 0 && first + static_cast<std::ptrdiff_t>(size) != found.end())
    page.next = cursor_after(sort, page.entries.back()->product);
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
