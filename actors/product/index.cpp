#include "actors/product/index.hpp"

#include <dapr/actors/calls.hpp>
#include <dapr/actors/stored_size.hpp>

#include <algorithm>

#include "actors/product/takeover.hpp"

namespace shop::product {
namespace {

constexpr std::size_t most_pending = 400;  // of some 500 bytes each
constexpr std::size_t most_pending_bytes = 250'000;
constexpr int most_failed_publishes = 3;
constexpr std::size_t segments_at_a_time = 50;
constexpr std::size_t products_at_a_time = 100;  // what DynamoDB reads at once
constexpr std::size_t reads_at_once = 4;         // of one log
constexpr std::size_t erased_at_a_time = 90;
constexpr std::size_t snapshot_pages_at_a_time = 8;  // of some 100 KB each
constexpr std::size_t products_of_a_snapshot_at_a_time = 32;
/// What one of them reads is on its way while what another has read goes into the model.
constexpr std::size_t logs_at_once = 4;
/// How often what replicas of the former version wrote is looked for, in a catalog that once was in their form.
constexpr actors::Duration take_over_age = std::chrono::seconds(30);
constexpr auto place_of_catalog = "catalog";

/// Of many events; few cannot be much.
std::size_t bytes_of(const std::vector<OutboxEntry>& events) {
  std::size_t bytes = 0;
  if (events.size() < 100) return bytes;
  for (const auto& event : events) bytes += actors::stored_size(actors::json::to_string(event));
  return bytes;
}

template <class T>
std::vector<T> part(const std::vector<T>& all, std::size_t first, std::size_t count) {
  const auto end = std::min(all.size(), first + count);
  return {all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(end)};
}

/// A look at every product.
std::vector<ProductId> ids_of(const ReadModel& model, std::size_t log) {
  auto ids = model.ids();
  std::erase_if(ids, [&](const auto& id) { return log_of(id) != log; });
  return ids;
}

std::vector<std::string> all_log_keys() {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < log_count; ++i) keys.push_back(log_key(i));
  return keys;
}

}  // namespace

Index::Index(actors::StateStore& store, actors::Sidecar& sidecar, const actors::Clock& clock,
             actors::Observer& observer, GroupCommit& commit, ReadModel& model)
    : store_(store), sidecar_(sidecar), clock_(clock), observer_(observer), commit_(commit), model_(model) {}

LogHead Index::append(Items& items, LogEntry entry, std::optional<OutboxEntry> event) const {
  const auto log = log_of(entry.id);
  auto head = items.read<LogHead>(log_key(log)).value_or(LogHead{});
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(head.pending, [&](const auto& waiting) { return known_[log].left.contains(waiting.id); });
  }
  if (event && (head.pending.size() >= most_pending || bytes_of(head.pending) > most_pending_bytes))
    throw actors::SidecarError(503, "OUTBOX_FULL", "too many events wait to be published");
  ++head.revision;
  if (event) head.pending.push_back(std::move(*event));
  product::append(items, log, head, std::move(entry));
  items.write(log_key(log), head);
  return head;
}

/// A read model that fails is begun again, by whoever refreshes next: only one does so at a time. Throws what a caller
/// is told.
void Index::give_up_model(const ReadModelError& error) {
  observer_.warned(std::string("the read model failed and is made anew: ") + error.what());
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    broken_ = true;
    refreshed_.reset();
  }
  throw actors::SidecarError(503, "READ_MODEL", "the list of products is being read anew");
}

void Index::apply(const std::vector<Change>& changes, const std::vector<StockWord>& words,
                  const std::map<std::string, std::string>& places) {
  try {
    model_.apply(changes, words, places);
  } catch (const ReadModelError& error) {
    give_up_model(error);
  }
}

std::optional<ReadModel::Page> Index::select(const Query& query) {
  try {
    return model_.select(query);
  } catch (const ReadModelError& error) {
    give_up_model(error);
  }
}

