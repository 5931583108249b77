/// A state store in memory, as the sidecar's plain state API shows DynamoDB: ETags that change with every write,
/// transactions that are carried out whole or not at all, values that expire on a virtual clock, and faults on demand.
/// It completes every operation at once. For one thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dapr/actors/sidecar.hpp"
#include "dapr/actors/testing/fake_sidecar.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors::testing {

class FakeStateStore final : public StateStore {
 public:
  explicit FakeStateStore(const Clock& clock) : clock_(clock) {}

  Task<std::optional<StateItem>> get(std::string key) override;
  Task<std::vector<std::optional<StateItem>>> get_all(std::vector<std::string> keys) override;
  /// A failed ETag is a SidecarError 500 like an outage, as Dapr answers it. Beyond DynamoDB's limits (100 operations,
  /// 400 KB an item) it fails as well. What the real one silently ignores, the ETag of a delete and a key named twice,
  /// is a logic_error.
  Task<void> transact(std::vector<StateChange> changes) override;

  // What a test looks at.
  std::map<std::string, int> counts;  ///< operations so far: `get`, `get_all`, `transact`
  std::optional<std::string> stored(const std::string& key) const;
  std::vector<std::string> keys(const std::string& prefix = "") const;

  /// Another writer: the value is there now, under a new ETag.
  void put(const std::string& key, std::string value);
  /// Runs once, just before the next transaction is looked at: the moment at which another writer is ahead. It may use
  /// the store.
  void before_next_transact(std::function<void()> run) { before_transact_ = std::move(run); }

  // Faults.
  void fail_next(CommitFailure how) { transact_failure_ = how; }
  void fail_reads(int times) { read_failures_ = times; }
  /// The process dies after this many more transactions have been carried out, before it learns of the last: every
  /// later operation fails until `revive`.
  void crash_after(std::size_t transactions) { crash_in_ = transactions; }
  bool crashed() const { return crash_in_ == std::size_t{0}; }
  void revive() { crash_in_.reset(); }

 private:
  struct Item {
    std::string value;
    std::string etag;
    std::optional<Time> expires;
  };
  const Item* find(const std::string& key) const;
  void begin(const char* operation);
  void check(const std::vector<StateChange>& changes) const;

  const Clock& clock_;
  std::map<std::string, Item> items_;
  std::uint64_t last_etag_ = 0;
  std::function<void()> before_transact_;
  std::optional<CommitFailure> transact_failure_;
  int read_failures_ = 0;
  std::optional<std::size_t> crash_in_;
};

}  // namespace dapr::actors::testing

#pragma GCC visibility pop
