/// The product service: the catalog and its stock. Stateless; any number of replicas answer for the same products.
#pragma once

#include "services/common/service.hpp"

namespace shop::product {

/// Runs until the process is told to end; answers the exit status of one that could not start.
int run(services::Substitutes substitutes = {});

}  // namespace shop::product
