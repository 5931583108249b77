#include "internal/http/app_channel.hpp"

#include <algorithm>
#include <charconv>

#include "dapr/actors/http_status.hpp"
#include "internal/awaiting.hpp"
#include "internal/deadline.hpp"
#include "internal/http/refusals.hpp"
#include "internal/http/text.hpp"

namespace dapr::actors::http {
namespace {

constexpr std::string_view any_segment = "";

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

Trace trace_of(const Request& request) {
  return {request.traceparent, request.tracestate};
}

template <class... Members>
std::string object(const Members&... members) {
  json::Writer writer;
  writer.start_object();
  (
      [&] {
        writer.key(members.first);
        json::write(writer, members.second);
      }(),
      ...);
  writer.end_object();
  return writer.text();
}

Response problem(int status, std::string_view detail) {
  return {status,
          object(std::pair("type", std::string_view("about:blank")), std::pair("title", reason_phrase(status)),
                 std::pair("status", status), std::pair("detail", detail)),
          "application/problem+json",
          {}};
}

/// The form in which Dapr itself answers errors: the sidecar puts it into its log and into what the caller sees.
Response failure(int status, std::string_view code, std::string_view message) {
  return {status, object(std::pair("errorCode", code), std::pair("message", message)), "application/json", {}};
}

Response wrong_verb(std::string_view allowed) {
  auto response = problem(405, "the resource has no such method");
  response.header_lines = "Allow: " + std::string(allowed) + "\r\n";
  return response;
}

Response refused(const Refusal& refusal) {
  return {200, to_wire(refusal), "application/json", "X-DaprErrorResponseHeader: true\r\n"};
}

/// What a reminder or a timer was registered with.
struct Tick {
  json::Raw data;
  DAPR_ACTORS_JSON(data)
  DAPR_ACTORS_JSON_DEFAULTED(data)
};
std::string data_of(const std::string& body) {
  return body.empty() ? "null" : json::parse<Tick>(body).data.text;
}

Cause cause_from(std::string_view name) {
  return name == to_string(Cause::Event) ? Cause::Event : Cause::Call;
}

/// `/actors/{type}/{id}…`, or nothing for what no sidecar sends.
std::optional<ActorId> actor_of(const std::vector<std::string_view>& path) {
  if (path.size() < 3 || path[0] != "actors") return std::nullopt;
  auto type = percent_decode(path[1]);
  auto id = from_dapr_id(path[2]);
  if (!type || type->empty() || !id) return std::nullopt;
  return ActorId{std::move(*type), std::move(*id)};
}

/// What a failed request is answered with. The caller sees it: what anybody threw is none of his business.
Response failure_of(std::exception_ptr error, Observer& observer) {
  try {
    std::rethrow_exception(error);
  } catch (const NoSuchMethod& unknown) {
    return failure(404, "NO_SUCH_METHOD", unknown.what());
  } catch (const Draining& draining) {
    return failure(503, "DRAINING", draining.what());
  } catch (const Overdue& overdue) {
    return failure(504, deadline_exceeded, overdue.what());
  } catch (const TurnFailed& turn) {
    return failure(500, turn.code(), turn.what());
  } catch (...) {  // no turn has told the observer
    const auto reference = random_id();
    observer.warned("a request to the app channel failed (reference " + reference +
                    "): " + what(std::current_exception()));
    return failure(500, "FAILED", "the request failed; the log of its host says why under the reference " + reference);
  }
}

}  // namespace

AppChannel::AppChannel(Engine& engine, Sidecar& sidecar, Observer& observer, std::string token, Duration silence)
    : engine_(engine), sidecar_(sidecar), observer_(observer), token_(std::move(token)), silence_(silence) {}

/// Before a request is looked at. After a silence this process, or its sidecar, was paused or cut off, and the actors
/// may have been elsewhere meanwhile. Whoever else comes in waits until all of them are distrusted.
void AppChannel::heard() {
  const std::lock_guard lock(hearing_);
  const auto now = Steady::now();
  if (now - std::exchange(heard_, now) > silence_) engine_.forget_all();
}

void AppChannel::route(std::string verb, std::string_view pattern, Handle handle) {
  std::vector<std::string> parts;
  for (const auto part : segments(pattern))
    parts.emplace_back(part.starts_with('{') && part.ends_with('}') ? any_segment : part);
  routes_.push_back({std::move(verb), std::move(parts), std::move(handle)});
}

Task<Response> AppChannel::serve(Request& request) {
  const auto path = path_of(request.target);
  const bool is_probe = request.verb == "GET" && path == "/healthz";
  if (!is_probe && (token_.empty() || !same_secret(request.token, token_))) co_return unauthorized(request);
  heard();
  if (is_probe) co_return co_await health();
  if (!path.starts_with('/')) co_return problem(400, "the target must be a path");
  std::exception_ptr error;
  try {
    co_return co_await route(request, segments(path));
  } catch (...) {
    error = std::current_exception();
  }
  co_return failure_of(error, observer_);
}

/// Nobody but the log can tell an operator: the sidecar, if it is one, only says that it finds no actors here.
Response AppChannel::unauthorized(const Request& request) {
  const auto tell = [this](std::atomic_flag& told, const char* what) {
    if (!told.test_and_set())
      observer_.warned(std::string("the app channel answers 401 and serves nobody: ") + what + "; told once");
  };
  if (token_.empty())
    tell(told_no_token_,
         "this host has no app token. Give it one (HostSettings::app_token) and start the sidecar with "
         "the same in its environment variable APP_API_TOKEN");
  else if (request.token.empty())
    tell(told_missing_,
         "a request came without the header dapr-api-token. If it was the sidecar's, start that with "
         "the environment variable APP_API_TOKEN set to this host's app token (HostSettings::app_token)");
  else
    tell(told_wrong_,
         "a request came with another dapr-api-token than this host's app token "
         "(HostSettings::app_token). If it was the sidecar's, its environment variable APP_API_TOKEN "
         "differs");
  return problem(401, "the header dapr-api-token is missing or wrong");
}

Task<Response> AppChannel::health() {
  if (draining_) co_return problem(503, "the host drains");
  if (trouble_) {
    const auto trouble = co_await trouble_();
    if (trouble) co_return problem(503, *trouble);
  }
  co_return Response{200, R"({"status":"ok"})", "application/json", {}};
}

Task<Response> AppChannel::route(Request& request, Segments path) {
  if (path[0] == "actors" && path.size() > 1) co_return co_await serve_actor(request, std::move(path));
  if (path[0] == "events" && path.size() == 2) {
    if (request.verb != "POST") co_return wrong_verb("POST");
    co_return co_await deliver(request);
  }
  if (path[0] == "dapr" && path.size() == 2 && (path[1] == "config" || path[1] == "subscribe")) {
    if (request.verb != "GET") co_return wrong_verb("GET");
    if (path[1] == "subscribe") co_return Response{200, subscribed_, "application/json", {}};
    // A sidecar asks once, when it starts: what the one before it had placed here may be elsewhere by now.
    engine_.forget_all();
    if (configured_) configured_();
    co_return Response{200, engine_.configuration(), "application/json", {}};
  }
  if (path[0] == "healthz" && path.size() == 1) co_return wrong_verb("GET");
  co_return co_await serve_own(request, std::move(path));
}

Task<Response> AppChannel::serve_actor(Request& request, Segments path) {
  if (lists_actors_ && path.size() == 2 && path[1] == "active") {
    if (request.verb != "GET") co_return wrong_verb("GET");
    co_return active_actors(request);
  }
  const bool is_actor = path.size() == 3;
  const bool is_method = path.size() == 5 && path[3] == "method";
  const bool is_tick = path.size() == 6 && path[3] == "method" && (path[4] == "remind" || path[4] == "timer");
  if (!is_actor && !is_method && !is_tick) co_return problem(404, "there is no such resource");
  if (request.verb != (is_actor ? "DELETE" : "PUT")) co_return wrong_verb(is_actor ? "DELETE" : "PUT");
  auto actor = actor_of(path);
  if (!actor) co_return problem(400, "the actor's type or id is not encoded as this library encodes it");
  if (is_actor) co_return deactivate(*actor);
  auto name = percent_decode(path.back());
  if (!name || name->empty()) co_return problem(400, "the name is not encoded as RFC 3986 says");
  if (is_method) co_return co_await call(std::move(*actor), std::move(*name), request);
  if (path[4] == "remind") co_return co_await remind(std::move(*actor), std::move(*name), request);
  co_return co_await tick(std::move(*actor), std::move(*name), request);
}

Task<Response> AppChannel::call(ActorId actor, std::string method, Request& request) {
  auto id = percent_decode(request.idempotency_key);
  if (!id) co_return problem(400, "the header Idempotency-Key is not encoded as RFC 3986 says");
  const auto deadline = deadline_from(request.time_left);
  if (!deadline) co_return problem(400, "the header Time-Left is no whole number of milliseconds");
  Call call{std::move(method),
            std::move(request.body),
            std::move(*id),
            cause_from(request.turn_cause),
            trace_of(request),
            percent_decode(request.caller).value_or(""),
            awaiting_from(request.awaited_by),
            *deadline};
  request.peer_is_gone = std::make_shared<std::atomic<bool>>(false);
  auto reply = co_await engine_.call(std::move(actor), std::move(call), request.peer_is_gone);
  if (!reply) co_return refused(reply.error());
  co_return Response{200, std::move(*reply), "application/json", {}};
}

Task<Response> AppChannel::remind(ActorId actor, std::string name, Request& request) {
  bool unknown = false;
  try {
    co_await engine_.reminder(actor, name, data_of(request.body), trace_of(request));
  } catch (const NoSuchMethod& error) {
    unknown = true;
    observer_.warned(std::string("a reminder is removed: ") + error.what());
  }
  // Any other answer would have it come again for ever: it is of a version of this application that is no more.
  if (unknown) co_await sidecar_.unregister_reminder(std::move(actor), std::move(name));
  co_return Response{};
}

Task<Response> AppChannel::tick(ActorId actor, std::string name, Request& request) {
  co_await engine_.timer(std::move(actor), std::move(name), data_of(request.body), trace_of(request));
  co_return Response{};
}

/// Answered at once: a turn in hand may be waiting for state that the sidecar withholds until it has its answer.
Response AppChannel::deactivate(const ActorId& actor) {
  engine_.deactivate(actor);
  return {};
}

Response AppChannel::active_actors(const Request& request) const {
  static constexpr std::size_t most = 1000;
  std::string type;
  std::size_t limit = 100;
  const std::string_view target = request.target;
  const auto question = target.find('?');
  for (auto rest = question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
       !rest.empty();) {
    const auto parameter = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), parameter.size() + 1));
    const auto name = parameter.substr(0, parameter.find('='));
    const auto text = percent_decode(parameter.substr(std::min(parameter.size(), name.size() + 1)));
    if (name == "type") {
      if (!text || text->empty()) return problem(400, "type must be the name of an actor type");
      const auto types = engine_.types();
      if (std::find(types.begin(), types.end(), *text) == types.end())
        return problem(404, "this host has no actor type " + *text);
      type = *text;
    } else if (name == "limit") {
      const auto digits = text.value_or("");
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), limit);
      if (error != std::errc{} || end != digits.data() + digits.size() || limit < 1 || limit > most)
        return problem(400, "limit must be from 1 to " + std::to_string(most));
    } else {
      return problem(400, "the parameters are type and limit");
    }
  }
  return {200, json::to_string(engine_.active_actors(type, limit)), "application/json", {}};
}

