#include "actors/product/index.hpp"

#include <boost/crc.hpp>

#include <chrono>

namespace shop::product {
namespace {

constexpr std::size_t most_pending = 400;    // of some 500 bytes each
constexpr std::size_t shards_at_a_time = 8;  // read together: 3 MB at most
constexpr std::size_t heads_at_a_time = 8;   // written together: few enough for others to come in between

std::string two_digits(std::size_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

}  // namespace

std::size_t shard_of(const ProductId& id) {
  boost::crc_32_type crc;
  crc.process_bytes(id.value.data(), id.value.size());
  return crc.checksum() % shard_count;
}
std::string head_key(std::size_t shard) {
  return "index." + two_digits(shard);
}
std::string shard_key(std::size_t shard) {
  return "shard." + two_digits(shard);
}

const Entry* Slice::find(const ProductId& id) const {
  for (const auto& entry : shard.entries)
    if (entry.product.id == id) return &entry;
  return nullptr;
}
void Slice::put(Entry entry) {
  for (auto& known : shard.entries)
    if (known.product.id == entry.product.id) {
      known = std::move(entry);
      return;
    }
  shard.entries.push_back(std::move(entry));
}
void Slice::erase(const ProductId& id) {
  std::erase_if(shard.entries, [&](const Entry& entry) { return entry.product.id == id; });
}

Index::Index(actors::StateStore& store, actors::Sidecar& sidecar, const actors::Clock& clock,
             actors::Observer& observer, Transactions& transactions, Lanes& lanes)
    : store_(store),
      sidecar_(sidecar),
      clock_(clock),
      observer_(observer),
      transactions_(transactions),
      lanes_(lanes) {}

Slice Index::slice(const Items& items, std::size_t number) const {
  Slice slice{number, items.read<Head>(head_key(number)).value_or(Head{}),
              items.read<Shard>(shard_key(number)).value_or(Shard{})};
  const std::lock_guard lock(mutex_);
  std::erase_if(slice.head.pending, [&](const auto& event) { return known_[number].left.contains(event.id); });
  return slice;
}

void Index::save(Items& items, Slice& slice, std::optional<PendingEvent> event) const {
  if (slice.head.pending.size() >= most_pending)
    throw actors::SidecarError(503, "OUTBOX_FULL", "too many events wait to be published");
  ++slice.head.revision;
  slice.shard.version = ++slice.head.shard;
  if (event) slice.head.pending.push_back(std::move(*event));
  items.write(head_key(slice.number), slice.head);
  items.write(shard_key(slice.number), slice.shard);
}

int Index::waiting(const Known& known) {
  return static_cast<int>(std::count_if(known.head.pending.begin(), known.head.pending.end(),
                                        [&](const auto& event) { return !known.left.contains(event.id); }));
}

void Index::learn_locked(std::size_t number, const Head& head, std::shared_ptr<const Shard> shard) {
  auto& known = known_[number];
  const auto before = waiting(known);
  if (head.revision > known.head.revision) {
    known.head = head;
    std::map<std::string, Time> seen;  // what is off the head need not be remembered
    std::set<std::string> left;
    for (const auto& event : head.pending) {
      const auto since = known.seen.find(event.id);
      seen.emplace(event.id, since == known.seen.end() ? clock_.now() : since->second);
      if (known.left.contains(event.id)) left.insert(event.id);
    }
    known.seen = std::move(seen);
    known.left = std::move(left);
  }
  if (shard && shard->version > known.shard->version) {
    known.shard = std::move(shard);
    list_.reset();
  }
  if (const auto delta = waiting(known) - before) observer_.outbox_changed("Product", delta);
}

void Index::learn(const Slice& slice) {
  auto shard = std::make_shared<const Shard>(slice.shard);
  const std::lock_guard lock(mutex_);
  learn_locked(slice.number, slice.head, std::move(shard));
}

actors::Task<void> Index::publish(std::size_t shard, PendingEvent event) {
  const auto cloud_event = to_cloud_event(event);
  const actors::ActorId about{"Product", event.subject};
  const auto started = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    known_[shard].leaving.insert(event.id);
  }
  std::string failure;
  try {
    co_await sidecar_.publish(cloud_event);
  } catch (const std::exception& error) {
    failure = error.what();
    if (failure.empty()) failure = "failed";
  }
  observer_.event_sent({about, cloud_event, failure,
                        std::chrono::duration_cast<actors::Microseconds>(std::chrono::steady_clock::now() - started)});
  const std::lock_guard lock(mutex_);
  auto& known = known_[shard];
  known.leaving.erase(event.id);
  if (!failure.empty()) co_return;
  const auto before = waiting(known);
  known.left.insert(event.id);
  if (const auto delta = waiting(known) - before) observer_.outbox_changed("Product", delta);
}

actors::Task<void> Index::refresh(actors::Duration age) {
  const auto is_fresh = [&] {
    const std::lock_guard lock(mutex_);
    return refreshed_ && clock_.now() - *refreshed_ < age;
  };
  if (is_fresh()) co_return;
  const std::vector<std::string> lane{"refresh"};
  const auto hold = co_await lanes_.enter(lane);
  if (is_fresh()) co_return;  // somebody else just did it
  const auto now = clock_.now();

  std::vector<std::string> keys;
  for (std::size_t i = 0; i < shard_count; ++i) keys.push_back(head_key(i));
  const auto heads = co_await store_.get_all(keys);
  const Items read_heads(keys, heads);
  std::vector<std::size_t> changed;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < shard_count; ++i) {
      const auto head = read_heads.read<Head>(keys[i]);
      if (!head) continue;
      learn_locked(i, *head, nullptr);
      if (head->shard > known_[i].shard->version) changed.push_back(i);
    }
  }
  for (std::size_t first = 0; first < changed.size(); first += shards_at_a_time) {
    std::vector<std::string> shard_keys;
    for (std::size_t i = first; i < std::min(changed.size(), first + shards_at_a_time); ++i)
      shard_keys.push_back(shard_key(changed[i]));
    auto found = co_await store_.get_all(shard_keys);
    const Items shards(shard_keys, std::move(found));
    for (std::size_t i = 0; i < shard_keys.size(); ++i) {
      auto shard = shards.read<Shard>(shard_keys[i]);
      if (!shard) continue;
      auto shared = std::make_shared<const Shard>(std::move(*shard));
      const std::lock_guard lock(mutex_);
      learn_locked(changed[first + i], known_[changed[first + i]].head, std::move(shared));
    }
  }
  const std::lock_guard lock(mutex_);
  refreshed_ = now;
}

