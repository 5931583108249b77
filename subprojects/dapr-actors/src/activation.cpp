#include "internal/activation.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <set>

#include "internal/awaiting.hpp"
#include "internal/deadline.hpp"
#include "dapr/actors/named_id.hpp"
#include "dapr/actors/stored_size.hpp"

namespace dapr::actors {
namespace {

constexpr std::string_view state_key = "state";

// What DynamoDB, the smallest of the stores in use, takes: 100 operations a transaction, 400 KB an item. The item also
// holds its key and the store's attributes.
constexpr std::size_t max_operations = 100;
constexpr std::size_t max_value_bytes = 399 * 1024;
/// Of all of them together. DynamoDB takes 4 MB; a sidecar takes a request of 4 MiB, or what it was told
/// (`--max-body-size`, 2 MiB in this project).
constexpr std::size_t max_transaction_bytes = 1900 * 1024;

Microseconds since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<Microseconds>(std::chrono::steady_clock::now() - start);
}

/// The key of a handled id that is kept outside the document: ids come from outside and may hold anything.
std::string mark_key(const std::string& handled) {
  return "handled/" + named_id(handled);
}

bool waits_for_events(Cause cause) {
  return cause == Cause::Event || cause == Cause::Reminder;
}

class TooLarge : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void check_limits(const std::vector<StateOperation>& operations) {
  if (operations.size() > max_operations)
    throw TooLarge("the turn wants " + std::to_string(operations.size()) + " state operations, a transaction takes " +
                   std::to_string(max_operations) + ": spread them over several turns");
  std::size_t all = 0;
  for (const auto& operation : operations) {
    const auto bytes = operation.value ? stored_size(*operation.value) : 0;
    if (bytes > max_value_bytes)
      throw TooLarge("the key " + operation.key + " would hold " + std::to_string(bytes) + " bytes, the store takes " +
                     std::to_string(max_value_bytes) + ": split it into keys of its own");
    all += operation.key.size() + bytes;
  }
  if (all > max_transaction_bytes)
    throw TooLarge("the turn wants to store " + std::to_string(all) + " bytes, a transaction takes " +
                   std::to_string(max_transaction_bytes) + ": spread them over several turns");
}

/// A number that grows by one with every write: far from the end of its type, since the store keeps no greater exactly.
std::int64_t count(const json::Value& value) {
  const auto number = json::from<std::int64_t>(value);
  if (number < 0 || number > std::int64_t{1} << 53)
    throw json::Error({json::Problem{"", "counts writes, from 0 to 2^53"}});
  return number;
}

/// The form in which a document's state is stored. There was a time before forms, and most states have but one.
int form_of(const json::Value& document) {
  int form = 1;
  json::Reading reading(json::Unknown::Ignore);
  if (const auto written = document.find("form")) {
    json::Reading::Step step(reading, "form");
    json::read(*written, form, reading);
  }
  if (!reading.problems().empty()) throw json::Error(reading.problems());
  return form;
}

/// What kind of failure it was: the sidecar's own code says nothing of the actor's.
std::string code_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const SidecarError& sidecar) {
    return sidecar.code().empty() ? "SIDECAR" : sidecar.code();
  } catch (...) {
    return "FAILED";
  }
}

/// Why nobody wants a turn's answer any more by the time it is let in, or nothing. A change that has been asked for may
/// be wanted all the same, unless its caller said until when.
std::optional<std::string> why_not_wanted(const detail::TurnRequest& request, const detail::MethodDescription* method) {
  if (is_over(request.deadline)) return request.method + " was let in after the deadline of its call, and did not run";
  if (method && method->is_read && request.caller_is_gone && *request.caller_is_gone)
    return request.method + " was let in when its caller had gone, and did not run";
  return std::nullopt;
}

/// What a reminder or a timer was registered with, as `once_data` and `repeated_data` write it.
struct AlarmData {
  bool once = false;
  json::Raw data;
  DAPR_ACTORS_JSON(once, data)
  DAPR_ACTORS_JSON_DEFAULTED(once, data)
};

AlarmData read_alarm(const std::string& data) {
  try {
    return json::parse<AlarmData>(data);
  } catch (const json::Error&) {
    return {};  // not registered by this library: it stays until somebody removes it
  }
}

