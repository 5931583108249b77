#include "actors/product/takeover.hpp"

namespace shop::product {
namespace {

constexpr std::size_t former_shards = 64;
/// In one head, of at most 2 KB each: far less than an item takes.
constexpr std::size_t most_events = 150;
static_assert(former_shards % log_count == 0, "the products of a shard have one log");

std::string former_number(std::size_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

struct FormerShard {
  std::int64_t version = 0;
  std::vector<Entry> entries;
  DAPR_ACTORS_JSON(version, entries)
};

struct FormerHead {
  std::int64_t revision = 0;
  std::int64_t shard = 0;
  std::vector<OutboxEntry> pending;
  DAPR_ACTORS_JSON(revision, shard, pending)
  DAPR_ACTORS_JSON_DEFAULTED(pending)
};

}  // namespace

actors::Task<bool> take_over(actors::StateStore& store, GroupCommit& commit) {
  std::vector<std::string> head_keys;
  for (std::size_t i = 0; i < former_shards; ++i) head_keys.push_back("index." + former_number(i));
  auto heads_found = co_await store.get_all(head_keys);
  const Items heads(head_keys, std::move(heads_found));
  std::vector<std::string> log_keys;
  for (std::size_t i = 0; i < log_count; ++i) log_keys.push_back(log_key(i));
  auto logs_found = co_await store.get_all(log_keys);
  const Items logs(log_keys, std::move(logs_found));

  bool found = false;
  for (std::size_t i = 0; i < former_shards; ++i) {
    const auto former = heads.read<FormerHead>(head_keys[i]);
    if (!former) continue;
    found = true;
    const auto log = i % log_count;
    const auto known = logs.read<LogHead>(log_keys[log]).value_or(LogHead{}).taken_over;
    const auto number = former_number(i);
    if (const auto done = known.find(number); done != known.end() && done->second >= former->revision) continue;

    const std::vector<std::string> keys{log_keys[log], head_keys[i], "shard." + number};
    const auto decide = [&](Items& items) {
      auto head = items.read<LogHead>(keys[0]).value_or(LogHead{});
      auto now = items.read<FormerHead>(keys[1]).value_or(FormerHead{});
      const auto shard = items.read<FormerShard>(keys[2]).value_or(FormerShard{});
      auto& taken_over = head.taken_over[number];
      if (taken_over >= now.revision) return true;  // another replica was quicker
      std::vector<LogEntry> entries;
      for (const auto& [product, in_stock] : shard.entries)
        entries.push_back({product.id, product.version, 0, in_stock});
      ++head.revision;
      append_all(items, log, head, entries);
      if (!now.pending.empty()) {
        // Events move. Four former heads may hold more than one item takes: the rest comes the next time.
        const auto room = most_events - std::min(most_events, head.pending.size());
        const auto moved = now.pending.begin() + static_cast<std::ptrdiff_t>(std::min(room, now.pending.size()));
        head.pending.insert(head.pending.end(), now.pending.begin(), moved);
        now.pending.erase(now.pending.begin(), moved);
        ++now.revision;
        items.write(keys[1], now);
      }
      taken_over = now.pending.empty() ? now.revision : now.revision - 1;
      items.write(keys[0], head);
      return true;
    };
    co_await commit.change_alone(keys, decide);
  }
  co_return found;
}

}  // namespace shop::product
