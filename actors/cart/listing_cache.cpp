#include "actors/cart/listing_cache.hpp"

namespace shop::cart {

std::optional<product::Listing> ListingCache::find(const ProductId& product, actors::Time now) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(product);
  if (found == entries_.end()) return std::nullopt;
  const auto age = now - found->second.read_at;
  if (age < actors::Duration{} || age >= lifetime) return std::nullopt;  // a clock may be set back
  return found->second.listing;
}

void ListingCache::keep(const product::Listing& listing, actors::Time now) {
  if (listing.deleted) return;
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= most) entries_.clear();
  entries_.insert_or_assign(listing.product_id, Entry{listing, now});
}

}  // namespace shop::cart
