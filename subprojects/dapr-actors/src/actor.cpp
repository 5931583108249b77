#include "dapr/actors/actor.hpp"

#include "internal/alarm_names.hpp"

namespace dapr::actors {

namespace detail {
namespace {
std::string alarm_data(bool once, const Trace& trace, const std::string& data) {
  json::Writer writer;
  writer.start_object();
  writer.key("once");
  writer.boolean(once);
  if (!trace.traceparent.empty()) {
    writer.key("traceparent");
    json::write(writer, trace.traceparent);
  }
  if (!data.empty()) {
    writer.key("data");
    json::write(writer, json::Raw{data});
  }
  writer.end_object();
  return writer.text();
}

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
}
}  // namespace

std::string once_data(const Trace& trace, const std::string& data) {
  return alarm_data(true, trace, data);
}
std::string repeated_data(const Trace& trace, const std::string& data) {
  return alarm_data(false, trace, data);
}

// Dapr refuses some letters and writes the others as they are into the URL that it calls: all but plain ones become
// `~` and two digits.
std::string named_alarm(std::string entry, std::string_view name) {
  static constexpr char digits[] = "0123456789ABCDEF";
  entry += alarm_separator;
  for (const char c : name) {
    if (is_plain(c)) {
      entry += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      (entry += '~') += {digits[byte >> 4], digits[byte & 15]};
    }
  }
  return entry;
}

TypeDescription::TypeDescription(std::string name, TypeSettings settings,
                                 std::function<std::unique_ptr<ActorBase>()> make)
    : name(std::move(name)), settings(settings), make(std::move(make)) {}
TypeDescription::TypeDescription(const TypeDescription& other) = default;
TypeDescription::TypeDescription(TypeDescription&& other) noexcept = default;
TypeDescription::~TypeDescription() = default;

void TypeDescription::add(EntryKind kind, const char* entry, MethodDescription method) {
  if (!entries[kind].try_emplace(entry, method).second) throw std::logic_error(name + " describes " + entry + " twice");
}
}  // namespace detail

Task<void> ActorBase::on_activate() {
  co_return;
}
Task<void> ActorBase::tend() {
  co_return;
}

void ActorBase::refuse_effects() const {
  throw std::logic_error(
      turn().actor.type + "/" + turn().actor.id + ": " + turn().without_effects +
      " asks for an effect (an event, a write, a reminder, a timer or work), and nobody would carry it "
      "out: ask for it in a turn; `due` and `tend` make one for what a hook finds");
}

void ActorBase::publish_text(const EventType& type, std::string data) {
  effects().events.push_back({type, std::move(data)});
}

void ActorBase::write_text(std::string key, std::optional<std::string> value, std::optional<std::chrono::seconds> ttl) {
  effects().writes.push_back({own_key(std::move(key)), std::move(value), ttl});
}

void ActorBase::add_reminder(std::string name, Duration due, Duration period, const std::string& data) {
  static constexpr Duration retry_period = std::chrono::seconds(5);
  const bool once = period == Duration{};
  const auto& trace = origin().trace;
  effects().reminders.push_back({std::move(name), due, once ? retry_period : period,
                                 once ? detail::once_data(trace, data) : detail::repeated_data(trace, data)});
}

void ActorBase::add_timer(std::string name, Duration due, Duration period, const std::string& data) {
  effects().timers.push_back({std::move(name), due, period, detail::repeated_data(origin().trace, data)});
}

// The library's own keys (`state`, `handled/…`) and an actor's never meet.
std::string ActorBase::own_key(std::string key) {
  return "own/" + std::move(key);
}

Task<std::optional<std::string>> ActorBase::read_text(std::string key) const {
  const std::string own = own_key(std::move(key));
  const auto& writes = turn().effects.writes;
  for (auto write = writes.rbegin(); write != writes.rend(); ++write)
    if (write->key == own) co_return write->value;
  co_return co_await turn().sidecar.read_state(turn().actor, own);
}

}  // namespace dapr::actors
