#include "dapr/actors/testing/fake_sidecar.hpp"

#include "internal/engine.hpp"
#include "dapr/actors/testing/stored_json.hpp"

namespace dapr::actors::testing {

Task<void> FakeSidecar::moment() {
  if (!random_) co_return;
  co_await suspend<void>([this](Completion<void> done) { waiting_.push_back(done); });
}

bool FakeSidecar::complete_one() {
  if (waiting_.empty()) return false;
  const auto index = std::uniform_int_distribution<std::size_t>(0, waiting_.size() - 1)(*random_);
  const auto chosen = waiting_[index];
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
  chosen();
  return true;
}

Task<void> FakeSidecar::begin(const char* operation) {
  co_await moment();
  if (const auto interrupt = interrupts_.extract(operation)) interrupt.mapped()();
  if (crashed()) throw SidecarError(0, "CRASHED", "the process is dead");
  ++counts[operation];
}

Task<void> FakeSidecar::end() {
  ++operations_;
  if (crash_in_ && --*crash_in_ == 0) throw SidecarError(0, "CRASHED", "the process died here");
  co_await moment();
}

std::optional<std::string> FakeSidecar::stored(const ActorId& actor, const std::string& key) const {
  const auto keys = state_.find(actor);
  if (keys == state_.end()) return std::nullopt;
  const auto value = keys->second.find(key);
  if (value == keys->second.end()) return std::nullopt;
  if (value->second.expires && *value->second.expires <= clock_.now()) return std::nullopt;
  return value->second.text;
}

Task<std::optional<std::string>> FakeSidecar::read_state(ActorId actor, std::string key) {
  co_await begin("state_get");
  const auto value = stored(actor, key);
  co_return value ? std::optional(as_the_store_gives_it(*value)) : std::nullopt;
}

Task<void> FakeSidecar::commit_state(ActorId actor, std::vector<StateOperation> operations) {
  co_await begin("state_commit");
  const auto failure = std::exchange(commit_failure_, {});
  if (failure == CommitFailure::NotStored) throw SidecarError(500, "ERR_ACTOR_STATE_TRANSACTION_SAVE", "not stored");
  if (failure == CommitFailure::Moved || !(holds_all_ || active_.contains(actor)))
    throw SidecarError(400, "ERR_ACTOR_INSTANCE_MISSING", "this sidecar does not hold the actor");
  auto& keys = state_[actor];
  for (const auto& operation : operations) {
    const auto known = keys.find(operation.key);
    const auto stored = known == keys.end() ? 0 : known->second.revision;
    if (operation.revision != 0 && stored != 0 && stored != operation.revision - 1)
      throw SidecarError(500, "ERR_ACTOR_STATE_TRANSACTION_SAVE", "written by another host since this one read it");
  }
  for (auto& operation : operations) {
    if (operation.value)
      keys[operation.key] = {std::move(*operation.value),
                             operation.ttl ? std::optional(clock_.now() + *operation.ttl) : std::nullopt,
                             operation.revision};
    else
      keys.erase(operation.key);
  }
  co_await end();
  if (failure) throw SidecarError(0, "TIMED_OUT", "stored, but the answer is lost");
  co_return;
}

Task<void> FakeSidecar::register_reminder(ActorId actor, Alarm alarm) {
  co_await begin("reminder_register");
  const auto due = clock_.now() + alarm.due;
  alarms_[{true, actor, alarm.name}] = {actor, alarm, due, true};
  co_await end();
  co_return;
}

Task<void> FakeSidecar::unregister_reminder(ActorId actor, std::string name) {
  co_await begin("reminder_unregister");
  alarms_.erase({true, actor, name});
  co_await end();
  co_return;
}

Task<void> FakeSidecar::register_timer(ActorId actor, Alarm alarm) {
  co_await begin("timer_register");
  const auto due = clock_.now() + alarm.due;
  alarms_[{false, actor, alarm.name}] = {actor, alarm, due, false};
  co_await end();
  co_return;
}

Task<void> FakeSidecar::unregister_timer(ActorId actor, std::string name) {
  co_await begin("timer_unregister");
  alarms_.erase({false, actor, name});
  co_await end();
  co_return;
}

Task<Reply> FakeSidecar::call_actor(ActorId actor, Call call) {
  co_await begin("actor_call");
  if (!call.caller.empty()) awaited.emplace(call.caller, actor.type);
  activated(actor);
  std::string failure;
  try {
    co_return co_await engine_->call(std::move(actor), std::move(call));
  } catch (const std::exception& error) {
    failure = error.what();
  }
  throw SidecarError(500, "ERR_ACTOR_INVOKE_METHOD", failure);
}

Task<void> FakeSidecar::publish(CloudEvent event) {
  co_await begin("publish");
  if (publish_failures_ > 0) {
    --publish_failures_;
    throw SidecarError(500, "ERR_PUBSUB_PUBLISH_MESSAGE", "the broker is down");
  }
  published.push_back(std::move(event));
  co_await end();
  co_return;
}

Task<HttpAnswer> FakeSidecar::invoke(std::string app_id, HttpRequest request) {
  co_await begin("invoke");
  const auto application = applications.find(app_id);
  if (application == applications.end()) throw SidecarError(500, "ERR_DIRECT_INVOKE", "no application " + app_id);
  auto answer = application->second(request);
  if (request.verb == "PUT" || request.verb == "DELETE") co_await end();  // the others only ask
  co_return answer;
}

const FakeSidecar::Armed* FakeSidecar::armed(const ActorId& actor, const std::string& name) const {
  for (const bool is_reminder : {true, false})
    if (const auto found = alarms_.find({is_reminder, actor, name}); found != alarms_.end()) return &found->second;
  return nullptr;
}

std::vector<std::string> FakeSidecar::reminders(const ActorId& actor) const {
  std::vector<std::string> names;
  for (const auto& [key, alarm] : alarms_)
    if (alarm.is_reminder && alarm.actor == actor) names.push_back(alarm.alarm.name);
  return names;
}

std::optional<FakeSidecar::Armed> FakeSidecar::take_due(Time limit) {
  auto next = alarms_.end();
  for (auto alarm = alarms_.begin(); alarm != alarms_.end(); ++alarm)
    if (alarm->second.due <= limit && (next == alarms_.end() || alarm->second.due < next->second.due)) next = alarm;
  if (next == alarms_.end()) return std::nullopt;
  const Armed taken = next->second;
  if (taken.alarm.period > Duration{0})
    next->second.due += taken.alarm.period;
  else
    alarms_.erase(next);
  return taken;
}

void FakeSidecar::lose_timers() {
  std::erase_if(alarms_, [](const auto& entry) { return !entry.second.is_reminder; });
}

}  // namespace dapr::actors::testing
