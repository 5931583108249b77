/// A cart, from the first item to the checkout, which empties it for the next time.
///
/// It keeps what its customer was told when an item was added, and shows every item at the product's current listing,
/// which it reads from `CartProduct`, with the product service's coarse word on whether it can be had. It belongs to
/// the first customer who changed it; until then it is a guest's, open to whoever knows its id.
///
/// A cart that is merged into another one is sealed first: the intention is in its document, and nobody changes it or
/// orders from it until the other cart has taken what it can. Whoever asked for it carries the lines over
/// (`take_over`) and back (`settle`); if nobody does, `tend` does. No cart awaits another (docs/decisions/0032).
#pragma once

#include <dapr/actors/actor.hpp>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "actors/cart/contract.hpp"
#include "actors/cart/product_cache.hpp"
#include "actors/shared/library.hpp"
#include "actors/shared/limits.hpp"
#include "actors/shared/party.hpp"

namespace shop::cart {

/// The currency of nothing (ISO 4217): what a cart without items costs.
constexpr auto no_currency = "XXX";

struct ViewCart {
  Party by;
  DAPR_ACTORS_JSON(by)
  DAPR_ACTORS_JSON_DEFAULTED(by)
};

struct AddItem {
  Party by;
  ProductId product_id;
  std::int64_t quantity = 0;
  DAPR_ACTORS_JSON(by, product_id, quantity)
  DAPR_ACTORS_JSON_DEFAULTED(by)
};

struct SetQuantity {
  Party by;
  ProductId product_id;
  std::int64_t quantity = 0;  ///< zero removes the item
  DAPR_ACTORS_JSON(by, product_id, quantity)
  DAPR_ACTORS_JSON_DEFAULTED(by)
};

struct RemoveItem {
  Party by;
  ProductId product_id;
  DAPR_ACTORS_JSON(by, product_id)
  DAPR_ACTORS_JSON_DEFAULTED(by)
};

struct ClearCart {
  Party by;
  DAPR_ACTORS_JSON(by)
  DAPR_ACTORS_JSON_DEFAULTED(by)
};

struct CheckOut {
  Party by;
  PaymentMethod payment_method;
  Address shipping_address;
  DAPR_ACTORS_JSON(by, payment_method, shipping_address)
  DAPR_ACTORS_JSON_DEFAULTED(by)
};

/// A customer makes a guest's cart his.
struct ClaimCart {
  CustomerId by;
  DAPR_ACTORS_JSON(by)
};

/// A customer wants what is in this cart moved into another one of his.
struct SealCart {
  CustomerId by;
  CartId into;
  DAPR_ACTORS_JSON(by, into)
};

/// The lines of a sealed cart, on their way into another one.
struct TakeOver {
  std::string claim;  ///< known by this id, however often it comes
  CustomerId by;
  std::vector<Line> lines;
  bool operator==(const TakeOver&) const = default;
  DAPR_ACTORS_JSON(claim, by, lines)
};

/// Pieces that had no room in the cart they were to be moved into.
struct LeftBehind {
  ProductId product_id;
  int quantity = 0;
  bool operator==(const LeftBehind&) const = default;
  DAPR_ACTORS_JSON(product_id, quantity)
};

/// What became of a `TakeOver`, for ever the same: refused as a whole (`refused` is the refusal's code), or taken but
/// for what was left behind.
struct Taken {
  std::optional<std::string> refused;
  std::vector<LeftBehind> left;
  bool operator==(const Taken&) const = default;
  DAPR_ACTORS_JSON(refused, left)
};

struct Settle {
  std::string claim;
  Taken taken;
  DAPR_ACTORS_JSON(claim, taken)
};

/// What can be said of a cart without asking anybody.
struct CartOutline {
  std::optional<std::string> currency;  ///< of a cart that holds something
  bool sealed = false;
  bool operator==(const CartOutline&) const = default;
  DAPR_ACTORS_JSON(currency, sealed)
};

/// What a checkout has made: an order, on its way to the order service.
struct Checkout {
  OrderId order_id;
  std::string status = "created";
  Money total;
  bool operator==(const Checkout&) const = default;
  DAPR_ACTORS_JSON(order_id, status, total)
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
  DAPR_ACTORS_JSON(product_id, name, quantity, unit_price, available, in_stock, price_changed_from)
  DAPR_ACTORS_JSON_DEFAULTED(in_stock)  // remembered answers may not have it
};

struct CartView {
  CartId id;
  std::optional<CustomerId> customer_id;
  std::vector<CartItem> items;
  Money total;  ///< of the items that are available
  std::int64_t version = 0;
  actors::Time updated_at;               ///< of a cart that was never used, the present
  std::optional<OrderId> last_order_id;  ///< to the cart's owner and to admins: who knows a guest's order may see it
  std::optional<std::vector<LeftBehind>> left = {};  ///< of a cart that has just taken another's lines, if not all
  bool operator==(const CartView&) const = default;
  DAPR_ACTORS_JSON(id, customer_id, items, total, version, updated_at, last_order_id, left)
};

/// The cart is being merged into another one.
struct Seal {
  std::string claim;
  CustomerId by;
  CartId into;
  int repeated = 0;  ///< how often `tend` had to go on with it
  bool operator==(const Seal&) const = default;
  DAPR_ACTORS_JSON(claim, by, into, repeated)
};

struct CartState {
  std::optional<CustomerId> customer_id;
  std::vector<Line> lines;  ///< as the customer was told when each was first added; all in one currency
  std::optional<actors::Time> updated_at;
  std::optional<OrderId> last_order_id;
  std::optional<Seal> seal = {};              ///< nobody changes the lines while it is there
  std::optional<actors::Time> merge_at = {};  ///< when `tend` goes on with the merging
  bool operator==(const CartState&) const = default;
  DAPR_ACTORS_JSON(customer_id, lines, updated_at, last_order_id, seal, merge_at)
};

/// A cart of somebody else's is refused like one that does not exist: NotFound `unknown_cart`. A sealed one refuses
/// every change: Conflict `claim_under_way`.
class Cart final : public actors::Actor<CartState> {
 public:
  explicit Cart(std::shared_ptr<ProductCache> cache) : cache_(std::move(cache)) {}

