#include "internal/engine.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <iterator>

#include "internal/activation.hpp"
#include "internal/alarm_names.hpp"

namespace dapr::actors {

namespace {
constexpr auto left_at_the_end = ": the host shuts down before its work after the commit has begun: `tend` will do it";
constexpr auto left_for_others = ": too much work after commits waits already: `tend` will do this";
}  // namespace

TurnFailed::TurnFailed(std::string code, std::string reference)
    : std::runtime_error("the turn failed; the log of its host says why under the reference " + reference),
      code_(std::move(code)) {}

std::string what(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "something was thrown that is no std::exception";
  }
}

std::string_view reminder_kind(std::string_view name) {
  return name == tend_reminder || (name.starts_with(tend_reminder) && name[tend_reminder.size()] == '-') ? tend_reminder
                                                                                                         : name;
}

Engine::Engine(boost::asio::io_context& io, Sidecar& sidecar, const Clock& clock, Observer& observer,
               std::string app_id)
    : io_(io), sidecar_(sidecar), clock_(clock), observer_(observer), app_id_(std::move(app_id)) {}

Engine::~Engine() = default;

void Engine::add(detail::TypeDescription type) {
  auto name = type.name;
  if (const auto reminders = type.entries.find(EntryKind::Reminder); reminders != type.entries.end())
    for (const auto& [reminder, method] : reminders->second)
      if (reminder_kind(reminder) == tend_reminder)
        throw std::logic_error("the reminder " + reminder + " of " + name +
                               " has a name that the library keeps for its own: call it something else");
  for (const auto& [kind, methods] : type.entries)
    if (kind != EntryKind::Method)
      for (const auto& [shorter, _] : methods)
        for (const auto& [longer, _1] : methods)
          if (is_named(longer, shorter))
            throw std::logic_error(name + " describes " + longer + ", which may be the name of one of several " +
                                   shorter + ": call it something else");
  type.settings = over_.over(name, type.settings);
  if (!types_.emplace(name, std::move(type)).second)
    throw std::logic_error("the actor type " + name + " is added twice");
}

void Engine::filter(std::shared_ptr<TurnFilter> filter, std::string type) {
  if (!filter) throw std::logic_error("a filter of turns is null");
  filters_.emplace_back(std::move(type), std::move(filter));
}

std::vector<std::string> Engine::types() const {
  std::vector<std::string> names;
  for (const auto& [name, type] : types_) names.push_back(name);
  return names;
}

std::optional<std::string> Engine::expiring() const {
  for (const auto& [name, type] : types_)
    for (const auto& [kind, methods] : type.entries)
      for (const auto& [method, description] : methods)
        if (description.memory.key_lives.count() > 0) return name + "." + method;
  return std::nullopt;
}

