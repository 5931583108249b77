/// The REST facade of payments, and what the service hears.
#pragma once

#include <dapr/actors/subscriptions.hpp>

#include "actors/payment/gateway.hpp"
#include "actors/shared/library.hpp"
#include "services/common/actor_routes.hpp"

namespace shop::payment {

/// `gateway`, whose ledger is shown, outlives the facade.
void add_routes(services::Facade& facade, services::CallsFor calls_for, Gateway& gateway);

/// Every event goes to the payment of its order, which knows the old ones.
actors::Subscriptions subscriptions();

}  // namespace shop::payment
