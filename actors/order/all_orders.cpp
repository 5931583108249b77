#include "actors/order/all_orders.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace shop::order {

using actors::Calls;
using actors::Completion;
using actors::Reason;
using actors::Result;
using actors::Task;
using actors::Time;

namespace {

/// As they are stored, in the order of `Status`.
constexpr std::string_view letters = "-?cfpxs";
static_assert(letters.size() == status_names.size());

/// Numbers of keys are numbers of writes at most.
constexpr std::int64_t most_keys = std::int64_t{1} << 53;

char letter_of(Status status) {
  return letters[static_cast<std::size_t>(status)];
}
std::optional<Status> status_of(char letter) {
  const auto found = letters.find(letter);
  return found == std::string_view::npos ? std::nullopt : std::optional(status_names[found].first);
}

/// Takes what stands behind the last point of `text`; what it cannot take is no number.
template <class Number>
bool take_last_number(std::string_view& text, Number& number) {
  const auto point = text.rfind('.');
  if (point == std::string_view::npos) return false;
  const auto digits = text.substr(point + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return false;
  text = text.substr(0, point);
  return true;
}
std::optional<std::string_view> take_last(std::string_view& text) {
  const auto point = text.rfind('.');
  if (point == std::string_view::npos) return std::nullopt;
  const auto last = text.substr(point + 1);
  text = text.substr(0, point);
  return last;
}

std::string key_of_page(std::int64_t number) {
  return "page/" + std::to_string(number);
}
std::string key_of_group(std::int64_t number) {
  return "group/" + std::to_string(number);
}

/// Inserts the entry, or takes the newer word on it; answers whether anything has changed.
bool put(std::vector<Entry>& entries, const Entry& told) {
  const auto at = std::lower_bound(entries.begin(), entries.end(), told.place,
                                   [](const Entry& entry, const Place& place) { return entry.place < place; });
  if (at == entries.end() || at->place != told.place) {
    entries.insert(at, told);
    return true;
  }
  if (at->changes >= told.changes) return false;
  *at = told;
  return true;
}

/// Where what stands at `place` is, or belongs.
std::size_t below(const std::vector<Branch>& branches, const Place& place) {
  const auto after = std::upper_bound(branches.begin(), branches.end(), place,
                                      [](const Place& at, const Branch& branch) { return at < branch.first; });
  return after == branches.begin() ? 0 : static_cast<std::size_t>(after - branches.begin()) - 1;
}

Branch branch_of(std::int64_t number, const std::vector<Entry>& page) {
  Branch branch{page.front().place, number, {}};
  for (const auto& entry : page) branch.statuses.add(entry.status);
  return branch;
}
Branch branch_of(std::int64_t number, const std::vector<Branch>& group) {
  Branch branch{group.front().first, number, {}};
  for (const auto& page : group) branch.statuses.add(page.statuses);
  return branch;
}

/// The upper half.
template <class T>
std::vector<T> split(std::vector<T>& all) {
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::vector<T> upper(middle, all.end());
  all.erase(middle, all.end());
  return upper;
}

template <class T>
void insert_after(std::vector<T>& all, std::size_t index, T added) {
  all.insert(all.begin() + static_cast<std::ptrdiff_t>(index) + 1, std::move(added));
}

}  // namespace

std::string to_text(const Place& place) {
  return std::to_string(place.created_at.time_since_epoch().count()) + "." + place.order_id.value;
}

std::optional<Place> place_of(std::string_view text) {
  const auto point = text.find('.');
  std::int64_t milliseconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
  if (point == std::string_view::npos || error != std::errc{} || end != text.data() + point ||
      !is_id(text.substr(point + 1)))
    return std::nullopt;
  return Place{Time(actors::Duration(milliseconds)), OrderId(std::string(text.substr(point + 1)))};
}

/// FNV-1a: stable across builds and hosts, and ids that differ in their last letter only part too.
std::string AllOrders::piece_of(const OrderId& order) {
  std::uint32_t hash = 0x811c9dc5u;
  for (const char c : order.value) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193u;
  return std::to_string(hash % static_cast<unsigned>(pieces));
}

Task<void> AllOrders::on_activate() {
  const auto& [newest, groups, keys] = state();
  const auto by_place = [](const Entry& left, const Entry& right) { return left.place < right.place; };
  const auto by_first = [](const Branch& left, const Branch& right) { return left.first < right.first; };
  if ((newest.empty() && !groups.empty()) || keys < 0 || keys > most_keys ||
      !std::is_sorted(newest.begin(), newest.end(), by_place) ||
      !std::is_sorted(groups.begin(), groups.end(), by_first))
    throw std::runtime_error("the stored orders " + id() + " contradict themselves: newest, groups, keys");
  co_return;
}

struct AllOrders::Nodes {
  std::map<std::int64_t, Page> pages;
  std::map<std::int64_t, Group> groups;
  std::set<std::int64_t> changed_pages, changed_groups;
};

Task<AllOrders::Page*> AllOrders::page(Nodes& nodes, std::int64_t number) const {
  if (const auto known = nodes.pages.find(number); known != nodes.pages.end()) co_return &known->second;
  auto stored = co_await read<Page>(key_of_page(number));
  if (!stored || stored->empty()) throw std::runtime_error("a page of all orders is missing: " + key_of_page(number));
  co_return &nodes.pages.emplace(number, std::move(*stored)).first->second;
}

Task<AllOrders::Group*> AllOrders::group(Nodes& nodes, std::int64_t number) const {
  if (const auto known = nodes.groups.find(number); known != nodes.groups.end()) co_return &known->second;
  auto stored = co_await read<Group>(key_of_group(number));
  if (!stored || stored->empty()) throw std::runtime_error("a group of all orders is missing: " + key_of_group(number));
  co_return &nodes.groups.emplace(number, std::move(*stored)).first->second;
}

Task<Result<void>> AllOrders::note(NoteOrders told) {
  if (told.orders.size() > most_told)
    co_return actors::refuse(Reason::Unprocessable, "too_many",
                             "at most " + std::to_string(most_told) + " orders can be told at once");
  Nodes nodes;
  for (const auto& order : told.orders) {
    const Entry entry{{order.created_at, order.order_id}, order.status, order.changes};
    auto& newest = state().newest;
    if (state().groups.empty() || entry.place >= newest.front().place)
      put(newest, entry);
    else
      co_await note_old(nodes, entry);
  }
  while (state().newest.size() > most_newest) co_await seal(nodes);
  for (const auto number : nodes.changed_pages) write(key_of_page(number), nodes.pages.at(number));
  for (const auto number : nodes.changed_groups) write(key_of_group(number), nodes.groups.at(number));
  co_return Result<void>{};
}

/// An order that is older than the newest: a change of it, or one that is told late.
Task<void> AllOrders::note_old(Nodes& nodes, Entry told) {
  auto& groups = state().groups;
  const auto in_root = below(groups, told.place);
  const auto group_number = groups[in_root].number;
  auto& pages = *co_await group(nodes, group_number);
  const auto in_group = below(pages, told.place);
  const auto page_number = pages[in_group].number;
  auto& entries = *co_await page(nodes, page_number);
  if (!put(entries, told)) co_return;
  nodes.changed_pages.insert(page_number);

  const auto before = pages;
  if (entries.size() > most_on_page) {
    const auto number = state().keys++;
    const auto& upper = nodes.pages[number] = split(entries);
    nodes.changed_pages.insert(number);
    insert_after(pages, in_group, branch_of(number, upper));
  }
  pages[in_group] = branch_of(page_number, entries);
  if (pages == before) co_return;
  nodes.changed_groups.insert(group_number);
  if (pages.size() > most_in_group) {
    const auto number = state().keys++;
    const auto& upper = nodes.groups[number] = split(pages);
    nodes.changed_groups.insert(number);
    insert_after(groups, in_root, branch_of(number, upper));
  }
  groups[in_root] = branch_of(group_number, pages);
}

/// The oldest of the newest become a page.
Task<void> AllOrders::seal(Nodes& nodes) {
  auto& [newest, groups, keys] = state();
  const auto end = newest.begin() + page_size;
  const auto number = keys++;
  const auto& entries = nodes.pages[number] = Page(newest.begin(), end);
  newest.erase(newest.begin(), end);
  nodes.changed_pages.insert(number);
  const auto page = branch_of(number, entries);

  Group* last = nullptr;
  if (!groups.empty()) last = co_await group(nodes, groups.back().number);
  if (!last || last->size() == most_in_group) {
    const auto begun = keys++;
    nodes.groups[begun] = {page};
    nodes.changed_groups.insert(begun);
    groups.push_back(branch_of(begun, nodes.groups[begun]));
    co_return;
  }
  last->push_back(page);
  nodes.changed_groups.insert(groups.back().number);
  groups.back() = branch_of(groups.back().number, *last);
}

Task<Places> AllOrders::list(ListAllOrders query) const {
  Places found;
  const auto is_before = [&query](const Place& place) { return !query.before || place < *query.before; };
  // Answers whether that is enough.
  const auto take = [&](const std::vector<Entry>& entries) {
    for (auto entry = entries.rbegin(); entry != entries.rend() && !found.more; ++entry) {
      if (!is_before(entry->place) || (query.status && *query.status != entry->status)) continue;
      if (static_cast<int>(found.places.size()) == query.limit)
        found.more = true;
      else
        found.places.push_back(entry->place);
    }
    return found.more;
  };
  const auto is_worth_reading = [&](const Branch& branch) {
    return is_before(branch.first) && (!query.status || branch.statuses.has(*query.status));
  };
  if (take(state().newest)) co_return found;
  Nodes nodes;
  const auto& groups = state().groups;
  for (auto in_root = groups.rbegin(); in_root != groups.rend(); ++in_root) {
    if (!is_worth_reading(*in_root)) continue;
    const auto& pages = *co_await group(nodes, in_root->number);
    for (auto in_group = pages.rbegin(); in_group != pages.rend(); ++in_group) {
      if (!is_worth_reading(*in_group)) continue;
      const auto& entries = *co_await page(nodes, in_group->number);
      if (take(entries)) co_return found;
    }
  }
  co_return found;
}

// --- telling and listing ---

Task<void> AllOrdersDesk::tell(Calls calls, ListedOrder order) {
  const auto piece = AllOrders::piece_of(order.order_id);
  const auto mine = std::make_shared<Teller>(Teller{std::move(order)});
  const auto enter = [this, &piece, &mine](Completion<void> go_on) {
    {
      const std::lock_guard lock(mutex_);
      auto& queue = queues_[piece];
      if (queue.in_hand) {
        mine->go_on = go_on;
        queue.waiting.push_back(mine);
        return;
      }
      queue.in_hand = mine->leads = true;
    }
    go_on();
  };
  co_await actors::suspend<void>(enter);
  if (mine->leads) {
    const auto batch = gather(piece, mine);
    NoteOrders told;
    for (const auto& teller : batch) told.orders.push_back(teller->order);
    std::exception_ptr failure;
    try {
      const auto actor = calls.proxy<AllOrders>(piece);
      co_await actors::deliver(actor.call<&AllOrders::note>(told));
    } catch (...) {
      failure = std::current_exception();
    }
    leave(piece, batch, failure);
  }
  if (mine->failure) std::rethrow_exception(mine->failure);
}

AllOrdersDesk::Batch AllOrdersDesk::gather(const std::string& piece, std::shared_ptr<Teller> first) {
  const std::lock_guard lock(mutex_);
  auto& waiting = queues_[piece].waiting;
  const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(std::min(waiting.size(), AllOrders::most_told - 1));
  Batch batch{std::move(first)};
  batch.insert(batch.end(), waiting.begin(), end);
  waiting.erase(waiting.begin(), end);
  return batch;
}

void AllOrdersDesk::leave(const std::string& piece, const Batch& batch, const std::exception_ptr& failure) {
  std::vector<Completion<void>> going_on;
  {
    const std::lock_guard lock(mutex_);
    auto& queue = queues_[piece];
    for (const auto& teller : batch) {
      teller->failure = failure;
      if (teller != batch.front()) going_on.push_back(*teller->go_on);
    }
    queue.in_hand = !queue.waiting.empty();
    if (queue.in_hand) {
      const auto next = queue.waiting.front();
      queue.waiting.erase(queue.waiting.begin());
      next->leads = true;
      going_on.push_back(*next->go_on);
    }
  }
  for (const auto& go_on : going_on) go_on();
}

Task<OrdersPart> list_all_orders(Calls calls, ListAllOrders query) {
  std::vector<Task<Result<Places>>> reads;
  for (int piece = 0; piece < AllOrders::pieces; ++piece)
    reads.push_back(calls.proxy<AllOrders>(std::to_string(piece)).call<&AllOrders::list>(query));
  const auto answers = co_await actors::when_all(std::move(reads));
  std::vector<Place> all;
  bool more = false;
  for (const auto& answer : answers) {
    if (!answer) throw std::runtime_error("a piece of all orders refuses to be listed: " + answer.error().message);
    all.insert(all.end(), answer->places.begin(), answer->places.end());
    more = more || answer->more;
  }
  std::sort(all.begin(), all.end(), std::greater<>());
  const auto limit = static_cast<std::size_t>(query.limit);
  OrdersPart part;
  if (all.size() > limit) {
    all.resize(limit);
    more = true;
  }
  if (more && !all.empty()) part.next = all.back();
  for (auto& place : all) part.orders.push_back(std::move(place.order_id));
  co_return part;
}

}  // namespace shop::order

