/// Filtering, sorting and paging of the product list. Pure: any thread, no state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/product/index.hpp"

namespace shop::product {

/// Ties are broken by id. `Newest` is by the time of creation.
enum class Sort { Name, NameDescending, Price, PriceDescending, Newest };
/// `name`, `-name`, `price`, `-price`, `newest`; none for anything else.
std::optional<Sort> sort_from(std::string_view name);

struct Query {
  std::optional<std::string> words =
      {};  ///< each must occur in name, description or category, in whatever case (ASCII)
  std::optional<std::string> category = {};
  std::optional<std::int64_t> least_price = {};  ///< minor units, whatever the currency
  std::optional<std::int64_t> highest_price = {};
  std::optional<bool> in_stock = {};
  Sort sort = Sort::Name;
  std::size_t limit = 20;
  std::optional<std::string> cursor = {};
};

struct Page {
  std::vector<const Entry*> entries;
  std::optional<std::string> next;  ///< the cursor of the next page, if there is one
  std::size_t total = 0;            ///< on all pages together
};

/// The page after the cursor. A cursor names the last product that was seen by what it is sorted by, so that pages
/// neither repeat nor skip a product when others come and go. None for a cursor that is not one, or one of another
/// order.
std::optional<Page> select(const ProductList& list, const Query& query);

struct Category {
  std::string name;
  std::size_t count = 0;
  bool operator==(const Category&) const = default;
  static constexpr auto json = actors::json::object(actors::json::field("name", &Category::name),
                                                    actors::json::field("count", &Category::count));
};
/// By name.
std::vector<Category> categories(const ProductList& list);

}  // namespace shop::product