std::vector<Change> Index::held(const std::vector<ProductId>& ids) {
  try {
    return model_.changes(ids);
  } catch (const ReadModelError& error) {
    give_up_model(error);
  }
}

int Index::waiting(const Known& known) {
  return static_cast<int>(std::count_if(known.head.pending.begin(), known.head.pending.end(),
                                        [&](const auto& event) { return !known.left.contains(event.id); }));
}

void Index::learn_locked(std::size_t log, const LogHead& head) {
  auto& known = known_[log];
  if (head.revision <= known.head.revision) return;
  const auto before = waiting(known);
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
  if (const auto delta = waiting(known) - before) observer_.outbox_changed("Product", delta);
}

void Index::learn(const Change& change, const LogHead& head) {
  try {
    apply({change});
  } catch (const actors::SidecarError&) {
    // What was written is written; the list finds it when it is read anew.
  }
  const std::lock_guard lock(mutex_);
  learn_locked(log_of(change.product.id), head);
}

actors::Task<bool> Index::publish(OutboxEntry event) {
  const auto subject = event.subject.value_or("");
  const auto log = log_of(ProductId(subject));
  {
    const std::lock_guard lock(mutex_);
    known_[log].leaving.insert(event.id);
  }
  bool left = true;
  try {
    const actors::ActorId about{"Product", subject};
    auto cloud_event = to_cloud_event(event, app_id, subject);
    co_await actors::records::send(sidecar_, observer_, about, std::move(cloud_event));
  } catch (const std::exception&) {
    left = false;  // the observer has been told
  }
  const std::lock_guard lock(mutex_);
  auto& known = known_[log];
  known.leaving.erase(event.id);
  if (!left) co_return false;
  const auto before = waiting(known);
  known.left.insert(event.id);
  if (const auto delta = waiting(known) - before) observer_.outbox_changed("Product", delta);
  co_return true;
}

// --- following the log

actors::Task<void> Index::open() {
  auto note_item = co_await store_.get(catalog_key);
  if (!note_item) {
    const bool taken_over = co_await take_over(store_, commit_);
    const std::vector<std::string> keys{catalog_key};
    const auto decide = [&](Items& items) {
      if (!items.read<CatalogNote>(catalog_key)) items.write(catalog_key, CatalogNote{actors::random_id(), taken_over});
      return true;
    };
    co_await commit_.change(keys, decide);
    note_item = co_await store_.get(catalog_key);
  }
  const auto note = actors::json::parse<CatalogNote>(note_item.value().value);
  {
    const std::lock_guard lock(mutex_);
    catalog_ = note.id;
    was_taken_over_ = note.taken_over;
    taken_over_at_ = clock_.now();
  }
  co_await refresh(actors::Duration{});
  const std::lock_guard lock(mutex_);
  open_ = !broken_;
}

/// Sees to it that the read model is this catalog's, and that its places are known.
void Index::prepare_model() {
  bool broken = false;
  std::string catalog;
  {
    const std::lock_guard lock(mutex_);
    broken = std::exchange(broken_, false);
    if (!broken && prepared_ == catalog_) return;
    catalog = catalog_;
  }
  auto places = model_.places();
  if (broken || places[place_of_catalog] != catalog) {
    model_.forget();
    places.clear();
    apply({}, {}, {{place_of_catalog, catalog}});
  }
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < log_count; ++i) {
    const auto place = places.find(log_key(i));
    known_[i].place = place == places.end() ? std::nullopt : LogPlace::from(place->second);
  }
  prepared_ = catalog;
}

