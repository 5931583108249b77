/// A shop of carts on a bench, with a catalog that a test fills.
#pragma once

#include <dapr/actors/testing/bench.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "actors/cart/cart.hpp"
#include "actors/cart/cart_product.hpp"
#include "actors/shared/library.hpp"

namespace shop::cart {

inline const Party guest{};
inline const Party ada{CustomerId("ada"), false};
inline const Party bob{CustomerId("bob"), false};
inline const Party admin{CustomerId("root"), true};

inline Money euro(std::int64_t cents) {
  return {cents, "EUR"};
}

inline CheckOut order_by(Party party, std::string token = "tok_approve") {
  return {std::move(party), {std::move(token)}, {"Ada Lovelace", "12 Mill Lane", std::nullopt, "London", "W1", "GB"}};
}

/// The product service as carts see it: what it answers on `GET /internal/products/{id}` and `POST
/// /internal/availability`.
class Catalog {
 public:
  void list(const std::string& id, Money price, std::int64_t version = 1, std::string name = {}) {
    products_[id] = {ProductId(id), name.empty() ? "Product " + id : std::move(name), std::move(price), version, false};
  }
  void withdraw(const std::string& id) {
    auto& product = products_.at(id);
    product = {product.product_id, {}, {}, product.version + 1, true};
  }
  /// Without it there is enough of a product.
  void stock(const std::string& id, std::int64_t pieces) { stock_[ProductId(id)] = pieces; }
  const product::Listing& at(const std::string& id) const { return products_.at(id); }
  actors::HttpAnswer answer(const actors::HttpRequest& request) {
    if (request.verb == "POST" && request.path == "/internal/availability") return availability(request);
    ++asked;
    const std::string prefix = "/internal/products/";
    const auto found = products_.find(request.path.substr(prefix.size()));
    if (!request.path.starts_with(prefix) || (found == products_.end() && answers_404))
      return {404, "{}", "application/problem+json"};
    const product::Listing none{ProductId(request.path.substr(prefix.size())), {}, {}, 0, true};
    return {200, actors::json::to_string(found == products_.end() ? none : found->second), "application/json"};
  }
  int asked = 0;                                           ///< for listings
  std::vector<product::AskAvailability> asked_for_pieces;  ///< each time
  bool knows_its_stock = true;
  bool answers_404 = false;     ///< for what it does not know, as the version before did
  actors::Duration patience{};  ///< of the last who asked for pieces

 private:
  actors::HttpAnswer availability(const actors::HttpRequest& request) {
    asked_for_pieces.push_back(actors::json::parse<product::AskAvailability>(request.body));
    patience = request.patience;
    if (!knows_its_stock) return {503, "{}", "application/problem+json"};
    product::Availability known;
    for (const auto& product : asked_for_pieces.back().products)
      if (products_.contains(product.value))
        known.items.push_back({product, stock_.contains(product) ? stock_[product] : 1'000'000});
    return {200, actors::json::to_string(known), "application/json"};
  }
  std::map<ProductId, std::int64_t> stock_;
  std::map<std::string, product::Listing> products_;
};

/// One process of carts. Tests that let it die build one a time.
struct Shop {
  Shop() {
    bench.add<Cart>([this] { return std::make_unique<Cart>(cache); });
    bench.add<CartProduct>();
    bench.sidecar.applications["product-service"] = [this](const actors::HttpRequest& request) {
      return catalog.answer(request);
    };
  }

  actors::Result<CartView> add(std::string cart, std::string product, std::int64_t quantity = 1, Party by = guest) {
    return bench.call<&Cart::add>(std::move(cart), AddItem{std::move(by), ProductId(std::move(product)), quantity});
  }
  CartView view(std::string cart, Party by = admin) {
    return bench.call<&Cart::view>(std::move(cart), ViewCart{by}).value();
  }
  actors::Result<Checkout> check_out(std::string cart, std::string key, Party by = guest) {
    return bench.call_as<&Cart::check_out>(actors::Origin{std::move(key)}, std::move(cart), order_by(std::move(by)));
  }
  /// A change of the catalog arrives.
  actors::Result<void> hear_of(const std::string& product) {
    return bench.call<&CartProduct::take>(product, catalog.at(product));
  }
  /// Long enough for what was cached to be read anew.
  void pass_a_second() { bench.advance(JustRead<product::Listing>::lifetime); }
  /// The process ends and starts again.
  void restart() {
    cache = std::make_shared<ProductCache>();
    bench.restart();
  }
  std::set<std::string> event_ids(const char* type) const {
    std::set<std::string> ids;
    for (const auto& event : bench.sidecar.published)
      if (event.type == type) ids.insert(event.id);
    return ids;
  }

  Catalog catalog;
  std::shared_ptr<ProductCache> cache = std::make_shared<ProductCache>();
  actors::testing::Bench bench{"cart-service"};
};

}  // namespace shop::cart
