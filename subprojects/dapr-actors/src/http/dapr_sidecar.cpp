#include "internal/http/dapr_sidecar.hpp"

#include <algorithm>

#include "internal/deadline.hpp"
#include "internal/http/refusals.hpp"
#include "internal/http/text.hpp"

namespace dapr::actors::http {
namespace {

/// JSON written piece by piece.
class Document {
 public:
  template <class T>
  Document& member(const char* name, const T& value) {
    writer.key(name);
    json::write(writer, value);
    return *this;
  }
  Document& raw(const char* name, const std::string& text) {
    writer.key(name);
    writer.raw(text);
    return *this;
  }
  std::string text() const { return writer.text(); }

  json::Writer writer;
};

struct SidecarProblem {
  std::string code;
  std::string message;
  static constexpr auto json = json::object(json::defaulted("errorCode", &SidecarProblem::code),
                                            json::defaulted("message", &SidecarProblem::message));
};

struct BulkItem {
  std::string key;
  std::optional<json::Raw> data;
  std::optional<std::string> etag;
  std::optional<std::string> error;
  DAPR_ACTORS_JSON(key, data, etag, error)
};

struct TypeCount {
  std::string type;
  DAPR_ACTORS_JSON(type)
};
struct ActorRuntime {
  std::string status;
  bool host_ready = false;
  std::vector<TypeCount> active;
  static constexpr auto json = json::object(json::field("runtimeStatus", &ActorRuntime::status),
                                            json::defaulted("hostReady", &ActorRuntime::host_ready),
                                            json::defaulted("activeActors", &ActorRuntime::active));
};
struct Component {
  std::vector<std::string> capabilities;
  DAPR_ACTORS_JSON(capabilities)
  DAPR_ACTORS_JSON_DEFAULTED(capabilities)

  bool can(std::string_view what) const {
    return std::find(capabilities.begin(), capabilities.end(), what) != capabilities.end();
  }
};
}  // namespace

struct DaprSidecar::Metadata {
  std::optional<ActorRuntime> actor_runtime;
  std::vector<std::string> enabled_features;
  std::vector<Component> components;
  DAPR_ACTORS_JSON(actor_runtime, enabled_features, components)
  DAPR_ACTORS_JSON_DEFAULTED(enabled_features, components)

