#include "actors/cart/cart.hpp"

#include <algorithm>

#include "actors/cart/cart_product.hpp"
#include "actors/shared/patience.hpp"

namespace shop::cart {

using actors::Reason;
using actors::refuse;
using actors::Result;
using actors::Task;
using product::Listing;

namespace {

using Refused = tl::unexpected<actors::Refusal>;

Refused unknown_cart(const std::string& id) {
  return refuse(Reason::NotFound, "unknown_cart", "there is no cart " + id);
}

Refused quantity_out_of_range(std::int64_t quantity) {
  return refuse(
      Reason::Unprocessable, "quantity",
      "a cart holds 1 to " + std::to_string(most_pieces) + " pieces of a product, not " + std::to_string(quantity));
}

/// As far as numbers go. Nothing is none of what is asked about.
bool can_hold(const std::vector<Line>& lines) {
  const auto is_possible = [](const Line& line) { return line.quantity >= 1 && line.quantity <= most_pieces; };
  return !lines.empty() && lines.size() <= most_lines && std::all_of(lines.begin(), lines.end(), is_possible);
}

/// What nobody carried over is carried over by `tend`.
constexpr Patience carrying{std::chrono::seconds(30), std::chrono::minutes(4)};

Task<void> carry_on(actors::Calls calls, CartId from, CartId into, TakeOver lines) {
  const auto taken = co_await carry_over(std::move(calls), from, into, std::move(lines));
  if (!taken) throw std::runtime_error("the cart " + into.value + " takes nothing over: " + taken.error().message);
}

/// How long a cart is kept from being shown by the wait for the coarse word on its items.
constexpr auto word_is_worth = std::chrono::seconds(1);

/// What keeps a cart from being ordered.
struct Lacking {
  std::vector<actors::RefusedPart> items;
  std::string names;
  void add(actors::RefusedPart part, const CartItem& item) {
    items.push_back(std::move(part));
    names += (names.empty() ? "" : ", ") + item.product_id.value;
  }
};

actors::RefusedPart too_few(std::string pointer, const CartItem& item, std::int64_t pieces) {
  const auto available = std::max<std::int64_t>(pieces, 0);
  return {std::move(pointer),
          available == 0 ? "is sold out at the moment"
                         : "only " + std::to_string(available) + " of " + std::to_string(item.quantity) + " can be had",
          available};
}

}  // namespace

Task<Result<Taken>> carry_over(actors::Calls calls, CartId from, CartId into, TakeOver lines) {
  const auto target = calls.proxy<Cart>(into.value);
  auto taken = co_await target.call<&Cart::take_over>(lines);
  if (!taken) co_return taken;
  const auto source = calls.proxy<Cart>(from.value);
  const Settle outcome{lines.claim, *taken};
  const auto settled = co_await source.call<&Cart::settle>(outcome);
  if (!settled) co_return tl::unexpected(settled.error());
  co_return taken;
}

Task<void> Cart::on_activate() {
  const auto& lines = state().lines;
  if (!lines.empty() && !can_hold(lines))
    throw std::runtime_error("the stored cart " + id() + " holds more than a cart can");
  const auto& seal = state().seal;
  if (seal.has_value() != state().merge_at.has_value() || (seal && (lines.empty() || seal->repeated < 0)))
    throw std::runtime_error("the stored cart " + id() + " contradicts itself: lines, seal, mergeAt");
  co_return;
}

Task<Result<CartView>> Cart::view(ViewCart query) const {
  if (!query.by.may_access(state().customer_id)) co_return unknown_cart(id());
  const auto current = co_await see(products(), Freshness::Second);
  co_return shown(current, query.by);
}

Task<Result<CartView>> Cart::add(AddItem command) {
  const auto& product = command.product_id;
  tag("productId", product.value);
  if (auto refusal = refusal_to_change(command.by)) co_return Refused(std::move(*refusal));
  if (command.quantity < 1 || command.quantity > most_pieces) co_return quantity_out_of_range(command.quantity);
  const int quantity = static_cast<int>(command.quantity);

  auto wanted = products();
  wanted.insert(product);
  auto seen = co_await see(std::move(wanted), Freshness::Second);
  auto& current = seen.listings;
  if (current.contains(product) && current.at(product).deleted) {  // it may be back, and the event of it on its way
    const auto known = proxy<CartProduct>(product.value);
    const auto again = co_await known.call<&CartProduct::look_up>();
    if (again) current.at(product) = *again;
  }
  if (!current.contains(product))
    co_return refuse(Reason::NotFound, "unknown_product", "there is no product " + product.value);
  const auto& listing = current.at(product);
  if (listing.deleted)
    co_return refuse(Reason::Conflict, "product_withdrawn", "the product " + product.value + " is no longer sold");

  auto& lines = state().lines;
  if (!lines.empty() && lines.front().unit_price.currency != listing.price.currency)
    co_return refuse(
        Reason::Conflict, "other_currency",
        "the cart is in " + lines.front().unit_price.currency + ", the product costs " + listing.price.currency);
  if (const auto line = find(product); line != lines.end()) {
    if (line->quantity + quantity > most_pieces) co_return quantity_out_of_range(line->quantity + quantity);
    line->quantity += quantity;
  } else {
    if (lines.size() == most_lines)
      co_return refuse(Reason::Conflict, "cart_full",
                       "a cart holds at most " + std::to_string(most_lines) + " different products");
    lines.push_back({product, listing.name, quantity, listing.price});
  }
  changed_by(command.by);
  publish(ItemAdded{CartId(id()), state().customer_id, product, quantity, listing.price});
  co_return shown(seen, command.by);
}

Task<Result<CartView>> Cart::set_quantity(SetQuantity command) {
  tag("productId", command.product_id.value);
  if (auto refusal = refusal_to_change(command.by)) co_return Refused(std::move(*refusal));
  if (command.quantity < 0 || command.quantity > most_pieces) co_return quantity_out_of_range(command.quantity);
  const auto line = find(command.product_id);
  if (line == state().lines.end())
    co_return refuse(Reason::NotFound, "unknown_item",
                     "the product " + command.product_id.value + " is not in the cart");
  if (line->quantity != command.quantity) {
    line->quantity = static_cast<int>(command.quantity);
    if (command.quantity == 0) state().lines.erase(line);
    changed_by(command.by);
  }
  const auto current = co_await see(products(), Freshness::Second);
  co_return shown(current, command.by);
}

Task<Result<CartView>> Cart::remove(RemoveItem command) {
  tag("productId", command.product_id.value);
  if (auto refusal = refusal_to_change(command.by)) co_return Refused(std::move(*refusal));
  if (const auto line = find(command.product_id); line != state().lines.end()) {
    state().lines.erase(line);
    changed_by(command.by);
  }
  const auto current = co_await see(products(), Freshness::Second);
  co_return shown(current, command.by);
}

Result<CartView> Cart::clear(const ClearCart& command) {
  if (auto refusal = refusal_to_change(command.by)) return Refused(std::move(*refusal));
  if (!state().lines.empty()) {
    state().lines.clear();
    changed_by(command.by);
  }
  return shown({}, command.by);
}

Task<Result<Checkout>> Cart::check_out(CheckOut command) {
  if (auto refusal = refusal_to_change(command.by)) co_return Refused(std::move(*refusal));
  if (state().lines.empty()) co_return refuse(Reason::Conflict, "empty_cart", "there is nothing in the cart to order");
  const auto current = co_await see(products(), Freshness::Now);
  const auto cart = shown(current, command.by);
  std::vector<Line> lines;
  Lacking withdrawn, scarce;
  for (const auto& item : cart.items) {
    const auto pointer = "/items/" + std::to_string(lines.size());
    lines.push_back({item.product_id, item.name, item.quantity, item.unit_price});
    if (!item.available)
      withdrawn.add({pointer, "is no longer sold"}, item);
    else if (!item.in_stock)
      scarce.add(too_few(pointer, item, current.pieces.at(item.product_id)), item);
  }
  if (!withdrawn.items.empty())
    co_return refuse(Reason::Conflict, "items_unavailable",
                     "no longer sold, remove it from the cart first: " + withdrawn.names, std::move(withdrawn.items));
  if (!scarce.items.empty())
    co_return refuse(Reason::Conflict, "out_of_stock", "not to be had in this quantity at the moment: " + scarce.names,
                     std::move(scarce.items));

  const OrderId order(actors::random_id());  // who knows it may see a guest's order: it must not be guessed
  tag("orderId", order.value);
  state().lines.clear();
  changed_by(command.by);
  state().last_order_id = order;
  publish(CheckoutCompleted{order, CartId(id()), state().customer_id, std::move(lines), cart.total,
                            command.payment_method, command.shipping_address});
  co_return Checkout{order, "created", cart.total};
}

Task<Result<CartView>> Cart::claim(ClaimCart command) {
  const Party party{command.by, false};
  if (auto refusal = refusal_to_change(party)) co_return Refused(std::move(*refusal));
  if (!state().customer_id) changed_by(party);
  const auto current = co_await see(products(), Freshness::Second);
  co_return shown(current, party);
}

Result<CartOutline> Cart::outline(const ViewCart& query) const {
  if (!query.by.may_access(state().customer_id)) return unknown_cart(id());
  const auto& lines = state().lines;
  return CartOutline{lines.empty() ? std::nullopt : std::optional(lines.front().unit_price.currency),
                     state().seal.has_value()};
}

Result<TakeOver> Cart::seal(const SealCart& command) {
  const Party party{command.by, false};
  tag("into", command.into.value);
  const auto& known = std::as_const(*this).state().seal;
  if (known && known->by == command.by && known->into == command.into) return sealed();
  if (auto refusal = refusal_to_change(party)) return Refused(std::move(*refusal));
  auto& cart = state();
  if (cart.lines.empty()) return refuse(Reason::Conflict, "empty_cart", "there is nothing in the cart to move");
  cart.seal = Seal{actors::random_id(), command.by, command.into, 0};
  cart.merge_at = carrying.until(now(), 0);
  return sealed();
}

TakeOver Cart::sealed() const {
  return {state().seal->claim, state().seal->by, state().lines};
}

/// What is answered once is answered for ever, a refusal too: a request that was given up on may still arrive after
/// the other cart was opened again, and must not find room then.
Task<Result<Taken>> Cart::take_over(TakeOver command) {
  if (!can_hold(command.lines))
    co_return refuse(Reason::Unprocessable, "lines", "no cart holds such lines as are to be taken over");
  const std::string mark = "claim/" + command.claim;
  if (auto known = co_await read<Taken>(mark)) co_return std::move(*known);
  const Party party{command.by, false};
  auto& lines = state().lines;
  Taken taken;
  if (const auto refusal = refusal_to_change(party))
    taken.refused = refusal->code;
  else if (!lines.empty() && lines.front().unit_price.currency != command.lines.front().unit_price.currency)
    taken.refused = "other_currency";
  bool changed = false;
  for (const auto& line : taken.refused ? std::vector<Line>{} : command.lines) {
    const auto same = find(line.product_id);
    const bool has_room = same != lines.end() || lines.size() < most_lines;
    const int room = has_room ? static_cast<int>(most_pieces) - (same == lines.end() ? 0 : same->quantity) : 0;
    const int moved = std::min(room, line.quantity);
    if (moved < line.quantity) taken.left.push_back({line.product_id, line.quantity - moved});
    if (moved == 0) continue;
    changed = true;
    if (same != lines.end())
      same->quantity += moved;
    else
      lines.push_back({line.product_id, line.name, moved, line.unit_price});
  }
  if (changed) changed_by(party);
  write(mark, taken, claim_memory);
  co_return taken;
}

Result<void> Cart::settle(const Settle& outcome) {
  auto& cart = state();
  if (!cart.seal || cart.seal->claim != outcome.claim) return {};
  if (!outcome.taken.refused) {
    std::vector<Line> left;
    for (const auto& [product, quantity] : outcome.taken.left) {
      const auto line = find(product);
      if (line == cart.lines.end() || quantity < 1 || quantity > line->quantity)
        return refuse(Reason::Unprocessable, "left", "so much of " + product.value + " was never in the cart");
      left.push_back(*line);
      left.back().quantity = quantity;
    }
    cart.lines = std::move(left);
    cart.updated_at = now();
  }
  cart.seal.reset();
  cart.merge_at.reset();
  return {};
}

Task<void> Cart::tend() {
  auto& cart = state();
  if (!cart.seal) co_return;
  cart.merge_at = carrying.until(now(), ++cart.seal->repeated);
  after_commit([from = CartId(id()), into = cart.seal->into, lines = sealed()](actors::Calls calls) {
    return carry_on(std::move(calls), from, into, lines);
  });
}

Task<Cart::Seen> Cart::see(std::set<ProductId> products, Freshness freshness) const {
  std::vector<Task<Seen>> both;
  both.push_back(see_listings(products, freshness));
  both.push_back(see_pieces(std::move(products), freshness));
  auto seen = co_await actors::when_all(std::move(both));
  co_return Seen{std::move(seen[0].listings), std::move(seen[1].pieces)};
}

/// A word that does not come in time, or not at all, keeps no cart from being shown and no order from being made.
Task<Cart::Seen> Cart::see_pieces(std::set<ProductId> products, Freshness freshness) const {
  Seen seen;
  product::AskAvailability question;
  for (const auto& product : products) {
    const auto cached = freshness == Freshness::Second ? cache_->pieces.find(product, now()) : std::nullopt;
    if (!cached)
      question.products.push_back(product);
    else if (*cached)
      seen.pieces.emplace(product, **cached);
  }
  if (question.products.empty()) co_return seen;

  actors::HttpRequest request;
  request.verb = "POST";
  request.path = "/internal/availability";
  request.body = actors::json::to_string(question);
  request.patience = word_is_worth;
  std::string failure;
  try {
    const auto answer = co_await calls().invoke("product-service", std::move(request));
    if (answer.status == 200) {
      const auto known = actors::json::parse<product::Availability>(answer.body);
      for (const auto& [product, available] : known.items) seen.pieces[product] = available;
    } else {
      failure = std::to_string(answer.status);
    }
  } catch (const std::exception& error) {
    failure = error.what();
  }
  if (!failure.empty()) tag("availability", failure);
  for (const auto& product : question.products) {
    const auto found = seen.pieces.find(product);
    const auto word = found == seen.pieces.end() ? std::nullopt : std::optional(found->second);
    cache_->pieces.keep(product, word, now());
  }
  co_return seen;
}

Task<Cart::Seen> Cart::see_listings(std::set<ProductId> products, Freshness freshness) const {
  Listings known;
  std::vector<ProductId> asked;
  std::vector<Task<Result<std::optional<Listing>>>> reads;
  for (const auto& product : products) {
    if (auto cached = freshness == Freshness::Second ? cache_->listings.find(product, now()) : std::nullopt) {
      known.emplace(product, std::move(*cached));
    } else {
      asked.push_back(product);
      reads.push_back(proxy<CartProduct>(product.value).call<&CartProduct::listing>());
    }
  }
  const auto answers = co_await actors::when_all(std::move(reads));

  std::vector<Task<Result<Listing>>> look_ups;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (answers[i] && *answers[i])
      known.emplace(asked[i], **answers[i]);
    else
      look_ups.push_back(proxy<CartProduct>(asked[i].value).call<&CartProduct::look_up>());
  }
  const auto found_now = co_await actors::when_all(std::move(look_ups));
  for (const auto& found : found_now)
    if (found) known.emplace(found->product_id, *found);

