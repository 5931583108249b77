#include "actors/product/stock.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "actors/runtime/calls.hpp"

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

std::map<ProductId, std::int64_t> quantities(const std::vector<Line>& lines) {
  std::map<ProductId, std::int64_t> wanted;
  for (const auto& line : lines) wanted[line.product_id] += line.quantity;
  return wanted;
}

}  // namespace

Stock::Stock(actors::StateStore& store, actors::Sidecar& sidecar, const actors::Clock& clock,
             actors::Observer& observer, Transactions& transactions, Lanes& lanes, Index& index, Oversold oversold)
    : store_(store),
      sidecar_(sidecar),
      clock_(clock),
      observer_(observer),
      transactions_(transactions),
      lanes_(lanes),
      index_(index),
      oversold_(std::move(oversold)) {}

actors::Task<actors::Result<View>> Stock::adjust(ProductId id, std::int64_t delta, std::string write) {
  const std::vector<std::string> lane{stock_key(id)};
  auto hold = co_await lanes_.enter(lane);
  const std::vector<std::string> keys{product_key(id), stock_key(id)};
  const auto this_write = Writes::id_of(write, std::to_string(delta));
  StockItem stock;
  const auto decide = [&](Items& items) -> actors::Result<View> {
    const auto item = items.read<ProductItem>(product_key(id));
    if (!item || item->deleted)
      return refuse(Reason::NotFound, "unknown_product", "There is no product " + id.value + ".");
    stock = items.read<StockItem>(stock_key(id)).value_or(StockItem{});
    if (!stock.writes.contain(this_write)) {
      if (stock.writes.contain_of(write))
        return refuse(Reason::Unprocessable, "idempotency_key_reused",
                      "This idempotency key was used for another change of the stock: send a new one.");
      if (delta < -stock.count)
        return refuse(Reason::Conflict, "stock_below_zero",
                      "There are " + std::to_string(stock.count) + " pieces: that many can be taken off at most.");
      if (delta > most_stock - stock.count)
        return refuse(Reason::Conflict, "stock_too_high",
                      "A product has at most " + std::to_string(most_stock) + " pieces.");
      stock.count += delta;
      ++stock.revision;
      stock.writes.add(this_write);
      items.write(stock_key(id), stock);
    }
    return view_of(item->product, stock.count);
  };
  auto view = co_await transactions_.change(keys, decide);
  hold.release();
  if (!view) co_return view;
  learn(id, stock);
  // The pieces are counted: nothing that fails now may look to the client as if they were not.
  if (index_.in_stock(id) != (stock.count > 0)) index_.follow_stock_later(id);
  co_return view;
}

actors::Task<void> Stock::take(order::Confirmed order, actors::Trace trace) {
  const auto wanted = quantities(order.lines);
  std::set<ProductId> products;
  for (const auto& [product, quantity] : wanted) products.insert(product);
  const auto keys = keys_of(order.order_id, products);
  auto hold = co_await lanes_.enter(keys);

  Changed changed;
  std::map<ProductId, std::int64_t> missing;
  const auto write = actors::random_id();
  const auto decide = [&](Items& items) {
    changed.clear();
    OrderMark mark;
    const auto stored = items.read<OrderMark>(order_key(order.order_id));
    const bool done = stored.has_value();
    if (!done || stored->taken_by != write) missing.clear();  // who took the pieces reports what was missing
    mark.taken_by = write;
    for (const auto& [product, quantity] : wanted) {
      auto stock = items.read<StockItem>(stock_key(product));
      const auto taken = stock ? std::min(stock->count, quantity) : 0;
      if (!done && taken < quantity) missing[product] = quantity - taken;
      if (!stock) continue;
      if (!done && taken > 0) {
        const bool was_enough = stock->count > low_stock;
        stock->count -= taken;
        ++stock->revision;
        if (was_enough && stock->count <= low_stock)
          stock->pending.push_back(
              pending("Stock", product, stock->revision, LowStock{product, stock->count}, clock_.now(), trace));
        items.write(stock_key(product), *stock);
        mark.taken.push_back({product, taken});
      }
      changed.emplace_back(product, std::move(*stock));
    }
    if (!done) items.write(order_key(order.order_id), mark);
    return done;
  };
  co_await transactions_.change(keys, decide);
  hold.release();
  for (const auto& [product, pieces] : missing) oversold_(order.order_id, product, pieces);
  // Also after a repeated delivery: the first one may have died before this.
  co_await settle(std::move(changed));
}

