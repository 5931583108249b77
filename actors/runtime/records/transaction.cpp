#include "actors/runtime/records/transaction.hpp"

#include <random>

#include "actors/runtime/stored_size.hpp"

namespace actors::records {
namespace {

constexpr std::size_t most_bytes = 380'000;
constexpr int attempts_without_movement = 3;

}  // namespace

Items::Items(std::vector<std::string> keys, std::vector<std::optional<StateItem>> found) {
  for (std::size_t i = 0; i < keys.size(); ++i) items_[std::move(keys[i])] = {std::move(found.at(i)), std::nullopt};
}

const Items::Item& Items::at(const std::string& key) const {
  const auto item = items_.find(key);
  if (item == items_.end()) throw std::logic_error(key + " is not among the items that were read");
  return item->second;
}

void Items::set(const std::string& key, std::string text) {
  at(key);
  if (stored_size(text) > most_bytes) throw ItemTooLarge(key + " would be larger than the store takes");
  items_[key].changed = std::move(text);
}

std::vector<StateChange> Items::changes() const {
  std::vector<StateChange> changes;
  for (const auto& [key, item] : items_) {
    if (!item.changed) continue;
    changes.push_back(
        {.key = key, .value = item.changed, .etag = item.found ? item.found->etag : "", .create = !item.found});
  }
  return changes;
}

bool Items::moved(const Items& newer) const {
  for (const auto& [key, item] : items_) {
    const auto& now = newer.at(key).found;
    if (item.found.has_value() != now.has_value() || (now && item.found->etag != now->etag)) return true;
  }
  return false;
}

bool Transactions::is_over(const SidecarError& failure, int unmoved) {
  // After a time-out the client has waited long enough; and where too much is in hand, repeating adds to it.
  return unmoved >= attempts_without_movement || failure.code() == "TIMED_OUT" || failure.code() == "BUSY";
}

Duration Transactions::moment_before(int attempt) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return Duration(std::uniform_int_distribution<int>(10, 30 * attempt)(random));
}

}  // namespace actors::records
