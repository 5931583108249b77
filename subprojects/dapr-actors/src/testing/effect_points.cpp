#include "dapr/actors/testing/effect_points.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "internal/alarm_names.hpp"
#include "internal/engine.hpp"

namespace dapr::actors::testing {
namespace {

/// `product.p-1` is a product, `gateway-account-x` a gateway-account.
/// A point is named by what rings, not by which of several.
std::string_view alarm_kind(std::string_view name) {
  return reminder_kind(name.substr(0, name.find(alarm_separator)));
}

std::string kind_of(const std::string& key) {
  auto end = key.find('.');
  if (end == std::string::npos) end = key.find('-', std::min(key.find('-'), key.size() - 1) + 1);
  return key.substr(0, end);
}

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> found;
  for (path = path.substr(0, path.find('?')); !path.empty();) {
    path.remove_prefix(1);
    const auto end = std::min(path.find('/'), path.size());
    found.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return found;
}

std::int64_t version_of(const std::string& document) {
  const json::Document parsed(document);
  const auto version = parsed.root().find("version");
  return version ? version->integer().value_or(0) : 0;
}

}  // namespace

void end_process() {
  ::_exit(ended_process);
}

template <class T>
Task<T> EffectPoints::pointed(std::string effect, std::string subject, Task<T> work) {
  Point point{std::move(effect), Moment::Before, std::move(subject)};
  reached_(point);
  point.moment = Moment::After;
  if constexpr (std::is_void_v<T>) {
    co_await std::move(work);
    reached_(point);
  } else {
    auto value = co_await std::move(work);
    reached_(point);
    co_return value;
  }
}

class EffectPoints::PointedSidecar final : public Sidecar {
 public:
  PointedSidecar(EffectPoints& points, Sidecar& real) : points_(points), real_(real) {}

  Task<std::optional<std::string>> read_state(ActorId actor, std::string key) override {
    auto value = co_await real_.read_state(actor, key);
    if (key == "state" && value) points_.seen(actor, version_of(*value));
    co_return value;
  }
  Task<void> commit_state(ActorId actor, std::vector<StateOperation> operations) override {
    auto name = points_.name_of_commit(actor, operations);
    auto id = actor.id;
    return points_.pointed(std::move(name), std::move(id), real_.commit_state(std::move(actor), std::move(operations)));
  }
  Task<void> register_reminder(ActorId actor, Alarm alarm) override {
    auto name = actor.type + " arm " + std::string(alarm_kind(alarm.name));
    auto id = actor.id;
    return points_.pointed(std::move(name), std::move(id), real_.register_reminder(std::move(actor), sooner(alarm)));
  }
  Task<void> unregister_reminder(ActorId actor, std::string alarm) override {
    auto name = actor.type + " disarm " + std::string(alarm_kind(alarm));
    auto id = actor.id;
    return points_.pointed(std::move(name), std::move(id),
                           real_.unregister_reminder(std::move(actor), std::move(alarm)));
  }
  Task<void> register_timer(ActorId actor, Alarm alarm) override {
    auto name = actor.type + " start " + std::string(alarm_kind(alarm.name));
    auto id = actor.id;
    return points_.pointed(std::move(name), std::move(id), real_.register_timer(std::move(actor), sooner(alarm)));
  }
  Task<void> unregister_timer(ActorId actor, std::string alarm) override {
    auto name = actor.type + " stop " + std::string(alarm_kind(alarm));
    auto id = actor.id;
    return points_.pointed(std::move(name), std::move(id), real_.unregister_timer(std::move(actor), std::move(alarm)));
  }
  Task<Reply> call_actor(ActorId actor, Call call) override {
    if (call.id.empty()) return real_.call_actor(std::move(actor), std::move(call));
    auto name = actor.type + " call " + call.method;
    auto id = actor.id;
    return points_.pointed(std::move(name), std::move(id), points_.call(real_, std::move(actor), std::move(call)));
  }
  Task<void> publish(CloudEvent event) override {
    auto name = event.id.substr(0, event.id.find('/')) + " publish " + event.type;
    auto id = event.id;
    return points_.pointed(std::move(name), std::move(id), real_.publish(std::move(event)));
  }
  Task<HttpAnswer> invoke(std::string app_id, HttpRequest request) override {
    return real_.invoke(std::move(app_id), std::move(request));
  }

