/// What the catalog hears of orders.
#pragma once

#include <dapr/actors/subscriptions.hpp>

#include "actors/product/stock.hpp"
#include "actors/shared/library.hpp"

namespace shop::product {

/// `order.confirmed` takes the order's pieces, `order.cancelled` gives them back. `stock` must outlive the
/// subscriptions.
actors::Subscriptions subscriptions(Stock& stock);

}  // namespace shop::product