std::string Engine::configuration() const {
  json::Writer writer;
  auto member = [&](const char* name, const auto& value) {
    writer.key(name);
    json::write(writer, value);
  };
  auto go_duration = [](Duration duration) { return std::to_string(duration.count()) + "ms"; };
  writer.start_object();
  member("entities", types());
  member("drainRebalancedActors", true);
  writer.key("entitiesConfig");
  writer.start_array();
  for (const auto& [name, type] : types_) {
    writer.start_object();
    member("entities", std::vector{name});
    member("actorIdleTimeout", go_duration(type.settings.idle_timeout));
    member("drainOngoingCallTimeout", go_duration(type.settings.drain_timeout));
    member("drainRebalancedActors", true);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return writer.text();
}

const detail::TypeDescription& Engine::description(const std::string& type) const {
  const auto found = types_.find(type);
  if (found == types_.end()) throw NoSuchMethod("no actor type " + type + " on this host");
  return found->second;
}

std::string Engine::alarm_entry(const std::string& type, EntryKind kind, std::string_view name) const {
  const auto& entries = description(type).entries;
  const auto methods = entries.find(kind);
  if (kind == EntryKind::Reminder && reminder_kind(name) == tend_reminder) return std::string(tend_reminder);
  if (methods == entries.end() || methods->second.contains(name)) return std::string(name);
  for (const auto& [entry, _] : methods->second)
    if (is_named(name, entry)) return entry;
  return std::string(name);
}

/// Whatever such work calls carries its id, or one that begins with it.
bool Engine::is_of_work_in_hand(const std::string& request) const {
  return std::any_of(work_in_hand_.begin(), work_in_hand_.end(), [&](const std::string& work) {
    return request.starts_with(work) && (request.size() == work.size() || request[work.size()] == '/');
  });
}

std::shared_ptr<Activation> Engine::use(const ActorId& id, bool for_new_work, const std::string& request) {
  const auto& type = description(id.type);
  const std::lock_guard lock(mutex_);
  if (draining_ && for_new_work && !is_of_work_in_hand(request)) throw Draining();
  auto found = activations_.find(id);
  if (found == activations_.end()) {
    if (!for_new_work) return nullptr;
    found = activations_.emplace(id, std::make_shared<Activation>(*this, id, type)).first;
  }
  ++found->second->users;
  ++work_;
  return found->second;
}

void Engine::release(const std::shared_ptr<Activation>& activation) {
  const std::lock_guard lock(mutex_);
  --work_;
  // Nobody is inside and nobody is on the way: what it holds can be looked at.
  if (--activation->users == 0 && !activation->loaded()) activations_.erase(activation->id());
}

Task<Reply> Engine::enter(ActorId actor, detail::TurnRequest request) {
  const detail::MethodDescription* method = nullptr;
  if (request.kind != EntryKind::Reminder || request.method != tend_reminder) {
    const auto& entries = description(actor.type).entries;
    const auto kind = entries.find(request.kind);
    const auto entry = kind == entries.end() ? decltype(kind->second.end()){} : kind->second.find(request.method);
    if (kind == entries.end() || entry == kind->second.end())
      throw NoSuchMethod(actor.type + " has no " + request.method);
    method = &entry->second;
  }
  auto activation = use(actor, true, request.id);
  co_return co_await suspend<Reply>([&](Completion<Reply> done) {
    auto entered = activation;
    spawn(entered->run(std::move(request), method, Answer(done)),
          [this, entered](const Outcome<void>&) { release(entered); });
  });
}

Task<Reply> Engine::call(ActorId actor, Call call, std::shared_ptr<const std::atomic<bool>> caller_is_gone) {
  return enter(std::move(actor), {EntryKind::Method,
                                  std::move(call.method),
                                  std::move(call.body),
                                  std::move(call.id),
                                  call.cause,
                                  std::move(call.trace),
                                  {},
                                  std::move(call.awaited_by),
                                  std::move(call.caller),
                                  call.deadline,
                                  std::move(caller_is_gone)});
}

Task<void> Engine::reminder(ActorId actor, std::string name, std::string data, Trace trace) {
  auto method = alarm_entry(actor.type, EntryKind::Reminder, name);
  detail::TurnRequest request{EntryKind::Reminder, std::move(method), std::move(data), {},
                              Cause::Reminder,     std::move(trace),  std::move(name)};
  co_await enter(std::move(actor), std::move(request));
}

Task<void> Engine::timer(ActorId actor, std::string name, std::string data, Trace trace) {
  auto method = alarm_entry(actor.type, EntryKind::Timer, name);
  detail::TurnRequest request{EntryKind::Timer, std::move(method), std::move(data), {},
                              Cause::Timer,     std::move(trace),  std::move(name)};
  co_await enter(std::move(actor), std::move(request));
}

void Engine::deactivate(const ActorId& actor) {
  if (!types_.contains(actor.type)) return;
  const auto activation = use(actor, false);
  if (!activation) return;
  activation->distrust();  // whoever is let in before that must not go by what is cached here
  spawn(activation->deactivate(), [this, activation](const Outcome<void>&) { release(activation); });
}

void Engine::forget_all() {
  std::vector<ActorId> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, activation] : activations_) {
      activation->distrust();
      all.push_back(id);
    }
  }
  for (auto& id : all) boost::asio::post(io_, [this, id = std::move(id)] { deactivate(id); });
}

void Engine::distrust(const ActorId& actor) {
  const std::lock_guard lock(mutex_);
  if (const auto found = activations_.find(actor); found != activations_.end()) found->second->distrust();
}

void Engine::events_forgotten_too_soon(const ActorId& actor, const detail::TypeDescription& type) {
  {
    const std::lock_guard lock(mutex_);
    if (!told_.insert(type.name).second) return;
  }
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(type.settings.events_known_for).count();
  observer_.warned(actor.type + "/" + actor.id + " handled more than " +
                   std::to_string(type.settings.events_in_document) + " events within " + std::to_string(minutes) +
                   " minutes and forgets the oldest: one that is redelivered now is handled twice. Raise "
                   "events_in_document in the type's settings, or describe the method with remember_for; told once "
                   "for the type");
}

