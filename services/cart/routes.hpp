/// The REST facade of carts, and what the service hears.
#pragma once

#include <functional>

#include "actors/runtime/subscriptions.hpp"
#include "services/common/facade.hpp"

namespace shop::cart {

/// Whom to ask on a request's behalf.
using CallsFor = std::function<actors::Calls(actors::Origin)>;

void add_routes(services::Facade& facade, CallsFor calls_for);

/// Every change of the catalog goes to the product's listing, which knows the old ones.
actors::Subscriptions subscriptions();

}  // namespace shop::cart