actors::Task<void> Index::refresh(actors::Duration age) {
  for (;;) {
    bool wait = false;
    {
      const std::lock_guard lock(mutex_);
      if (refreshed_ && clock_.now() - *refreshed_ < age) co_return;
      wait = std::exchange(refreshing_, true);
    }
    if (!wait) break;
    const auto queue = [this](actors::Completion<void> done) {
      {
        const std::lock_guard lock(mutex_);
        if (refreshing_) {
          waiting_for_refresh_.push_back(done);
          return;
        }
      }
      done();
    };
    co_await actors::suspend<void>(queue);
  }
  const auto now = clock_.now();
  std::exception_ptr failure;
  try {
    co_await catch_up();
  } catch (...) {
    failure = std::current_exception();
  }
  std::vector<actors::Completion<void>> waiting;
  {
    const std::lock_guard lock(mutex_);
    refreshing_ = false;
    if (!failure) refreshed_ = now;
    waiting = std::exchange(waiting_for_refresh_, {});
  }
  for (const auto& done : waiting) {
    if (failure)
      done.fail(failure);  // or each would ask a store that hangs, one after the other
    else
      done();
  }
  if (failure) std::rethrow_exception(failure);
}

actors::Task<void> Index::catch_up() {
  prepare_model();
  const auto keys = all_log_keys();
  auto found = co_await store_.get_all(keys);
  const Items heads(keys, std::move(found));
  std::vector<actors::Task<void>> all;
  for (std::size_t first = 0; first < logs_at_once; ++first) all.push_back(follow_some(heads, first));
  co_await actors::when_all(std::move(all));
}

/// Every `logs_at_once`-th log from `first` on, one after the other.
actors::Task<void> Index::follow_some(const Items& heads, std::size_t first) {
  for (auto log = first; log < log_count; log += logs_at_once) {
    auto head = heads.read<LogHead>(log_key(log));
    if (head) co_await follow_log(log, std::move(*head));
  }
}

actors::Task<void> Index::follow_log(std::size_t log, LogHead head) {
  std::optional<LogPlace> place;
  {
    const std::lock_guard lock(mutex_);
    learn_locked(log, head);
    place = known_[log].place;
  }
  const LogPlace now{head.segments, head.entries.size()};
  if (place == now) co_return;
  auto words = co_await news(log, head, place);
  while (!words) {  // folded between the two reads
    const auto again = co_await store_.get(log_key(log));
    if (!again) break;
    head = actors::json::parse<LogHead>(again->value);
    words = co_await news(log, head, place);
  }
  if (!words) co_return;
  auto entries = words->in_order();
  if (!place && is_outdated({}, head)) co_await take_snapshot(log, entries);
  co_await take(std::move(entries));
  const LogPlace reached{head.segments, head.entries.size()};
  apply({}, {}, {{log_key(log), reached.text()}});
  const std::lock_guard lock(mutex_);
  known_[log].place = reached;
}

actors::Task<std::optional<NewestWords>> Index::news(std::size_t log, LogHead head, std::optional<LogPlace> place) {
  NewestWords words;
  const bool is_known = place && place->segment >= head.first && place->segment <= head.segments;
  std::vector<std::string> keys;
  if (!is_known)
    for (std::int64_t page = 0; page < head.pages; ++page) keys.push_back(page_key(log, head.fold, page));
  const auto first_segment = is_known ? place->segment : head.first;
  for (auto segment = first_segment; segment < head.segments; ++segment) keys.push_back(segment_key(log, segment));
  const auto found = co_await segments(std::move(keys));
  if (!found) co_return std::nullopt;
  auto skip = is_known ? place->entries : 0;
  for (const auto& segment : *found) words.add(segment.entries, std::exchange(skip, 0));
  words.add(head.entries, skip);
  co_return words;
}

/// None if one of them is gone.
actors::Task<std::optional<std::vector<Segment>>> Index::segments(std::vector<std::string> keys) {
  std::vector<Segment> all;
  for (std::size_t first = 0; first < keys.size(); first += segments_at_a_time) {
    const auto some = part(keys, first, segments_at_a_time);
    auto found = co_await store_.get_all(some);
    const Items items(some, std::move(found));
    for (const auto& key : some) {
      auto segment = items.read<Segment>(key);
      if (!segment) co_return std::nullopt;
      all.push_back(std::move(*segment));
    }
  }
  co_return all;
}

