/// The REST facade of orders, and what the service hears.
#pragma once

#include <functional>

#include "actors/runtime/subscriptions.hpp"
#include "services/common/facade.hpp"

namespace shop::order {

/// Whom to ask on a request's behalf.
using CallsFor = std::function<actors::Calls(actors::Origin)>;

void add_routes(services::Facade& facade, CallsFor calls_for);

/// Every event goes to the actor it concerns, which knows the old ones.
actors::Subscriptions subscriptions();

}  // namespace shop::order