  bool any_can(std::string_view what) const {
    return std::any_of(components.begin(), components.end(),
                       [&](const auto& component) { return component.can(what); });
  }
};

namespace {

/// What a state store is capable of that refuses a write whose `revision` is not the next one (tools/dapr/dynamodb).
constexpr std::string_view numbered_writes = "WRITE_REVISIONS";

constexpr std::string_view json_type = "application/json";

SidecarError error_of(const Answer& answer, const char* operation) {
  SidecarProblem problem;
  try {
    problem = json::parse<SidecarProblem>(answer.body);
  } catch (const json::Error&) {  // not the sidecar's own form: what there is says more than nothing
    problem.message = answer.body.substr(0, 500);
  }
  auto message = std::string(operation) + ": " + std::to_string(answer.status) + " " + problem.code;
  if (!problem.message.empty()) message += ": " + problem.message;
  return {answer.status, std::move(problem.code), message};
}

std::string actor_path(const ActorId& actor, std::string_view what, std::string_view name) {
  std::string path = "/v1.0/actors/";
  // Encoded once for Dapr, which passes its ids on as they are, and once more for this URL.
  path.append(percent_encode(actor.type)).append("/").append(percent_encode(to_dapr_id(actor.id))).append(what);
  if (!name.empty()) path.append("/").append(percent_encode(name));
  return path;
}

void add_trace(OutgoingRequest& request, const Trace& trace) {
  // A trace that cannot be sent is not worth failing for.
  if (!is_header_value(trace.traceparent) || trace.traceparent.empty()) return;
  request.header("traceparent", trace.traceparent);
  if (is_header_value(trace.tracestate)) request.header("tracestate", trace.tracestate);
}

std::string alarm_body(const Alarm& alarm, bool is_timer) {
  Document body;
  body.writer.start_object();
  body.member("dueTime", to_go_duration(alarm.due));
  if (alarm.period > Duration{}) body.member("period", to_go_duration(alarm.period));
  if (is_timer) body.member("callback", alarm.name);
  if (alarm.data != "null") body.raw("data", alarm.data);
  body.writer.end_object();
  return body.text();
}

void write_metadata(Document& body, std::optional<std::chrono::seconds> ttl, std::int64_t revision = 0) {
  if (!ttl && revision == 0) return;
  body.writer.key("metadata");
  body.writer.start_object();
  if (ttl) body.member("ttlInSeconds", std::to_string(ttl->count()));
  if (revision != 0) body.member("revision", std::to_string(revision));
  body.writer.end_object();
}

/// `{"operation":…,"request":{"key":…,"value":…,…}}`; `rest` adds to the request.
template <class Rest>
void write_operation(Document& body, const std::string& key, const std::optional<std::string>& value, Rest rest) {
  body.writer.start_object();
  body.member("operation", std::string_view(value ? "upsert" : "delete"));
  body.writer.key("request");
  body.writer.start_object();
  body.member("key", key);
  if (value) body.raw("value", *value);
  rest();
  body.writer.end_object();
  body.writer.end_object();
}

const char* code_of(NoAnswer::Why why) {
  switch (why) {
    case NoAnswer::Why::TimedOut: return "TIMED_OUT";
    case NoAnswer::Why::Busy: return "BUSY";
    default: return "UNREACHED";
  }
}

template <class Make>
OutgoingRequest prepared(const char* operation, Make make) {
  try {
    return make();
  } catch (const std::invalid_argument& error) {
    throw SidecarError(0, "BAD_REQUEST", std::string(operation) + ": " + error.what());
  }
}

}  // namespace

DaprSidecar::DaprSidecar(boost::asio::io_context& io, DaprSettings settings, Observer& observer)
    : settings_(std::move(settings)),
      observer_(observer),
      calls_(io, {.address = settings_.address,
                  .port = settings_.port,
                  .token = settings_.token,
                  .connections = settings_.call_connections,
                  .waiting = settings_.waiting,
                  .timeout = settings_.call_timeout,
                  .wait_timeout = settings_.wait_timeout}),
      access_(io, {.address = settings_.address,
                   .port = settings_.port,
                   .token = settings_.token,
                   .connections = settings_.access_connections,
                   .waiting = settings_.waiting,
                   .timeout = settings_.access_timeout,
                   .wait_timeout = settings_.wait_timeout}) {}

Task<Answer> DaprSidecar::send(Client& client, const char* operation, OutgoingRequest request) {
  const auto started = std::chrono::steady_clock::now();
  const auto report = [&](int status) {
    observer_.sidecar_called(operation, status,
                             std::chrono::duration_cast<Microseconds>(std::chrono::steady_clock::now() - started));
  };
  try {
    auto answer = co_await client.send(std::move(request));
    report(answer.status);
    co_return answer;
  } catch (const NoAnswer& error) {
    report(0);
    throw SidecarError(0, code_of(error.why()), std::string(operation) + ": " + error.what());
  }
}

Task<Answer> DaprSidecar::ask_store(const char* operation, OutgoingRequest request) {
  try {
    auto answer = co_await send(access_, operation, std::move(request));
    // A refused ETag is answered like an outage; `store_trouble` finds out.
    if (answer.status >= 500) store_in_doubt_ = true;
    co_return answer;
  } catch (...) {
    store_in_doubt_ = true;
    throw;
  }
}

Task<void> DaprSidecar::change(const char* operation, OutgoingRequest request) {
  const auto answer = co_await send(access_, operation, std::move(request));
  if (answer.status / 100 != 2) throw error_of(answer, operation);
}

Task<void> DaprSidecar::change_store(const char* operation, OutgoingRequest request) {
  const auto answer = co_await ask_store(operation, std::move(request));
  if (answer.status / 100 != 2) throw error_of(answer, operation);
}

Task<std::optional<std::string>> DaprSidecar::read_state(ActorId actor, std::string key) {
  auto answer = co_await ask_store(
      "state_get", prepared("state_get", [&] { return OutgoingRequest("GET", actor_path(actor, "/state", key)); }));
  if (answer.status == 204) co_return std::nullopt;
  if (answer.status != 200) throw error_of(answer, "state_get");
  co_return std::move(answer.body);
}

Task<void> DaprSidecar::commit_state(ActorId actor, std::vector<StateOperation> operations) {
  Document body;
  body.writer.start_array();
  for (const auto& operation : operations)
    write_operation(body, operation.key, operation.value,
                    [&] { write_metadata(body, operation.ttl, operation.revision); });
  body.writer.end_array();
  co_await change_store("state_commit", prepared("state_commit", [&] {
                          OutgoingRequest request("POST", actor_path(actor, "/state", ""));
                          request.body(json_type, body.text());
                          return request;
                        }));
}

Task<void> DaprSidecar::register_reminder(ActorId actor, Alarm alarm) {
  co_await change("reminder_register", prepared("reminder_register", [&] {
                    OutgoingRequest request("POST", actor_path(actor, "/reminders", alarm.name));
                    request.body(json_type, alarm_body(alarm, false));
                    return request;
                  }));
}

Task<void> DaprSidecar::unregister_reminder(ActorId actor, std::string name) {
  co_await change("reminder_unregister", prepared("reminder_unregister", [&] {
                    return OutgoingRequest("DELETE", actor_path(actor, "/reminders", name));
                  }));
}

Task<void> DaprSidecar::register_timer(ActorId actor, Alarm alarm) {
  co_await change("timer_register", prepared("timer_register", [&] {
                    OutgoingRequest request("POST", actor_path(actor, "/timers", alarm.name));
                    request.body(json_type, alarm_body(alarm, true));
                    return request;
                  }));
}

Task<void> DaprSidecar::unregister_timer(ActorId actor, std::string name) {
  co_await change("timer_unregister", prepared("timer_unregister", [&] {
                    return OutgoingRequest("DELETE", actor_path(actor, "/timers", name));
                  }));
}

Task<Reply> DaprSidecar::call_actor(ActorId actor, Call call) {
  if (std::chrono::steady_clock::now() < store_away_until_.load())
    throw SidecarError(0, "STORE_AWAY", "actor_call: the state store does not answer");
  auto answer = co_await send(calls_, "actor_call", prepared("actor_call", [&] {
                                OutgoingRequest request("PUT", actor_path(actor, "/method", call.method));
                                request.header("Idempotency-Key", to_header_value(call.id));
                                request.header("Turn-Cause", to_string(call.cause));
                                if (!call.caller.empty()) request.header("Turn-Caller", to_header_value(call.caller));
                                if (!call.awaited_by.empty()) request.header("Awaited-By", call.awaited_by);
                                if (call.deadline != no_deadline) {
                                  const auto left = std::max(time_left(call.deadline), Duration{1});
                                  request.header("Time-Left", std::to_string(left.count()));
                                  request.patience(left);
                                }
                                add_trace(request, call.trace);
                                request.body(json_type, std::move(call.body));
                                return request;
                              }));
  if ((answer.status == 200 || answer.status == 204) && !answer.is_refusal) co_return std::move(answer.body);
  if (!answer.is_refusal) throw error_of(answer, "actor_call");
  std::optional<Refusal> refusal;
  try {
    refusal = refusal_from_wire(answer.body);
  } catch (const json::Error&) {
    throw SidecarError(answer.status, "UNREADABLE_REFUSAL", "actor_call: refused: " + answer.body.substr(0, 500));
  }
  co_return tl::unexpected(std::move(*refusal));
}

Task<void> DaprSidecar::publish(CloudEvent event) {
  co_await change("publish", prepared("publish", [&] {
                    OutgoingRequest request("POST", "/v1.0/publish/" + percent_encode(settings_.pubsub) + "/" +
                                                        percent_encode(event.topic));
                    add_trace(request, event.trace);
                    request.body("application/cloudevents+json", to_envelope(event));
                    return request;
                  }));
}

Task<HttpAnswer> DaprSidecar::invoke(std::string app_id, HttpRequest call) {
  auto answer = co_await send(calls_, "invoke", prepared("invoke", [&] {
                                if (call.path.starts_with('/')) call.path.erase(0, 1);
                                OutgoingRequest request(
                                    call.verb, "/v1.0/invoke/" + percent_encode(app_id) + "/method/" + call.path);
                                add_trace(request, call.trace);
                                if (!call.body.empty() || (call.verb != "GET" && call.verb != "HEAD"))
                                  request.body(call.content_type, std::move(call.body));
                                request.patience(call.patience);
                                if (call.verb == "POST" || call.verb == "PATCH") request.only_once();
                                return request;
                              }));
  if (answer.status == 500 && answer.body.find("ERR_DIRECT_INVOKE") != std::string::npos)
    throw error_of(answer, "invoke");  // the sidecar's own words: the application was not reached
  co_return HttpAnswer{answer.status, std::move(answer.body), std::move(answer.content_type)};
}

Task<std::optional<StateItem>> DaprSidecar::get(std::string key) {
  auto answer =
      co_await ask_store("store_get", prepared("store_get", [&] {
                           return OutgoingRequest("GET", "/v1.0/state/" + percent_encode(settings_.state_store) + "/" +
                                                             percent_encode(key) + "?consistency=strong");
                         }));
  if (answer.status == 204) co_return std::nullopt;
  if (answer.status != 200) throw error_of(answer, "store_get");
  co_return StateItem{std::move(answer.body), std::move(answer.etag)};
}

Task<std::vector<std::optional<StateItem>>> DaprSidecar::get_all(std::vector<std::string> keys) {
  std::vector<std::optional<StateItem>> items(keys.size());
  if (keys.empty()) co_return items;
  Document body;
  body.writer.start_object();
  body.member("keys", keys).member("parallelism", 10);
  body.writer.end_object();
  const auto answer = co_await ask_store(
      "store_get_all", prepared("store_get_all", [&] {
        OutgoingRequest request("POST", "/v1.0/state/" + percent_encode(settings_.state_store) + "/bulk");
        request.body(json_type, body.text());
        return request;
      }));
  if (answer.status / 100 != 2) throw error_of(answer, "store_get_all");
  std::map<std::string, StateItem> found;
  for (auto& item : json::parse<std::vector<BulkItem>>(answer.body)) {
    if (item.error && !item.error->empty()) {
      store_in_doubt_ = true;
      throw SidecarError(500, "ERR_STATE_BULK_GET", "store_get_all: " + item.key + ": " + *item.error);
    }
    if (item.data) found[item.key] = {std::move(item.data->text), item.etag.value_or("")};
  }
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (const auto at = found.find(keys[i]); at != found.end()) items[i] = at->second;
  co_return items;
}

Task<void> DaprSidecar::transact(std::vector<StateChange> changes) {
  Document body;
  body.writer.start_object();
  body.writer.key("operations");
  body.writer.start_array();
  for (const auto& change : changes)
    write_operation(body, change.key, change.value, [&] {
      // First write without an etag: only if there is none.
      if (!change.etag.empty() || change.create) {
        if (!change.etag.empty()) body.member("etag", change.etag);
        body.writer.key("options");
        body.writer.start_object();
        body.member("concurrency", std::string_view("first-write"));
        body.writer.end_object();
      }
      write_metadata(body, change.ttl);
    });
  body.writer.end_array();
  body.writer.end_object();
  co_await change_store("store_transact", prepared("store_transact", [&] {
                          OutgoingRequest request(
                              "POST", "/v1.0/state/" + percent_encode(settings_.state_store) + "/transaction");
                          request.body(json_type, body.text());
                          return request;
                        }));
}

Task<std::map<std::string, std::string>> DaprSidecar::secret(std::string name) {
  const auto answer =
      co_await send(access_, "secret_get", prepared("secret_get", [&] {
                      return OutgoingRequest("GET", "/v1.0/secrets/" + percent_encode(settings_.secret_store) + "/" +
                                                        percent_encode(name));
                    }));
  if (answer.status == 204) co_return std::map<std::string, std::string>{};
  if (answer.status != 200) throw error_of(answer, "secret_get");
  co_return json::parse<std::map<std::string, std::string>>(answer.body);
}

Task<std::optional<std::string>> DaprSidecar::not_ready(std::vector<std::string> actor_types,
                                                        std::optional<std::string> expiring) {
  std::optional<std::string> unreachable;
  try {
    const auto health = co_await send(access_, "health", OutgoingRequest("GET", "/v1.0/healthz/outbound"));
    if (health.status / 100 != 2) co_return "the sidecar is not healthy: " + health.body.substr(0, 200);
    if (actor_types.empty()) co_return std::nullopt;
    const auto answer = co_await send(access_, "metadata", OutgoingRequest("GET", "/v1.0/metadata"));
    if (answer.status != 200) co_return "the sidecar does not tell its metadata: " + std::to_string(answer.status);
    const auto metadata = json::parse<Metadata>(answer.body);
    if (auto missing = learn(metadata, expiring)) co_return missing;
    const auto& runtime = metadata.actor_runtime;
    if (!runtime || runtime->status != "RUNNING") co_return "the sidecar's actor runtime is not running";
    for (const auto& type : actor_types)
      if (std::none_of(runtime->active.begin(), runtime->active.end(), [&](const auto& at) { return at.type == type; }))
        co_return "the sidecar does not host " + type + " yet";
    if (!runtime->host_ready) co_return "the sidecar waits for placement";
  } catch (const std::exception& error) {
    unreachable = error.what();
  }
  co_return unreachable;
}

Task<void> DaprSidecar::ask_features(std::optional<std::string> expiring) {
  const auto answer = co_await send(access_, "metadata", OutgoingRequest("GET", "/v1.0/metadata"));
  if (answer.status != 200) throw error_of(answer, "metadata");
  learn(json::parse<Metadata>(answer.body), expiring);
}

std::optional<std::string> DaprSidecar::learn(const Metadata& metadata, const std::optional<std::string>& expiring) {
  const auto& features = metadata.enabled_features;
  std::optional<std::string> trouble;
  if (expiring && std::find(features.begin(), features.end(), "ActorStateTTL") == features.end())
    trouble = "the sidecar's feature ActorStateTTL is not enabled, and " + *expiring +
              " is described with remember_for: every commit of it would fail. Start the sidecar with --config and a "
              "Configuration whose spec has `features: [{name: ActorStateTTL, enabled: true}]`, or describe the method "
              "without remember_for";
  bool is_news = false, fence_is_missing = false;
  {
    const std::lock_guard lock(features_mutex_);
    is_news = trouble && !feature_trouble_;
    feature_trouble_ = trouble;
    if (metadata.any_can("ACTOR") && !metadata.any_can(numbered_writes))
      fence_is_missing = !std::exchange(told_of_fence_, true);
  }
  if (is_news) observer_.warned(*trouble);
  if (fence_is_missing)
    observer_.warned(
        "the sidecar's state store does not refuse a write that is not the next one: should two hosts hold one actor "
        "for "
        "a moment (a host or its sidecar was paused, or cut off), the later write wins. The library's page on "
        "operating "
        "says which sidecar refuses it; told once");
  return trouble;
}

std::optional<std::string> DaprSidecar::feature_trouble() const {
  const std::lock_guard lock(features_mutex_);
  return feature_trouble_;
}

Task<std::optional<std::string>> DaprSidecar::store_trouble() {
  if (!store_in_doubt_) co_return std::nullopt;
  const auto away = [this] { store_away_until_ = std::chrono::steady_clock::now() + std::chrono::seconds(15); };
  if (asking_store_.exchange(true)) {
    away();
    co_return "the state store has not answered yet";
  }
  std::string trouble;
  try {
    // A write: a store that is overwhelmed may still read.
    const auto answer =
        co_await send(access_, "store_probe", prepared("store_probe", [&] {
                        OutgoingRequest request("POST", "/v1.0/state/" + percent_encode(settings_.state_store));
                        request.body(json_type, R"([{"key":"probe","value":"probe"}])");
                        return request;
                      }));
    if (answer.status < 500) {
      store_in_doubt_ = false;
      store_away_until_ = std::chrono::steady_clock::time_point{};
    } else {
      trouble = error_of(answer, "store_probe").what();
    }
  } catch (const SidecarError& error) {
    trouble = error.what();
  }
  asking_store_ = false;
  if (trouble.empty()) co_return std::nullopt;
  away();
  co_return trouble;
}

void DaprSidecar::close() {
  calls_.close();
  access_.close();
}

}  // namespace dapr::actors::http
