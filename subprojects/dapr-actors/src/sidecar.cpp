#include "dapr/actors/sidecar.hpp"

#include "dapr/actors/observer.hpp"

namespace dapr::actors {

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::Call: return "call";
    case Cause::Event: return "event";
    case Cause::Reminder: return "reminder";
    case Cause::Timer: return "timer";
  }
  return "call";
}

std::string_view to_string(TurnOutcome outcome) {
  switch (outcome) {
    case TurnOutcome::Committed: return "committed";
    case TurnOutcome::Unchanged: return "unchanged";
    case TurnOutcome::Duplicate: return "duplicate";
    case TurnOutcome::Refused: return "refused";
    case TurnOutcome::Failed: return "failed";
  }
  return "failed";
}

std::string_view to_string(EventOutcome outcome) {
  switch (outcome) {
    case EventOutcome::Handled: return "handled";
    case EventOutcome::Unknown: return "unknown";
    case EventOutcome::Unreadable: return "unreadable";
    case EventOutcome::Failed: return "failed";
  }
  return "failed";
}

std::string to_envelope(const CloudEvent& event) {
  json::Writer writer;
  auto member = [&](const char* name, const auto& value) {
    writer.key(name);
    json::write(writer, value);
  };
  writer.start_object();
  member("specversion", std::string_view("1.0"));
  member("id", event.id);
  member("source", event.source);
  member("type", event.type);
  member("subject", event.subject);
  member("time", event.time);
  member("datacontenttype", std::string_view("application/json"));
  if (!event.trace.traceparent.empty()) member("traceparent", event.trace.traceparent);
  if (!event.trace.tracestate.empty()) member("tracestate", event.trace.tracestate);
  member("data", event.data);
  writer.end_object();
  return writer.text();
}

}  // namespace dapr::actors
