#include "dapr/actors/testing/fake_state_store.hpp"

#include <set>
#include <utility>

#include "dapr/actors/testing/stored_json.hpp"

namespace dapr::actors::testing {
namespace {

// DynamoDB: 100 operations a transaction, 400 KB an item, its key and attributes included.
constexpr std::size_t max_operations = 100;
constexpr std::size_t max_value_bytes = 399 * 1024;

SidecarError transaction_error(const std::string& why) {
  return SidecarError(500, "ERR_STATE_TRANSACTION", "the transaction failed: " + why);
}

}  // namespace

void FakeStateStore::begin(const char* operation) {
  if (crashed()) throw SidecarError(0, "CRASHED", "the process is dead");
  ++counts[operation];
}

const FakeStateStore::Item* FakeStateStore::find(const std::string& key) const {
  const auto item = items_.find(key);
  if (item == items_.end()) return nullptr;
  if (item->second.expires && *item->second.expires <= clock_.now()) return nullptr;
  return &item->second;
}

std::optional<std::string> FakeStateStore::stored(const std::string& key) const {
  const auto* item = find(key);
  return item ? std::optional(item->value) : std::nullopt;
}

std::vector<std::string> FakeStateStore::keys(const std::string& prefix) const {
  std::vector<std::string> found;
  for (const auto& [key, item] : items_)
    if (key.starts_with(prefix) && find(key)) found.push_back(key);
  return found;
}

void FakeStateStore::put(const std::string& key, std::string value) {
  items_[key] = {std::move(value), "e" + std::to_string(++last_etag_), std::nullopt};
}

Task<std::optional<StateItem>> FakeStateStore::get(std::string key) {
  begin("get");
  if (read_failures_ > 0) {
    --read_failures_;
    throw SidecarError(500, "ERR_STATE_GET", "the store is down");
  }
  const auto* item = find(key);
  if (!item) co_return std::nullopt;
  co_return StateItem{as_the_store_gives_it(item->value), item->etag};
}

Task<std::vector<std::optional<StateItem>>> FakeStateStore::get_all(std::vector<std::string> keys) {
  begin("get_all");
  if (read_failures_ > 0) {
    --read_failures_;
    throw SidecarError(500, "ERR_STATE_BULK_GET", "the store is down");
  }
  std::vector<std::optional<StateItem>> found;
  for (const auto& key : keys) {
    const auto* item = find(key);
    found.push_back(item ? std::optional(StateItem{as_the_store_gives_it(item->value), item->etag}) : std::nullopt);
  }
  co_return found;
}

void FakeStateStore::check(const std::vector<StateChange>& changes) const {
  if (changes.size() > max_operations)
    throw SidecarError(400, "ERR_STATE_STORE_TOO_MANY_TRANSACTIONS", "more than 100 operations in a transaction");
  std::set<std::string> named;
  for (const auto& change : changes) {
    if (!named.insert(change.key).second)
      throw std::logic_error("a transaction names the key " + change.key + " twice");
    if (!change.value && (!change.etag.empty() || change.create))
      throw std::logic_error("DynamoDB would delete " + change.key + " whatever its ETag");
    if (change.value && change.value->size() > max_value_bytes) throw transaction_error(change.key + " is too large");
    const auto* item = find(change.key);
    if (change.create && item) throw transaction_error(change.key + " is there already");
    if (!change.etag.empty() && (!item || item->etag != change.etag))
      throw transaction_error(change.key + " has another ETag");
  }
}

Task<void> FakeStateStore::transact(std::vector<StateChange> changes) {
  begin("transact");
  if (const auto run = std::exchange(before_transact_, nullptr)) run();
  const auto failure = std::exchange(transact_failure_, {});
  if (failure == CommitFailure::NotStored) throw SidecarError(500, "ERR_STATE_TRANSACTION", "not stored");
  check(changes);
  for (auto& change : changes) {
    if (!change.value) {
      items_.erase(change.key);
      continue;
    }
    put(change.key, std::move(*change.value));
    if (change.ttl) items_[change.key].expires = clock_.now() + *change.ttl;
  }
  if (crash_in_ && --*crash_in_ == 0) throw SidecarError(0, "CRASHED", "the process died here");
  if (failure) throw SidecarError(0, "TIMED_OUT", "stored, but the answer is lost");
  co_return;
}

}  // namespace dapr::actors::testing