/// The message of a reminder's or timer's method. One that was registered without, by an older version, is an empty
/// one.
std::string message_of(AlarmData alarm) {
  return alarm.data.text == "null" ? "{}" : std::move(alarm.data.text);
}

}  // namespace

Task<void> Mailbox::enter() {
  return suspend<void>([this](Completion<void> done) {
    boost::asio::dispatch(strand_, [this, done] {
      if (busy_) {
        waiting_.push_back(done);
      } else {
        busy_ = true;
        done();
      }
    });
  });
}

void Mailbox::leave(std::shared_ptr<void> owner) {
  boost::asio::post(strand_, [this, owner = std::move(owner)] {
    if (waiting_.empty()) {
      busy_ = false;
    } else {
      const auto next = waiting_.front();
      waiting_.pop_front();
      next();
    }
  });
}

void Answer::operator()(Reply reply) {
  if (const auto to = std::exchange(to_, {})) (*to)(std::move(reply));
}

void Answer::fail(std::exception_ptr error) {
  if (const auto to = std::exchange(to_, {})) to->fail(std::move(error));
}

/// What the observer is told of a turn.
struct Activation::Record {
  TurnOutcome outcome = TurnOutcome::Unchanged;
  std::string error;
  std::string reference;
  std::map<std::string, std::string> tags;
  Microseconds took{};
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

Activation::Activation(Engine& engine, ActorId id, const detail::TypeDescription& type)
    : engine_(engine), id_(std::move(id)), type_(type), mailbox_(engine.io_) {}

Activation::~Activation() {
  drop();
}

Task<void> Activation::run(detail::TurnRequest request, const detail::MethodDescription* method, Answer answer) {
  const auto filtering = Filtering::of(engine_.filters_, id_);
  if (filtering && !co_await let_in(request, *filtering, answer)) co_return;
  co_await mailbox_.enter();
  Record record;
  std::exception_ptr failure;
  try {
    if (const auto reason = why_not_wanted(request, method)) throw Overdue(*reason);
    if (distrusted_.exchange(false)) drop();
    if (!actor_) co_await load(request.trace);
    if (method)
      co_await turn(request, *method, answer, record);
    else
      co_await tend(request, answer, record);
  } catch (...) {
    failure = std::current_exception();
  }
  ended(request, record, failure, version_, filtering.get(), answer);
  mailbox_.leave(shared_from_this());
}

Task<bool> Activation::let_in(const detail::TurnRequest& request, Filtering& filtering, Answer& answer) {
  auto calls = awaited_calls(request.id.empty() ? "" : request.id + "/before", request.trace, request.awaited_by,
                             request.deadline);
  filtering.ahead(
      {id_, request.kind, request.method, request.cause, request.caller, request.id, request.trace, std::move(calls)});
  Record record;
  std::optional<Refusal> refusal;
  std::exception_ptr failure;
  try {
    refusal = co_await filtering.before();
  } catch (...) {
    failure = std::current_exception();
  }
  if (!refusal && !failure) co_return true;
  if (refusal) {
    record.outcome = TurnOutcome::Refused;
    record.error = refusal->code + ": " + refusal->message;
    // As in a turn: it has to come again.
    if (request.kind != EntryKind::Method) failure = std::make_exception_ptr(std::runtime_error(record.error));
  }
  if (!failure) answer(tl::unexpected(std::move(*refusal)));
  ended(request, record, failure, 0, &filtering, answer);
  co_return false;
}

/// Notes what was thrown; answers what the caller is told of it.
std::exception_ptr Activation::noted(const detail::TurnRequest& request, Record& record,
                                     const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Overdue& overdue) {
    record.outcome = TurnOutcome::Refused;
    record.error = overdue.what();
    return failure;
  } catch (...) {
    record.outcome = TurnOutcome::Failed;
    record.error = what(failure);
    record.reference = request.id.empty() ? random_id() : request.id;
    return std::make_exception_ptr(TurnFailed(code_of(failure), record.reference));
  }
}

