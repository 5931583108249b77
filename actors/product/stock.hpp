/// How many pieces there are of each product, and which orders hold them. Neither a reservation nor a sale touches the
/// product or its version.
///
/// An order reserves all its lines or none before it is charged; a sale takes what was reserved, a cancellation gives
/// it back. What an order has is a record of its own (`Reservation`), written in the same transaction as the pieces, so
/// that each step happens once, whatever comes twice or in the wrong order. Reservations of one product that wait
/// together are committed together (`GroupCommit`).
#pragma once

#include <dapr/actors/result.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/order/contract.hpp"
#include "actors/product/documents.hpp"
#include "actors/product/index.hpp"
#include "actors/shared/library.hpp"
#include "actors/shared/limits.hpp"

namespace shop::product {

/// An order was sold fewer pieces than it has in its lines: so many are missing.
using Oversold = std::function<void(const OrderId&, const ProductId&, std::int64_t missing)>;

/// Thread-safe.
class Stock {
 public:
  Stock(actors::StateStore& store, actors::Sidecar& sidecar, const actors::Clock& clock, actors::Observer& observer,
        GroupCommit& commit, Index& index, Oversold oversold);

  /// Adds `delta` pieces, once for each `write` (of the latest `HandledRequests::kept`). Refuses an unknown product, a
  /// count below zero, below what orders hold, or above `most_stock`, and a `write` that was another one.
  actors::Task<actors::Result<View>> adjust(ProductId id, std::int64_t delta, std::string write);

  /// All the lines or none; the first answer to an order stays. A product the stock does not know, and a quantity that
  /// no line can have, are shortages like any other.
  actors::Task<Reserved> reserve(OrderId order, Reserve wanted);
  /// `order.confirmed`: takes what the order holds, not what the event's lines say. One of an order from before orders
  /// reserved takes what there is. Throws when it must be delivered again, as while low_stock cannot be announced.
  actors::Task<void> sell(order::Confirmed order, actors::Trace trace);
  /// `order.cancelled`: gives back what the order holds or took. If it has nothing yet, it never will.
  actors::Task<void> give_back(order::Cancelled order);

  /// These products, as they were at most `list_age` ago; without those that the stock does not know, or whose item
  /// cannot be read.
  actors::Task<std::map<ProductId, StockItem>> items(std::vector<ProductId> ids);
  /// What this replica wrote or read.
  void learn(const ProductId& id, const StockItem& item);

 private:
  struct Known {
    std::optional<StockItem> item;  // without events and writes
    Time read{};
  };
  using Changed = std::vector<std::pair<ProductId, StockItem>>;
  using Wanted = std::map<ProductId, std::int64_t>;
  template <class Decide>
  actors::Task<Changed> change_order(OrderId order, std::set<ProductId> products, Decide decide);
  actors::Task<void> settle(Changed changed);
  actors::Task<void> follow_if_possible(Changed changed);
  void low_stock_if_so(StockItem& stock, std::int64_t before, const ProductId& product,
                       const actors::Trace& trace) const;
  void learn_locked(const ProductId& id, std::optional<StockItem> item);

  actors::StateStore& store_;
  actors::Sidecar& sidecar_;
  const actors::Clock& clock_;
  actors::Observer& observer_;
  GroupCommit& commit_;
  Index& index_;
  Oversold oversold_;

  std::mutex mutex_;
  std::map<ProductId, Known> known_;
};

}  // namespace shop::product
