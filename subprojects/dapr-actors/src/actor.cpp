#include "dapr/actors/actor.hpp"

namespace dapr::actors {

namespace detail {
namespace {
std::string alarm_data(bool once, const Trace& trace) {
  json::Writer writer;
  writer.start_object();
  writer.key("once");
  writer.boolean(once);
  if (!trace.traceparent.empty()) {
    writer.key("traceparent");
    json::write(writer, trace.traceparent);
  }
  writer.end_object();
  return writer.text();
}
}  // namespace

std::string once_data(const Trace& trace) {
  return alarm_data(true, trace);
}
std::string repeated_data(const Trace& trace) {
  return alarm_data(false, trace);
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
