/// A REST facade: routes to coroutines, on Pistache, behind the door.
///
///     facade.get("/orders/{id}", [&](Request request) -> Task<Response> {
///       auto order = host.calls(request.origin()).proxy<Order>(request.id("id"));
///       const auto party = party_of(request);
///       auto view = value(co_await order.call<&Order::view>(party));        // a refusal becomes its problem+json
///       co_return Response::json(200, view).header("ETag", etag(view.version));
///     });
///     facade.post("/orders/{id}/ship", Access::Admin, [&](Request request) -> Task<Response> {
///       const auto ship = request.body_as<Ship>();                          // 415, 400 with pointers
///       …
///     });
///
/// The facade does the rest, the same for every service: 404 for an unknown path, 405 with `Allow`, HEAD as GET without
/// its body, OPTIONS, 413 over 1 MiB, bearer tokens, a problem+json for everything that goes wrong, the trace (one is
/// begun if the client brings none), one log line and the metrics of every request; `/healthz`, `/readyz`,
/// `/openapi.json`; and `Cache-Control: no-store` on every answer whose handler says nothing else (a 304 as its 200).
///
/// Handlers run on the host's threads (`Runner`), never on Pistache's; they and what they capture live as long as the
/// facade. Register all routes before `start`. A `Request` belongs to its handler.
#pragma once

#include <dapr/actors/calls.hpp>
#include <dapr/actors/json.hpp>
#include <dapr/actors/task.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/shared/library.hpp"
#include "services/common/metrics.hpp"
#include "services/common/problem.hpp"
#include "services/common/tokens.hpp"

namespace shop::services {

/// Where handlers run, and whether the process can serve. A service's is its host.
class Runner {
 public:
  virtual ~Runner() = default;
  virtual void post(std::function<void()> work) = 0;
  /// Why not, or nothing.
  virtual actors::Task<std::optional<std::string>> not_ready() = 0;
};

/// Who may call a route. `Anyone` may bring a token, which must then hold; what a caller may see is the handler's to
/// decide
/// (`may_access`).
enum class Access { Anyone, Admin };

class Request {
 public:
  /// Built by the facade; public for tests of handlers.
  struct Parts {
    std::string verb = "GET";
    std::string path = "/";                                           ///< as it came, without query; printable ASCII
    std::string route;                                                ///< the pattern that matched
    std::map<std::string, std::string, std::less<>> parameters = {};  ///< decoded
    std::map<std::string, std::string, std::less<>> query = {};       ///< decoded
    std::map<std::string, std::string, std::less<>> headers = {};     ///< names in lower case
    std::string body = {};
    Caller caller = {};
    actors::Origin origin = {};
  };
  explicit Request(Parts parts) : parts_(std::move(parts)) {}

  const std::string& verb() const { return parts_.verb; }
  const std::string& path() const { return parts_.path; }
  const std::string& route() const { return parts_.route; }
  const std::string& body() const { return parts_.body; }
  const Caller& caller() const { return parts_.caller; }
  /// The work's id (on a changing verb the client's `Idempotency-Key` and the path it is for, else a random one) and
  /// its trace.
  const actors::Origin& origin() const { return parts_.origin; }

  /// What `{name}` in the pattern matched, decoded: any text.
  const std::string& parameter(std::string_view name) const;
  /// The same where it must be an id: `[A-Za-z0-9_-]{1,64}`. What cannot be an id is not there: 404.
  const std::string& id(std::string_view name) const;

  /// Text to look for: absent or empty, none. Of a repeated one, the first.
  std::optional<std::string> query(std::string_view name) const;
  /// What an empty text cannot be, such as a cursor or a name of a list: 400 for one. A client that lost the value must
  /// not be answered as if it had asked for everything.
  std::optional<std::string> query_word(std::string_view name) const;
  /// 400 unless it is a whole number in [least, most].
  std::optional<std::int64_t> query_integer(std::string_view name, std::int64_t least, std::int64_t most) const;
  /// 400 unless `true` or `false`.
  std::optional<bool> query_flag(std::string_view name) const;
  /// 400 unless it has the form of an id.
  std::optional<std::string> query_id(std::string_view name) const;

