/// A customer's orders, newest first. The actor's id is `actor_id_of` the customer; orders tell it of themselves.
///
/// Entries lie in pages, keys of their own of `page_size` entries, so that no document grows with the customer's
/// loyalty; a key per order says on which page it is. The last page takes new entries; one that is told late goes where
/// it belongs, and an older page may become a little longer. So the entries are in the order of their creation,
/// whatever the order in which they were told.
#pragma once

#include <dapr/actors/actor.hpp>

#include <optional>
#include <string>
#include <vector>

#include "actors/order/order_states.hpp"
#include "actors/shared/library.hpp"
#include "actors/shared/values.hpp"

namespace shop::order {

/// An order as its list knows it: `changes` is how many changes of status it went through, the newest being `status`.
struct ListedOrder {
  OrderId order_id;
  actors::Time created_at;
  Status status = Status::None;
  int changes = 0;
  bool operator==(const ListedOrder&) const = default;
  DAPR_ACTORS_JSON(order_id, created_at, status, changes)
};

struct ListOrders {
  std::optional<Status> status;
  int limit = 20;
  std::optional<std::string> cursor;  ///< a former answer's `next_cursor`
  DAPR_ACTORS_JSON(status, limit, cursor)
};

/// `next_cursor` is there if there may be more. It stays good while new orders arrive.
struct OrderList {
  std::vector<OrderId> orders;
  std::optional<std::string> next_cursor;
  bool operator==(const OrderList&) const = default;
  DAPR_ACTORS_JSON(orders, next_cursor)
};

struct CustomerOrdersState {
  int orders = 0;  ///< how many there are, on how many pages follows
  bool operator==(const CustomerOrdersState&) const = default;
  DAPR_ACTORS_JSON(orders)
};

class CustomerOrders final : public actors::Actor<CustomerOrdersState> {
 public:
  static constexpr int page_size = 50;
  /// With a status that few orders have, a list ends after this many pages, with a cursor and perhaps short.
  static constexpr int pages_a_list = 20;

  /// A new order, or a change of a known one; told twice or late, it changes nothing.
  actors::Task<void> note(ListedOrder told);
  /// Invalid `invalid_cursor`.
  actors::Task<actors::Result<OrderList>> list(ListOrders query) const;
};

}  // namespace shop::order

template <>
struct actors::Describe<shop::order::CustomerOrders> {
  using CustomerOrders = shop::order::CustomerOrders;
  static constexpr auto table = actors::type<CustomerOrders>("CustomerOrders")
                                    .method<&CustomerOrders::note>("Note")
                                    .method<&CustomerOrders::list>("List")
                                    .settings({.handled_in_document = 0});  // a note says itself whether it is news
};
