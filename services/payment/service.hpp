/// The payment service: the payments of orders, charged through a gateway.
///
/// Beside the variables of every service (services/common/settings.hpp) it reads PAYMENT_GATEWAY, which gateway
/// charges: `simulated`, the default, charges nobody.
#pragma once

#include "services/common/service.hpp"

namespace shop::payment {

/// Runs until the process is told to end; answers the exit status of one that could not start.
int run(services::Substitutes substitutes = {});

}  // namespace shop::payment
