#include "actors/runtime/records/lanes.hpp"

#include <algorithm>

namespace actors::records {

void Lanes::Hold::release() {
  if (auto* lanes = std::exchange(lanes_, nullptr)) lanes->leave(keys_);
}

bool Lanes::taken(const std::vector<std::string>& keys) const {
  return std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return taken_.contains(key); });
}

Task<Lanes::Hold> Lanes::enter(std::vector<std::string> keys) {
  co_await suspend<void>([this, &keys](Completion<void> enter) {
    {
      const std::lock_guard lock(mutex_);
      const bool someone_is_before = std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& other) {
        return std::find_first_of(keys.begin(), keys.end(), other.keys.begin(), other.keys.end()) != keys.end();
      });
      if (someone_is_before || taken(keys)) {
        waiting_.push_back({keys, enter});
        return;
      }
      taken_.insert(keys.begin(), keys.end());
    }
    enter();
  });
  co_return Hold(*this, std::move(keys));
}

void Lanes::leave(const std::vector<std::string>& keys) {
  std::vector<Completion<void>> entering;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& key : keys) taken_.erase(key);
    std::set<std::string> wanted;  // by who came earlier and still waits
    for (auto next = waiting_.begin(); next != waiting_.end();) {
      const bool behind =
          std::any_of(next->keys.begin(), next->keys.end(), [&](const auto& key) { return wanted.contains(key); });
      if (behind || taken(next->keys)) {
        wanted.insert(next->keys.begin(), next->keys.end());
        ++next;
        continue;
      }
      taken_.insert(next->keys.begin(), next->keys.end());
      entering.push_back(next->enter);
      next = waiting_.erase(next);
    }
  }
  for (const auto& enter : entering) enter();
}

}  // namespace actors::records