 private:
  Alarm sooner(Alarm alarm) const {
    alarm.due /= points_.speed_;
    if (alarm.period > Duration{}) alarm.period = std::max(alarm.period / points_.speed_, Duration{1});
    return alarm;
  }

  EffectPoints& points_;
  Sidecar& real_;
};

class EffectPoints::PointedStore final : public StateStore {
 public:
  PointedStore(EffectPoints& points, StateStore& real) : points_(points), real_(real) {}

  Task<std::optional<StateItem>> get(std::string key) override { return real_.get(std::move(key)); }
  Task<std::vector<std::optional<StateItem>>> get_all(std::vector<std::string> keys) override {
    return real_.get_all(std::move(keys));
  }
  Task<void> transact(std::vector<StateChange> changes) override {
    std::set<std::string> kinds;
    std::string keys;
    for (const auto& change : changes) {
      kinds.insert(kind_of(change.key));
      keys += (keys.empty() ? "" : " ") + change.key;
    }
    std::string name;
    for (const auto& kind : kinds) name += (name.empty() ? "store transact " : "+") + kind;
    return points_.pointed(std::move(name), std::move(keys), real_.transact(std::move(changes)));
  }

 private:
  EffectPoints& points_;
  StateStore& real_;
};

EffectPoints::EffectPoints(Reached reached, int speed) : reached_(std::move(reached)), speed_(speed) {}
EffectPoints::~EffectPoints() = default;

Sidecar& EffectPoints::between(Sidecar& real) {
  sidecar_ = std::make_unique<PointedSidecar>(*this, real);
  return *sidecar_;
}
StateStore& EffectPoints::between(StateStore& real) {
  return *stores_.emplace_back(std::make_unique<PointedStore>(*this, real));
}

std::int64_t EffectPoints::seen(const ActorId& actor, std::int64_t version) {
  const std::lock_guard lock(mutex_);
  return std::exchange(versions_[actor], version);
}

/// Actors are called through this very process. What nobody calls is a reminder's turn.
std::string EffectPoints::name_of_commit(const ActorId& actor, const std::vector<StateOperation>& operations) {
  for (const auto& operation : operations) {
    if (operation.key != "state" || !operation.value) continue;
    const auto version = version_of(*operation.value);
    if (seen(actor, version) == version) return actor.type + " tidy";
  }
  const std::lock_guard lock(mutex_);
  const auto call = calls_.find(actor);
  return actor.type + " commit " + (call == calls_.end() ? "tend" : call->second);
}

Task<Reply> EffectPoints::call(Sidecar& real, ActorId actor, Call call) {
  std::multimap<ActorId, std::string>::iterator entry;
  {
    const std::lock_guard lock(mutex_);
    entry = calls_.emplace(actor, call.method);
  }
  std::optional<Reply> reply;
  std::exception_ptr failure;
  try {
    reply = co_await real.call_actor(std::move(actor), std::move(call));
  } catch (...) {
    failure = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    calls_.erase(entry);
  }
  if (failure) std::rethrow_exception(failure);
  co_return std::move(*reply);
}

void EffectPoints::answering(const LeavingAnswer& answer) {
  const auto path = segments(answer.target);
  std::string name, subject;
  if (path.size() == 2 && path[0] == "events") {
    name = "events answer " + std::string(path[1]);
  } else if (path.size() >= 5 && path[0] == "actors" && path[3] == "method") {
    if (path.size() == 5 && answer.idempotency_key.empty()) return;
    name = std::string(path[1]) + " answer " + (path.size() == 6 ? std::string(path[4]) + " " : "") +
           std::string(alarm_kind(path.back()));
    subject = path[2];
  } else {
    return;
  }
  reached_({std::move(name), Moment::Before, std::move(subject)});
}

}  // namespace dapr::actors::testing
