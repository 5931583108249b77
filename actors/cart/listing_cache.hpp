/// Listings a process has just read, for at most a second: a product that is in many carts is not asked for by each of
/// them. Never used at checkout. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "actors/product/contract.hpp"
#include "actors/runtime/time.hpp"

namespace shop::cart {

class ListingCache {
 public:
  static constexpr actors::Duration lifetime = std::chrono::seconds(1);

  std::optional<product::Listing> find(const ProductId& product, actors::Time now) const;
  /// A withdrawn product is not kept: it may be back the next moment.
  void keep(const product::Listing& listing, actors::Time now);

 private:
  static constexpr std::size_t most = 10'000;  // some megabytes; beyond, the cache begins anew
  struct Entry {
    product::Listing listing;
    actors::Time read_at;
  };
  mutable std::mutex mutex_;
  std::map<ProductId, Entry> entries_;
};

}  // namespace shop::cart
