/// The REST facade of carts, and what the service hears.
#pragma once

#include <dapr/actors/subscriptions.hpp>

#include "actors/shared/library.hpp"
#include "services/common/actor_routes.hpp"

namespace shop::cart {

void add_routes(services::Facade& facade, services::CallsFor calls_for);

/// Every change of the catalog goes to the product's listing, which knows the old ones.
actors::Subscriptions subscriptions();

}  // namespace shop::cart