  for (const auto& product : asked)
    if (const auto found = known.find(product); found != known.end() && !found->second.deleted)
      cache_->listings.keep(product, found->second, now());  // a withdrawn one may be back the next moment
  co_return Seen{std::move(known), {}};
}

std::optional<actors::Refusal> Cart::refusal_to_change(const Party& party) const {
  if (!party.may_access(state().customer_id)) return unknown_cart(id()).value();
  if (state().seal)
    return actors::Refusal{Reason::Conflict, "claim_under_way",
                           "what is in the cart is being moved into another one; try again in a moment"};
  return std::nullopt;
}

std::set<ProductId> Cart::products() const {
  std::set<ProductId> products;
  for (const auto& line : state().lines) products.insert(line.product_id);
  return products;
}

std::vector<Line>::iterator Cart::find(const ProductId& product) {
  auto& lines = state().lines;
  return std::find_if(lines.begin(), lines.end(), [&](const Line& line) { return line.product_id == product; });
}

/// Administrators help; a cart does not become theirs. Whose it becomes need not be who ordered from it before.
void Cart::changed_by(const Party& party) {
  if (!state().customer_id && party.customer_id && !party.admin) {
    state().customer_id = party.customer_id;
    state().last_order_id.reset();
  }
  state().updated_at = now();
}

