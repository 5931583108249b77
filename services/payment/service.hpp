/// The payment service: the payments of orders, charged through a gateway.
///
/// Beside the variables of every service (services/common/settings.hpp) it reads PAYMENT_GATEWAY, which gateway
/// charges: `simulated`, the default, charges nobody; and SIMULATED_GATEWAY_PORT, where that one is reached: the
/// sidecar's port, unless something is put between the two.
#pragma once

#include "services/common/service.hpp"

namespace shop::payment {

/// Runs until the process is told to end; answers the exit status of one that could not start.
int run(services::Substitutes substitutes = {});

}  // namespace shop::payment
