// Paths, queries, headers and bodies of the REST interfaces of all four services, request after request. They are
// parted by a line `===`; each is a verb and a target, header lines, an empty line and the body; the header `Caller`
// stands for a token that holds.
//
// Every request is answered as docs/contracts.md says; one that is refused changes nothing of what it was for; one that
// is repeated under its key is answered the same; and what comes of them all is understood by the services that listen.
#include <set>

#include "services/common/problem.hpp"
#include "services/common/routes.hpp"
#include "services/product/routes.hpp"
#include "tests/fuzz/shop.hpp"
#include "tests/fuzz/well_formed.hpp"

namespace shop::services {

namespace {
Routes* routes = nullptr;
}

// In place of the facade that listens: what is declared in facade.hpp and used by the services' routes.
class Facade::Parts {};
Facade::Facade(FacadeSettings, Runner&, const Tokens&, Metrics&) {}
Facade::~Facade() = default;
void Facade::route(std::string verb, std::string pattern, Access access, Handler handler) {
  routes->add(verb, pattern, {access, std::move(handler)});
}

}  // namespace shop::services

namespace {

using namespace shop::services;

class NoRunner final : public Runner {
 public:
  void post(std::function<void()>) override {}
  actors::Task<std::optional<std::string>> not_ready() override { co_return std::nullopt; }
};

struct Doors : fuzz::Shop {
  Doors() {
    shop::services::routes = &routes;
    NoRunner runner;
    const Tokens tokens{bench.clock};
    static Metrics metrics;
    Facade facade({}, runner, tokens, metrics);
    const auto calls_for = [this](actors::Origin origin) { return actors::Calls(bench.sidecar, std::move(origin)); };
    shop::product::add_routes(facade, catalog);
    shop::cart::add_routes(facade, calls_for);
    shop::order::add_routes(facade, calls_for);
    shop::payment::add_routes(facade, calls_for, gateway);
  }
  Routes routes;
};

struct Question {
  Request::Parts parts;
  std::string path;
  std::optional<std::string> query;
};

Question read(std::string_view& input) {
  auto text = fuzz::take_until(input, "\n===\n");
  Question question;
  const auto line = fuzz::take_until(text, "\n");
  const auto space = std::min(line.find(' '), line.size());
  question.parts.verb = line.substr(0, space);
  auto target = line.substr(std::min(space + 1, line.size()));
  question.path = fuzz::take_until(target, "?");
  question.parts.path = question.path;
  if (!target.empty()) question.query = target;
  while (!text.empty()) {
    const auto header = fuzz::take_until(text, "\n");
    if (header.empty()) break;
    const auto colon = std::min(header.find(": "), header.size());
    std::string name(header.substr(0, colon));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    question.parts.headers.emplace(std::move(name), header.substr(std::min(colon + 2, header.size())));
  }
  question.parts.headers.emplace("content-type", "application/json");
  if (const auto caller = question.parts.headers.find("caller"); caller != question.parts.headers.end())
    question.parts.caller = {caller->second, caller->second == "admin" ? "admin" : "customer"};
  question.parts.body = text;
  return question;
}

/// Is this text that the facade lets through as a key?
bool is_key(std::string_view text) {
  return !text.empty() && text.size() <= 255 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/") ==
             std::string_view::npos;
}

Response answer(Doors& doors, const Question& question, int number) {
  auto parts = question.parts;
  try {
    auto match = doors.routes.find(parts.verb, question.path);
    if (!match.pattern) throw ProblemError(404, "", "There is nothing here.");
    if (match.undecodable) throw ProblemError(400, "", "The path is not percent-encoded UTF-8.");
    if (!match.endpoint) throw ProblemError(405, "", "This path answers " + match.allow + ".");
    if (match.endpoint->access == Access::Admin && !parts.caller.admin())
      throw ProblemError(parts.caller.anonymous() ? 401 : 403, "", "This needs a bearer token with the role admin.");
    parts.route = *match.pattern;
    parts.parameters = std::move(match.parameters);
    auto query = question.query ? std::string_view(*question.query) : std::string_view();
    while (!query.empty()) {
      auto text = fuzz::take_until(query, "&");
      const auto name = fuzz::take_until(text, "=");
      auto decoded = percent_decoded(name, true), value = percent_decoded(text, true);
      if (!decoded || !value) throw ProblemError(400, "", "The query is not percent-encoded UTF-8.");
      parts.query.emplace(*std::move(decoded), *std::move(value));
    }
    const auto key = parts.headers.find("idempotency-key");
    if (key != parts.headers.end() && !is_key(key->second))
      throw ProblemError(400, "", "The header Idempotency-Key must have 1 to 255 visible ASCII characters.");
    parts.origin.id = key != parts.headers.end() ? key->second + "@" + parts.path : "random-" + std::to_string(number);
    const auto& handler = match.endpoint->handler;
    return doors.bench.run(handler(Request(std::move(parts))));
  } catch (...) {
    auto problem = problem_of(std::current_exception());
    return {problem.status, problem.to_json(), "application/problem+json", problem.headers};
  }
}

/// The documents of what a request is for; of a path with an id in second place.
std::string stored(const Doors& doors, const std::string& path) {
  auto rest = std::string_view(path).substr(std::min<std::size_t>(path.size(), 1));
  const auto collection = fuzz::take_until(rest, "/");
  const std::string id(fuzz::take_until(rest, "/"));
  std::string all;
  const auto add = [&](const std::optional<std::string>& text) { all += text.value_or("") + "\n"; };
  for (const auto& [of, type] : {std::pair("carts", "Cart"), {"orders", "Order"}, {"payments", "Payment"}})
    if (collection == of) add(doors.bench.sidecar.stored({type, id}, "state"));
  if (collection == "products")
    for (const char* prefix : {"product.", "stock."}) add(doors.products.stored(prefix + id));
  return all;
}

void check(const Question& question, const Response& response) {
  static const std::set<int> proper{200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422};
  const auto seen = question.parts.verb + " " + question.path + ": " + std::to_string(response.status) + " " +
                    response.body.substr(0, 1000);
  fuzz::require(proper.contains(response.status), "a request is answered as the contract says", seen);
  for (const auto& [name, value] : response.headers) fuzz::require_header_value(value);
  if (response.status >= 400) {
    fuzz::require(response.content_type == "application/problem+json", "an error is a problem", seen);
    fuzz::require_problem(response.body, response.status);
  } else if (response.status == 204 || response.status == 304) {
    fuzz::require(response.body.empty(), "no content is none", seen);
  } else {
    fuzz::require_json(response.body, "an answer is JSON in UTF-8");
  }
}

}  // namespace

void fuzz::run(std::string_view input) {
  Doors doors;
  for (int number = 0; number < 12 && !input.empty(); ++number) {
    const auto question = read(input);
    const auto before = stored(doors, question.path);
    const auto response = answer(doors, question, number);
    check(question, response);
    if (response.status >= 400)
      require(stored(doors, question.path) == before, "a refused request changes nothing", response.body);
    const auto published = doors.bench.sidecar.published.size();
    if (response.status < 300 && question.parts.verb != "GET" && question.path.starts_with("/carts/") &&
        question.parts.headers.contains("idempotency-key")) {
      const auto again = answer(doors, question, number);
      require(again.status == response.status && again.body == response.body,
              "a request that is repeated is answered the same", response.body + "\n" + again.body);
      require(doors.bench.sidecar.published.size() == published, "a request that is repeated tells nobody anything");
    }
    doors.deliver_all();
  }
  doors.bench.advance(std::chrono::minutes(1));
  doors.deliver_all();
}
