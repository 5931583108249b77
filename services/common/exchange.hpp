/// What the facade and the streams make of a request's head, and say of it when it is done. Internal to
/// services/common; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/common/facade.hpp"
#include "services/common/routes.hpp"

namespace shop::services {

/// A request on its way: what is logged and counted of it.
struct Seen {
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  std::string verb = "other";       ///< bounded, unlike what was sent
  std::string route = "unmatched";  ///< bounded, unlike the path
  std::string instance = {};
  std::string traceparent = {};
  std::vector<std::pair<std::string, std::string>> ids = {};
  std::string failure = {};  ///< what the client is not told
};

std::string lower(std::string text);
bool changes_something(std::string_view verb);
Problem refusal(int status, std::string detail, std::vector<std::pair<std::string, std::string>> headers = {});
/// What a path and a verb alone are refused for.
std::optional<Problem> refuse_by_route(const Routes::Match& match);
/// A path as a URI (RFC 3986): a request may hold any byte, an `instance` may not.
std::string uri_of(std::string_view path);
std::string message_of(const std::exception_ptr& error);

/// Route, parameters, trace and caller, out of `match` and `parts.headers`; notes in `seen` what is logged. Throws
/// ProblemError for a caller who may not.
void read_head(Request::Parts& parts, Routes::Match& match, const Tokens& tokens, Seen& seen);
/// The work's id: the client's Idempotency-Key with the path, the door's request id, or a random one.
void name_work(Request::Parts& parts);

/// Counts a request that has been answered, and writes its line in the log.
void account(const Seen& seen, int status, Metrics& metrics);

}  // namespace shop::services
