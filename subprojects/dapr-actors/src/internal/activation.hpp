/// One actor on this host: its mailbox, its cached state and its turns. Internal to the engine.
#pragma once

#include <boost/asio/strand.hpp>
#include <atomic>
#include <list>

#include "internal/engine.hpp"
#include "internal/handled_events.hpp"
#include "dapr/actors/inspection.hpp"
#include "dapr/actors/records/handled.hpp"
#include "dapr/actors/records/outbox.hpp"

namespace dapr::actors {

using records::HandledCalls;
using records::HandledEntry;
using records::OutboxEntry;

/// The reminder for unfinished business, as the document keeps it: when it is next due, and the name it is registered
/// under.
struct Tending {
  Time at;
  std::string name;
  DAPR_ACTORS_JSON(at, name)
};

/// Turns of one actor run one after the other: whoever enters waits until it is let in, in the order of arrival.
class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& io) : strand_(boost::asio::make_strand(io)) {}
  Task<void> enter();
  /// `owner` is kept alive until the next one is in.
  void leave(std::shared_ptr<void> owner);

 private:
  boost::asio::strand<boost::asio::io_context::executor_type> strand_;
  bool busy_ = false;                    // on the strand
  std::list<Completion<void>> waiting_;  // on the strand
};

/// Gives a caller its answer, once, possibly before the turn has ended.
class Answer {
 public:
  explicit Answer(Completion<Reply> to) : to_(to) {}
  void operator()(Reply reply);
  void fail(std::exception_ptr error);
  bool given() const { return !to_; }

 private:
  std::optional<Completion<Reply>> to_;
};

class Activation : public std::enable_shared_from_this<Activation> {
 public:
  Activation(Engine& engine, ActorId id, const detail::TypeDescription& type);
  ~Activation();

  Task<void> run(detail::TurnRequest request, const detail::MethodDescription* method, Answer answer);
  Task<void> deactivate();
  void distrust() { distrusted_ = true; }
  /// One attempt at the events that a failed publish left; throws what publishing throws.
  Task<void> send_what_is_left();
  /// Events committed and not sent; may be asked at any time.
  std::size_t unsent() const { return unsent_; }
  /// As it is at the moment, but for `busy` and `waiting`, which the engine knows; may be asked at any time.
  ActiveActor seen() const;

  const ActorId& id() const { return id_; }
  bool loaded() const { return actor_ != nullptr; }
  std::size_t users = 0;  // who is in the mailbox or on the way; under the engine's mutex

 private:
  static constexpr Time not_in_memory = Time::min();
  struct Record;  // of the turn in hand, for the observer
  class Scope;

  /// Whether the filters let the turn in; if not it has ended, and been answered.
  Task<bool> let_in(const detail::TurnRequest& request, Filtering& filtering, Answer& answer);
  static std::exception_ptr noted(const detail::TurnRequest& request, Record& record,
                                  const std::exception_ptr& failure);
  /// Tells of a turn that has ended, and its caller of its failure if it has one.
  void ended(const detail::TurnRequest& request, Record& record, const std::exception_ptr& failure,
             std::int64_t version, const Filtering* filtering, Answer& answer);
  Task<void> load(Trace trace);
  void drop();
  detail::Turn begin(const detail::TurnRequest& request);
  Calls awaited_calls(std::string id, Trace trace, std::string awaited_by, Deadline deadline = no_deadline) const;
  Task<void> turn(const detail::TurnRequest& request, const detail::MethodDescription& method, Answer& answer,
                  Record& record);
  Task<void> tend(const detail::TurnRequest& request, Answer& answer, Record& record);
  Task<std::optional<HandledEntry>> find_handled(const std::string& key, const detail::TurnRequest& request,
                                                 const detail::MethodDescription& method);
  Task<void> commit(detail::Turn& turn, const detail::TurnRequest& request, HandledEntry handled, Memory memory);
  Task<void> finish(detail::Turn& turn, const detail::TurnRequest& request);
  void start_after_commit(detail::Turn& turn, const detail::TurnRequest& request);

  Task<void> transact(std::vector<StateOperation> operations);
  Task<void> save_housekeeping();
  /// The document as a write: the one after what was read.
  StateOperation document(std::int64_t version, const std::vector<OutboxEntry>& outbox, const HandledCalls& handled,
                          const HandledEvents& events) const;

  Task<void> send_outbox();
  Task<void> send_outbox_if_possible(Trace trace);
  void set_outbox(std::vector<OutboxEntry> outbox);

  /// The reminder for unfinished business as it is to be registered, due at `at`.
  Tending tended_from(Time at) const;
  Task<bool> ensure_tended(Time needed, Trace trace);
  Task<void> tend_soon(Trace trace);
  Task<void> arm(Alarm alarm);

  Engine& engine_;
  const ActorId id_;
  const detail::TypeDescription& type_;
  Mailbox mailbox_;
  std::atomic<bool> distrusted_ = false;
  std::atomic<std::size_t> unsent_ = 0;  // as many as in outbox_
  std::atomic<Time> since_ = not_in_memory;

  // The state as committed, touched by the turn in hand only.
  std::unique_ptr<ActorBase> actor_;
  std::atomic<std::int64_t> version_ = 0;  // changed by the turn in hand, seen by all
  std::int64_t revision_ = 0;              // writes of the document, housekeeping too
  std::vector<OutboxEntry> outbox_;        // committed, not sent
  bool outbox_stored_ = false;             // the stored document still lists events, sent or not
  HandledCalls handled_;
  HandledEvents events_;
  std::optional<Tending> tending_;  // if it is registered
};

}  // namespace dapr::actors
