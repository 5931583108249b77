/// What the facades in front of actors share: on whose behalf a request asks, and handlers that call actors.
///
///     void add_routes(services::Facade& facade, services::CallsFor calls_for) {
///       facade.get("/orders/{id}", services::with_calls(calls_for, get_order));
///     }
///
/// where `get_order` is a `Task<Response> get_order(Calls calls, Request request)`.
#pragma once

#include <dapr/actors/calls.hpp>

#include <functional>
#include <utility>

#include "actors/shared/library.hpp"
#include "actors/shared/party.hpp"
#include "services/common/facade.hpp"

namespace shop::services {

/// Where calls on behalf of an origin are made: the host's, or a test's.
using CallsFor = std::function<actors::Calls(actors::Origin)>;

/// A handler that is given calls on behalf of its request.
inline auto with_calls(CallsFor calls_for, actors::Task<Response> (*handle)(actors::Calls, Request)) {
  return [calls_for = std::move(calls_for), handle](Request request) {
    auto calls = calls_for(request.origin());
    return handle(std::move(calls), std::move(request));
  };
}

/// Who sent the request, as actors know him.
inline Party party_of(const Request& request) {
  const auto& caller = request.caller();
  return {caller.anonymous() ? std::nullopt : std::optional(CustomerId(caller.sub)), caller.admin()};
}

/// What a change of `actor` answered; but to whoever may not see the actor, what `View` answers him: that an
/// idempotency key was used there before is no business of his.
template <auto View, class A, class T, class Query>
actors::Task<actors::Result<T>> seen_by(actors::Result<T> answer, const actors::Proxy<A>& actor, const Query& query) {
  if (answer || answer.error().code != "idempotency_key_reused") co_return answer;
  auto seen = co_await actor.template call<View>(query);
  if (!seen) co_return tl::unexpected(std::move(seen.error()));
  co_return answer;
}

}  // namespace shop::services
