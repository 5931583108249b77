#include <algorithm>

#include "services/common/problem.hpp"
#include "services/product/refused.hpp"
#include "services/product/routes.hpp"

namespace shop::product {

using actors::Task;
using services::Access;
using services::ProblemError;
using services::Request;
using services::Response;

namespace {

struct StockChange {
  std::int64_t delta = 0;
  DAPR_ACTORS_JSON(delta)
};

constexpr std::int64_t most_price = 1'000'000'000'000;

void refuse_problems(std::vector<actors::json::Problem> problems) {
  if (!problems.empty()) throw ProblemError(services::problem_of(actors::json::Error(std::move(problems))));
}

[[noreturn]] void bad_query(const std::string& type, const std::string& detail) {
  throw ProblemError(400, type, detail);
}

/// `If-Match`: a list of tags, or `*`. RFC 9110 (section 13.1.1) lets only strong ones match; here those count as well
/// that the door weakened, which names the same version (docs/decisions/0028-compressed-answers.md).
Condition condition_of(const Request& request) {
  auto tags = request.header("If-Match");
  if (!tags) return {};
  return [tags = *std::move(tags)](const std::string& etag) { return services::etag_listed(tags, etag, true); };
}

/// Kept, and asked about before each use.
constexpr auto revalidated = "no-cache";
/// A list may be a second old in any case; who shows one may show it while the next is on its way.
constexpr auto soon_old = "max-age=1, stale-while-revalidate=5";

Response shown(int status, const View& view) {
  return Response::json(status, view).header("ETag", etag_of(view));
}

Query query_of(const Request& request) {
  Query query;
  query.words = request.query("q");
  if (query.words && query.words->size() > most_words)
    bad_query("query_too_long",
              "The query parameter \"q\" must have at most " + std::to_string(most_words) + " bytes.");
  query.category = request.query("category");
  query.least_price = request.query_integer("minPrice", 0, most_price);
  query.highest_price = request.query_integer("maxPrice", 0, most_price);
  if (query.least_price && query.highest_price && *query.least_price > *query.highest_price)
    bad_query("invalid_price_range", "The query parameter \"minPrice\" must not be above \"maxPrice\".");
  query.currency = request.query_word("currency");
  // One that no price is in finds nothing, as a category that no product is in.
  if (query.currency && !(query.currency->size() == 3 && std::all_of(query.currency->begin(), query.currency->end(),
                                                                     [](char c) { return 'A' <= c && c <= 'Z'; })))
    bad_query("invalid_query", "The query parameter \"currency\" must be three capital letters, such as EUR.");
  query.in_stock = request.query_flag("inStock");
  if (const auto name = request.query_word("sort")) {
    const auto sort = sort_from(*name);
    if (!sort) bad_query("invalid_query", "The query parameter \"sort\" must be one of " + sort_names() + ".");
    query.sort = *sort;
  }
  query.limit = static_cast<std::size_t>(request.query_integer("limit", 1, 100).value_or(20));
  query.cursor = request.query_word("cursor");
  return query;
}

Task<Response> create(Catalog& catalog, Request request) {
  auto product = request.body_as<NewProduct>();
  refuse_problems(problems_of(product));
  auto created = co_await catalog.create(std::move(product), request.origin().trace, request.origin().id);
  const auto view = value(std::move(created));
  co_return shown(201, view).header("Location", "/products/" + view.id.value);
}

Task<Response> find(Catalog& catalog, Request request) {
  const ProductId id(request.id("id"));
  const auto view = co_await catalog.find(id);
  if (!view) throw ProblemError(404, "unknown_product", "There is no product " + id.value + ".");
  const auto known = request.header("If-None-Match");
  if (known && services::etag_listed(*known, etag_of(*view), true))
    co_return Response::not_modified(etag_of(*view)).header("Cache-Control", revalidated);
  co_return shown(200, *view).header("Cache-Control", revalidated);
}

void wait_for(const Index& index) {
  if (index.is_open()) return;
  services::Problem problem;
  problem.status = 503;
  problem.type = services::problem_type("not_ready");
  problem.detail = "The list of products is being read.";
  problem.headers = {{"Retry-After", "1"}};
  throw ProblemError(std::move(problem));
}

Task<Response> list(Components& components, Request request) {
  wait_for(components.index);
  auto query = query_of(request);
  const auto page = co_await components.catalog.list(std::move(query));
  if (!page)
    bad_query("invalid_cursor",
              "The query parameter \"cursor\" is not one that a page of this order gave: begin without it.");
  co_return Response::json(200, *page).header("Cache-Control", soon_old);
}

Task<Response> list_categories(Components& components, Request) {
  wait_for(components.index);
  const auto categories = co_await components.catalog.categories();
  co_return Response::json(200, categories).header("Cache-Control", soon_old);
}

Task<Response> replace(Catalog& catalog, Request request) {
  const ProductId id(request.id("id"));
  auto product = request.body_as<WholeProduct>();
  refuse_problems(problems_of(product, id));
  auto condition = condition_of(request);
  auto replaced = co_await catalog.replace(id, std::move(product), std::move(condition), request.origin().trace,
                                           request.origin().id);
  co_return shown(200, value(std::move(replaced)));
}

Task<Response> remove(Catalog& catalog, Request request) {
  const ProductId id(request.id("id"));
  auto condition = condition_of(request);
  auto removed = co_await catalog.remove(id, std::move(condition), request.origin().trace, request.origin().id);
  value(std::move(removed));
  co_return Response::no_content();
}

Task<Response> adjust_stock(Stock& stock, Request request) {
  const ProductId id(request.id("id"));
  const auto change = request.body_as<StockChange>();
  if (change.delta < -most_stock || change.delta > most_stock)
    services::invalid("/delta", "must be from -" + std::to_string(most_stock) + " to " + std::to_string(most_stock));
  auto adjusted = co_await stock.adjust(id, change.delta, request.origin().id);
  co_return shown(200, value(std::move(adjusted)));
}

}  // namespace

void add_routes(services::Facade& facade, Components& components) {
  auto& catalog = components.catalog;
  auto& stock = components.stock;
  facade.get("/products", [&components](Request request) { return list(components, std::move(request)); });
  facade.post("/products", Access::Admin, [&catalog](Request request) { return create(catalog, std::move(request)); });
  facade.get("/products/{id}", [&catalog](Request request) { return find(catalog, std::move(request)); });
  facade.put("/products/{id}", Access::Admin,
             [&catalog](Request request) { return replace(catalog, std::move(request)); });
  facade.del("/products/{id}", Access::Admin,
             [&catalog](Request request) { return remove(catalog, std::move(request)); });
  facade.post("/products/{id}/stock", Access::Admin,
              [&stock](Request request) { return adjust_stock(stock, std::move(request)); });
  facade.get("/categories", [&components](Request request) { return list_categories(components, std::move(request)); });
}

namespace {

actors::ChannelAnswer channel_problem(int status, const std::string& type, std::string detail,
                                      const std::string& path) {
  services::Problem problem;
  problem.status = status;
  problem.type = type.empty() ? "about:blank" : services::problem_type(type);
  problem.detail = std::move(detail);
  problem.instance = path;
  return {status, problem.to_json(), "application/problem+json"};
}

/// What the caller sent, or why it is none.
template <class T>
tl::expected<T, std::string> body_of(const actors::ChannelRequest& request) {
  try {
    return actors::json::parse<T>(request.body);
  } catch (const actors::json::Error& error) {
    return tl::unexpected(std::string(error.what()));
  }
}

}  // namespace

Task<actors::ChannelAnswer> answer_listing(Catalog& catalog, actors::ChannelRequest request) {
  const auto id = request.parameters.at(0);
  if (!is_id(id))
    co_return channel_problem(404, "unknown_product", "There never was a product of this id.", request.path);
  const auto listing = co_await catalog.listing(ProductId(id));
  co_return actors::ChannelAnswer{200,
                                  actors::json::to_string(listing.value_or(Listing{ProductId(id), {}, {}, 0, true}))};
}

Task<actors::ChannelAnswer> answer_reservation(Stock& stock, actors::ChannelRequest request) {
  const auto id = request.parameters.at(0);
  if (!is_id(id)) co_return channel_problem(400, "", "The path names no id of an order.", request.path);
  auto wanted = body_of<Reserve>(request);
  if (!wanted) co_return channel_problem(400, "", wanted.error(), request.path);
  if (wanted->lines.empty() || wanted->lines.size() > most_lines)
    co_return channel_problem(400, "", "An order has 1 to " + std::to_string(most_lines) + " lines.", request.path);
  auto reserved = co_await stock.reserve(OrderId(id), *std::move(wanted));
  co_return actors::ChannelAnswer{200, actors::json::to_string(reserved)};
}

Task<actors::ChannelAnswer> answer_availability(Stock& stock, actors::ChannelRequest request) {
  auto asked = body_of<AskAvailability>(request);
  if (!asked) co_return channel_problem(400, "", asked.error(), request.path);
  if (asked->products.size() > most_lines)
    co_return channel_problem(400, "", "At most " + std::to_string(most_lines) + " products at once.", request.path);
  const auto items = co_await stock.items(std::move(asked->products));
  Availability availability;
  for (const auto& [product, item] : items) availability.items.push_back({product, item.available()});
  co_return actors::ChannelAnswer{200, actors::json::to_string(availability)};
}

}  // namespace shop::product
