// Requests to the app channel (calls of actors, reminders, timers, deactivation, events, service invocation), one after
// the other, as they come over one connection of the sidecar.
//
// Every request is answered, in well-formed lines and JSON; without the token nothing is told and nothing is done; and
// what an actor stored on behalf of whatever request can be read again.
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <dapr/actors/testing/fake_sidecar.hpp>
#include <set>

#include "actors/cart/cart.hpp"
#include "actors/cart/cart_product.hpp"
#include "actors/order/all_orders.hpp"
#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "internal/http/app_channel.hpp"
#include "internal/http/parser.hpp"
#include "services/cart/routes.hpp"
#include "tests/fuzz/well_formed.hpp"

namespace http = actors::http;

namespace {

using fuzz::require;

/// Reads the next request off `input`; false when there is none that is whole.
bool read(std::string_view& input, http::Request& request) {
  http::RequestParser parser(request);
  parser.eager(true);
  parser.header_limit(8 * 1024);
  parser.body_limit(64 * 1024);
  while (!parser.is_done()) {
    http::ParseError error;
    const auto used = parser.put(boost::asio::const_buffer(input.data(), input.size()), error);
    input.remove_prefix(used);
    if (error || (used == 0 && !parser.is_done())) return false;
  }
  return true;
}

class Told final : public actors::Observer {
 public:
  void turn_ended(const actors::TurnEnded& turn) override {
    for (const auto text : {std::string_view(turn.actor.id), turn.method, turn.turn_id, turn.error})
      require(fuzz::is_text(text), "what is told of a turn can be logged", text);
  }
  void warned(std::string_view message) override {
    require(fuzz::is_text(message), "a warning can be logged", message);
  }
};

struct Channel {
  Channel() {
    const auto cache = std::make_shared<shop::cart::ProductCache>();
    engine.add(
        actors::detail::describe<shop::cart::Cart>([cache] { return std::make_unique<shop::cart::Cart>(cache); }));
    add<shop::cart::CartProduct>();
    add<shop::order::Order>();
    add<shop::order::CustomerOrders>();
    add<shop::order::AllOrders>();
    add<shop::order::ProductDemand>();
    sidecar.deliver_to(&engine);
    sidecar.applications["product-service"] = [](const actors::HttpRequest& request) {
      const shop::product::Listing tea{shop::ProductId("tea"), "Tea", {450, "EUR"}, 1, false};
      if (request.path.starts_with("/internal/reservations/"))
        return actors::HttpAnswer{200, R"({"held":true})", "application/json"};
      if (request.path == "/internal/availability")
        return actors::HttpAnswer{200, R"({"items":[{"productId":"tea","available":3}]})", "application/json"};
      if (request.path != "/internal/products/tea") return actors::HttpAnswer{404, "{}", "application/problem+json"};
      return actors::HttpAnswer{200, actors::json::to_string(tea), "application/json"};
    };
    channel.subscribe(shop::cart::subscriptions());
    const auto echo = [](actors::ChannelRequest request) -> actors::Task<actors::ChannelAnswer> {
      co_return actors::ChannelAnswer{200, actors::json::to_string(request.parameters.at(0)), "application/json"};
    };
    channel.route("GET", "/internal/products/{id}", echo);
    channel.route("POST", "/internal/products/{id}", echo);
  }
  template <class A>
  void add() {
    engine.add(actors::detail::describe<A>([] { return std::make_unique<A>(); }));
  }
  http::Response ask(http::Request& request) {
    std::optional<actors::Outcome<http::Response>> outcome;
    actors::spawn(channel.serve(request),
                  [&](actors::Outcome<http::Response> ended) { outcome.emplace(std::move(ended)); });
    settle();
    require(outcome.has_value(), "every request is answered");
    return std::move(outcome->get());
  }
  void settle() {
    io.restart();
    io.poll();
  }

  boost::asio::io_context io;
  actors::testing::VirtualClock clock;
  actors::testing::FakeSidecar sidecar{clock};
  Told told;
  actors::Engine engine{io, sidecar, clock, told, "shop"};
  http::AppChannel channel{engine, sidecar, told, "token", std::chrono::hours(24)};
};

void check(const http::Response& response, const std::string& target) {
  static const std::set<int> proper{200, 400, 401, 404, 405, 500, 503, 504};
  require(proper.contains(response.status), "a request is answered as the channel says", target);
  fuzz::require_header_value(response.content_type);
  auto lines = std::string_view(response.header_lines);
  while (!lines.empty()) {
    require(lines.find("\r\n") != std::string_view::npos, "a header line has an end", response.header_lines);
    fuzz::require_header_value(fuzz::take_until(lines, "\r\n"));
  }
  if (response.content_type == "application/problem+json")
    fuzz::require_problem(response.body, response.status);
  else if (!response.body.empty())
    fuzz::require_json(response.body, "an answer is JSON in UTF-8");
}

}  // namespace

void fuzz::run(std::string_view input) {
  Channel channel;
  http::Request request;
  std::set<actors::ActorId> actors;
  for (int number = 0; number < 12 && read(input, request); ++number) {
    const auto before = channel.sidecar.operations();
    const auto target = request.target;
    const bool may =
        request.token == "token" || (request.verb == "GET" && target.substr(0, target.find('?')) == "/healthz");
    const auto response = channel.ask(request);
    check(response, target);
    require(may == (response.status != 401), "who has the token, and nobody else, is served", target);
    if (!may) require(channel.sidecar.operations() == before, "without the token nothing is done", target);
    if (number % 3 == 2) channel.channel.abandoned(request);
    const auto path = http::segments(std::string_view(target).substr(0, target.find('?')));
    if (path.size() > 2 && path[0] == "actors")
      if (const auto id = http::from_dapr_id(path[2])) actors.insert({std::string(path[1]), *id});
  }
  for (const auto& event : channel.sidecar.published)
    require_json(actors::to_envelope(event), "an event that leaves is JSON in UTF-8");
  for (const auto& actor : actors)
    if (const auto stored = channel.sidecar.stored(actor, "state"))
      require_json(*stored, "what is stored can be read again");
  channel.engine.forget_all();
  channel.settle();
}