void Activation::ended(const detail::TurnRequest& request, Record& record, const std::exception_ptr& failure,
                       std::int64_t version, const Filtering* filtering, Answer& answer) {
  const auto told = failure ? noted(request, record, failure) : nullptr;
  if (record.took == Microseconds{}) record.took = since(record.start);
  engine_.observer_.turn_ended({id_, request.method, request.id, request.cause, record.outcome, version, record.took,
                                record.error, record.reference, request.trace, record.tags});
  const bool failed = record.outcome == TurnOutcome::Failed;  // what nobody waits for any more is refused instead
  if (filtering && failed) filtering->error(failure, engine_.observer_);
  if (filtering && !failed) filtering->after({record.outcome, record.error, version, record.took}, engine_.observer_);
  if (told) answer.fail(told);
}

Task<void> Activation::deactivate() {
  co_await mailbox_.enter();
  try {
    if (actor_) actor_->on_deactivate();
  } catch (...) {  // whoever comes next must get in all the same
    engine_.observer_.warned(id_.type + "/" + id_.id + ": on_deactivate: " + what(std::current_exception()));
  }
  drop();
  mailbox_.leave(shared_from_this());
}

Task<void> Activation::send_what_is_left() {
  co_await mailbox_.enter();
  std::exception_ptr failure;
  try {
    co_await send_outbox();
  } catch (...) {
    failure = std::current_exception();
  }
  mailbox_.leave(shared_from_this());
  if (failure) std::rethrow_exception(failure);
}

Task<void> Activation::load(Trace trace) {
  std::string key(state_key);
  const auto text = co_await engine_.sidecar_.read_state(id_, std::move(key));
  auto actor = type_.make();
  std::int64_t version = 0, revision = 0;
  std::vector<OutboxEntry> outbox;
  std::vector<HandledEntry> handled;
  HandledEvents events;
  std::optional<Tending> tending;
  if (text) {
    const json::Document document(*text);
    const auto root = document.root();
    auto member = [&](const char* name) {
      const auto found = root.find(name);
      if (!found) throw json::Error({json::Problem{std::string("/") + name, "is required"}});
      return *found;
    };
    version = count(member("version"));
    if (const auto written = root.find("revision")) revision = count(*written);
    const auto data = member("data");
    actor->load(&data, form_of(root));
    outbox = json::from<std::vector<OutboxEntry>>(member("outbox"));
    handled = json::from<std::vector<HandledEntry>>(member("handled"));
    if (const auto known = root.find("events"))
      events = HandledEvents(json::from<std::vector<HandledEvents::Group>>(*known));
    if (const auto tend = root.find("tend"))
      // Once it had one name for all, and only its time was kept.
      tending =
          tend->is_string() ? Tending{json::from<Time>(*tend), std::string(tend_reminder)} : json::from<Tending>(*tend);
  }
  actor->version_ = version;
  detail::Turn turn{id_, engine_.clock_, engine_.sidecar_, {{}, Cause::Call, trace}, awaited_calls({}, trace, {})};
  turn.without_effects = "on_activate";
  actor->turn_ = &turn;
  co_await actor->on_activate();
  actor->turn_ = nullptr;
  if (actor->changed())
    throw std::logic_error(id_.type + "/" + id_.id +
                           ": on_activate changes the state, and nobody would store it: change it in a turn; `due` and "
                           "`tend` make one for what is found here");
  actor->discard();

  actor_ = std::move(actor);
  version_ = version;
  since_ = engine_.clock_.now();
  revision_ = revision;
  handled_ = HandledCalls(std::move(handled));
  events_ = std::move(events);
  tending_ = std::move(tending);
  outbox_stored_ = !outbox.empty();
  set_outbox(std::move(outbox));
  engine_.observer_.activations_changed(id_.type, 1);
}

void Activation::drop() {
  if (!actor_) return;
  actor_.reset();
  set_outbox({});
  handled_ = {};
  events_ = {};
  tending_.reset();
  version_ = 0;
  since_ = not_in_memory;
  revision_ = 0;
  engine_.observer_.activations_changed(id_.type, -1);
}

