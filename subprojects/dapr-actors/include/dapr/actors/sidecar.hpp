/// What the library asks of a Dapr sidecar. `http::DaprSidecar` speaks to a real one, `testing::FakeSidecar` stands in
/// for it; the same conformance suite runs on both.
///
/// Every operation may be started from any thread and resumes its awaiter on a thread of the implementation. An
/// operation that fails throws `SidecarError`; whether it took effect is then unknown unless the error says otherwise.
/// Source of the rules: the Dapr HTTP API reference (actors, state, pub/sub, service invocation), runtime 1.18.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "dapr/actors/json.hpp"
#include "dapr/actors/result.hpp"
#include "dapr/actors/task.hpp"
#include "dapr/actors/time.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

/// An actor's address. `id` is the plain id; transports encode it.
struct ActorId {
  std::string type;
  std::string id;
  ActorId() = default;
  ActorId(std::string type, std::string id) : type(std::move(type)), id(std::move(id)) {}
  bool operator==(const ActorId&) const = default;
  auto operator<=>(const ActorId&) const = default;
};

/// W3C trace context of the work in hand; empty where there is none.
struct Trace {
  std::string traceparent;
  std::string tracestate;
  Trace() = default;
  Trace(std::string traceparent, std::string tracestate = {})
      : traceparent(std::move(traceparent)), tracestate(std::move(tracestate)) {}
  bool operator==(const Trace&) const = default;
};

/// What started a turn. The acknowledgement of an event or a reminder waits until its own events have left.
enum class Cause { Call, Event, Reminder, Timer };
std::string_view to_string(Cause cause);

/// The sidecar could not do it: `status` is its HTTP status (0: it was not reached), `code` its errorCode.
class SidecarError : public std::runtime_error {
 public:
  SidecarError(int status, std::string code, const std::string& message)
      : std::runtime_error(message), status_(status), code_(std::move(code)) {}
  int status() const { return status_; }
  const std::string& code() const { return code_; }

 private:
  int status_;
  std::string code_;
};

/// One operation of an actor-state transaction. `value` is JSON; none means delete. With a `revision` it is write
/// number n of this key (from 1), and the transaction is refused unless the stored one is number n-1: that keeps a host
/// that no longer holds the actor, and does not know it yet, from overwriting what the new one committed. It takes a
/// store that looks at the metadata `revision` (tools/dapr/dynamodb/store.go); others write whatever is there.
struct StateOperation {
  std::string key;
  std::optional<std::string> value;
  std::optional<std::chrono::seconds> ttl = {};
  std::int64_t revision = 0;
};

/// A reminder or timer to be registered. `period` zero means it fires once. `data` is JSON and comes back with every
/// tick.
struct Alarm {
  std::string name;
  Duration due{};
  Duration period{};
  std::string data = "null";
};

/// A call of an actor's method. `id` makes it repeatable: a method with the same id is carried out once.
struct Call {
  std::string method;
  std::string body;
  std::string id;
  Cause cause = Cause::Call;
  Trace trace = {};
  std::string caller =
      {};  ///< the type of the actor whose turn awaits this call; empty for a door, an event, or work after a commit
  std::string awaited_by = {};      ///< the turns that wait for its answer, see `Origin`
  Deadline deadline = no_deadline;  ///< a turn that is let in after it is not carried out
};

/// An actor's answer to a call: its JSON, or its refusal.
using Reply = Result<std::string>;

/// An event on its way out, CloudEvents 1.0. `id` is deterministic, so a repeated publish is recognised by source and
/// id.
struct CloudEvent {
  std::string id;
  std::string source;
  std::string type;
  std::string subject;
  std::string topic;
  Time time;
  json::Raw data;
  Trace trace;
};

/// The envelope as it goes over the wire: `application/cloudevents+json`, structured mode.
std::string to_envelope(const CloudEvent& event);

/// An HTTP request to, or answer from, another application behind its sidecar.
struct HttpRequest {
  std::string verb = "GET";
  std::string path;  ///< with query, percent-encoded
  std::string body;
  std::string content_type = "application/json";
  Trace trace;
  /// How long an answer is worth waiting for; zero: as long as for any call. `SidecarError` `TIMED_OUT` after it.
  Duration patience{};

  HttpRequest() = default;
  HttpRequest(std::string verb, std::string path, std::string body = {}, std::string content_type = "application/json",
              Trace trace = {}, Duration patience = {})
      : verb(std::move(verb)),
        path(std::move(path)),
        body(std::move(body)),
        content_type(std::move(content_type)),
        trace(std::move(trace)),
        patience(patience) {}
};
struct HttpAnswer {
  int status = 0;
  std::string body;
  std::string content_type;
};

/// The actor building block, publishing and service invocation.
class Sidecar {
 public:
  virtual ~Sidecar() = default;
  /// The value of one of the actor's keys (JSON), or none. Read strongly: the last committed write is seen.
  virtual Task<std::optional<std::string>> read_state(ActorId actor, std::string key) = 0;
  /// All operations or none. Refused with code `ERR_ACTOR_INSTANCE_MISSING` when this sidecar no longer holds the
  /// actor.
  virtual Task<void> commit_state(ActorId actor, std::vector<StateOperation> operations) = 0;
  virtual Task<void> register_reminder(ActorId actor, Alarm alarm) = 0;
  virtual Task<void> unregister_reminder(ActorId actor, std::string name) = 0;
  virtual Task<void> register_timer(ActorId actor, Alarm alarm) = 0;
  virtual Task<void> unregister_timer(ActorId actor, std::string name) = 0;
  virtual Task<Reply> call_actor(ActorId actor, Call call) = 0;
  virtual Task<void> publish(CloudEvent event) = 0;
  virtual Task<HttpAnswer> invoke(std::string app_id, HttpRequest request) = 0;
};

/// A value of the plain state API and the version tag under which it was read.
struct StateItem {
  std::string value;
  std::string etag;
};
/// One operation of a state transaction. With an `etag` it is carried out only if the stored one still equals it, with
/// `create` only if there is no such key; an empty etag writes whatever is there. A delete (no value) has no condition:
/// DynamoDB ignores its etag.
struct StateChange {
  std::string key;
  std::optional<std::string> value;
  std::string etag = {};
  std::optional<std::chrono::seconds> ttl = {};
  bool create = false;
};

/// The state building block, for a service without actors. Keys are prefixed with the app id by the sidecar.
class StateStore {
 public:
  virtual ~StateStore() = default;
  virtual Task<std::optional<StateItem>> get(std::string key) = 0;
  /// In the order of the keys; none where there is no such key.
  virtual Task<std::vector<std::optional<StateItem>>> get_all(std::vector<std::string> keys) = 0;
  /// All or nothing. Dapr answers a failed etag like an outage: read again to tell them apart.
  virtual Task<void> transact(std::vector<StateChange> changes) = 0;
};

/// The secrets building block: all keys of one secret.
class Secrets {
 public:
  virtual ~Secrets() = default;
  virtual Task<std::map<std::string, std::string>> secret(std::string name) = 0;
};

}  // namespace dapr::actors

#pragma GCC visibility pop
