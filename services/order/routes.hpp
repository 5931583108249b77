/// The REST facade of orders, and what the service hears.
#pragma once

#include "actors/runtime/subscriptions.hpp"
#include "services/common/actor_routes.hpp"

namespace shop::order {

void add_routes(services::Facade& facade, services::CallsFor calls_for);

/// Every event goes to the actor it concerns, which knows the old ones.
actors::Subscriptions subscriptions();

}  // namespace shop::order