/// Takes what the snapshot has of these entries, which are in the order of their ids, in its present version.
actors::Task<void> Index::take_snapshot(std::size_t log, const std::vector<LogEntry>& entries) {
  bool was_last = false;
  for (std::size_t first = 0; !was_last; first += snapshot_pages_at_a_time) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < snapshot_pages_at_a_time; ++i) keys.push_back(snapshot_page_key(log, first + i));
    const auto found = co_await store_.get_all(std::move(keys));
    for (const auto& page : found) {
      was_last = was_last || !page;
      if (!page) continue;
      std::vector<Change> changes;
      for (auto& [product, deleted] : unpacked(page->value)) {
        const auto entry = std::lower_bound(entries.begin(), entries.end(), product.id,
                                            [](const auto& each, const auto& id) { return each.id < id; });
        if (entry != entries.end() && entry->id == product.id && entry->version <= product.version)
          changes.push_back({std::move(product), deleted, entry->in_stock, entry->stock_revision});
      }
      apply(changes);
    }
  }
}

/// Brings the read model up to these entries: reads the products that it has no such version of.
actors::Task<void> Index::take(std::vector<LogEntry> entries) {
  std::vector<LogEntry> to_read;
  std::vector<StockWord> words;
  for (const auto& entry : entries) {
    const auto known = model_.known(entry.id);
    // The word may be an old one, which this replica did not contradict because it did not know it yet.
    if (known && known->in_stock != entry.in_stock && known->stock_revision < entry.stock_revision)
      follow_stock_later(entry.id);
    if (!known || known->version < entry.version)
      to_read.push_back(entry);
    else if (known->stock_revision < entry.stock_revision)
      words.push_back({entry.id, entry.in_stock, entry.stock_revision});
  }
  if (!words.empty()) apply({}, words);
  for (std::size_t first = 0; first < to_read.size(); first += products_at_a_time * reads_at_once) {
    const auto some = part(to_read, first, products_at_a_time * reads_at_once);
    std::vector<actors::Task<std::vector<std::optional<actors::StateItem>>>> reads;
    for (std::size_t from = 0; from < some.size(); from += products_at_a_time) {
      std::vector<std::string> keys;
      for (std::size_t i = from; i < std::min(some.size(), from + products_at_a_time); ++i)
        keys.push_back(product_key(some[i].id));
      reads.push_back(store_.get_all(std::move(keys)));
    }
    const auto answers = co_await actors::when_all(std::move(reads));
    std::vector<Change> changes;
    std::size_t next = 0;
    for (const auto& answer : answers)
      for (const auto& found : answer) {
        const auto& entry = some[next++];
        if (!found) continue;
        const std::vector<std::string> key{product_key(entry.id)};
        const Items items(key, {found});
        const auto item = *items.read<ProductItem>(key.front());
        changes.push_back({shown(item), item.deleted, entry.in_stock, entry.stock_revision});
      }
    apply(changes);
  }
}

// --- what the lists say of the stock

std::optional<bool> Index::in_stock(const ProductId& id) const {
  const auto known = model_.known(id);
  if (!known || known->deleted) return std::nullopt;
  return known->in_stock;
}

actors::Task<void> Index::follow_stock(ProductId id) {
  const std::vector<std::string> keys{log_key(log_of(id)), stock_key(id)};
  const auto decide = [&](Items& items) -> std::optional<std::pair<LogHead, StockWord>> {
    const auto stock = items.read<StockItem>(keys[1]);
    const auto known = model_.known(id);
    // What this replica does not know yet the others may know.
    if (!stock || (known && (known->deleted || known->in_stock == (stock->available() > 0)))) return std::nullopt;
    const StockWord word{id, stock->available() > 0, stock->revision};
    return std::pair{append(items, {id, 0, word.stock_revision, word.in_stock}, std::nullopt), word};
  };
  const auto written = co_await commit_.change(keys, decide);
  if (!written) co_return;
  apply({}, {written->second});
  const std::lock_guard lock(mutex_);
  learn_locked(log_of(id), written->first);
}