CartView Cart::shown(const Seen& seen, const Party& to) const {
  const auto& listings = seen.listings;
  CartView view;
  view.id = CartId(id());
  view.customer_id = state().customer_id;
  view.total.currency = no_currency;
  view.version = version();
  view.updated_at = state().updated_at.value_or(now());
  // A guest's cart is open to whoever guesses its id; the order of a guest must not follow from it.
  if (to.admin || (to.customer_id && to.customer_id == state().customer_id)) view.last_order_id = state().last_order_id;
  for (const auto& line : state().lines) {
    CartItem item{line.product_id, line.name, line.quantity, line.unit_price, false, false, std::nullopt};
    view.total.currency = line.unit_price.currency;
    const auto listing = listings.find(line.product_id);
    if (listing != listings.end() && !listing->second.deleted &&
        listing->second.price.currency == line.unit_price.currency) {
      const auto pieces = seen.pieces.find(line.product_id);
      item.available = true;
      item.in_stock = pieces == seen.pieces.end() || pieces->second >= line.quantity;
      item.name = listing->second.name;
      item.unit_price = listing->second.price;
      if (item.unit_price != line.unit_price) item.price_changed_from = line.unit_price;
      view.total.amount += item.unit_price.amount * item.quantity;  // prices are bounded: 40 lines of 999 fit
    }
    view.items.push_back(std::move(item));
  }
  return view;
}

}  // namespace shop::cart