Task<Response> AppChannel::deliver(Request& request) {
  static constexpr auto retry = R"({"status":"RETRY"})";
  if (draining_) co_return Response{200, retry, "application/json", {}};
  const auto delivery =
      co_await subscriptions_.deliver(std::move(request.body), trace_of(request), sidecar_, observer_);
  co_return Response{200, delivery == Delivery::Done ? R"({"status":"SUCCESS"})" : retry, "application/json", {}};
}

Task<Response> AppChannel::serve_own(Request& request, Segments path) {
  std::string allowed;
  for (const auto& route : routes_) {
    if (route.pattern.size() != path.size()) continue;
    std::vector<std::string> parameters;
    bool matches = true, readable = true;
    for (std::size_t i = 0; matches && i < path.size(); ++i) {
      if (route.pattern[i] != any_segment) {
        matches = route.pattern[i] == path[i];
      } else {
        auto parameter = percent_decode(path[i]);
        readable = readable && parameter && !parameter->empty();
        parameters.push_back(std::move(parameter).value_or(""));
      }
    }
    if (!matches) continue;
    if (route.verb != request.verb) {
      allowed += (allowed.empty() ? "" : ", ") + route.verb;
      continue;
    }
    if (!readable) co_return problem(400, "the path is not encoded as RFC 3986 says");
    ChannelRequest own{request.verb, std::string(path_of(request.target)), std::move(parameters),
                       std::move(request.body), trace_of(request)};
    auto answer = co_await route.handle(std::move(own));
    if (!is_header_value(answer.content_type)) answer.content_type = "application/octet-stream";
    co_return Response{answer.status, std::move(answer.body), std::move(answer.content_type), {}};
  }
  if (!allowed.empty()) co_return wrong_verb(allowed);
  co_return problem(404, "there is no such resource");
}

void AppChannel::abandoned(const Request& request) {
  if (request.peer_is_gone) *request.peer_is_gone = true;
  if (const auto actor = actor_of(segments(path_of(request.target)))) engine_.distrust(*actor);
}

}  // namespace dapr::actors::http