void Index::follow_stock_later(const ProductId& id) {
  const std::lock_guard lock(mutex_);
  to_follow_.insert(id);
}

// --- keeping order

std::vector<OutboxEntry> Index::overdue() const {
  const auto now = clock_.now();
  std::vector<OutboxEntry> events;
  const std::lock_guard lock(mutex_);
  for (const auto& known : known_)
    for (const auto& event : known.head.pending)
      if (!known.left.contains(event.id) && !known.leaving.contains(event.id) &&
          now - known.seen.at(event.id) >= left_behind)
        events.push_back(event);
  return events;
}

/// One head at a time: alone it is a single write, at half the units of a transaction.
actors::Task<void> Index::take_off(std::size_t log) {
  const std::vector<std::string> keys{log_key(log)};
  const auto decide = [&](Items& items) {
    auto head = items.read<LogHead>(keys[0]).value_or(LogHead{});
    const std::lock_guard lock(mutex_);
    if (std::erase_if(head.pending, [&](const auto& event) { return known_[log].left.contains(event.id); }) > 0) {
      ++head.revision;
      items.write(keys[0], head);
    }
    return head;
  };
  const auto head = co_await commit_.change(keys, decide);
  const std::lock_guard lock(mutex_);
  learn_locked(log, head);
  // What others had taken off before: there is nothing left to do about it.
  std::erase_if(known_[log].left, [&](const auto& id) {
    return std::none_of(head.pending.begin(), head.pending.end(), [&](const auto& event) { return event.id == id; });
  });
}

actors::Task<void> Index::fold(std::size_t log) {
  const auto key = log_key(log);
  const auto stored = co_await store_.get(key);
  if (!stored) co_return;
  const auto before = actors::json::parse<LogHead>(stored->value);
  if (!is_long(before)) co_return;  // somebody else has done it
  auto without_head = before;
  without_head.entries.clear();
  const auto words = co_await news(log, without_head, std::nullopt);
  if (!words) co_return;
  // Under a name of its own: another replica may fold the same log at this moment.
  const auto name = actors::random_id();
  const auto entries = words->in_order();
  std::int64_t pages = 0;
  for (std::size_t first = 0; first < entries.size(); first += entries_a_page, ++pages) {
    std::vector<actors::StateChange> page(1);
    page[0].key = page_key(log, name, pages);
    page[0].value = actors::json::to_string(Segment{part(entries, first, entries_a_page)});
    co_await store_.transact(std::move(page));
  }
  const std::vector<std::string> keys{key};
  const auto decide = [&](Items& items) {
    auto head = items.read<LogHead>(key).value_or(LogHead{});
    if (head.fold == name) return true;  // stored by the attempt before
    if (head.fold != before.fold || head.first != before.first) return false;
    head.fold = name;
    head.pages = pages;
    head.folded = static_cast<std::int64_t>(entries.size());
    head.first = before.segments;
    ++head.revision;
    items.write(key, head);
    return true;
  };
  const bool is_ours = co_await commit_.change(keys, decide);
  // What a crash leaves behind here is read by nobody.
  std::vector<std::string> old;
  if (is_ours) {
    for (std::int64_t page = 0; page < before.pages; ++page) old.push_back(page_key(log, before.fold, page));
    for (auto segment = before.first; segment < before.segments; ++segment) old.push_back(segment_key(log, segment));
  } else {
    for (std::int64_t page = 0; page < pages; ++page) old.push_back(page_key(log, name, page));
  }
  for (std::size_t first = 0; first < old.size(); first += erased_at_a_time) {
    std::vector<actors::StateChange> erased;
    for (auto& each : part(old, first, erased_at_a_time))
      erased.push_back({.key = std::move(each), .value = std::nullopt});
    co_await store_.transact(std::move(erased));
  }
}

