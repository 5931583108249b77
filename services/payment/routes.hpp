/// The REST facade of payments, and what the service hears.
#pragma once

#include <functional>

#include "actors/payment/gateway.hpp"
#include "actors/runtime/subscriptions.hpp"
#include "services/common/facade.hpp"

namespace shop::payment {

/// Whom to ask on a request's behalf.
using CallsFor = std::function<actors::Calls(actors::Origin)>;

/// `gateway`, whose ledger is shown, outlives the facade.
void add_routes(services::Facade& facade, CallsFor calls_for, Gateway& gateway);

/// Every event goes to the payment of its order, which knows the old ones.
actors::Subscriptions subscriptions();

}  // namespace shop::payment