actors::Task<void> Stock::give_back(order::Cancelled order) {
  if (!order.stock_taken) co_return;
  std::set<ProductId> products;
  for (const auto& line : order.lines) products.insert(line.product_id);
  for (;;) {
    // What the order took is what its mark says, not what the event says.
    const auto key = order_key(order.order_id);
    const auto stored = co_await store_.get(key);
    if (stored)
      for (const auto& taken : actors::json::parse<OrderMark>(stored->value).taken) products.insert(taken.product_id);
    const auto keys = keys_of(order.order_id, products);
    auto hold = co_await lanes_.enter(keys);

    Changed changed;
    const auto decide = [&](Items& items) {
      changed.clear();
      auto mark = items.read<OrderMark>(key).value_or(OrderMark{});
      for (const auto& taken : mark.taken)
        if (!products.contains(taken.product_id)) return false;  // the mark came after we looked
      for (const auto& taken : mark.taken) {
        auto stock = items.read<StockItem>(stock_key(taken.product_id));
        if (!stock) continue;
        if (!mark.closed) {
          stock->count = std::min(stock->count + taken.quantity, most_stock);
          ++stock->revision;
          items.write(stock_key(taken.product_id), *stock);
        }
        changed.emplace_back(taken.product_id, std::move(*stock));
      }
      if (!mark.closed) {
        mark.closed = true;
        items.write(key, mark);
      }
      return true;
    };
    const bool done = co_await transactions_.change(keys, decide);
    hold.release();
    if (!done) continue;
    co_await settle(std::move(changed));
    co_return;
  }
}

/// What follows a change of stock: waiting events leave, and the list's coarse flag follows. Throws if an event cannot
/// leave.
actors::Task<void> Stock::settle(Changed changed) {
  for (const auto& [id, stock] : changed) {
    learn(id, stock);
    if (index_.in_stock(id) != (stock.count > 0)) co_await index_.follow_stock(id);
    if (stock.pending.empty()) continue;

    for (const auto& event : stock.pending) {
      const auto cloud_event = to_cloud_event(event);
      const actors::ActorId about{"Stock", event.subject};
      const auto started = std::chrono::steady_clock::now();
      std::exception_ptr failure;
      std::string why;
      try {
        co_await sidecar_.publish(cloud_event);
      } catch (const std::exception& error) {
        failure = std::current_exception();
        why = error.what();
      }
      observer_.event_sent(
          {about, cloud_event, why,
           std::chrono::duration_cast<actors::Microseconds>(std::chrono::steady_clock::now() - started)});
      if (failure) std::rethrow_exception(failure);
    }
    const std::vector<std::string> keys{stock_key(id)};
    const auto hold = co_await lanes_.enter(keys);
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
    co_await transactions_.change(keys, decide);
  }
}

actors::Task<std::map<ProductId, std::int64_t>> Stock::counts(std::vector<ProductId> ids) {
  const auto now = clock_.now();
  std::map<ProductId, std::int64_t> counts;
  std::vector<std::string> keys;
  std::vector<ProductId> to_read;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& id : ids) {
      const auto known = known_.find(id);
      if (known != known_.end() && now - known->second.read < list_age) {
        counts[id] = known->second.count;
      } else {
        to_read.push_back(id);
        keys.push_back(stock_key(id));
      }
    }
  }
  if (keys.empty()) co_return counts;
  auto found = co_await store_.get_all(keys);
  const Items items(keys, std::move(found));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto stock = items.read<StockItem>(keys[i]).value_or(StockItem{});
    learn(to_read[i], stock);
    counts[to_read[i]] = stock.count;
  }
  co_return counts;
}

void Stock::learn(const ProductId& id, const StockItem& item) {
  const std::lock_guard lock(mutex_);
  if (known_.size() >= most_known && !known_.contains(id)) known_.clear();
  auto& known = known_[id];
  if (item.revision >= known.revision) known = {item.count, item.revision, clock_.now()};
}

}  // namespace shop::product
