#include "actors/runtime/engine.hpp"

#include <boost/asio/post.hpp>

#include "actors/runtime/activation.hpp"

namespace actors {

std::string what(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "something was thrown that is no std::exception";
  }
}

Engine::Engine(boost::asio::io_context& io, Sidecar& sidecar, const Clock& clock, Observer& observer,
               std::string app_id)
    : io_(io), sidecar_(sidecar), clock_(clock), observer_(observer), app_id_(std::move(app_id)) {}

Engine::~Engine() = default;

void Engine::add(detail::TypeDescription type) {
  auto name = type.name;
  if (!types_.emplace(name, std::move(type)).second)
    throw std::logic_error("the actor type " + name + " is added twice");
}

std::vector<std::string> Engine::types() const {
  std::vector<std::string> names;
  for (const auto& [name, type] : types_) names.push_back(name);
  return names;
}

std::string Engine::configuration() const {
  rapidjson::StringBuffer buffer;
  json::Writer writer(buffer);
  auto member = [&](const char* name, const auto& value) {
    writer.Key(name);
    json::write(writer, value);
  };
  auto go_duration = [](Duration duration) { return std::to_string(duration.count()) + "ms"; };
  writer.StartObject();
  member("entities", types());
  member("drainRebalancedActors", true);
  writer.Key("entitiesConfig");
  writer.StartArray();
  for (const auto& [name, type] : types_) {
    writer.StartObject();
    member("entities", std::vector{name});
    member("actorIdleTimeout", go_duration(type.settings.idle_timeout));
    member("drainOngoingCallTimeout", go_duration(type.settings.drain_timeout));
    member("drainRebalancedActors", true);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

const detail::TypeDescription& Engine::description(const std::string& type) const {
  const auto found = types_.find(type);
  if (found == types_.end()) throw NoSuchMethod("no actor type " + type + " on this host");
  return found->second;
}

std::shared_ptr<Activation> Engine::use(const ActorId& id, bool for_new_work) {
  const auto& type = description(id.type);
  const std::lock_guard lock(mutex_);
  if (draining_ && for_new_work) throw Draining();
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
  auto activation = use(actor, true);
  co_return co_await suspend<Reply>([&](Completion<Reply> done) {
    auto entered = activation;
    spawn(entered->run(std::move(request), method, Answer(done)),
          [this, entered](const Outcome<void>&) { release(entered); });
  });
}

Task<Reply> Engine::call(ActorId actor, Call call) {
  return enter(std::move(actor), {EntryKind::Method, std::move(call.method), std::move(call.body), std::move(call.id),
                                  call.cause, std::move(call.trace)});
}

Task<void> Engine::reminder(ActorId actor, std::string name, std::string data, Trace trace) {
  detail::TurnRequest request{EntryKind::Reminder, std::move(name), std::move(data), {},
                              Cause::Reminder,     std::move(trace)};
  co_await enter(std::move(actor), std::move(request));
}

Task<void> Engine::timer(ActorId actor, std::string name, std::string data, Trace trace) {
  detail::TurnRequest request{EntryKind::Timer, std::move(name), std::move(data), {}, Cause::Timer, std::move(trace)};
  co_await enter(std::move(actor), std::move(request));
}

Task<void> Engine::deactivate(ActorId actor) {
  if (!types_.contains(actor.type)) co_return;
  const auto activation = use(actor, false);
  if (!activation) co_return;
  co_await activation->deactivate();
  release(activation);
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
  for (auto& id : all)
    boost::asio::post(io_, [this, id = std::move(id)] { spawn(deactivate(id), [](const Outcome<void>&) {}); });
}

void Engine::distrust(const ActorId& actor) {
  const std::lock_guard lock(mutex_);
  if (const auto found = activations_.find(actor); found != activations_.end()) found->second->distrust();
}

void Engine::start_work(AfterCommit work, Calls calls, std::string text) {
  {
    const std::lock_guard lock(mutex_);
    ++work_;
  }
  // The function is kept until the work has ended: a coroutine made from a lambda lives on the lambda's captures.
  static constexpr auto run = [](AfterCommit kept, Calls with) -> Task<void> { co_await kept(std::move(with)); };
  boost::asio::post(io_, [this, work = std::move(work), calls = std::move(calls), text = std::move(text)] {
    spawn(run(work, calls), [this, text](const Outcome<void>& outcome) {
      if (outcome.failed()) observer_.warned(text + ": work after the commit failed: " + what(outcome.error()));
      const std::lock_guard lock(mutex_);
      --work_;
    });
  });
}

void Engine::drain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
}

bool Engine::idle() const {
  const std::lock_guard lock(mutex_);
  return work_ == 0;
}

}  // namespace actors
