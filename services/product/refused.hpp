/// How the catalog's refusals become answers.
#pragma once

#include <utility>

#include "actors/shared/library.hpp"
#include "services/common/problem.hpp"

namespace shop::product {

/// What was asked for; a refusal is thrown as its problem. A condition that does not hold is 412 (RFC 9110, section
/// 13.1.1), which no reason of the library says.
template <class T>
T value(actors::Result<T> result) {
  if (!result && result.error().code == "stale_etag")
    throw services::ProblemError(412, "stale_etag", result.error().message);
  return services::value(std::move(result));
}

}  // namespace shop::product
