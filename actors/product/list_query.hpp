/// The old list, over all products in memory. Goes with index.hpp when the read model takes its place.
#pragma once

#include "actors/product/index.hpp"
#include "actors/product/query.hpp"

namespace shop::product {

struct Page {
  std::vector<const Entry*> entries;
  std::optional<std::string> next;
  std::size_t total = 0;
};
std::optional<Page> select(const ProductList& list, const Query& query);
std::vector<Category> categories(const ProductList& list);

}  // namespace shop::product
