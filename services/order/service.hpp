/// The order service: orders, customers' lists of them, and the demand for products.
///
/// Beside the variables of every service (services/common/settings.hpp) it reads ORDER_PAYMENT_DEADLINE_SECONDS, how
/// long a customer may take to pay, 1 to 604800, by default 900; ORDER_STREAMS, how many streams of events it shows at
/// a time, 1 to 8000, by default 4096; and ORDER_REPLICA, a name that no other replica has and that stays the same
/// while the sidecar beside it runs, by default the host's, which in a pod is the pod's.
#pragma once

#include "services/common/service.hpp"

namespace shop::order {

/// Runs until the process is told to end; answers the exit status of one that could not start.
int run(services::Substitutes substitutes = {});

}  // namespace shop::order
