/// A cart, from the first item to the checkout, which empties it for the next time.
///
/// It keeps what its customer was told when an item was added, and shows every item at the product's current listing,
/// which it reads from `CartProduct`, with the product service's coarse word on whether it can be had. It belongs to
/// the first customer who changed it; until then it is a guest's, open to whoever knows its id.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "actors/cart/contract.hpp"
#include "actors/cart/product_cache.hpp"
#include "actors/runtime/actor.hpp"
#include "actors/shared/limits.hpp"
#include "actors/shared/party.hpp"

namespace shop::cart {

/// The currency of nothing (ISO 4217): what a cart without items costs.
constexpr auto no_currency = "XXX";

struct ViewCart {
  Party by;
  static constexpr auto json = actors::json::object(actors::json::defaulted("by", &ViewCart::by));
};

struct AddItem {
  Party by;
  ProductId product_id;
  std::int64_t quantity = 0;
  static constexpr auto json = actors::json::object(actors::json::defaulted("by", &AddItem::by),
                                                    actors::json::field("productId", &AddItem::product_id),
                                                    actors::json::field("quantity", &AddItem::quantity));
};

struct SetQuantity {
  Party by;
  ProductId product_id;
  std::int64_t quantity = 0;  ///< zero removes the item
  static constexpr auto json = actors::json::object(actors::json::defaulted("by", &SetQuantity::by),
                                                    actors::json::field("productId", &SetQuantity::product_id),
                                                    actors::json::field("quantity", &SetQuantity::quantity));
};

struct RemoveItem {
  Party by;
  ProductId product_id;
  static constexpr auto json = actors::json::object(actors::json::defaulted("by", &RemoveItem::by),
                                                    actors::json::field("productId", &RemoveItem::product_id));
};

struct ClearCart {
  Party by;
  static constexpr auto json = actors::json::object(actors::json::defaulted("by", &ClearCart::by));
};

struct CheckOut {
  Party by;
  PaymentMethod payment_method;
  Address shipping_address;
  static constexpr auto json = actors::json::object(
      actors::json::defaulted("by", &CheckOut::by), actors::json::field("paymentMethod", &CheckOut::payment_method),
      actors::json::field("shippingAddress", &CheckOut::shipping_address));
};

/// What a checkout has made: an order, on its way to the order service.
struct Checkout {
  OrderId order_id;
  std::string status = "created";
  Money total;
  bool operator==(const Checkout&) const = default;
  static constexpr auto json = actors::json::object(actors::json::field("orderId", &Checkout::order_id),
                                                    actors::json::field("status", &Checkout::status),
                                                    actors::json::field("total", &Checkout::total));
};

/// An item as it stands now. One that is not available (its product was withdrawn, or costs another currency since) is
/// shown as it was when it was added.
struct CartItem {
  ProductId product_id;
  std::string name;
  int quantity = 0;
  Money unit_price;
  bool available = false;
  bool in_stock = true;  ///< the coarse word on whether so many can be had now: `true` where there is none
  std::optional<Money> price_changed_from;  ///< what it cost when it was added, if that is another price
  bool operator==(const CartItem&) const = default;
  static constexpr auto json = actors::json::object(
      actors::json::field("productId", &CartItem::product_id), actors::json::field("name", &CartItem::name),
      actors::json::field("quantity", &CartItem::quantity), actors::json::field("unitPrice", &CartItem::unit_price),
      actors::json::field("available", &CartItem::available),
      actors::json::defaulted("inStock", &CartItem::in_stock),  // remembered answers may not have it
      actors::json::field("priceChangedFrom", &CartItem::price_changed_from));
};

struct CartView {
  CartId id;
  std::optional<CustomerId> customer_id;
  std::vector<CartItem> items;
  Money total;  ///< of the items that are available
  std::int64_t version = 0;
  actors::Time updated_at;               ///< of a cart that was never used, the present
  std::optional<OrderId> last_order_id;  ///< to the cart's owner and to admins: who knows a guest's order may see it
  bool operator==(const CartView&) const = default;
  static constexpr auto json = actors::json::object(
      actors::json::field("id", &CartView::id), actors::json::field("customerId", &CartView::customer_id),
      actors::json::field("items", &CartView::items), actors::json::field("total", &CartView::total),
      actors::json::field("version", &CartView::version), actors::json::field("updatedAt", &CartView::updated_at),
      actors::json::field("lastOrderId", &CartView::last_order_id));
};

struct CartState {
  std::optional<CustomerId> customer_id;
  std::vector<Line> lines;  ///< as the customer was told when each was first added; all in one currency
  std::optional<actors::Time> updated_at;
  std::optional<OrderId> last_order_id;
  bool operator==(const CartState&) const = default;
  static constexpr auto json = actors::json::object(actors::json::field("customerId", &CartState::customer_id),
                                                    actors::json::field("lines", &CartState::lines),
                                                    actors::json::field("updatedAt", &CartState::updated_at),
                                                    actors::json::field("lastOrderId", &CartState::last_order_id));
};

/// A cart of somebody else's is refused like one that does not exist: NotFound `unknown_cart`.
class Cart final : public actors::Actor<CartState> {
 public:
  explicit Cart(std::shared_ptr<ProductCache> cache) : cache_(std::move(cache)) {}

  /// Refuses a document with more in it than a cart holds.
  actors::Task<void> on_activate() override;

  actors::Task<actors::Result<CartView>> view(ViewCart query) const;
  /// NotFound `unknown_product`, Conflict `product_withdrawn`, `other_currency`, `cart_full`, Unprocessable `quantity`.
  actors::Task<actors::Result<CartView>> add(AddItem command);
  /// NotFound `unknown_item`, Unprocessable `quantity`.
  actors::Task<actors::Result<CartView>> set_quantity(SetQuantity command);
  /// An item that is not there is removed already.
  actors::Task<actors::Result<CartView>> remove(RemoveItem command);
  actors::Result<CartView> clear(const ClearCart& command);
  /// Orders everything at the prices of this moment. Conflict `empty_cart`, or `items_unavailable` and `out_of_stock`
  /// with all such items. The order has the last word on whether the pieces can be had.
  actors::Task<actors::Result<Checkout>> check_out(CheckOut command);

 private:
  using Listings = std::map<ProductId, product::Listing>;  // a product the catalog does not know is not in it
  using Pieces = std::map<ProductId, std::int64_t>;        // those the stock has a word on
  /// What is known of products.
  struct Seen {
    Listings listings;
    Pieces pieces;
  };
  enum class Freshness { Second, Now };
  actors::Task<Seen> see(std::set<ProductId> products, Freshness freshness) const;
  actors::Task<Seen> see_listings(std::set<ProductId> products, Freshness freshness) const;
  actors::Task<Seen> see_pieces(std::set<ProductId> products, Freshness freshness) const;
  std::set<ProductId> products() const;
  std::vector<Line>::iterator find(const ProductId& product);
  void changed_by(const Party& party);
  CartView shown(const Seen& seen, const Party& to) const;

  const std::shared_ptr<ProductCache> cache_;
};

}  // namespace shop::cart

template <>
struct actors::Describe<shop::cart::Cart> {
  using Cart = shop::cart::Cart;
  static constexpr auto table = actors::type<Cart>("Cart")
                                    .method<&Cart::view>("View")
                                    .method<&Cart::add>("AddItem")
                                    .method<&Cart::set_quantity>("SetQuantity")
                                    .method<&Cart::remove>("RemoveItem")
                                    .method<&Cart::clear>("Clear")
                                    .method<&Cart::check_out>("CheckOut", actors::remember_for(std::chrono::hours(24)));
};
