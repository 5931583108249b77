/// Events that are committed and may not have left yet: the outbox of an actor's document, or of any other record.
#pragma once

#include <optional>
#include <string>

#include "dapr/actors/observer.hpp"
#include "dapr/actors/sidecar.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors::records {

/// `subject` is the aggregate's id where it does not follow from the record that holds the entry.
struct OutboxEntry {
  std::string id;
  std::string type;
  std::string topic;
  Time time{};
  json::Raw data;
  std::string traceparent;
  std::string tracestate;
  std::optional<std::string> subject = {};
  bool operator==(const OutboxEntry&) const = default;
  DAPR_ACTORS_JSON(id, type, topic, time, data, traceparent, tracestate, subject)
  DAPR_ACTORS_JSON_DEFAULTED(traceparent, tracestate)
};

CloudEvent to_cloud_event(const OutboxEntry& entry, const std::string& source, const std::string& subject);

/// Publishes the event of `about` and tells the observer; throws what publishing throws.
Task<void> send(Sidecar& sidecar, Observer& observer, ActorId about, CloudEvent event);

}  // namespace dapr::actors::records

#pragma GCC visibility pop
