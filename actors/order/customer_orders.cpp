#include "actors/order/customer_orders.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

namespace shop::order {

using actors::Reason;
using actors::Result;
using actors::Task;
using actors::Time;

namespace {

using Page = std::vector<ListedOrder>;  // oldest first

/// However many are told late: a page stays far below what a document may hold.
constexpr std::size_t most_on_page = 4 * CustomerOrders::page_size;

std::string page_key(int page) {
  return "page/" + std::to_string(page);
}
std::string order_key(const OrderId& order) {
  return "order/" + order.value;
}

bool older(const ListedOrder& left, const ListedOrder& right) {
  return std::tie(left.created_at, left.order_id) < std::tie(right.created_at, right.order_id);
}

/// Where a list left off: at this entry of this page. An order never moves to another page and never changes its place
/// among the others, so this stays true whatever is added.
struct LeftOff {
  int page = 0;
  ListedOrder entry;  // its time and id
};

/// `<page>.<milliseconds>.<order id>`: none of the parts holds a point, and nothing needs encoding in a URL.
std::string to_cursor(const LeftOff& place) {
  return std::to_string(place.page) + "." + std::to_string(place.entry.created_at.time_since_epoch().count()) + "." +
         place.entry.order_id.value;
}

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data() + text.size() || *end != '.') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

std::optional<LeftOff> left_off_at(std::string_view cursor) {
  LeftOff place;
  std::int64_t milliseconds = 0;
  if (!take_number(cursor, place.page) || !take_number(cursor, milliseconds) || !is_id(cursor) || place.page < 0)
    return std::nullopt;
  place.entry.created_at = Time(actors::Duration(milliseconds));
  place.entry.order_id = OrderId(std::string(cursor));
  return place;
}

}  // namespace

Task<void> CustomerOrders::note(ListedOrder told) {
  tag("orderId", told.order_id.value);
  const auto order = order_key(told.order_id);
  const auto known = co_await read<int>(order);
  int page = known ? *known : state().orders / page_size;
  auto key = page_key(page);
  auto stored = co_await read<Page>(key);
  Page entries = stored ? *stored : Page();
  // An order that is told late belongs before those that overtook it, on an older page perhaps.
  while (!known && page > 0 && (entries.empty() || older(told, entries.front()))) {
    auto key_before = page_key(page - 1);
    const auto stored_before = co_await read<Page>(key_before);
    Page before = stored_before ? *stored_before : Page();
    if (!before.empty() && (!older(told, before.back()) || before.size() >= most_on_page)) break;
    page -= 1;
    key = std::move(key_before);
    entries = std::move(before);
  }
  if (known) {
    const auto entry = std::find_if(entries.begin(), entries.end(),
                                    [&](const auto& listed) { return listed.order_id == told.order_id; });
    if (entry == entries.end() || entry->changes >= told.changes) co_return;
    entry->status = told.status;
    entry->changes = told.changes;
  } else {
    entries.insert(std::upper_bound(entries.begin(), entries.end(), told, older), told);
    write(order, page);
    state().orders += 1;
  }
  write(key, entries);
}

Task<Result<OrderList>> CustomerOrders::list(ListOrders query) const {
  std::optional<LeftOff> after;
  if (query.cursor) {
    after = left_off_at(*query.cursor);
    if (!after)
      co_return actors::refuse(Reason::Invalid, "invalid_cursor", "the cursor is none that a list has answered");
  }
  const int last_page = state().orders == 0 ? -1 : (state().orders - 1) / page_size;
  int page = after ? std::min(after->page, last_page) : last_page;
  const int end = std::max(page - pages_a_list, -1);

  OrderList list;
  LeftOff seen;
  for (; page > end; --page) {
    const auto key = page_key(page);
    const auto stored = co_await read<Page>(key);
    const Page entries = stored ? *stored : Page();
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (after && page == after->page && !older(*entry, after->entry)) continue;
      if (!query.status || *query.status == entry->status) {
        if (static_cast<int>(list.orders.size()) == query.limit) {
          list.next_cursor = to_cursor(seen);
          co_return list;
        }
        list.orders.push_back(entry->order_id);
      }
      seen = {page, *entry};
    }
  }
  if (page >= 0) list.next_cursor = to_cursor(seen);
  co_return list;
}

}  // namespace shop::order
