#include "dapr/actors/subscriptions.hpp"

#include "internal/engine.hpp"

namespace dapr::actors {
namespace {

/// What is read of an envelope (CloudEvents 1.0, JSON format).
struct Envelope {
  std::string id;
  std::string source;
  std::string type;
  std::string subject;
  std::string traceparent;
  std::string tracestate;
};

std::string text_member(const json::Value& object, const char* name) {
  const auto found = object.find(name);
  return found && found->is_string() ? std::string(found->string()) : "";
}

json::Document document_of(const std::string& text) {
  try {
    json::Document document(text);
    if (!document.root().is_object()) throw UnreadableEvent("the document must be a CloudEvents envelope, an object");
    return document;
  } catch (const json::Error& error) {
    throw UnreadableEvent(error.what());
  }
}

}  // namespace

Subscriptions::Subscriptions() = default;
Subscriptions::~Subscriptions() = default;
Subscriptions::Subscriptions(const Subscriptions& other) = default;
Subscriptions::Subscriptions(Subscriptions&& other) noexcept = default;
Subscriptions& Subscriptions::operator=(const Subscriptions& other) = default;
Subscriptions& Subscriptions::operator=(Subscriptions&& other) noexcept = default;

void Subscriptions::add(const EventType& type, Handler handler) {
  topics_.insert_or_assign(type.name, type.topic);
  handlers_.insert_or_assign(type.name, std::move(handler));
}

std::vector<std::string> Subscriptions::types() const {
  std::vector<std::string> types;
  for (const auto& [type, handle] : handlers_) types.push_back(type);
  return types;
}

std::string Subscriptions::routes(const std::string& pubsub) const {
  std::map<std::string, std::vector<std::string>> types_of;
  for (const auto& [type, topic] : topics_) types_of[topic].push_back(type);
  json::Writer writer;
  const auto member = [&](const char* name, const std::string& value) {
    writer.key(name);
    json::write(writer, value);
  };
  writer.start_array();
  for (const auto& [topic, types] : types_of) {
    writer.start_object();
    member("pubsubname", pubsub);
    member("topic", topic);
    writer.key("routes");
    writer.start_object();
    writer.key("rules");
    writer.start_array();
    for (const auto& type : types) {
      writer.start_object();
      member("match", "event.type == \"" + type + "\"");
      member("path", "/events/" + type);
      writer.end_object();
    }
    writer.end_array();
    member("default", "/events/unknown");
    writer.end_object();
    writer.end_object();
  }
  writer.end_array();
  return writer.text();
}

Task<Delivery> Subscriptions::deliver(std::string text, Trace trace, Sidecar& sidecar, Observer& observer) const {
  const auto start = std::chrono::steady_clock::now();
  Envelope envelope;
  auto outcome = EventOutcome::Handled;
  std::string error;
  try {
    const auto document = document_of(text);
    const auto root = document.root();
    envelope = {text_member(root, "id"),      text_member(root, "source"),      text_member(root, "type"),
                text_member(root, "subject"), text_member(root, "traceparent"), text_member(root, "tracestate")};
    if (trace.traceparent.empty()) trace = {envelope.traceparent, envelope.tracestate};
    const auto handler = handlers_.find(envelope.type);
    if (handler == handlers_.end()) {
      outcome = EventOutcome::Unknown;
    } else {
      const auto data = root.find("data");
      if (!data) throw UnreadableEvent("/data is required");
      if (envelope.id.empty()) throw UnreadableEvent("/id is required");
      // Source and id together name an occurrence (CloudEvents 1.0, "id").
      const Calls calls(sidecar, {envelope.source + "/" + envelope.id, Cause::Event, trace});
      co_await handler->second(*data, calls);
    }
  } catch (const UnreadableEvent& unreadable) {
    outcome = EventOutcome::Unreadable;
    error = unreadable.what();
  } catch (...) {
    outcome = EventOutcome::Failed;
    error = what(std::current_exception());
  }
  observer.event_received({envelope.type, envelope.id, envelope.source, envelope.subject, outcome, error,
                           std::chrono::duration_cast<Microseconds>(std::chrono::steady_clock::now() - start), trace});
  co_return outcome == EventOutcome::Handled || outcome == EventOutcome::Unknown ? Delivery::Done : Delivery::Retry;
}

}  // namespace dapr::actors
