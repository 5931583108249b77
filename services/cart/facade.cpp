
#include <dapr/actors/utf8.hpp>

#include "actors/cart/cart.hpp"
#include "services/cart/routes.hpp"
#include "services/common/problem.hpp"

namespace shop::cart {

using actors::Calls;
using actors::Task;
using services::party_of;
using services::Request;
using services::Response;
using services::value;
using services::with_calls;

namespace {

struct AddBody {
  ProductId product_id;
  std::int64_t quantity = 0;
  DAPR_ACTORS_JSON(product_id, quantity)
};

struct QuantityBody {
  std::int64_t quantity = 0;
  DAPR_ACTORS_JSON(quantity)
};

struct CheckoutBody {
  PaymentMethod payment_method;
  Address shipping_address;
  DAPR_ACTORS_JSON(payment_method, shipping_address)
};

struct ClaimBody {
  std::optional<CartId> into;
  DAPR_ACTORS_JSON(into)
};

/// Collects what is wrong with the texts of a body, and throws it all at once.
class TextCheck {
 public:
  TextCheck& required(const char* pointer, const std::string& text, std::size_t longest) {
    if (text.find_first_not_of(' ') == std::string::npos) problems_.push_back({pointer, "must not be empty"});
    return optional(pointer, text, longest);
  }
  TextCheck& optional(const char* pointer, const std::optional<std::string>& text, std::size_t longest) {
    if (text && actors::characters_in(*text) > longest)
      problems_.push_back({pointer, "must have at most " + std::to_string(longest) + " characters"});
    return *this;
  }
  void done() const {
    if (!problems_.empty()) throw services::ProblemError(services::problem_of(actors::json::Error(problems_)));
  }

