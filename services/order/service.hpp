/// The order service: orders, customers' lists of them, and the demand for products.
///
/// Beside the variables of every service (services/common/settings.hpp) it reads ORDER_PAYMENT_DEADLINE_SECONDS, how
/// long a customer may take to pay, 1 to 604800, by default 900.
#pragma once

#include "services/common/service.hpp"

namespace shop::order {

/// Runs until the process is told to end; answers the exit status of one that could not start.
int run(services::Substitutes substitutes = {});

}  // namespace shop::order
