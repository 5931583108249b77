/// The REST facade of orders, and what the service hears.
#pragma once

#include <dapr/actors/subscriptions.hpp>

#include <utility>

#include "actors/shared/library.hpp"
#include "services/common/actor_routes.hpp"
#include "services/common/problem.hpp"

namespace shop::order {

void add_routes(services::Facade& facade, services::CallsFor calls_for);

/// What an order answers. One that is not there may be on its way from the checkout: the client is told when to look
/// again.
template <class T>
T value_or_problem(actors::Result<T> answer) {
  if (answer) return std::move(*answer);
  auto problem = services::problem_of(answer.error());
  if (problem.status == 404) problem.headers.emplace_back("Retry-After", "1");
  throw services::ProblemError(std::move(problem));
}

/// Every event goes to the actor it concerns, which knows the old ones.
actors::Subscriptions subscriptions();

}  // namespace shop::order
