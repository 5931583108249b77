/// What a replica knows of all products: its read model, kept up with the change log; and the events that wait in the
/// log.
///
/// A replica looks at the heads of the log at most once a second, and reads only what changed since. What it wrote
/// itself it sees at once. An event is committed in the head of its product's log, in the transaction that makes it
/// true, published after it, and taken off the head with the next write of it. An event that a replica left behind (it
/// died between the two) is published by whichever replica finds it some seconds later; it has the same id.
#pragma once

#include <dapr/actors/observer.hpp>

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/product/change_log.hpp"
#include "actors/product/read_model.hpp"
#include "actors/product/snapshot.hpp"
#include "actors/shared/library.hpp"

namespace shop::product {

/// At most as old is the list that a client sees.
inline constexpr actors::Duration list_age = std::chrono::seconds(1);
/// How often a replica without visitors looks at the heads.
inline constexpr actors::Duration idle_age = std::chrono::seconds(3);
/// An event that a replica has seen waiting for so long was left behind: until then it is the business of who committed
/// it.
inline constexpr actors::Duration left_behind = std::chrono::seconds(6);

/// Thread-safe.
class Index {
 public:
  Index(actors::StateStore& store, actors::Sidecar& sidecar, const actors::Clock& clock, actors::Observer& observer,
        GroupCommit& commit, ReadModel& model);

  // In a change that has read `log_key(log_of(id))`.
  /// Adds the entry, and the event to those that wait; answers the head as it is to be learned. Throws SidecarError
  /// while so many events wait that the broker must be down.
  LogHead append(Items& items, LogEntry entry, std::optional<OutboxEntry> event) const;

  /// What this replica wrote, after the transaction.
  void learn(const Change& change, const LogHead& head);
  /// Publishes an event that `learn` has seen; answers whether it left. A failure is reported, not thrown: the event
  /// stays where it is.
  actors::Task<bool> publish(OutboxEntry event);

  /// Reads everything that the read model does not have yet: at the start, and when the model had to be begun again.
  /// Throws what the store throws: call it again.
  actors::Task<void> open();
  /// Whether `open` has done so, and the read model has not failed since.
  bool is_open() const { return open_; }
  /// The page of a list. Throws SidecarError 503 while the index is not open.
  std::optional<ReadModel::Page> select(const Query& query);
  /// Reads what changed, unless that was done less than `age` ago.
  actors::Task<void> refresh(actors::Duration age = list_age);
  const ReadModel& model() const { return model_; }

  /// What the list says of a product; none if it does not know it.
  std::optional<bool> in_stock(const ProductId& id) const;
  /// Has the lists of all replicas follow the product's stock.
  actors::Task<void> follow_stock(ProductId id);
  /// The same with the next `tend`.
  void follow_stock_later(const ProductId& id);

  /// To be called about once a second: refreshes, publishes what was left behind, takes off the heads what has left,
  /// has the lists follow the stock, folds a log that has become long, and writes the snapshot of one that has changed
  /// much.
  actors::Task<void> tend();

 private:
  struct Known {
    LogHead head;
    std::optional<LogPlace> place;  ///< up to where the read model has it
    std::optional<SnapshotNote> snapshot;
    bool snapshot_unfinished = false;  ///< this replica has begun the one that is noted
    // Of events in the head, by id.
    std::map<std::string, Time> seen;  ///< since when
    std::set<std::string> leaving;     ///< being published by this replica right now
    std::set<std::string> left;
  };
  static int waiting(const Known& known);
  void learn_locked(std::size_t log, const LogHead& head);
  std::vector<OutboxEntry> overdue() const;
  actors::Task<void> take_off(std::size_t log);

  void apply(const std::vector<Change>& changes, const std::vector<StockWord>& words = {},
             const std::map<std::string, std::string>& places = {});
  std::vector<Change> held(const std::vector<ProductId>& ids);
  [[noreturn]] void give_up_model(const ReadModelError& error);
  void prepare_model();

  actors::Task<void> catch_up();
  actors::Task<void> follow_some(const Items& heads, std::size_t first);
  actors::Task<void> follow_log(std::size_t log, LogHead head);
  /// The entries of a log since the read model's place, or all of them; none if it was folded meanwhile.
  actors::Task<std::optional<NewestWords>> news(std::size_t log, LogHead head, std::optional<LogPlace> place);
  actors::Task<std::optional<std::vector<Segment>>> segments(std::vector<std::string> keys);
  actors::Task<void> take_snapshot(std::size_t log, const std::vector<LogEntry>& entries);
  actors::Task<void> take(std::vector<LogEntry> entries);
  actors::Task<void> fold(std::size_t log);
  actors::Task<void> keep_snapshots();
  actors::Task<bool> begin_snapshot(std::size_t log);
  actors::Task<void> write_snapshot(std::size_t log);
  actors::Task<void> write_page(std::size_t log, std::size_t number, SnapshotPage& page);
  actors::Task<void> take_over_again();

  actors::StateStore& store_;
  actors::Sidecar& sidecar_;
  const actors::Clock& clock_;
  actors::Observer& observer_;
  GroupCommit& commit_;
  ReadModel& model_;
  std::atomic<bool> open_ = false;

  mutable std::mutex mutex_;
  std::array<Known, log_count> known_;
  std::optional<Time> refreshed_;
  bool refreshing_ = false;
  bool broken_ = false;   // the read model failed, and is not begun again yet
  std::string catalog_;   // which one this is, once it is known
  std::string prepared_;  // for which one the model's places are known
  std::vector<actors::Completion<void>> waiting_for_refresh_;
  std::set<ProductId> to_follow_;
  bool was_taken_over_ = false;
  std::optional<Time> taken_over_at_;
};

}  // namespace shop::product
