/// How many pieces there are of each product. A sale touches neither the product nor its version.
///
/// An order takes its pieces once, whatever comes twice or in the wrong order: what it took is written down in the same
/// transaction (`OrderMark`). A sale takes what there is and stops at zero.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/order/contract.hpp"
#include "actors/runtime/result.hpp"
#include "actors/product/documents.hpp"
#include "actors/product/index.hpp"
#include "actors/runtime/records/lanes.hpp"
#include "actors/runtime/records/transaction.hpp"

namespace shop::product {

/// An order took fewer pieces than it has in its lines: so many are missing.
using Oversold = std::function<void(const OrderId&, const ProductId&, std::int64_t missing)>;

/// Thread-safe.
class Stock {
 public:
  Stock(actors::StateStore& store, actors::Sidecar& sidecar, const actors::Clock& clock, actors::Observer& observer,
        Transactions& transactions, Lanes& lanes, Index& index, Oversold oversold);

  /// Adds `delta` pieces, once for each `write` (of the latest `Writes::kept`). Refuses an unknown product, a count
  /// below zero or above `most_stock`, and a `write` that was another one.
  actors::Task<actors::Result<View>> adjust(ProductId id, std::int64_t delta, std::string write);

  /// `order.confirmed`: takes the pieces. Throws when it must be delivered again, as while low_stock cannot be
  /// announced.
  actors::Task<void> take(order::Confirmed order, actors::Trace trace);
  /// `order.cancelled`: gives back what the order took. If the order has not taken anything yet, it never will.
  actors::Task<void> give_back(order::Cancelled order);

  /// The counts of these products, as they were at most `list_age` ago; 0 where there is none.
  actors::Task<std::map<ProductId, std::int64_t>> counts(std::vector<ProductId> ids);
  /// What this replica wrote or read.
  void learn(const ProductId& id, const StockItem& item);

 private:
  struct Known {
    std::int64_t count = 0;
    std::int64_t revision = 0;
    Time read{};
  };
  using Changed = std::vector<std::pair<ProductId, StockItem>>;
  actors::Task<void> settle(Changed changed);

  actors::StateStore& store_;
  actors::Sidecar& sidecar_;
  const actors::Clock& clock_;
  actors::Observer& observer_;
  Transactions& transactions_;
  Lanes& lanes_;
  Index& index_;
  Oversold oversold_;

  std::mutex mutex_;
  std::map<ProductId, Known> known_;
};

}  // namespace shop::product