std::shared_ptr<const ProductList> Index::list() {
  const std::lock_guard lock(mutex_);
  if (list_) return list_;
  auto list = std::make_shared<ProductList>();
  for (const auto& known : known_) {
    list->shards.push_back(known.shard);
    for (const auto& entry : known.shard->entries) list->by_name.push_back(&entry);
  }
  std::sort(list->by_name.begin(), list->by_name.end(), [](const Entry* left, const Entry* right) {
    return std::tie(left->product.name, left->product.id) < std::tie(right->product.name, right->product.id);
  });
  return list_ = std::move(list);
}

std::optional<bool> Index::in_stock(const ProductId& id) const {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : known_[shard_of(id)].shard->entries)
    if (entry.product.id == id) return entry.in_stock;
  return std::nullopt;
}

actors::Task<void> Index::follow_stock(ProductId id) {
  const auto number = shard_of(id);
  const std::vector<std::string> lane{head_key(number)};
  const auto hold = co_await lanes_.enter(lane);
  const std::vector<std::string> keys{head_key(number), shard_key(number), stock_key(id)};
  const auto decide = [this, number, id](Items& items) -> std::optional<Slice> {
    auto now = slice(items, number);
    const auto* entry = now.find(id);
    const auto stock = items.read<StockItem>(stock_key(id));
    if (!entry || !stock || entry->in_stock == (stock->count > 0)) return std::nullopt;
    now.put({entry->product, stock->count > 0});
    save(items, now, std::nullopt);
    return now;
  };
  const auto written = co_await transactions_.change(keys, decide);
  if (written) learn(*written);
}

void Index::follow_stock_later(const ProductId& id) {
  const std::lock_guard lock(mutex_);
  to_follow_.insert(id);
}

std::vector<std::pair<std::size_t, PendingEvent>> Index::overdue() const {
  const auto now = clock_.now();
  std::vector<std::pair<std::size_t, PendingEvent>> events;
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < shard_count; ++i) {
    const auto& known = known_[i];
    for (const auto& event : known.head.pending)
      if (!known.left.contains(event.id) && !known.leaving.contains(event.id) &&
          now - known.seen.at(event.id) >= left_behind)
        events.emplace_back(i, event);
  }
  return events;
}

actors::Task<void> Index::take_off(std::vector<std::size_t> numbers) {
  std::vector<std::string> keys;
  for (const auto number : numbers) keys.push_back(head_key(number));
  const auto hold = co_await lanes_.enter(keys);
  const auto decide = [&](Items& items) {
    std::vector<Head> heads;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      auto head = items.read<Head>(keys[i]).value_or(Head{});
      const std::lock_guard lock(mutex_);
      if (std::erase_if(head.pending, [&](const auto& event) { return known_[numbers[i]].left.contains(event.id); }) >
          0) {
        ++head.revision;
        items.write(keys[i], head);
      }
      heads.push_back(std::move(head));
    }
    return heads;
  };
  const auto heads = co_await transactions_.change(keys, decide);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < heads.size(); ++i) {
    learn_locked(numbers[i], heads[i], nullptr);
    // What others had taken off before: there is nothing left to do about it.
    std::erase_if(known_[numbers[i]].left, [&](const auto& id) {
      return std::none_of(heads[i].pending.begin(), heads[i].pending.end(),
                          [&](const auto& event) { return event.id == id; });
    });
  }
}

actors::Task<void> Index::tend() {
  co_await refresh(idle_age);
  const auto events = overdue();
  for (const auto& [shard, event] : events) co_await publish(shard, event);
  std::vector<std::size_t> untidy;
  std::set<ProductId> to_follow;
  {
    const std::lock_guard lock(mutex_);
    to_follow = std::exchange(to_follow_, {});
    for (std::size_t i = 0; i < shard_count; ++i)
      if (!known_[i].left.empty()) untidy.push_back(i);
  }
  for (std::size_t first = 0; first < untidy.size(); first += heads_at_a_time) {
    const auto end = std::min(untidy.size(), first + heads_at_a_time);
    std::vector<std::size_t> some(untidy.begin() + static_cast<std::ptrdiff_t>(first),
                                  untidy.begin() + static_cast<std::ptrdiff_t>(end));
    co_await take_off(std::move(some));
  }
  for (const auto& id : to_follow) co_await follow_stock(id);
}

}  // namespace shop::product