ActiveActor Activation::seen() const {
  ActiveActor actor;
  actor.type = id_.type;
  actor.id = id_.id;
  if (const Time since = since_; since != not_in_memory) actor.since = since;
  actor.version = version_;
  actor.unsent = static_cast<std::int64_t>(unsent_);
  return actor;
}

void Activation::set_outbox(std::vector<OutboxEntry> outbox) {
  const auto delta = static_cast<int>(outbox.size()) - static_cast<int>(outbox_.size());
  outbox_ = std::move(outbox);
  unsent_ = outbox_.size();
  if (delta != 0) engine_.observer_.outbox_changed(id_.type, delta);
}

/// The actor works on this turn while the scope lives; what was not accepted by then is discarded.
class Activation::Scope {
 public:
  Scope(Activation& activation, detail::Turn& turn, Record& record)
      : activation_(activation), turn_(turn), record_(record) {
    activation_.actor_->version_ = activation_.version_;
    activation_.actor_->turn_ = &turn;
  }
  ~Scope() {
    record_.tags = std::move(turn_.tags);
    if (!activation_.actor_) return;  // dropped with a failed commit
    activation_.actor_->turn_ = nullptr;
    activation_.actor_->discard();
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Activation& activation_;
  detail::Turn& turn_;
  Record& record_;
};

detail::Turn Activation::begin(const detail::TurnRequest& request) {
  Origin origin{request.id, request.cause, request.trace};
  origin.deadline = request.deadline;
  return {id_, engine_.clock_, engine_.sidecar_, std::move(origin),
          awaited_calls(request.id, request.trace, request.awaited_by, request.deadline)};
}

/// Calls that a turn of this actor awaits.
Calls Activation::awaited_calls(std::string id, Trace trace, std::string awaited_by, Deadline deadline) const {
  Origin origin{std::move(id), Cause::Call, std::move(trace), id_.type};
  origin.awaited_by = awaiting_with(std::move(awaited_by), id_);
  origin.deadline = deadline;
  return Calls(engine_.sidecar_, std::move(origin));
}

Task<void> Activation::turn(const detail::TurnRequest& request, const detail::MethodDescription& method, Answer& answer,
                            Record& record) {
  const std::string handled_key = method.is_read || request.id.empty() ? "" : request.method + "|" + request.id;
  const std::string fingerprint = handled_key.empty() ? "" : records::fingerprint_of(request.body);
  if (!handled_key.empty()) {
    if (const auto known = co_await find_handled(handled_key, request, method)) {
      // An event may be written anew by a newer publisher under the same id; a client's request may not change.
      if (request.cause == Cause::Call && known->fingerprint != fingerprint) {
        record.outcome = TurnOutcome::Refused;
        record.error = "idempotency_key_reused";
        answer(refuse(Reason::Unprocessable, "idempotency_key_reused",
                      "this idempotency key was used for a different request; use a new key for a new request"));
        co_return;
      }
      record.outcome = TurnOutcome::Duplicate;
      if (waits_for_events(request.cause)) co_await send_outbox();
      answer(known->answer.text);
      if (!waits_for_events(request.cause)) co_await send_outbox_if_possible(request.trace);
      co_return;
    }
  }

  auto turn = begin(request);
  {
    Scope scope(*this, turn, record);
    const bool is_call = request.kind == EntryKind::Method;
    auto alarm = is_call ? AlarmData{} : read_alarm(request.body);
    const bool once = alarm.once;
    const auto message = is_call ? std::string() : message_of(std::move(alarm));
    auto reply = co_await method.invoke(*actor_, is_call ? request.body : message);
    if (!reply) {
      record.outcome = TurnOutcome::Refused;
      record.error = reply.error().code + ": " + reply.error().message;
      record.took = since(record.start);
      // Nobody reads the answer of a reminder or a timer: it has to come again.
      if (!is_call) throw std::runtime_error(record.error);
      answer(std::move(reply));
      co_return;
    }
    if (actor_->changed() || turn.effects.durable()) {
      std::optional<Refusal> too_large;
      try {
        HandledEntry handled{handled_key, fingerprint, {*reply}};
        co_await commit(turn, request, std::move(handled), method.memory);
      } catch (const TooLarge& refused) {
        too_large = Refusal{Reason::TooLarge, "state_too_large", refused.what()};
      }
      if (too_large) {
        record.outcome = TurnOutcome::Refused;
        record.error = too_large->message;
        answer(tl::unexpected(std::move(*too_large)));
        co_return;
      }
      record.outcome = TurnOutcome::Committed;
    } else {
      for (auto& alarm : turn.effects.reminders) co_await arm(std::move(alarm));
    }
    record.took = since(record.start);
    if (!waits_for_events(request.cause)) answer(std::move(reply));
    co_await finish(turn, request);
    if (request.kind == EntryKind::Reminder && once) co_await engine_.sidecar_.unregister_reminder(id_, request.alarm);
    answer(std::move(reply));
  }
  start_after_commit(turn, request);
}

Task<void> Activation::tend(const detail::TurnRequest& request, Answer& answer, Record& record) {
  const auto now = engine_.clock_.now();
  co_await send_outbox();
  if (const auto due = actor_->due(); due && *due <= now) {
    auto turn = begin(request);
    {
      Scope scope(*this, turn, record);
      co_await actor_->tend();
      if (actor_->changed() || turn.effects.durable()) {
        HandledEntry none;
        co_await commit(turn, request, std::move(none), Memory{});
        record.outcome = TurnOutcome::Committed;
      } else {
        for (auto& alarm : turn.effects.reminders) co_await arm(std::move(alarm));
      }
      co_await finish(turn, request);
    }
    start_after_commit(turn, request);
  }
  // What rang may be a stray: armed for a commit that never came, or left behind by a host that lost the actor.
  std::set<std::string> needless;
  if (!tending_ || tending_->name != request.alarm) needless.insert(request.alarm);
  const auto due = actor_->due();
  const auto period = type_.settings.tend_period;
  const bool rests = due && *due > now + 2 * period;  // nothing to do until then: no ticks in between
  if (!due) {
    if (tending_) needless.insert(tending_->name);
    tending_.reset();
  } else if (rests) {
    tending_ = tended_from(*due);
  } else if (!needless.empty()) {
    co_await ensure_tended(*due, request.trace);
  }
  if (rests || !needless.empty()) {
    // First the document with its emptied outbox, the reminders last: a crash between the two costs one tick that finds
    // nothing. Written even where nothing is to be changed: the write is refused if another host has the actor by now,
    // and makes a commit of that host be refused for which it has just armed the reminder that is removed here.
    co_await save_housekeeping();
    if (rests) {
      Alarm alarm{tending_->name, *due - now, period, detail::repeated_data(request.trace)};
      co_await arm(std::move(alarm));
    }
    for (const auto& name : needless) {
      co_await engine_.sidecar_.unregister_reminder(id_, name);
      engine_.observer_.reminder_changed(id_.type, tend_reminder, false);
    }
  }
  answer(std::string("null"));
}

Task<std::optional<HandledEntry>> Activation::find_handled(const std::string& key, const detail::TurnRequest& request,
                                                           const detail::MethodDescription& method) {
  if (method.memory.key_lives.count() == 0) {
    auto known = handled_.find(key);
    if (!known && request.cause == Cause::Event)
      if (auto answer = events_.find(key)) known = HandledEntry{key, {}, {std::move(*answer)}};
    co_return known;
  }
  if (version_ == 0) co_return std::nullopt;  // nothing was ever committed
  auto mark = mark_key(key);
  const auto text = co_await engine_.sidecar_.read_state(id_, std::move(mark));
  if (!text) co_return std::nullopt;
  co_return json::parse<HandledEntry>(*text);
}

Task<void> Activation::commit(detail::Turn& turn, const detail::TurnRequest& request, HandledEntry handled,
                              Memory memory) {
  const auto now = engine_.clock_.now();
  const auto version = version_ + 1;
  auto outbox = outbox_;
  int number = 0;
  for (auto& event : turn.effects.events)
    outbox.push_back({id_.type + "/" + id_.id + "/" + std::to_string(version) + "/" + std::to_string(number++),
                      event.type.name,
                      event.type.topic,
                      now,
                      {std::move(event.data)},
                      request.trace.traceparent,
                      request.trace.tracestate,
                      {}});
  std::vector<StateOperation> operations(1);  // the document, once everything else is known
  for (auto& write : turn.effects.writes) operations.push_back(std::move(write));
  auto remembered = handled_;
  auto events = events_;
  bool forgot_too_soon = false;
  if (!handled.key.empty()) {
    if (memory.key_lives.count() > 0) {
      operations.push_back({mark_key(handled.key), json::to_string(handled), memory.key_lives});
    } else {
      const auto& settings = type_.settings;
      if (request.cause == Cause::Event && settings.handled_in_document > 0)
        forgot_too_soon =
            events.add(handled.key, handled.answer.text, now, settings.events_known_for, settings.events_in_document);
      remembered.add(std::move(handled), settings.handled_in_document);
    }
  }
  try {
    operations.front() = document(version, outbox, remembered, events);
    check_limits(operations);  // before anything is asked of the sidecar
    std::optional<Time> needed = actor_->due();
    if (!outbox.empty() && !waits_for_events(request.cause)) {
      const auto look = now + type_.settings.tend_period;
      needed = needed ? std::min(*needed, look) : look;
    }
    if (needed && co_await ensure_tended(*needed, request.trace))
      operations.front() = document(version, outbox, remembered, events);
    for (auto& alarm : turn.effects.reminders) co_await arm(std::move(alarm));
    co_await transact(std::move(operations));
  } catch (const TooLarge&) {
    throw;
  } catch (...) {
    drop();  // what is stored now is unknown
    throw;
  }
  actor_->accept();
  version_ = version;
  ++revision_;
  handled_ = std::move(remembered);
  events_ = std::move(events);
  if (forgot_too_soon) engine_.events_forgotten_too_soon(id_, type_);
  outbox_stored_ = !outbox.empty();
  set_outbox(std::move(outbox));
  turn.without_effects = "on_committed";
  try {
    actor_->on_committed();
    if (actor_->changed()) throw std::logic_error("it changes the state, and nobody stores that");
  } catch (...) {  // the commit stands
    engine_.observer_.warned(id_.type + "/" + id_.id + ": on_committed: " + what(std::current_exception()));
  }
  actor_->discard();
  turn.without_effects = nullptr;
}

Task<void> Activation::transact(std::vector<StateOperation> operations) {
  const auto start = std::chrono::steady_clock::now();
  std::exception_ptr failure;
  try {
    co_await engine_.sidecar_.commit_state(id_, std::move(operations));
  } catch (...) {
    failure = std::current_exception();
  }
  engine_.observer_.commit_ended(id_.type, !failure, since(start));
  if (failure) std::rethrow_exception(failure);
}

/// Writes the document anew, as it is in memory, under the same version: nothing that a reader sees has changed.
Task<void> Activation::save_housekeeping() {
  std::vector<StateOperation> operations(1);
  operations.front() = document(version_, outbox_, handled_, events_);
  try {
    co_await transact(std::move(operations));
  } catch (...) {
    drop();
    throw;
  }
  ++revision_;
  outbox_stored_ = !outbox_.empty();
}

/// What is owed after a commit and may fail without the turn failing: it is tried again by `tend`, or finds nothing to
/// do.
Task<void> Activation::finish(detail::Turn& turn, const detail::TurnRequest& request) {
  try {
    for (auto& name : turn.effects.forgotten) {
      co_await engine_.sidecar_.unregister_reminder(id_, name);
      engine_.observer_.reminder_changed(id_.type, engine_.alarm_entry(id_.type, EntryKind::Reminder, name), false);
    }
    for (auto& alarm : turn.effects.timers) co_await engine_.sidecar_.register_timer(id_, std::move(alarm));
    for (auto& name : turn.effects.stopped_timers) co_await engine_.sidecar_.unregister_timer(id_, std::move(name));
  } catch (const std::exception& error) {
    engine_.observer_.warned(id_.type + "/" + id_.id + ": after the commit: " + error.what());
  }
  if (!waits_for_events(request.cause)) {
    co_await send_outbox_if_possible(request.trace);
    co_return;
  }
  std::exception_ptr unsent;
  try {
    co_await send_outbox();
  } catch (...) {
    unsent = std::current_exception();
  }
  if (unsent) {
    // Redelivery ends at the dead-letter queue; the reminder does not.
    co_await tend_soon(request.trace);
    std::rethrow_exception(unsent);
  }
  // Without a reminder nobody would empty the stored outbox, and an activation days later would send it again.
  if (outbox_stored_ && outbox_.empty() && !tending_) co_await save_housekeeping();
}

Task<void> Activation::send_outbox() {
  while (!outbox_.empty()) {
    auto event = records::to_cloud_event(outbox_.front(), engine_.app_id_, id_.id);
    co_await records::send(engine_.sidecar_, engine_.observer_, id_, std::move(event));
    outbox_.erase(outbox_.begin());
    unsent_ = outbox_.size();
    engine_.observer_.outbox_changed(id_.type, -1);
  }
}

Task<void> Activation::send_outbox_if_possible(Trace trace) {
  bool failed = false;
  try {
    co_await send_outbox();
  } catch (const std::exception&) {
    failed = true;  // the observer has been told
  }
  if (failed) co_await tend_soon(std::move(trace));
}

Task<void> Activation::tend_soon(Trace trace) {
  try {
    co_await ensure_tended(engine_.clock_.now() + type_.settings.tend_period, std::move(trace));
  } catch (const std::exception& error) {
    engine_.observer_.warned(id_.type + "/" + id_.id + ": events wait for the next turn: " + error.what());
  }
}

/// Sees to it that `tend` looks in by about `needed`; answers whether the reminder had to be registered.
Task<bool> Activation::ensure_tended(Time needed, Trace trace) {
  const auto now = engine_.clock_.now();
  const auto period = type_.settings.tend_period;
  // Overdue for longer than a restart takes: somebody has removed it, or the scheduler's data are gone.
  const bool lost = tending_ && tending_->at + 4 * period < now;
  if (tending_ && !lost) {
    const auto next = tending_->at > now ? tending_->at : now + period;
    if (next <= needed + std::chrono::seconds(1)) co_return false;
  }
  const auto wait = std::max(needed - now, Duration{0});
  auto tending = tended_from(now + wait);
  Alarm alarm{tending.name, wait, period, detail::repeated_data(trace)};
  co_await arm(std::move(alarm));
  tending_ = std::move(tending);
  co_return true;
}

Tending Activation::tended_from(Time at) const {
  // A host that was paused between its last write and its removal of a reminder may do that much later, after another
  // has armed one: by then there were more writes, so that one has another name.
  return {at, tending_ ? tending_->name : std::string(tend_reminder) + "-" + std::to_string(revision_ + 1)};
}

Task<void> Activation::arm(Alarm alarm) {
  const auto kind = engine_.alarm_entry(id_.type, EntryKind::Reminder, alarm.name);
  co_await engine_.sidecar_.register_reminder(id_, std::move(alarm));
  engine_.observer_.reminder_changed(id_.type, kind, true);
}

StateOperation Activation::document(std::int64_t version, const std::vector<OutboxEntry>& outbox,
                                    const HandledCalls& handled, const HandledEvents& events) const {
  json::Writer writer;
  writer.start_object();
  writer.key("version");
  writer.integer(version);
  writer.key("revision");
  writer.integer(revision_ + 1);
  if (const auto form = actor_->written_form(); form != 1) {
    writer.key("form");
    writer.integer(form);
  }
  writer.key("data");
  actor_->write_state(writer);
  writer.key("outbox");
  json::write(writer, outbox);
  writer.key("handled");
  json::write(writer, handled.entries());
  if (!events.groups().empty()) {
    writer.key("events");
    json::write(writer, events.groups());
  }
  if (tending_) {
    writer.key("tend");
    json::write(writer, *tending_);
  }
  writer.end_object();
  return {std::string(state_key), writer.text(), std::nullopt, revision_ + 1};
}

void Activation::start_after_commit(detail::Turn& turn, const detail::TurnRequest& request) {
  for (auto& [kind, work] : turn.effects.after_commit)
    engine_.start_work(id_, kind, std::move(work),
                       {request.id.empty() ? "" : request.id + "/after", Cause::Call, request.trace});
}

}  // namespace dapr::actors