void Engine::start_work(const ActorId& actor, Work kind, AfterCommit work, Origin origin) {
  // Without an id of its own its calls have random ones, and are refused while the host drains like anybody's.
  auto id = origin.id.empty() ? random_id() : origin.id;
  Piece begun{std::move(work), Calls(sidecar_, std::move(origin)), std::move(id), actor.type + "/" + actor.id};
  const auto& settings = description(actor.type).settings;
  const auto at_once = kind == Work::News ? settings.news_at_once : settings.work_at_once;
  LaneId lane_id{actor.type, kind};
  bool begins = false, waits = false, draining = false;
  {
    const std::lock_guard lock(mutex_);
    auto& lane = lanes_[lane_id];
    draining = draining_;
    begins = lane.running < at_once;
    waits = !begins && !draining && lane.waiting.size() < settings.work_waiting;
    if (begins || waits) {
      ++work_;
      work_in_hand_.insert(begun.id);
    }
    if (begins) ++lane.running;
    if (waits) lane.waiting.push_back(std::move(begun));
  }
  if (begins)
    run_work(std::move(lane_id), std::move(begun));
  else if (!waits)
    observer_.warned(begun.text + (draining ? left_at_the_end : left_for_others));
}

void Engine::run_work(LaneId lane, Piece work) {
  // The function is kept until the work has ended: a coroutine made from a lambda lives on the lambda's captures.
  static constexpr auto run = [](AfterCommit kept, Calls with) -> Task<void> { co_await kept(std::move(with)); };
  boost::asio::post(io_, [this, lane = std::move(lane), work = std::move(work)] {
    spawn(run(work.run, work.calls), [this, lane, id = work.id, text = work.text](const Outcome<void>& outcome) {
      if (outcome.failed()) observer_.warned(text + ": work after the commit failed: " + what(outcome.error()));
      work_ended(lane, id);
    });
  });
}

void Engine::work_ended(const LaneId& lane_id, const std::string& id) {
  std::optional<Piece> next;
  {
    const std::lock_guard lock(mutex_);
    auto& lane = lanes_[lane_id];
    if (lane.waiting.empty()) {
      --lane.running;
    } else {
      next = std::move(lane.waiting.front());
      lane.waiting.pop_front();
    }
    --work_;
    work_in_hand_.erase(work_in_hand_.find(id));
  }
  if (next) run_work(lane_id, std::move(*next));
}

void Engine::drain() {
  std::vector<Piece> left;
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    for (auto& [_, lane] : lanes_) {
      std::move(lane.waiting.begin(), lane.waiting.end(), std::back_inserter(left));
      lane.waiting.clear();
    }
    work_ -= left.size();
    for (const auto& work : left) work_in_hand_.erase(work_in_hand_.find(work.id));
  }
  for (const auto& work : left) observer_.warned(work.text + left_at_the_end);
}

bool Engine::idle() const {
  const std::lock_guard lock(mutex_);
  return work_ == 0;
}

std::size_t Engine::unsent() const {
  const std::lock_guard lock(mutex_);
  std::size_t events = 0;
  for (const auto& [id, activation] : activations_) events += activation->unsent();
  return events;
}

ActiveActors Engine::active_actors(const std::string& type, std::size_t most) const {
  ActiveActors active;
  const std::lock_guard lock(mutex_);
  for (auto at = activations_.lower_bound({type, ""}); at != activations_.end(); ++at) {
    const auto& [id, activation] = *at;
    if (!type.empty() && id.type != type) break;
    if (active.actors.size() == most) {
      active.more = true;
      break;
    }
    auto& actor = active.actors.emplace_back(activation->seen());
    actor.busy = activation->users > 0;
    if (actor.busy) actor.waiting = static_cast<std::int64_t>(activation->users) - 1;
  }
  return active;
}

Task<void> Engine::send_what_is_left() {
  std::vector<ActorId> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, activation] : activations_)
      if (activation->unsent() > 0) all.push_back(id);
  }
  for (const auto& id : all) {
    const auto activation = use(id, false);
    if (!activation) continue;
    std::exception_ptr failure;
    try {
      co_await activation->send_what_is_left();
    } catch (...) {
      failure = std::current_exception();
    }
    release(activation);
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace dapr::actors
