#include "dapr/actors/records/items.hpp"

#include "dapr/actors/stored_size.hpp"

namespace dapr::actors::records {
namespace {

constexpr std::size_t most_bytes = 380'000;

}  // namespace

Items::Items(std::vector<std::string> keys, std::vector<std::optional<StateItem>> found) {
  for (std::size_t i = 0; i < keys.size(); ++i)
    items_[std::move(keys[i])] = {true, std::move(found.at(i)), Fate::Kept, {}};
}

std::optional<std::string_view> Items::current(const std::string& key) const {
  const auto item = items_.find(key);
  if (item == items_.end()) throw std::logic_error(key + " is not among the items that were read");
  switch (item->second.fate) {
    case Fate::Written: return item->second.text;
    case Fate::Erased: return std::nullopt;
    case Fate::Kept: break;
  }
  if (!item->second.found) return std::nullopt;
  return item->second.found->value;
}

void Items::write_text(const std::string& key, std::string text) {
  if (stored_size(text) > most_bytes) throw ItemTooLarge(key + " would be larger than the store takes");
  change(key, Fate::Written, std::move(text));
}

void Items::erase(const std::string& key) {
  change(key, Fate::Erased, {});
}

void Items::change(const std::string& key, Fate fate, std::string text) {
  auto& item = items_[key];
  undo_.emplace_back(key, std::pair(item.fate, std::move(item.text)));
  item.fate = fate;
  item.text = std::move(text);
}

void Items::rollback(std::size_t position) {
  while (undo_.size() > position) {
    auto& [key, before] = undo_.back();
    auto& item = items_.at(key);
    item.fate = before.first;
    item.text = std::move(before.second);
    undo_.pop_back();
  }
}

std::vector<StateChange> Items::changes() const {
  std::vector<StateChange> changes;
  for (const auto& [key, item] : items_) {
    if (item.fate == Fate::Kept) continue;
    if (item.fate == Fate::Erased)
      changes.push_back({.key = key, .value = std::nullopt});
    else
      changes.push_back(
          {.key = key, .value = item.text, .etag = item.found ? item.found->etag : "", .create = !item.found});
  }
  return changes;
}

bool Items::moved(const Items& newer) const {
  for (const auto& [key, item] : items_) {
    if (!item.was_read) continue;
    const auto& now = newer.items_.at(key).found;
    if (item.found.has_value() != now.has_value() || (now && item.found->etag != now->etag)) return true;
  }
  return false;
}

}  // namespace dapr::actors::records
