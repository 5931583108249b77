#include "services/common/observer.hpp"

#include <rapidjson/reader.h>

#include <algorithm>
#include <array>

#include "services/common/log.hpp"
#include "services/common/trace.hpp"

namespace shop::services {
namespace {

constexpr std::array<std::string_view, 4> id_names{"orderId", "cartId", "paymentId", "productId"};

/// Notes the ids at the top of an event's data, and nothing else of it: the rest may be what nobody should read in a
/// log.
class IdsAtTop : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, IdsAtTop> {
 public:
  explicit IdsAtTop(log::Line& line) : line_(line) {}
  bool Default() { return true; }
  bool StartObject() { return ++depth_ != 0; }
  bool EndObject(rapidjson::SizeType) { return --depth_ >= 0; }
  bool StartArray() { return ++depth_ != 0; }
  bool EndArray(rapidjson::SizeType) { return --depth_ >= 0; }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    if (depth_ != 1) return true;
    const auto found = std::find(id_names.begin(), id_names.end(), std::string_view(text, length));
    name_ = found == id_names.end() ? std::string_view() : *found;
    return true;
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (depth_ == 1 && !name_.empty()) line_.add(name_, std::string_view(text, length));
    return true;
  }

 private:
  log::Line& line_;
  std::string_view name_;
  int depth_ = 0;
};

double in_milliseconds(Microseconds took) {
  return std::chrono::duration<double, std::milli>(took).count();
}

struct Wording {
  log::Level level;
  std::string_view message;
};
Wording wording_of(actors::TurnOutcome outcome) {
  switch (outcome) {
    case actors::TurnOutcome::Committed: return {log::Level::Info, "turn committed"};
    case actors::TurnOutcome::Unchanged: return {log::Level::Debug, "turn unchanged"};
    case actors::TurnOutcome::Duplicate: return {log::Level::Info, "turn duplicate"};
    case actors::TurnOutcome::Refused: return {log::Level::Info, "turn refused"};
    case actors::TurnOutcome::Failed: return {log::Level::Warning, "turn failed"};
  }
  return {log::Level::Warning, "turn failed"};
}
Wording wording_of(actors::EventOutcome outcome) {
  switch (outcome) {
    case actors::EventOutcome::Handled: return {log::Level::Info, "event handled"};
    // A topic without filters brings everybody everything; the metrics count these.
    case actors::EventOutcome::Unknown: return {log::Level::Debug, "event unknown"};
    case actors::EventOutcome::Unreadable: return {log::Level::Error, "event unreadable"};
    case actors::EventOutcome::Failed: return {log::Level::Warning, "event failed"};
  }
  return {log::Level::Warning, "event failed"};
}

}  // namespace

std::string_view ServiceObserver::field_of(std::string_view actor_type) const {
  const auto known = fields_.find(actor_type);
  return known == fields_.end() ? std::string_view() : std::string_view(known->second);
}

void ServiceObserver::turn_ended(const actors::TurnEnded& turn) {
  metrics_.turn(turn.actor.type, turn.method, to_string(turn.cause), to_string(turn.outcome), turn.took);

  const auto [level, message] = wording_of(turn.outcome);
  if (!log::enabled(level)) return;
  log::Line line(level, message);
  line.add("actor", turn.actor.type + "/" + turn.actor.id);
  const auto own = field_of(turn.actor.type);
  if (!own.empty()) line.add(own, turn.actor.id);
  line.add("method", turn.method).add("turn", turn.turn_id).add("cause", to_string(turn.cause));
  line.add("version", turn.version).add("tookMs", in_milliseconds(turn.took)).add_if("error", turn.error);
  line.add_if("reference", turn.reference).add_if("traceId", trace_id(turn.trace.traceparent));
  for (const auto& [name, value] : turn.tags)
    if (name != own) line.add(name, value);
  line.write();
}

void ServiceObserver::commit_ended(std::string_view actor_type, bool ok, actors::Microseconds took) {
  metrics_.commit(actor_type, ok, took);
}

void ServiceObserver::event_sent(const actors::EventSent& sent) {
  metrics_.event_published(sent.event.type, sent.error.empty(), sent.took);

  const auto level = sent.error.empty() ? log::Level::Info : log::Level::Warning;
  if (!log::enabled(level)) return;
  log::Line line(level, sent.error.empty() ? "event published" : "event not published");
  line.add("event", sent.event.type).add("eventId", sent.event.id).add("topic", sent.event.topic);
  line.add("actor", sent.actor.type + "/" + sent.actor.id).add("tookMs", in_milliseconds(sent.took));
  line.add_if("error", sent.error).add_if("traceId", trace_id(sent.event.trace.traceparent));
  IdsAtTop ids(line);
  rapidjson::MemoryStream data(sent.event.data.text.data(), sent.event.data.text.size());
  rapidjson::Reader().Parse<rapidjson::kParseIterativeFlag>(data, ids);
  line.write();
}

void ServiceObserver::event_received(const actors::EventReceived& received) {
  // A type nobody subscribed to is outside text: it must not become a series of its own.
  const bool known = received.outcome != actors::EventOutcome::Unknown;
  metrics_.event_received(known ? received.type : "other", to_string(received.outcome), received.took);

  const auto [level, message] = wording_of(received.outcome);
  if (!log::enabled(level)) return;
  log::Line line(level, message);
  line.add("event", received.type).add("eventId", received.id).add("source", received.source);
  // An event's id begins with the type of the aggregate that its subject names: `Order/o-1/3/0`.
  const auto own = field_of(received.id.substr(0, received.id.find('/')));
  if (!own.empty()) line.add_if(own, received.subject);
  line.add("tookMs", in_milliseconds(received.took)).add_if("error", received.error);
  line.add_if("traceId", trace_id(received.trace.traceparent));
  line.write();
}

void ServiceObserver::outbox_changed(std::string_view actor_type, int delta) {
  metrics_.outbox(actor_type, delta);
}

void ServiceObserver::activations_changed(std::string_view actor_type, int delta) {
  metrics_.activations(actor_type, delta);
}

void ServiceObserver::reminder_changed(std::string_view actor_type, std::string_view name, bool armed) {
  metrics_.reminder(actor_type, name, armed);
  log::debug(armed ? "reminder armed" : "reminder removed", {{"actorType", actor_type}, {"reminder", name}});
}

void ServiceObserver::sidecar_called(std::string_view operation, int status, actors::Microseconds took) {
  metrics_.sidecar(operation, status, took);
}

void ServiceObserver::warned(std::string_view message) {
  metrics_.warning();
  log::warning(message);
}

}  // namespace shop::services
