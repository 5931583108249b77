#include "actors/product/stock.hpp"

#include <dapr/actors/calls.hpp>

#include <algorithm>

namespace shop::product {
namespace {

using actors::Reason;
using actors::refuse;

constexpr std::size_t most_known = 20'000;

std::vector<std::string> keys_of(const OrderId& order, const std::set<ProductId>& products) {
  std::vector<std::string> keys{order_key(order)};
  for (const auto& product : products) keys.push_back(stock_key(product));
  return keys;
}

template <class Lines>
std::set<ProductId> products_of(const Lines& lines) {
  std::set<ProductId> products;
  for (const auto& line : lines) products.insert(line.product_id);
  return products;
}

bool knows_all(const std::set<ProductId>& products, const Reservation& reservation) {
  return std::all_of(reservation.lines.begin(), reservation.lines.end(),
                     [&](const auto& line) { return products.contains(line.product_id); });
}

}  // namespace

Stock::Stock(actors::StateStore& store, actors::Sidecar& sidecar, const actors::Clock& clock,
             actors::Observer& observer, GroupCommit& commit, Index& index, Oversold oversold)
    : store_(store),
      sidecar_(sidecar),
      clock_(clock),
      observer_(observer),
      commit_(commit),
      index_(index),
      oversold_(std::move(oversold)) {}

actors::Task<actors::Result<View>> Stock::adjust(ProductId id, std::int64_t delta, std::string write) {
  const std::vector<std::string> keys{product_key(id), stock_key(id)};
  const auto wanted = std::to_string(delta);
  StockItem stock;
  const auto decide = [&](Items& items) -> actors::Result<View> {
    const auto item = items.read<ProductItem>(keys[0]);
    if (!item || item->deleted)
      return refuse(Reason::NotFound, "unknown_product", "There is no product " + id.value + ".");
    stock = items.read<StockItem>(keys[1]).value_or(StockItem{});
    if (!stock.writes.contain(write, wanted)) {
      if (stock.writes.contain_of(write))
        return refuse(Reason::Unprocessable, "idempotency_key_reused",
                      "This idempotency key was used for another change of the stock: send a new one.");
      if (delta < -stock.count)
        return refuse(Reason::Conflict, "stock_below_zero",
                      "There are " + std::to_string(stock.count) + " pieces: that many can be taken off at most.");
      if (delta < 0 && stock.count + delta < stock.reserved)
        return refuse(Reason::Conflict, "stock_below_reserved",
                      "Orders hold " + std::to_string(stock.reserved) + " of " + std::to_string(stock.count) +
                          " pieces: at most " + std::to_string(stock.available()) + " can be taken off.");
      if (delta > most_stock - stock.count)
        return refuse(Reason::Conflict, "stock_too_high",
                      "A product has at most " + std::to_string(most_stock) + " pieces.");
      stock.count += delta;
      ++stock.revision;
      stock.writes.add(write, wanted);
      items.write(keys[1], stock);
    }
    return view_of(shown(*item), stock);
  };
  auto view = co_await commit_.change(keys, decide);
  if (!view) co_return view;
  Changed changed{{id, stock}};
  // The pieces are counted: nothing that fails now may look to the client as if they were not.
  co_await follow_if_possible(std::move(changed));
  co_return view;
}

actors::Task<Reserved> Stock::reserve(OrderId order, Reserve request) {
  Wanted wanted;
  std::set<ProductId> impossible;
  for (const auto& line : request.lines) {
    wanted[line.product_id] += line.quantity;
    if (line.quantity < 1 || line.quantity > most_pieces) impossible.insert(line.product_id);
  }
  const auto keys = keys_of(order, products_of(request.lines));
  Changed changed;
  const auto decide = [&](Items& items) -> Reserved {
    changed.clear();
    const auto stored = items.read<Reservation>(keys[0]);
    std::vector<Reserved::Shortage> shortages;
    for (const auto& [product, quantity] : wanted) {
      auto stock = items.read<StockItem>(stock_key(product));
      const auto available = stock ? stock->available() : 0;
      if (impossible.contains(product) || available < quantity) shortages.push_back({product, available});
      if (stock) changed.emplace_back(product, std::move(*stock));
    }
    if (stored) {
      const bool has = stored->state == ReservationState::Held || stored->state == ReservationState::Sold;
      return has ? Reserved{true, {}} : Reserved{false, stored->shortages};
    }
    if (!shortages.empty() || wanted.empty()) {
      items.write(keys[0], Reservation{ReservationState::Refused, {}, shortages});
      return {false, std::move(shortages)};
    }
    Reservation reservation;
    for (auto& [product, stock] : changed) {  // all that are wanted, since none is short
      const auto quantity = wanted.at(product);
      stock.reserved += quantity;
      ++stock.revision;
      items.write(stock_key(product), stock);
      reservation.lines.push_back({product, quantity});
    }
    items.write(keys[0], reservation);
    return {true, {}};
  };
  auto reserved = co_await commit_.change(keys, decide);
  co_await follow_if_possible(std::move(changed));
  co_return reserved;
}

void Stock::low_stock_if_so(StockItem& stock, std::int64_t before, const ProductId& product,
                            const actors::Trace& trace) const {
  if (before <= low_stock || stock.count > low_stock) return;
  stock.pending.push_back(
      pending("Stock", product, stock.revision, LowStock{product, stock.count}, clock_.now(), trace));
}

/// Changes an order's record together with the stock of the products that its event or the record names: has
/// `decide(items, record, changed)` write both, and answers the stock as it is then.
template <class Decide>
actors::Task<Stock::Changed> Stock::change_order(OrderId order, std::set<ProductId> products, Decide decide) {
  for (;;) {
    const auto keys = keys_of(order, products);
    Changed changed;
    std::vector<Reserve::Wanted> unexpected;
    const auto attempt = [&](Items& items) {
      changed.clear();
      unexpected.clear();
      auto stored = items.read<Reservation>(keys[0]);
      if (stored && !knows_all(products, *stored)) {
        unexpected = std::move(stored->lines);
        return false;
      }
      decide(items, std::move(stored), changed);
      return true;
    };
    const bool done = co_await commit_.change(keys, attempt);
    if (done) co_return changed;
    for (const auto& line : unexpected) products.insert(line.product_id);
  }
}

actors::Task<void> Stock::sell(order::Confirmed order, actors::Trace trace) {
  const auto products = products_of(order.lines);
  const auto write = actors::random_id();
  std::map<ProductId, std::int64_t> missing;
  const auto decide = [&](Items& items, std::optional<Reservation> stored, Changed& changed) {
    if (!stored || stored->sold_by != write) missing.clear();  // who took the pieces reports what was missing
    const bool was_held = stored && stored->state == ReservationState::Held;
    const bool sells = was_held || !stored;
    Wanted wanted;
    if (was_held)
      for (const auto& line : stored->lines) wanted[line.product_id] += line.quantity;
    else if (!stored)
      for (const auto& line : order.lines) wanted[line.product_id] += line.quantity;
    else {
      for (const auto& product : products) wanted[product] = 0;
      for (const auto& line : stored->lines) wanted[line.product_id] = 0;
    }
    Reservation sold{ReservationState::Sold, {}, {}, write};
    for (const auto& [product, quantity] : wanted) {
      auto stock = items.read<StockItem>(stock_key(product));
      // What others hold is not there for an order that holds nothing.
      const auto there = !stock ? 0 : was_held ? stock->count : stock->available();
      const auto taken = std::clamp<std::int64_t>(there, 0, quantity);
      if (sells && taken < quantity) missing[product] = quantity - taken;
      if (!stock) continue;
      if (sells && quantity > 0) {
        const auto before = stock->count;
        stock->count -= taken;
        if (was_held) stock->reserved = std::max<std::int64_t>(stock->reserved - quantity, 0);
        ++stock->revision;
        low_stock_if_so(*stock, before, product, trace);
        items.write(stock_key(product), *stock);
        if (taken > 0) sold.lines.push_back({product, taken});
      }
      changed.emplace_back(product, std::move(*stock));
    }
    if (sells) items.write(order_key(order.order_id), sold);
  };
  auto changed = co_await change_order(order.order_id, products, decide);
  for (const auto& [product, pieces] : missing) oversold_(order.order_id, product, pieces);
  // Also after a repeated delivery: the first one may have died before this.
  co_await settle(std::move(changed));
}

actors::Task<void> Stock::give_back(order::Cancelled order) {
  const auto products = products_of(order.lines);
  // What the order has is what its record says, not what the event says.
  const auto decide = [&](Items& items, std::optional<Reservation> stored, Changed& changed) {
    if (!stored && !order.stock_taken) return;  // from before orders reserved, and never paid
    auto reservation = std::move(stored).value_or(Reservation{ReservationState::Held, {}});
    const bool is_over =
        reservation.state == ReservationState::Closed || reservation.state == ReservationState::Refused;
    for (const auto& line : reservation.lines) {
      auto stock = items.read<StockItem>(stock_key(line.product_id));
      if (!stock) continue;
      if (!is_over) {
        if (reservation.state == ReservationState::Held)
          stock->reserved = std::max<std::int64_t>(stock->reserved - line.quantity, 0);
        else
          stock->count = std::min(stock->count + line.quantity, most_stock);
        ++stock->revision;
        items.write(stock_key(line.product_id), *stock);
      }
      changed.emplace_back(line.product_id, std::move(*stock));
    }
    if (!is_over) {
      reservation.state = ReservationState::Closed;
      items.write(order_key(order.order_id), reservation);
    }
  };
  auto changed = co_await change_order(order.order_id, products, decide);
  co_await settle(std::move(changed));
}

/// The list's coarse flag follows; a failure is made up for by `Index::tend`.
actors::Task<void> Stock::follow_if_possible(Changed changed) {
  for (const auto& [id, stock] : changed) {
    learn(id, stock);
    if (index_.in_stock(id) == (stock.available() > 0)) continue;
    bool failed = false;
    try {
      co_await index_.follow_stock(id);
    } catch (const std::exception&) {
      failed = true;
    }
    if (failed) index_.follow_stock_later(id);
  }
}

/// What follows a change of stock: waiting events leave, and the list's coarse flag follows. Throws if an event cannot
/// leave.
actors::Task<void> Stock::settle(Changed changed) {
  for (const auto& [id, stock] : changed) {
    learn(id, stock);
    if (index_.in_stock(id) != (stock.available() > 0)) co_await index_.follow_stock(id);
    if (stock.pending.empty()) continue;

    for (const auto& event : stock.pending) {
      const actors::ActorId about{"Stock", id.value};
      auto cloud_event = to_cloud_event(event, app_id, id.value);
      co_await actors::records::send(sidecar_, observer_, about, std::move(cloud_event));
    }
    const std::vector<std::string> keys{stock_key(id)};
    const auto decide = [&keys, &left = stock.pending](Items& items) {
      auto now = items.read<StockItem>(keys[0]);
      if (!now) return false;
      // By their ids: the store gives their data back as JSON in another order.
      const auto removed = std::erase_if(now->pending, [&](const auto& event) {
        return std::any_of(left.begin(), left.end(), [&](const auto& sent) { return sent.id == event.id; });
      });
      if (removed > 0) items.write(keys[0], *now);
      return removed > 0;
    };
    co_await commit_.change(keys, decide);
  }
}

actors::Task<std::map<ProductId, StockItem>> Stock::items(std::vector<ProductId> ids) {
  const auto now = clock_.now();
  std::map<ProductId, StockItem> items;
  std::vector<std::string> keys;
  std::vector<ProductId> to_read;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& id : ids) {
      const auto known = known_.find(id);
      if (known != known_.end() && now - known->second.read < list_age) {
        if (known->second.item) items[id] = *known->second.item;
      } else {
        to_read.push_back(id);
        keys.push_back(stock_key(id));
      }
    }
  }
  if (keys.empty()) co_return items;
  auto found = co_await store_.get_all(keys);
  const Items read(keys, std::move(found));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::optional<StockItem> stock;
    try {
      stock = read.read<StockItem>(keys[i]);
    } catch (const std::runtime_error& error) {
      observer_.warned(error.what());  // a page of products must not fail for one of them
    }
    if (stock) items[to_read[i]] = *stock;
    const std::lock_guard lock(mutex_);
    learn_locked(to_read[i], std::move(stock));
  }
  co_return items;
}

void Stock::learn(const ProductId& id, const StockItem& item) {
  const std::lock_guard lock(mutex_);
  learn_locked(id, item);
}

void Stock::learn_locked(const ProductId& id, std::optional<StockItem> item) {
  if (known_.size() >= most_known && !known_.contains(id)) known_.clear();
  auto& known = known_[id];
  if (known.item && item && item->revision < known.item->revision) return;
  if (item) {
    item->pending.clear();
    item->writes.ids.clear();
  }
  known = {std::move(item), clock_.now()};
}

}  // namespace shop::product
