#include "dapr/actors/records/group_commit.hpp"

#include <algorithm>
#include <random>

namespace dapr::actors::records {
namespace {

constexpr int attempts_without_movement = 3;
/// So many changes of a failed batch fail on their own before the rest of it is taken for failed too: an outage is not
/// to be made worse by asking forty times.
constexpr int failures_alone = 2;

bool contains_any(const std::set<std::string>& set, const std::vector<std::string>& keys) {
  return std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return set.contains(key); });
}

/// After a time-out the client has waited long enough; and where too much is in hand, repeating adds to it.
bool forbids_repeating(const SidecarError& failure) {
  return failure.code() == "TIMED_OUT" || failure.code() == "BUSY";
}

bool forbids_repeating(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const SidecarError& error) {
    return forbids_repeating(error);
  } catch (...) {
    return false;
  }
}

/// Of random length, so that those who met once do not meet again.
Duration moment_after(int failures) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return Duration(std::uniform_int_distribution<int>(20, 80 * std::min(failures, 3))(random));
}

}  // namespace

bool GroupCommit::taken(const std::vector<std::string>& keys) const {
  return contains_any(taken_, keys);
}

GroupCommit::Waiting::iterator GroupCommit::stop_waiting(Waiting::iterator change) {
  for (const auto& key : (*change)->keys)
    if (const auto count = waited_for_.find(key); --count->second == 0) waited_for_.erase(count);
  return waiting_.erase(change);
}

/// Makes a batch of `first` and of those that wait for one of its items and for no item of anybody else's; `wanted` are
/// the items of those that came before and go on waiting.
void GroupCommit::lead(const std::shared_ptr<Change>& first, const std::set<std::string>& wanted) {
  auto batch = std::make_shared<Batch>();
  batch->keys.insert(first->keys.begin(), first->keys.end());
  batch->changes.push_back(first);
  if (!first->alone) {
    auto passed = wanted;
    for (auto next = waiting_.begin(); next != waiting_.end() && batch->changes.size() < most_changes;) {
      const auto& change = *next;
      const bool joins = !change->alone && contains_any(batch->keys, change->keys) &&
                         !contains_any(passed, change->keys) && !taken(change->keys) &&
                         batch->keys.size() + change->keys.size() <= most_keys;
      if (!joins) {
        passed.insert(change->keys.begin(), change->keys.end());
        ++next;
        continue;
      }
      batch->keys.insert(change->keys.begin(), change->keys.end());
      batch->changes.push_back(change);
      next = stop_waiting(next);
    }
  }
  taken_.insert(batch->keys.begin(), batch->keys.end());
  first->leads = batch;
}

Task<void> GroupCommit::submit(std::shared_ptr<Change> change) {
  const auto enter = [this, &change](Completion<void> go_on) {
    {
      const std::lock_guard lock(mutex_);
      const bool others_wait = std::any_of(change->keys.begin(), change->keys.end(),
                                           [this](const auto& key) { return waited_for_.contains(key); });
      if (others_wait || taken(change->keys)) {
        change->go_on = go_on;
        waiting_.push_back(change);
        for (const auto& key : change->keys) ++waited_for_[key];
        return;
      }
      change->leads = std::make_shared<Batch>();
      change->leads->changes.push_back(change);
      change->leads->keys.insert(change->keys.begin(), change->keys.end());
      taken_.insert(change->keys.begin(), change->keys.end());
    }
    go_on();
  };
  co_await suspend<void>(enter);
  if (const auto batch = std::exchange(change->leads, {})) {
    co_await run(*batch);
    leave(*batch);
  }
  if (change->failure) std::rethrow_exception(change->failure);
}

void GroupCommit::leave(const Batch& batch) {
  std::vector<Completion<void>> going_on;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& key : batch.keys) taken_.erase(key);
    std::set<std::string> wanted;
    for (auto next = waiting_.begin(); next != waiting_.end();) {
      const auto change = *next;
      if (contains_any(wanted, change->keys) || taken(change->keys)) {
        wanted.insert(change->keys.begin(), change->keys.end());
        ++next;
        continue;
      }
      stop_waiting(next);
      lead(change, wanted);
      going_on.push_back(*change->go_on);
      next = waiting_.begin();  // others have joined it
      wanted.clear();
    }
  }
  for (const auto& change : batch.changes)
    if (change != batch.changes.front()) going_on.push_back(*change->go_on);
  for (const auto& go_on : going_on) go_on();
}

Task<void> GroupCommit::run(Batch& batch) {
  std::exception_ptr failure;
  try {
    co_await attempt(batch.changes);
  } catch (...) {
    failure = std::current_exception();
  }
  if (!failure) co_return;
  if (batch.changes.size() == 1 || forbids_repeating(failure)) {
    for (const auto& change : batch.changes) change->failure = failure;
    co_return;
  }
  // One of them may be what the store refuses: the others must not suffer for it.
  int failed = 0;
  for (const auto& change : batch.changes) {
    change->failure = nullptr;
    if (failed < failures_alone) {
      const std::vector<std::shared_ptr<Change>> alone{change};
      std::exception_ptr own;
      try {
        co_await attempt(alone);
      } catch (...) {
        own = std::current_exception();
      }
      if (!own) continue;
      ++failed;
      failure = own;
    }
    change->failure = failure;
  }
}

Task<void> GroupCommit::attempt(std::vector<std::shared_ptr<Change>> changes) {
  std::set<std::string> all;
  for (const auto& change : changes) all.insert(change->keys.begin(), change->keys.end());
  const std::vector<std::string> keys(all.begin(), all.end());
  auto found = co_await store_.get_all(keys);
  Items items(keys, std::move(found));
  int unmoved = 0;
  for (int failures = 1;; ++failures) {
    for (const auto& change : changes) {
      const auto before = items.position();
      change->failure = nullptr;
      try {
        change->apply(items);
      } catch (...) {
        change->failure = std::current_exception();
        items.rollback(before);
      }
    }
    auto writes = items.changes();
    if (writes.empty()) co_return;
    std::optional<SidecarError> failure;
    try {
      co_await store_.transact(std::move(writes));
    } catch (const SidecarError& error) {
      failure = error;
    }
    if (!failure) co_return;
    // A moment also for who lost a race: the winner has others waiting, and to run into them again costs both.
    const auto moment = moment_after(failures);
    co_await pause_(moment);
    found = co_await store_.get_all(keys);
    Items now(keys, std::move(found));
    unmoved = items.moved(now) ? 0 : unmoved + 1;
    if (unmoved > 0 && (forbids_repeating(*failure) || unmoved == attempts_without_movement)) throw *failure;
    items = std::move(now);
  }
}

}  // namespace dapr::actors::records