 private:
  std::vector<actors::json::Problem> problems_;
};

void check(const CheckoutBody& body) {
  const auto& address = body.shipping_address;
  TextCheck()
      .required("/paymentMethod/token", body.payment_method.token, 255)
      .required("/shippingAddress/name", address.name, 200)
      .required("/shippingAddress/line1", address.line1, 200)
      .optional("/shippingAddress/line2", address.line2, 200)
      .required("/shippingAddress/city", address.city, 100)
      .required("/shippingAddress/postalCode", address.postal_code, 20)
      .required("/shippingAddress/country", address.country, 60)
      .done();
}

Task<Response> get_cart(Calls calls, Request request) {
  const auto cart = calls.proxy<Cart>(request.id("id"));
  const ViewCart query{party_of(request)};
  co_return Response::json(200, value(co_await cart.call<&Cart::view>(query)));
}

/// What a change of a cart answers.
template <auto Method, class Command>
Task<actors::Result<actors::method_value<Method>>> changed(const actors::Proxy<Cart>& cart, const Command& command) {
  auto answer = co_await cart.call<Method>(command);
  const ViewCart query{command.by};
  co_return co_await services::seen_by<&Cart::view>(std::move(answer), cart, query);
}

Task<Response> add_item(Calls calls, Request request) {
  const auto cart = calls.proxy<Cart>(request.id("id"));
  const auto body = request.body_as<AddBody>();
  const AddItem command{party_of(request), body.product_id, body.quantity};
  co_return Response::json(200, value(co_await changed<&Cart::add>(cart, command)));
}

Task<Response> set_quantity(Calls calls, Request request) {
  const auto cart = calls.proxy<Cart>(request.id("id"));
  const ProductId product(request.id("productId"));
  const SetQuantity command{party_of(request), product, request.body_as<QuantityBody>().quantity};
  co_return Response::json(200, value(co_await changed<&Cart::set_quantity>(cart, command)));
}

Task<Response> remove_item(Calls calls, Request request) {
  const auto cart = calls.proxy<Cart>(request.id("id"));
  const RemoveItem command{party_of(request), ProductId(request.id("productId"))};
  co_return Response::json(200, value(co_await changed<&Cart::remove>(cart, command)));
}

Task<Response> clear_cart(Calls calls, Request request) {
  const auto cart = calls.proxy<Cart>(request.id("id"));
  const ClearCart command{party_of(request)};
  co_return Response::json(200, value(co_await changed<&Cart::clear>(cart, command)));
}

Task<Response> check_out(Calls calls, Request request) {
  const auto cart = calls.proxy<Cart>(request.id("id"));
  request.idempotency_key();  // required; the calls carry it already
  const auto body = request.body_as<CheckoutBody>();
  check(body);
  const CheckOut command{party_of(request), body.payment_method, body.shipping_address};
  const auto checkout = value(co_await changed<&Cart::check_out>(cart, command));
  co_return Response::json(202, checkout).header("Location", "/orders/" + checkout.order_id.value);
}

/// Carts are claimed by customers: a guest has nowhere to put them, and no cart becomes an administrator's.
CustomerId claimant(const Request& request) {
  const auto& caller = request.caller();
  if (caller.anonymous()) throw services::needs_token("Whose is the cart to be? A claim needs a bearer token.");
  if (caller.admin()) throw services::ProblemError(403, "customers_only", "Only a customer can claim a cart.");
  return CustomerId(caller.sub);
}

[[noreturn]] void refuse_merge(const std::string& code, const CartId& into) {
  if (code == "unknown_cart") throw services::ProblemError(404, code, "there is no cart " + into.value);
  throw services::ProblemError(409, code,
                               code == "other_currency"
                                   ? "the two carts are in different currencies, and a cart holds one"
                                   : "what is in one of the carts is being moved elsewhere; try again in a moment");
}

/// Moves what is in one cart into another: seals the first, has the second take what it can, and opens the first with
/// the rest. Whatever is interrupted goes on with a repeat, or without one (see Cart).
Task<Response> merge_cart(Calls calls, CartId from, CartId into, CustomerId customer) {
  const auto source = calls.proxy<Cart>(from.value), target = calls.proxy<Cart>(into.value);
  const ViewCart query{{customer, false}};
  const auto there = value(co_await source.call<&Cart::outline>(query));
  const auto here = value(co_await target.call<&Cart::outline>(query));
  std::vector<LeftBehind> left;
  if (there.currency) {
    // What was begun is ended whatever has become of the other cart since; what cannot be need not begin.
    if (!there.sealed && here.sealed) refuse_merge("claim_under_way", into);
    if (!there.sealed && here.currency && here.currency != there.currency) refuse_merge("other_currency", into);
    const SealCart seal{customer, into};
    auto sealed = co_await source.call<&Cart::seal>(seal);
    if (sealed || sealed.error().code != "empty_cart") {  // a moment ago it was not: the same claim was quicker
      auto lines = value(std::move(sealed));
      const auto taken = value(co_await carry_over(calls, from, into, std::move(lines)));
      if (taken.refused) refuse_merge(*taken.refused, into);
      left = taken.left;
    }
  }
  auto cart = value(co_await target.call<&Cart::view>(query));
  if (!left.empty()) cart.left = std::move(left);
  co_return Response::json(200, cart);
}

Task<Response> claim_cart(Calls calls, Request request) {
  const CartId id(request.id("id"));
  const auto customer = claimant(request);
  const auto into = request.optional_body_as<ClaimBody>().into;
  if (into && *into != id) co_return co_await merge_cart(std::move(calls), id, *into, customer);
  const auto cart = calls.proxy<Cart>(id.value);
  const ClaimCart command{customer};
  auto claimed = co_await cart.call<&Cart::claim>(command);
  const ViewCart query{{customer, false}};
  claimed = co_await services::seen_by<&Cart::view>(std::move(claimed), cart, query);
  co_return Response::json(200, value(std::move(claimed)));
}

}  // namespace

void add_routes(services::Facade& facade, services::CallsFor calls_for) {
  facade.get("/carts/{id}", with_calls(calls_for, get_cart));
  facade.del("/carts/{id}", with_calls(calls_for, clear_cart));
  facade.post("/carts/{id}/items", with_calls(calls_for, add_item));
  facade.put("/carts/{id}/items/{productId}", with_calls(calls_for, set_quantity));
  facade.del("/carts/{id}/items/{productId}", with_calls(calls_for, remove_item));
  facade.post("/carts/{id}/checkout", with_calls(calls_for, check_out));
  facade.post("/carts/{id}/claim", with_calls(calls_for, claim_cart));
}

}  // namespace shop::cart