  /// How long the cart that took another's lines knows that it did: longer than any repeat is under way.
  static constexpr std::chrono::seconds claim_memory = std::chrono::hours(24 * 30);

  /// Refuses a document with more in it than a cart holds, or that contradicts itself.
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

  /// The cart becomes the customer's; it may be his already.
  actors::Task<actors::Result<CartView>> claim(ClaimCart command);
  actors::Result<CartOutline> outline(const ViewCart& query) const;
  /// Seals the cart until `settle`; answers what the cart that is named there is to take. The same claim again finds
  /// itself. Conflict `empty_cart`.
  actors::Result<TakeOver> seal(const SealCart& command);
  /// Adds the lines to what is there, once, as far as there is room. Unprocessable `lines` that no cart can hold.
  actors::Task<actors::Result<Taken>> take_over(TakeOver command);
  /// Opens a sealed cart, with what was left behind; a claim that is not under way any more changes nothing.
  /// Unprocessable `left` that was never in the cart.
  actors::Result<void> settle(const Settle& outcome);

  std::optional<actors::Time> due() const override { return state().merge_at; }
  actors::Task<void> tend() override;

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
  std::optional<actors::Refusal> refusal_to_change(const Party& party) const;
  TakeOver sealed() const;
  std::set<ProductId> products() const;
  std::vector<Line>::iterator find(const ProductId& product);
  void changed_by(const Party& party);
  CartView shown(const Seen& seen, const Party& to) const;

  const std::shared_ptr<ProductCache> cache_;
};

/// Has `into` take what was sealed in `from`, and opens `from` with the rest. It may be repeated, by whomever; throws
/// what kept a cart from being reached.
actors::Task<actors::Result<Taken>> carry_over(actors::Calls calls, CartId from, CartId into, TakeOver lines);

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
                                    .method<&Cart::check_out>("CheckOut", actors::remember_for(std::chrono::hours(24)))
                                    .method<&Cart::claim>("Claim")
                                    .method<&Cart::outline>("Outline")
                                    .method<&Cart::seal>("Seal")
                                    .method<&Cart::take_over>("TakeOver")
                                    .method<&Cart::settle>("Settle");
};
