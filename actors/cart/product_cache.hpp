/// What a process has just read of products, for at most a second: a product that is in many carts is not asked for by
/// each of them. Never used at checkout. Thread-safe.
#pragma once

#include <dapr/actors/time.hpp>

#include <map>
#include <mutex>
#include <optional>

#include "actors/product/contract.hpp"
#include "actors/shared/library.hpp"

namespace shop::cart {

template <class Known>
class JustRead {
 public:
  static constexpr actors::Duration lifetime = std::chrono::seconds(1);

  std::optional<Known> find(const ProductId& product, actors::Time now) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(product);
    if (found == entries_.end()) return std::nullopt;
    const auto age = now - found->second.read_at;
    if (age < actors::Duration{} || age >= lifetime) return std::nullopt;  // a clock may be set back
    return found->second.known;
  }
  void keep(const ProductId& product, Known known, actors::Time now) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= most) entries_.clear();
    entries_.insert_or_assign(product, Entry{std::move(known), now});
  }

 private:
  static constexpr std::size_t most = 10'000;  // some megabytes; beyond, it begins anew
  struct Entry {
    Known known;
    actors::Time read_at;
  };
  mutable std::mutex mutex_;
  std::map<ProductId, Entry> entries_;
};

struct ProductCache {
  JustRead<product::Listing> listings;
  /// How many pieces can be had; none where the stock had no word on it, or did not answer.
  JustRead<std::optional<std::int64_t>> pieces;
};

}  // namespace shop::cart
