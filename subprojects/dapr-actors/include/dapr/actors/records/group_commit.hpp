/// Changes of several items that happen as a whole or not at all, over Dapr's state API with ETags. Changes of this
/// process that wait for the same item are committed together, in one transaction.
///
/// Within a process, changes of the same items come one after the other, instead of failing on each other's ETags;
/// between processes the ETags decide. While one transaction is under way, all changes that arrive for its items wait,
/// and the next transaction carries out as many of them as it can hold. So a hot item is limited by round trips divided
/// by the number of those that wait, not by one transaction a change (group commit, DeWitt et al. 1984).
#pragma once

#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "dapr/actors/records/items.hpp"
#include "dapr/actors/task.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors::records {

/// Resumes after a delay: a host's `sleep`.
using Pause = std::function<Task<void>(Duration)>;

/// Thread-safe.
class GroupCommit {
 public:
  /// A transaction of DynamoDB takes 100 items. A change may write a few items beside the keys that it reads.
  static constexpr std::size_t most_keys = 80;
  static constexpr std::size_t most_changes = 40;

  GroupCommit(StateStore& store, Pause pause) : store_(store), pause_(std::move(pause)) {}

  /// Reads `keys`, lets `decide(Items&)` write what is to change, and stores it; answers what `decide` answered. What
  /// `decide` throws is thrown, and nothing of it is stored; changes that are committed with it do not suffer.
  ///
  /// The sidecar answers a failed ETag like an outage, so after a failure everything is read again. An item that moved
  /// means that somebody else was faster, or that the change was carried out and its answer lost: `decide` is asked
  /// again, with what is there now, and must recognise a change of its own. If nothing moved, it is tried again after a
  /// moment, as DynamoDB also cancels transactions that meet; then it is an outage, and the failure is thrown.
  template <class Decide>
  Task<std::invoke_result_t<Decide&, Items&>> change(std::vector<std::string> keys, Decide decide) {
    return carry_out(std::move(keys), std::move(decide), false);
  }
  /// The same in a transaction of its own, for a change that writes much.
  template <class Decide>
  Task<std::invoke_result_t<Decide&, Items&>> change_alone(std::vector<std::string> keys, Decide decide) {
    return carry_out(std::move(keys), std::move(decide), true);
  }

 private:
  struct Batch;
  struct Change {
    std::vector<std::string> keys;
    std::function<void(Items&)> apply;
    bool alone = false;
    std::shared_ptr<Batch> leads;  // set for the one that carries out the batch
    std::exception_ptr failure;
    std::optional<Completion<void>> go_on;
  };
  struct Batch {
    std::vector<std::shared_ptr<Change>> changes;
    std::set<std::string> keys;
  };

  template <class Decide>
  Task<std::invoke_result_t<Decide&, Items&>> carry_out(std::vector<std::string> keys, Decide decide, bool alone) {
    std::optional<std::invoke_result_t<Decide&, Items&>> answer;
    auto change = std::make_shared<Change>();
    change->keys = std::move(keys);
    change->alone = alone;
    change->apply = [&answer, &decide](Items& items) { answer.emplace(decide(items)); };
    co_await submit(change);
    co_return std::move(*answer);
  }

  Task<void> submit(std::shared_ptr<Change> change);
  Task<void> run(Batch& batch);
  Task<void> attempt(std::vector<std::shared_ptr<Change>> changes);
  void leave(const Batch& batch);
  using Waiting = std::list<std::shared_ptr<Change>>;
  Waiting::iterator stop_waiting(Waiting::iterator change);
  void lead(const std::shared_ptr<Change>& first, const std::set<std::string>& wanted);
  bool taken(const std::vector<std::string>& keys) const;

  StateStore& store_;
  Pause pause_;
  std::mutex mutex_;
  std::set<std::string> taken_;
  Waiting waiting_;
  std::map<std::string, int> waited_for_;  // the keys of those that wait, and of how many
};

}  // namespace dapr::actors::records

#pragma GCC visibility pop
