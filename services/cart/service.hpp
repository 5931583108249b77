/// The cart service: carts, and what they know of products. Settings: services/common/settings.hpp.
#pragma once

#include "services/common/service.hpp"

namespace shop::cart {

/// Runs until the process is told to end; answers the exit status of one that could not start.
int run(services::Substitutes substitutes = {});

}  // namespace shop::cart
