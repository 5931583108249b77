#include "actors/product/columns.hpp"

#include <algorithm>
#include <limits>
#include <queue>

namespace shop::product {

std::uint32_t Names::number(const std::string& name) {
  const auto [at, is_new] = numbers_.emplace(name, static_cast<std::uint32_t>(names_.size()));
  if (is_new) names_.push_back(&at->first);
  return at->second;
}

std::optional<std::uint32_t> Names::find(const std::string& name) const {
  const auto at = numbers_.find(name);
  return at == numbers_.end() ? std::nullopt : std::optional(at->second);
}

template <class IsLive, class Before>
void Order::tidy(std::size_t slots, IsLive is_live, Before before) {
  std::vector<bool> moved(slots);
  std::vector<Slot> added;
  for (const auto slot : changed_) {
    if (!moved[slot] && is_live(slot)) added.push_back(slot);
    moved[slot] = true;
  }
  changed_ = {};
  std::erase_if(slots_, [&](Slot slot) { return moved[slot]; });
  std::sort(added.begin(), added.end(), before);
  std::vector<Slot> merged;
  merged.reserve(slots_.size() + added.size());
  auto rest = slots_.cbegin();
  for (const auto slot : added) {
    const auto next = std::upper_bound(rest, slots_.cend(), slot, before);
    merged.insert(merged.end(), rest, next);
    merged.push_back(slot);
    rest = next;
  }
  merged.insert(merged.end(), rest, slots_.cend());
  slots_ = std::move(merged);
  places_.resize(slots);
  for (std::size_t i = 0; i < slots_.size(); ++i) places_[slots_[i]] = static_cast<std::uint32_t>(i);
}

std::optional<Slot> Columns::find(std::string_view id) const {
  const auto at = by_id_.find(id);
  return at == by_id_.end() ? std::nullopt : std::optional(*at);
}

Record Columns::record(Slot slot) const {
  const auto& row = rows_[slot];
  const auto& facts = facts_[slot];
  Record record;
  record.id = row.id;
  record.name = row.name;
  record.version = row.version;
  record.stock_revision = row.stock_revision;
  record.created_at = row.created_at;
  record.amount = facts.amount;
  record.name_words = facts.name_words;
  record.live = facts.live;
  record.deleted = facts.deleted;
  record.in_stock = facts.in_stock;
  if (facts.live) {
    record.category = categories_.name(facts.category);
    record.currency = currencies_.name(facts.currency);
  }
  return record;
}

Columns::Known Columns::known(Slot slot) const {
  const auto& facts = facts_[slot];
  return {rows_[slot].version, facts.deleted, facts.in_stock, rows_[slot].stock_revision};
}

void Columns::put(Slot slot, const Record& record) {
  const bool is_new = slot == end();
  if (is_new) {
    rows_.push_back({record.id, {}, 0, -1, {}});
    facts_.emplace_back();
    by_id_.insert(slot);
  }
  auto& row = rows_[slot];
  auto& facts = facts_[slot];
  const bool came_or_went = facts.live != record.live;
  if (came_or_went || (record.live && row.name != record.name)) by_name_.changed(slot);
  if (came_or_went || (record.live && facts.amount != record.amount)) by_price_.changed(slot);
  if (came_or_went || (record.live && row.created_at != record.created_at)) by_age_.changed(slot);
  if (facts.live) {
    --in_category_[facts.category];
    --live_;
  }
  row.name = record.name;
  row.version = record.version;
  row.stock_revision = record.stock_revision;
  row.created_at = record.created_at;
  facts.amount = record.amount;
  facts.name_words = record.name_words;
  facts.live = record.live;
  facts.deleted = record.deleted;
  facts.in_stock = record.in_stock;
  if (record.live) {
    facts.category = categories_.number(record.category);
    facts.currency = static_cast<std::uint16_t>(currencies_.number(record.currency));
    in_category_.resize(categories_.size());
    ++in_category_[facts.category];
    ++live_;
  }
}

std::vector<Category> Columns::categories() const {
  std::vector<Category> categories;
  for (const auto& [name, number] : categories_.by_name())
    if (in_category_[number] > 0) categories.push_back({name, in_category_[number]});
  return categories;
}

Order Columns::*Columns::order_of(Sort sort) {
  switch (sort) {
    case Sort::Price:
    case Sort::PriceDescending: return &Columns::by_price_;
    case Sort::Newest: return &Columns::by_age_;
    case Sort::Relevance:
    case Sort::Name:
    case Sort::NameDescending: break;
  }
  return &Columns::by_name_;
}

void Columns::tidy(Sort sort) {
  const auto live = [this](Slot slot) { return is_live(slot); };
  const auto by = [](auto key) { return [key](Slot left, Slot right) { return key(left) < key(right); }; };
  auto& order = this->*order_of(sort);
  if (order.is_tidy()) return;
  if (&order == &by_price_)
    order.tidy(end(), live, by([this](Slot slot) { return price_key(slot); }));
  else if (&order == &by_age_)
    order.tidy(end(), live, by([this](Slot slot) { return age_key(slot); }));
  else
    order.tidy(end(), live, by([this](Slot slot) { return name_key(slot); }));
}

std::pair<std::size_t, std::size_t> Columns::around(const Position& position, Sort sort) const {
  const auto& slots = (this->*order_of(sort)).slots();
  const auto look = [&](const auto& wanted, auto key) {
    const auto first = std::partition_point(slots.begin(), slots.end(), [&](Slot slot) { return key(slot) < wanted; });
    const auto last = std::partition_point(first, slots.end(), [&](Slot slot) { return !(wanted < key(slot)); });
    return std::pair(static_cast<std::size_t>(first - slots.begin()), static_cast<std::size_t>(last - slots.begin()));
  };
  const std::string_view id = position.id.value;
  if (position.amount) return look(PriceKey{*position.amount, id}, [this](Slot slot) { return price_key(slot); });
  if (position.created_at) return look(AgeKey{*position.created_at, id}, [this](Slot slot) { return age_key(slot); });
  return look(NameKey{position.name.value_or(""), id}, [this](Slot slot) { return name_key(slot); });
}

Position Columns::position_of(Slot slot, Sort sort, std::uint64_t key) const {
  Position position;
  position.sort = to_string(sort);
  position.id = ProductId(rows_[slot].id);
  switch (sort) {
    case Sort::Relevance: position.rank = static_cast<std::int64_t>(key >> 32); [[fallthrough]];
    case Sort::Name:
    case Sort::NameDescending: position.name = rows_[slot].name; break;
    case Sort::Price:
    case Sort::PriceDescending: position.amount = facts_[slot].amount; break;
    case Sort::Newest: position.created_at = rows_[slot].created_at; break;
  }
  return position;
}

Columns::Selection Columns::select(const Query& query, Sort sort, const std::optional<Position>& after,
                                   const std::vector<Match>* matches) const {
  const auto& order = this->*order_of(sort);
  const bool backwards = sort == Sort::NameDescending || sort == Sort::PriceDescending || sort == Sort::Newest;
  // Each product's key is a number, the lowest first; the page begins with `first_key`.
  const auto key_of = [&](Slot slot, std::uint32_t rank) -> std::uint64_t {
    const auto place = order.place(slot);
    const auto rank_and_length = static_cast<std::uint64_t>(rank) << 8 | facts_[slot].name_words;
    if (sort == Sort::Relevance) return rank_and_length << 32 | place;
    return backwards ? order.slots().size() - 1 - place : place;
  };
  std::uint64_t first_key = 0;
  if (after) {
    const auto [before, through] = around(*after, sort);
    first_key = backwards ? order.slots().size() - before : through;
    if (sort == Sort::Relevance) first_key |= static_cast<std::uint64_t>(*after->rank) << 32;
  }

  std::optional<std::uint32_t> category;
  if (query.category) category = categories_.find(*query.category).value_or(std::numeric_limits<std::uint32_t>::max());
  std::optional<std::uint32_t> currency;
  if (query.currency) currency = currencies_.find(*query.currency).value_or(std::numeric_limits<std::uint32_t>::max());
  const auto least = query.least_price.value_or(std::numeric_limits<std::int64_t>::min());
  const auto highest = query.highest_price.value_or(std::numeric_limits<std::int64_t>::max());

  Selection selection;
  std::vector<std::size_t> counts(categories_.size());
  std::vector<std::optional<std::pair<std::int64_t, std::int64_t>>> ranges(currencies_.size());
  using Candidate = std::pair<std::uint64_t, Slot>;
  std::priority_queue<Candidate> page;
  std::size_t waiting = 0;  // on this page and those after it
  const auto look = [&](Slot slot, std::uint32_t rank) {
    const auto& facts = facts_[slot];
    if (!facts.live) return;
    const bool in_category = !category || facts.category == *category;
    const bool in_price =
        facts.amount >= least && facts.amount <= highest && (!currency || facts.currency == *currency);
    const bool in_stock = !query.in_stock || facts.in_stock == *query.in_stock;
    if (in_price && in_stock) ++counts[facts.category];
    if (in_category && in_price && facts.in_stock) ++selection.facets.in_stock;
    if (in_category && in_stock) {
      auto& range = ranges[facts.currency];
      if (!range) range.emplace(facts.amount, facts.amount);
      range->first = std::min(range->first, facts.amount);
      range->second = std::max(range->second, facts.amount);
    }
    if (!in_category || !in_price || !in_stock) return;
    ++selection.total;
    const auto key = key_of(slot, rank);
    if (key < first_key) return;
    ++waiting;
    if (page.size() < query.limit)
      page.emplace(key, slot);
    else if (!page.empty() && key < page.top().first) {
      page.pop();
      page.emplace(key, slot);
    }
  };
  if (matches) {
    for (const auto& match : *matches)
      if (match.row < end()) look(match.row, match.rank);
  } else {
    for (Slot slot = 0; slot < end(); ++slot) look(slot, 0);
  }

  if (!page.empty() && waiting > page.size())
    selection.next = to_cursor(position_of(page.top().second, sort, page.top().first));
  selection.slots.resize(page.size());
  for (auto at = selection.slots.rbegin(); at != selection.slots.rend(); ++at, page.pop()) *at = page.top().second;
  for (const auto& [name, number] : categories_.by_name())
    if (counts[number] > 0) selection.facets.categories.push_back({name, counts[number]});
  for (const auto& [name, number] : currencies_.by_name())
    if (const auto& range = ranges[number]) selection.facets.prices.push_back({name, range->first, range->second});
  return selection;
}

}  // namespace shop::product