actors::Task<void> Index::take_over_again() {
  {
    const std::lock_guard lock(mutex_);
    if (!was_taken_over_ || (taken_over_at_ && clock_.now() - *taken_over_at_ < take_over_age)) co_return;
    taken_over_at_ = clock_.now();
  }
  co_await take_over(store_, commit_);  // this replica reads of it in the log, like the others
}

// --- the snapshots

/// Writes that of one log, if one is due: the next look is soon enough for the others.
actors::Task<void> Index::keep_snapshots() {
  if (!open_) co_return;
  for (std::size_t log = 0; log < log_count; ++log) {
    bool is_begun = false, is_due = false;
    {
      const std::lock_guard lock(mutex_);
      const auto& known = known_[log];
      is_begun = known.snapshot_unfinished;
      is_due = is_outdated(known.snapshot.value_or(SnapshotNote{}), known.head);
    }
    if (!is_begun && is_due) is_begun = co_await begin_snapshot(log);
    if (!is_begun) continue;
    co_await write_snapshot(log);
    co_return;
  }
}

/// Answers whether it is this replica's business: it notes that it is, before it writes the pages, so that others leave
/// it alone.
actors::Task<bool> Index::begin_snapshot(std::size_t log) {
  LogHead head;
  {
    const std::lock_guard lock(mutex_);
    head = known_[log].head;
  }
  SnapshotNote ours{head.segments, 0, actors::random_id()};
  const std::vector<std::string> keys{snapshot_key(log)};
  const auto decide = [&](Items& items) {
    const auto note = items.read<SnapshotNote>(keys[0]).value_or(SnapshotNote{});
    if (note.name == ours.name || !is_outdated(note, head)) return note;
    ours.products = std::ssize(ids_of(model_, log));  // counted only now: after a start all logs are looked at
    items.write(keys[0], ours);
    return ours;
  };
  const auto noted = co_await commit_.change(keys, decide);
  const bool is_ours = noted.name == ours.name;
  const std::lock_guard lock(mutex_);
  known_[log].snapshot = noted;
  known_[log].snapshot_unfinished = is_ours;
  co_return is_ours;
}

actors::Task<void> Index::write_page(std::size_t log, std::size_t number, SnapshotPage& page) {
  std::vector<actors::StateChange> write(1);
  write[0].key = snapshot_page_key(log, number);
  write[0].value = page.packed();
  co_await store_.transact(std::move(write));
}

actors::Task<void> Index::write_snapshot(std::size_t log) {
  const auto ids = ids_of(model_, log);
  SnapshotPage page;
  std::size_t pages = 0;
  for (std::size_t first = 0; first < ids.size(); first += products_of_a_snapshot_at_a_time) {
    for (auto& change : held(part(ids, first, products_of_a_snapshot_at_a_time))) {
      page.add({std::move(change.product), change.deleted});
      if (page.is_full()) co_await write_page(log, pages++, page);
    }
  }
  if (!page.is_empty()) co_await write_page(log, pages, page);
  const std::lock_guard lock(mutex_);
  known_[log].snapshot_unfinished = false;
}

actors::Task<void> Index::tend() {
  co_await refresh(idle_age);
  int failed = 0;
  for (const auto& event : overdue()) {
    const bool left = co_await publish(event);
    if (!left && ++failed == most_failed_publishes) break;  // the broker is away
  }
  std::vector<std::size_t> untidy, long_ones;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < log_count; ++i) {
      if (!known_[i].left.empty()) untidy.push_back(i);
      if (is_long(known_[i].head)) long_ones.push_back(i);
    }
  }
  for (const auto log : untidy) co_await take_off(log);
  for (;;) {
    ProductId next;
    {
      const std::lock_guard lock(mutex_);
      if (to_follow_.empty()) break;
      next = *to_follow_.begin();
    }
    co_await follow_stock(next);  // one that fails stays for the next time
    const std::lock_guard lock(mutex_);
    to_follow_.erase(next);
  }
  for (const auto log : long_ones) co_await fold(log);
  co_await keep_snapshots();
  co_await take_over_again();
}

}  // namespace shop::product