namespace dapr::actors::json {

using shop::order::Branch;
using shop::order::Entry;

using shop::order::Place;

void Codec<Place>::write(Writer& writer, const Place& place) {
  json::write(writer, shop::order::to_text(place));
}

void Codec<Place>::read(const Value& from, Place& place, Reading& reading) {
  const auto found = from.is_string() ? shop::order::place_of(from.string()) : std::nullopt;
  if (!found) return reading.fail("must be a place, <milliseconds>.<order id>");
  place = *found;
}

void Codec<Entry>::write(Writer& writer, const Entry& entry) {
  json::write(writer, shop::order::to_text(entry.place) + "." + shop::order::letter_of(entry.status) + "." +
                          std::to_string(entry.changes));
}

void Codec<Entry>::read(const Value& from, Entry& entry, Reading& reading) {
  std::string_view text = from.is_string() ? from.string() : std::string_view();
  const bool has_changes = shop::order::take_last_number(text, entry.changes);
  const auto letter = has_changes ? shop::order::take_last(text) : std::nullopt;
  const auto status = letter && letter->size() == 1 ? shop::order::status_of(letter->front()) : std::nullopt;
  const auto place = status ? shop::order::place_of(text) : std::nullopt;
  if (!place) return reading.fail("must be an order, <place>.<letter>.<changes>");
  entry.place = *place;
  entry.status = *status;
}

void Codec<Branch>::write(Writer& writer, const Branch& branch) {
  std::string text = shop::order::to_text(branch.first) + "." + std::to_string(branch.number) + ".";
  for (const auto& [status, name] : shop::order::status_names)
    if (branch.statuses.has(status)) text += shop::order::letter_of(status);
  json::write(writer, text);
}

void Codec<Branch>::read(const Value& from, Branch& branch, Reading& reading) {
  std::string_view text = from.is_string() ? from.string() : std::string_view();
  const auto found = shop::order::take_last(text);
  bool known = found.has_value();
  branch.statuses = {};
  for (const char letter : found.value_or("")) {
    const auto status = shop::order::status_of(letter);
    known = known && status;
    if (status) branch.statuses.add(*status);
  }
  known = known && shop::order::take_last_number(text, branch.number);
  const auto place = known ? shop::order::place_of(text) : std::nullopt;
  if (!place) return reading.fail("must be a branch, <place>.<number>.<letters>");
  branch.first = *place;
}

}  // namespace dapr::actors::json