  /// By any spelling of its name; empty counts as absent.
  std::optional<std::string> header(std::string_view name) const;
  /// Of `Content-Type`, in lower case and without parameters: `image/png`. Empty without one.
  std::string media_type() const;
  /// The header `Idempotency-Key`; 400 without it.
  const std::string& idempotency_key() const;

  /// The body: 415 unless it is `application/json`, 400 with a pointer for everything that is wrong, unknown fields
  /// included.
  template <class T>
  T body_as() const {
    require_json();
    try {
      return actors::json::parse<T>(parts_.body, actors::json::Unknown::Refuse);
    } catch (const actors::json::Error& error) {
      throw ProblemError(problem_of(error));
    }
  }
  /// The same where the body may be left out.
  template <class T>
  T optional_body_as() const {
    return parts_.body.empty() ? T{} : body_as<T>();
  }

 private:
  void require_json() const;
  Parts parts_;
};

/// 400 with an error at `pointer`: for what a type's table cannot say, such as the form of an id in a body.
[[noreturn]] void invalid(std::string pointer, std::string detail);
/// `[A-Za-z0-9_-]{1,64}`
bool is_id(std::string_view text);

struct Response {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};

  template <class T>
  static Response json(int status, const T& value) {
    return {status, actors::json::to_string(value)};
  }
  static Response no_content() { return {204, {}, {}}; }
  static Response not_modified(const std::string& etag) { return {304, {}, {}, {{"ETag", etag}}}; }
  Response&& header(std::string name, std::string value) && {
    headers.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }
};

/// The strong entity tag of a version: `"7"`.
std::string etag(std::int64_t version);
/// Whether a list of entity tags (`If-Match`, `If-None-Match`) names `tag` or is `*`; weak ones count (RFC
/// 9110, 13.1.2) only if `weak`. The doors weaken the tags of what they compress, see docs/decisions/0028.
bool etag_listed(std::string_view list, std::string_view tag, bool weak);

struct FacadeSettings {
  std::string address = "127.0.0.1";
  unsigned short port = 0;  ///< 0: any free port, see `Facade::port()`
  std::string openapi;      ///< the document served at `/openapi.json`
  int threads = 1;          ///< of Pistache: they parse and write, handlers run elsewhere
};

class Facade {
 public:
  using Handler = std::function<actors::Task<Response>(Request)>;

  Facade(FacadeSettings settings, Runner& runner, const Tokens& tokens, Metrics& metrics);
  ~Facade();

  /// `pattern` like `/orders/{id}/cancel`: `{…}` matches one segment; a literal segment goes before `{…}`.
  void route(std::string verb, std::string pattern, Access access, Handler handler);
  void get(std::string pattern, Handler handler) {
    route("GET", std::move(pattern), Access::Anyone, std::move(handler));
  }
  void get(std::string pattern, Access access, Handler handler) {
    route("GET", std::move(pattern), access, std::move(handler));
  }
  void post(std::string pattern, Handler handler) {
    route("POST", std::move(pattern), Access::Anyone, std::move(handler));
  }
  void post(std::string pattern, Access access, Handler handler) {
    route("POST", std::move(pattern), access, std::move(handler));
  }
  void put(std::string pattern, Handler handler) {
    route("PUT", std::move(pattern), Access::Anyone, std::move(handler));
  }
  void put(std::string pattern, Access access, Handler handler) {
    route("PUT", std::move(pattern), access, std::move(handler));
  }
  void del(std::string pattern, Handler handler) {
    route("DELETE", std::move(pattern), Access::Anyone, std::move(handler));
  }
  void del(std::string pattern, Access access, Handler handler) {
    route("DELETE", std::move(pattern), access, std::move(handler));
  }

  /// Opens the listener; throws std::runtime_error when the port is taken.
  void start();
  unsigned short port() const;

  /// From now on new requests are answered 503; waits until those in hand are answered, at most `limit`. Answers
  /// whether all were.
  bool drain(std::chrono::milliseconds limit);
  /// Closes the listener. The runner must still be there.
  void stop();

 private:
  class Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace shop::services
