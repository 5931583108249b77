/// What the catalog hears of orders.
#pragma once

#include "actors/runtime/subscriptions.hpp"
#include "actors/product/stock.hpp"

namespace shop::product {

/// `order.confirmed` takes the order's pieces, `order.cancelled` gives them back. `stock` must outlive the
/// subscriptions.
actors::Subscriptions subscriptions(Stock& stock);

}  // namespace shop::product
