
#include <dapr/actors/utf8.hpp>

#include "actors/payment/payment.hpp"
#include "services/common/problem.hpp"
#include "services/payment/routes.hpp"

namespace shop::payment {

using actors::Calls;
using actors::Task;
using services::Access;
using services::party_of;
using services::ProblemError;
using services::Request;
using services::Response;
using services::with_calls;

namespace {

constexpr std::size_t longest_token = 255;
constexpr std::int64_t largest_page = 1000;

struct RetryBody {
  PaymentMethod payment_method;
  DAPR_ACTORS_JSON(payment_method)
};

Task<Response> view_of(Calls calls, std::string id, Party party) {
  const auto payment = calls.proxy<Payment>(std::move(id));
  co_return Response::json(200, services::value(co_await payment.call<&Payment::view>(party)));
}

Task<Response> get_payment(Calls calls, Request request) {
  return view_of(std::move(calls), request.id("id"), party_of(request));
}

Task<Response> find_payment(Calls calls, Request request) {
  const auto order = request.query_id("orderId");
  if (!order) throw ProblemError(400, "invalid_query", "The query parameter orderId is required: whose payment?");
  return view_of(std::move(calls), payment_of(OrderId(*order)).value, party_of(request));
}

Task<Response> retry_payment(Calls calls, Request request) {
  const auto body = request.body_as<RetryBody>();
  const auto& token = body.payment_method.token;
  if (token.find_first_not_of(' ') == std::string::npos || actors::characters_in(token) > longest_token)
    services::invalid("/paymentMethod/token", "must have 1 to 255 characters, not only spaces");
  const auto payment = calls.proxy<Payment>(request.id("id"));
  const Retry command{party_of(request), body.payment_method};
  auto retried = co_await payment.call<&Payment::retry>(command);
  retried = co_await services::seen_by<&Payment::view>(std::move(retried), payment, command.by);
  const auto view = services::value(std::move(retried));
  co_return Response::json(202, view).header("Location", "/payments/" + view.id.value);
}

Task<Response> get_ledger(Gateway* gateway, Request request) {
  const auto limit = request.query_integer("limit", 1, largest_page).value_or(largest_page);
  auto cursor = request.query_word("cursor").value_or("");
  co_return Response::json(
      200, services::value(co_await gateway->ledger(std::move(cursor), static_cast<std::size_t>(limit))));
}

}  // namespace

void add_routes(services::Facade& facade, services::CallsFor calls_for, Gateway& gateway) {
  facade.get("/payments", with_calls(calls_for, find_payment));
  facade.get("/payments/ledger", Access::Admin,
             [gateway = &gateway](Request request) { return get_ledger(gateway, std::move(request)); });
  facade.get("/payments/{id}", with_calls(calls_for, get_payment));
  facade.post("/payments/{id}/retry", with_calls(calls_for, retry_payment));
}

}  // namespace shop::payment
