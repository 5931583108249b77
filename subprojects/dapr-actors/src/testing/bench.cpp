#include "dapr/actors/testing/bench.hpp"

#include <algorithm>
#include <cstdlib>

#include "internal/engine.hpp"

namespace dapr::actors::testing {
namespace {

class CountingObserver final : public Observer {
 public:
  void turn_ended(const TurnEnded& turn) override {
    ++turns[turn.outcome];
    if (turn.outcome == TurnOutcome::Failed) failures.emplace_back(turn.error);
  }
  void warned(std::string_view message) override { warnings.emplace_back(message); }
  std::map<TurnOutcome, int> turns;
  std::vector<std::string> failures, warnings;
};

}  // namespace

class Bench::Parts {
 public:
  Parts(std::string id, VirtualClock& clock, FakeSidecar& fake)
      : app_id(std::move(id)), virtual_clock(clock), sidecar(fake) {
    start();
  }
  void start() {
    engine = std::make_unique<Engine>(io, sidecar, virtual_clock, observer, app_id);
    for (const auto& type : types) engine->add(type);
    for (const auto& [type, filter] : filters) engine->filter(filter, type);
    sidecar.deliver_to(engine.get());
  }

  std::string app_id;
  VirtualClock& virtual_clock;
  FakeSidecar& sidecar;
  CountingObserver observer;
  boost::asio::io_context io;
  std::vector<detail::TypeDescription> types;
  Filters filters;
  std::unique_ptr<Engine> engine;
};

Bench::Bench(std::string app_id) : parts_(std::make_unique<Parts>(std::move(app_id), clock, sidecar)) {
  sidecar.hold_called_actors_only();
  if (const auto* seed = std::getenv("BENCH_SEED")) sidecar.complete_later(static_cast<unsigned>(std::stoul(seed)));
}
Bench::~Bench() = default;

void Bench::add_type(detail::TypeDescription type) {
  parts_->types.push_back(type);
  parts_->engine->add(std::move(type));
}

Bench& Bench::filter(std::shared_ptr<TurnFilter> filter, std::string type) {
  parts_->engine->filter(filter, type);
  parts_->filters.emplace_back(std::move(type), std::move(filter));
  return *this;
}

void Bench::settle() {
  do {
    parts_->io.restart();
    parts_->io.poll();
  } while (sidecar.complete_one());
}

Reply Bench::call_raw(ActorId actor, Call call) {
  sidecar.activated(actor);
  return run(parts_->engine->call(std::move(actor), std::move(call)));
}

Delivery Bench::deliver(const CloudEvent& event) {
  return run(subscriptions_.deliver(to_envelope(event), event.trace, sidecar, parts_->observer));
}

int Bench::deliver_all() {
  int count = 0;
  while (delivered_ < sidecar.published.size()) {
    const auto event = sidecar.published[delivered_++];  // a copy: handling it may publish more
    if (deliver(event) == Delivery::Retry)
      throw std::runtime_error("the event " + event.type + " " + event.id + " was not dealt with");
    ++count;
  }
  return count;
}

void Bench::advance(Duration duration) {
  const auto end = clock.now() + duration;
  while (const auto due = sidecar.take_due(end)) {
    clock.set(std::max(clock.now(), due->due));
    auto& engine = *parts_->engine;
    sidecar.activated(due->actor);
    auto turn = due->is_reminder ? engine.reminder(due->actor, due->alarm.name, due->alarm.data, {})
                                 : engine.timer(due->actor, due->alarm.name, due->alarm.data, {});
    spawn(std::move(turn), [](const Outcome<void>&) {});  // one that fails comes again with its period
    settle();
  }
  clock.set(end);
}

void Bench::restart(bool lose_timers) {
  settle();
  sidecar.revive();
  if (lose_timers) sidecar.lose_timers();
  parts_->start();
}

void Bench::deactivate(const ActorId& actor) {
  sidecar.deactivated(actor);
  parts_->engine->deactivate(actor);
  settle();
}

bool Bench::tended(const ActorId& actor) const {
  const auto names = sidecar.reminders(actor);
  return std::any_of(names.begin(), names.end(), [](const auto& name) { return reminder_kind(name) == tend_reminder; });
}

int Bench::turns(TurnOutcome outcome) const {
  const auto found = parts_->observer.turns.find(outcome);
  return found == parts_->observer.turns.end() ? 0 : found->second;
}

const std::vector<std::string>& Bench::failures() const {
  return parts_->observer.failures;
}
const std::vector<std::string>& Bench::warnings() const {
  return parts_->observer.warnings;
}

std::string Bench::configuration() const {
  return parts_->engine->configuration();
}

}  // namespace dapr::actors::testing
