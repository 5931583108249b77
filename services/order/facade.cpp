
#include <dapr/actors/utf8.hpp>

#include "actors/order/all_orders.hpp"
#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "services/common/problem.hpp"
#include "services/order/routes.hpp"

namespace shop::order {

using actors::Calls;
using actors::Result;
using actors::Task;
using services::Access;
using services::party_of;
using services::ProblemError;
using services::Request;
using services::Response;
using services::with_calls;

namespace {

constexpr std::size_t longest_text = 500;

struct CancelBody {
  std::optional<std::string> reason;
  DAPR_ACTORS_JSON(reason)
};

struct ShipBody {
  std::optional<std::string> tracking_number;
  DAPR_ACTORS_JSON(tracking_number)
};

struct OrdersPage {
  std::vector<OrderView> items;
  std::optional<std::string> next_cursor;
  DAPR_ACTORS_JSON(items, next_cursor)
};

OrderView order_or_problem(Result<OrderView> order) {
  if (order) order->unlisted.reset();  // nobody's business outside
  return value_or_problem(std::move(order));
}

void check_length(const std::optional<std::string>& text, const std::string& pointer) {
  if (text && actors::characters_in(*text) > longest_text)
    services::invalid(pointer, "must have at most " + std::to_string(longest_text) + " characters");
}

/// Whose orders are asked for: one's own, or as an admin anybody's, and everybody's where none is named.
std::optional<CustomerId> customer_asked_for(const Request& request) {
  const auto& caller = request.caller();
  if (caller.anonymous())
    throw services::needs_token("Whose orders? A list needs a bearer token; a guest's order is found by its id.");
  const auto named = request.query("customerId");
  if (!named && caller.admin()) return std::nullopt;
  const auto customer = named.value_or(caller.sub);
  if (customer != caller.sub && !caller.admin())
    throw ProblemError(404, "unknown_customer", "There is no customer of that id whose orders you may see.");
  return CustomerId(customer);
}

std::optional<Status> status_asked_for(const Request& request) {
  const auto text = request.query_word("status");
  if (!text) return std::nullopt;
  std::string known;
  for (const auto& [status, name] : status_names) {
    if (!exists(status)) continue;
    if (*text == name) return status;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  throw ProblemError(400, "invalid_query", "The query parameter status must be one of " + known + ".");
}

/// An order from before there was a list of all orders is told to it by whoever looks at it first. That it cannot be
/// told now keeps nobody from being shown the order.
Task<Result<OrderView>> see_order(Calls calls, OrderId id, Party party) {
  const auto order = calls.proxy<Order>(id.value);
  auto seen = co_await order.call<&Order::view>(party);
  if (!seen || !std::exchange(seen->unlisted, std::nullopt)) co_return seen;
  try {
    co_await actors::deliver(order.call<&Order::list>());
  } catch (const std::exception&) {  // the next one who looks does it
  }
  co_return seen;
}

Task<Response> get_order(Calls calls, Request request) {
  const OrderId id(request.id("id"));
  const auto order = order_or_problem(co_await see_order(calls, id, party_of(request)));
  const auto tag = services::etag(order.version);
  const auto known = request.header("If-None-Match");
  if (known && services::etag_listed(*known, tag, true)) co_return Response::not_modified(tag);
  co_return Response::json(200, order).header("ETag", tag);
}

Task<Response> cancel_order(Calls calls, Request request) {
  const auto body = request.optional_body_as<CancelBody>();
  check_length(body.reason, "/reason");
  const auto order = calls.proxy<Order>(request.id("id"));
  const Cancel command{party_of(request), body.reason};
  auto cancelled = co_await order.call<&Order::cancel>(command);
  cancelled = co_await services::seen_by<&Order::view>(std::move(cancelled), order, command.by);
  co_return Response::json(200, order_or_problem(std::move(cancelled)));
}

Task<Response> ship_order(Calls calls, Request request) {
  const auto body = request.optional_body_as<ShipBody>();
  check_length(body.tracking_number, "/trackingNumber");
  const auto order = calls.proxy<Order>(request.id("id"));
  const Ship command{body.tracking_number};
  co_return Response::json(200, order_or_problem(co_await order.call<&Order::ship>(command)));
}

Task<OrderList> everybodys(Calls calls, std::optional<Status> status, int limit, std::optional<std::string> cursor) {
  const auto before = cursor ? place_of(*cursor) : std::nullopt;
  if (cursor && !before)
    throw ProblemError(400, "invalid_cursor", "the cursor is none that a list of everybody's orders has answered");
  const ListAllOrders query{status, limit, before};
  const auto part = co_await list_all_orders(std::move(calls), query);
  co_return OrderList{part.orders, part.next ? std::optional(to_text(*part.next)) : std::nullopt};
}

Task<OrderList> customers(Calls calls, CustomerId customer, std::optional<Status> status, int limit,
                          std::optional<std::string> cursor) {
  const auto list_of = calls.proxy<CustomerOrders>(actor_id_of(customer));
  const ListOrders query{status, limit, std::move(cursor)};
  co_return services::value(co_await list_of.call<&CustomerOrders::list>(query));
}

Task<Response> list_orders(Calls calls, Request request) {
  const auto customer = customer_asked_for(request);
  const auto status = status_asked_for(request);
  const auto limit = static_cast<int>(request.query_integer("limit", 1, 100).value_or(20));
  auto cursor = request.query_word("cursor");
  auto asked = customer ? customers(calls, *customer, status, limit, std::move(cursor))
                        : everybodys(calls, status, limit, std::move(cursor));
  const auto list = co_await std::move(asked);

  const auto party = party_of(request);
  std::vector<Task<Result<OrderView>>> reads;
  for (const auto& id : list.orders) reads.push_back(see_order(calls, id, party));
  auto orders = co_await actors::when_all(std::move(reads));
  OrdersPage page{{}, list.next_cursor};
  for (auto& order : orders)  // one that has just left the status asked for is not shown under it
    if (order && (!status || order->status == *status)) page.items.push_back(std::move(*order));
  co_return Response::json(200, page);
}

Task<Response> get_demand(Calls calls, Request request) {
  const auto demand = calls.proxy<ProductDemand>(request.id("productId"));
  co_return Response::json(200, services::value(co_await demand.call<&ProductDemand::view>()));
}

}  // namespace

void add_routes(services::Facade& facade, services::CallsFor calls_for) {
  facade.get("/orders", with_calls(calls_for, list_orders));
  facade.get("/orders/{id}", with_calls(calls_for, get_order));
  facade.post("/orders/{id}/cancel", with_calls(calls_for, cancel_order));
  facade.post("/orders/{id}/ship", Access::Admin, with_calls(calls_for, ship_order));
  facade.get("/demand/{productId}", Access::Admin, with_calls(calls_for, get_demand));
}

}  // namespace shop::order
