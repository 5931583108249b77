#include "services/common/exchange.hpp"

#include <algorithm>

#include "services/common/log.hpp"
#include "services/common/trace.hpp"

namespace shop::services {
namespace {

/// The name under which a path's variable is logged: `{id}` of `/orders/{id}` is the `orderId`.
std::string log_name(std::string_view pattern, const std::string& variable) {
  if (variable != "id") return variable;
  const auto at = pattern.find("/{id}");
  if (at == std::string_view::npos || at == 0) return {};
  auto collection = pattern.substr(0, at);
  collection.remove_prefix(collection.rfind('/') + 1);
  if (collection.ends_with('s')) collection.remove_suffix(1);
  return std::string(collection) + "Id";
}

/// A key is handed on in headers and kept in documents, so it has the form of a header's value and a bounded length.
bool is_idempotency_key(std::string_view text) {
  return !text.empty() && text.size() <= 255 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return text;
}

bool changes_something(std::string_view verb) {
  return verb != "GET" && verb != "HEAD" && verb != "OPTIONS";
}

Problem refusal(int status, std::string detail, std::vector<std::pair<std::string, std::string>> headers) {
  Problem problem;
  problem.status = status;
  problem.detail = std::move(detail);
  problem.headers = std::move(headers);
  return problem;
}

std::optional<Problem> refuse_by_route(const Routes::Match& match) {
  if (!match.pattern) return refusal(404, "There is nothing here.");
  if (match.undecodable) return refusal(400, "The path is not percent-encoded UTF-8.");
  if (!match.endpoint) return refusal(405, "This path answers " + match.allow + ".", {{"Allow", match.allow}});
  return std::nullopt;
}

std::string uri_of(std::string_view path) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string uri;
  for (const char c : path) {
    if (c > ' ' && c < 0x7f && std::string_view("\"<>\\^`{|}").find(c) == std::string_view::npos) {
      uri += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      uri.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
  }
  return uri;
}

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

void read_head(Request::Parts& parts, Routes::Match& match, const Tokens& tokens, Seen& seen) {
  parts.route = *match.pattern;
  parts.parameters = std::move(match.parameters);
  if (const auto given = parts.headers.find("traceparent");
      given != parts.headers.end() && is_traceparent(given->second)) {
    parts.origin.trace.traceparent = given->second;
    if (const auto state = parts.headers.find("tracestate");
        state != parts.headers.end() && is_tracestate(state->second))
      parts.origin.trace.tracestate = state->second;
  } else {
    parts.origin.trace.traceparent = new_traceparent();
  }
  seen.traceparent = parts.origin.trace.traceparent;
  for (const auto& [name, text] : parts.parameters)
    if (auto known = log_name(parts.route, name); !known.empty() && is_id(text)) seen.ids.emplace_back(known, text);

  const auto authorization = parts.headers.find("authorization");
  if (authorization != parts.headers.end()) {
    parts.caller = tokens.caller(authorization->second);
    parts.headers.erase(authorization);  // judged; nothing behind the facade has a use for it
  }
  if (match.endpoint->access == Access::Admin && !parts.caller.admin()) {
    if (parts.caller.anonymous()) throw needs_token("This needs a bearer token with the role admin.");
    throw ProblemError(403, "", "This needs a bearer token with the role admin.");
  }
}

void name_work(Request::Parts& parts) {
  const auto key = parts.headers.find("idempotency-key");
  if (changes_something(parts.verb) && key != parts.headers.end()) {
    if (!is_idempotency_key(key->second))
      throw ProblemError(400, "", "The header Idempotency-Key must have 1 to 255 visible ASCII characters.");
    // The client's keys need not differ between requests to different things, and what these set off may meet in one
    // actor.
    parts.origin.id = key->second + "@" + parts.path;
  } else {
    // The door's own id of the request, which stays the same where it passes the request on to another replica.
    const auto request_id = parts.headers.find("x-request-id");
    const bool known = request_id != parts.headers.end() && is_idempotency_key(request_id->second);
    parts.origin.id = known ? request_id->second : actors::random_id();
  }
}

void account(const Seen& seen, int status, Metrics& metrics) {
  const auto took = std::chrono::duration_cast<Microseconds>(std::chrono::steady_clock::now() - seen.began);
  metrics.http_request(seen.verb, seen.route, status, took);

  const auto level = status >= 500                  ? log::Level::Warning
                     : changes_something(seen.verb) ? log::Level::Info
                                                    : log::Level::Debug;
  if (!log::enabled(level)) return;
  log::Line line(level, "request");
  line.add("method", seen.verb).add("route", seen.route).add("status", status);
  line.add("tookMs", std::chrono::duration<double, std::milli>(took).count());
  line.add_if("traceId", trace_id(seen.traceparent)).add_if("error", seen.failure);
  for (const auto& [name, id] : seen.ids) line.add(name, id);
  line.write();
}

}  // namespace shop::services
