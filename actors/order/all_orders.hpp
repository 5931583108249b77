/// Everybody's orders, newest first, for administrators: a projection in `pieces` actors, by a hash of the order's id.
/// Orders tell it of themselves; whoever lists asks all pieces and merges what they answer.
///
/// A piece is a tree of three levels, so that a list costs the same at any number of orders, and so does a write. The
/// document holds the newest entries themselves, which nearly all changes are about, and the groups; a group holds the
/// pages of a stretch of time, a page the entries. Groups and pages are keys of their own. Each branch says which
/// statuses are below it, so that three orders of a status among a hundred thousand are found without reading the
/// others (docs/decisions/0033).
#pragma once

#include <dapr/actors/actor.hpp>

#include <compare>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/order/customer_orders.hpp"
#include "actors/order/order_states.hpp"
#include "actors/shared/library.hpp"
#include "actors/shared/values.hpp"

namespace shop::order {

/// Where an order stands among all: by its creation, those of one millisecond by their ids. It never changes.
/// Written `<milliseconds>.<order id>`, which is a list's cursor too: nothing in it needs encoding in a URL.
struct Place {
  actors::Time created_at;
  OrderId order_id;
  auto operator<=>(const Place&) const = default;
};
std::string to_text(const Place& place);
std::optional<Place> place_of(std::string_view text);

/// Statuses that are found somewhere, a bit each.
class Statuses {
 public:
  void add(Status status) { bits_ |= 1u << static_cast<unsigned>(status); }
  void add(Statuses others) { bits_ |= others.bits_; }
  bool has(Status status) const { return (bits_ >> static_cast<unsigned>(status) & 1u) != 0; }
  bool operator==(const Statuses&) const = default;

 private:
  unsigned bits_ = 0;
};

/// An order, stored as `<place>.<letter of its status>.<changes>`.
struct Entry {
  Place place;
  Status status = Status::None;
  int changes = 0;
  bool operator==(const Entry&) const = default;
};

/// A page or a group, stored as `<first place>.<number of its key>.<letters of the statuses in it>`.
struct Branch {
  Place first;
  std::int64_t number = 0;
  Statuses statuses;
  bool operator==(const Branch&) const = default;
};

}  // namespace shop::order

namespace dapr::actors::json {
template <>
struct Codec<shop::order::Place> {
  static void write(Writer& writer, const shop::order::Place& place);
  static void read(const Value& from, shop::order::Place& place, Reading& reading);
};
template <>
struct Codec<shop::order::Entry> {
  static void write(Writer& writer, const shop::order::Entry& entry);
  static void read(const Value& from, shop::order::Entry& entry, Reading& reading);
};
template <>
struct Codec<shop::order::Branch> {
  static void write(Writer& writer, const shop::order::Branch& branch);
  static void read(const Value& from, shop::order::Branch& branch, Reading& reading);
};
}  // namespace dapr::actors::json

namespace shop::order {

struct AllOrdersState {
  std::vector<Entry> newest;   ///< oldest first; whatever is older than the first of them is on a page
  std::vector<Branch> groups;  ///< oldest first
  std::int64_t keys = 0;       ///< how many pages and groups there were ever
  bool operator==(const AllOrdersState&) const = default;
  DAPR_ACTORS_JSON(newest, groups, keys)
};

struct NoteOrders {
  std::vector<ListedOrder> orders;
  DAPR_ACTORS_JSON(orders)
};

struct ListAllOrders {
  std::optional<Status> status;
  int limit = 20;
  std::optional<Place> before;
  DAPR_ACTORS_JSON(status, limit, before)
};

struct Places {
  std::vector<Place> places;  ///< newest first
  bool more = false;          ///< there are older ones
  bool operator==(const Places&) const = default;
  DAPR_ACTORS_JSON(places, more)
};

class AllOrders final : public actors::Actor<AllOrdersState> {
 public:
  /// Never to be changed: where an order is noted follows from it.
  static constexpr int pieces = 4;
  /// The id of the piece that knows the order.
  static std::string piece_of(const OrderId& order);

  static constexpr std::size_t most_told = 24;  ///< at once: a turn writes at most three keys for each
  static constexpr std::size_t most_newest = 64;
  static constexpr std::size_t page_size = 32;     ///< of a new page
  static constexpr std::size_t most_on_page = 64;  ///< one that is told late may make it longer: then it is split
  static constexpr std::size_t most_in_group = 256;

  /// New orders, or changes of known ones; told twice or late, they change nothing. Unprocessable `too_many`.
  actors::Task<actors::Result<void>> note(NoteOrders told);
  actors::Task<Places> list(ListAllOrders query) const;

  /// Refuses a document whose parts are not in their order: what the turns rely on.
  actors::Task<void> on_activate() override;

 private:
  using Page = std::vector<Entry>;
  using Group = std::vector<Branch>;
  struct Nodes;  // what it has read and is to write
  actors::Task<Page*> page(Nodes& nodes, std::int64_t number) const;
  actors::Task<Group*> group(Nodes& nodes, std::int64_t number) const;
  actors::Task<void> note_old(Nodes& nodes, Entry told);
  actors::Task<void> seal(Nodes& nodes);
};

/// One call of a piece for all who have something to tell it: while it is being told, what comes waits and goes
/// together. Thread-safe; shared by the orders of a process.
class AllOrdersDesk {
 public:
  /// Returns when the piece knows it; throws what kept it from being told.
  actors::Task<void> tell(actors::Calls calls, ListedOrder order);

 private:
  struct Teller {
    ListedOrder order;
    bool leads = false;
    std::exception_ptr failure = {};
    std::optional<actors::Completion<void>> go_on = {};
  };
  struct Queue {
    bool in_hand = false;
    std::vector<std::shared_ptr<Teller>> waiting;
  };
  using Batch = std::vector<std::shared_ptr<Teller>>;
  Batch gather(const std::string& piece, std::shared_ptr<Teller> first);
  void leave(const std::string& piece, const Batch& batch, const std::exception_ptr& failure);

  std::mutex mutex_;
  std::map<std::string, Queue> queues_;
};

/// A part of everybody's orders, out of all pieces; `next` is the place the following part begins after.
struct OrdersPart {
  std::vector<OrderId> orders;
  std::optional<Place> next;
};
actors::Task<OrdersPart> list_all_orders(actors::Calls calls, ListAllOrders query);

}  // namespace shop::order

template <>
struct actors::Describe<shop::order::AllOrders> {
  using AllOrders = shop::order::AllOrders;
  static constexpr auto table = actors::type<AllOrders>("AllOrders")
                                    .method<&AllOrders::note>("Note")
                                    .method<&AllOrders::list>("List")
                                    .settings({.handled_in_document = 0});  // a note says itself whether it is news
};
