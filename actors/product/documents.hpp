/// What the catalog keeps in the state store, and what it shows of it.
///
/// | key | holds | changes with |
/// |---|---|---|
/// | `product.<id>` | `ProductItem`: the product, or the tombstone of a deleted one | create, replace, remove |
/// | `stock.<id>` | `StockItem`: how many pieces there are | a sale, a cancellation, a stock-take |
/// | `index.<nn>` | `Head`: the shard's version, and the events that wait | every change of the shard |
/// | `shard.<nn>` | `Shard`: the products whose id falls on it, as the list shows them | create, replace, remove |
/// | `order.<id>` | `OrderMark`: what an order took, so that it takes it once | an order, twice at most |
///
/// An item of DynamoDB holds at most 400 KB; see `Items::write`.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/product/contract.hpp"
#include "actors/runtime/records/lanes.hpp"
#include "actors/runtime/records/transaction.hpp"
#include "actors/runtime/sidecar.hpp"
#include "actors/runtime/time.hpp"

namespace shop::product {

using actors::Time;
using actors::records::Items;
using actors::records::ItemTooLarge;
using actors::records::Lanes;
using actors::records::Pause;
using actors::records::Transactions;

inline constexpr const char* app_id = "product-service";
/// A sale that leaves this many pieces or fewer is announced.
inline constexpr std::int64_t low_stock = 5;
inline constexpr std::int64_t most_stock = 1'000'000'000;

/// What an administrator says of a product, and since when. Texts that were not given are empty.
struct Product {
  ProductId id;
  std::string name;
  std::string description;
  std::string category;
  Money price;
  std::string image_url;
  std::int64_t version = 0;
  Time created_at{};
  Time updated_at{};
  bool operator==(const Product&) const = default;
  static constexpr auto json = actors::json::object(
      actors::json::field("id", &Product::id), actors::json::field("name", &Product::name),
      actors::json::defaulted("description", &Product::description),
      actors::json::field("category", &Product::category), actors::json::field("price", &Product::price),
      actors::json::defaulted("imageUrl", &Product::image_url), actors::json::field("version", &Product::version),
      actors::json::field("createdAt", &Product::created_at), actors::json::field("updatedAt", &Product::updated_at));
};

/// The ids of an item's latest writes. The answer to a transaction can be lost although it was carried out: who finds
/// the id of its own write has nothing left to do. So can the answer to a request: where its client gave it a name (an
/// idempotency key), that is part of the id.
struct Writes {
  static constexpr std::size_t kept = 16;
  std::vector<std::string> ids;
  bool contain(const std::string& id) const { return std::find(ids.begin(), ids.end(), id) != ids.end(); }
  /// The id of the write that a request asks for: the request's name, which holds no line feed, and what it wants.
  static std::string id_of(const std::string& request, const std::string& what) { return request + '\n' + what; }
  /// Whether there is one of this request, whatever it wanted.
  bool contain_of(const std::string& request) const {
    return std::any_of(ids.begin(), ids.end(), [&](const auto& id) { return id.starts_with(id_of(request, "")); });
  }
  void add(std::string id) {
    ids.push_back(std::move(id));
    if (ids.size() > kept) ids.erase(ids.begin());
  }
  bool operator==(const Writes&) const = default;
};

/// A deleted product keeps its item and its version, so that versions never start again.
struct ProductItem {
  Product product;
  bool deleted = false;
  Writes writes;
  bool operator==(const ProductItem&) const = default;
  static constexpr auto json = actors::json::object(actors::json::field("product", &ProductItem::product),
                                                    actors::json::defaulted("deleted", &ProductItem::deleted),
                                                    actors::json::defaulted("writes", &ProductItem::writes));
};

/// An event that is committed and may not have left yet. `id` is deterministic: `{aggregate type}/{id}/{version}/0`.
struct PendingEvent {
  std::string id;
  std::string type;
  std::string topic;
  std::string subject;
  Time time{};
  actors::json::Raw data;
  std::string traceparent;
  std::string tracestate;
  bool operator==(const PendingEvent&) const = default;
  static constexpr auto json = actors::json::object(
      actors::json::field("id", &PendingEvent::id), actors::json::field("type", &PendingEvent::type),
      actors::json::field("topic", &PendingEvent::topic), actors::json::field("subject", &PendingEvent::subject),
      actors::json::field("time", &PendingEvent::time), actors::json::field("data", &PendingEvent::data),
      actors::json::defaulted("traceparent", &PendingEvent::traceparent),
      actors::json::defaulted("tracestate", &PendingEvent::tracestate));
};

/// `event` under the id `<aggregate>/<subject>/<version>/0`.
template <class E>
PendingEvent pending(const char* aggregate, const ProductId& subject, std::int64_t version, const E& event, Time time,
                     const actors::Trace& trace) {
  return {aggregate + ("/" + subject.value) + "/" + std::to_string(version) + "/0",
          E::event_type.name,
          E::event_type.topic,
          subject.value,
          time,
          {actors::json::to_string(event)},
          trace.traceparent,
          trace.tracestate};
}
actors::CloudEvent to_cloud_event(const PendingEvent& event);

/// 32 hexadecimal digits that stand for `text`: the same ones for the same text.
std::string digest_of(std::string_view text);

/// The pieces of a product. `revision` grows with every change and numbers the events about it.
struct StockItem {
  std::int64_t count = 0;
  std::int64_t revision = 0;
  std::vector<PendingEvent> pending;
  Writes writes;
  bool operator==(const StockItem&) const = default;
  static constexpr auto json = actors::json::object(
      actors::json::field("count", &StockItem::count), actors::json::field("revision", &StockItem::revision),
      actors::json::defaulted("pending", &StockItem::pending), actors::json::defaulted("writes", &StockItem::writes));
};

/// A product as the list knows it. `in_stock` is coarse: it follows the stock, a moment later.
struct Entry {
  Product product;
  bool in_stock = false;
  bool operator==(const Entry&) const = default;
  static constexpr auto json = actors::json::object(actors::json::field("product", &Entry::product),
                                                    actors::json::field("inStock", &Entry::in_stock));
};

struct Shard {
  std::int64_t version = 0;
  std::vector<Entry> entries;
  bool operator==(const Shard&) const = default;
  static constexpr auto json = actors::json::object(actors::json::field("version", &Shard::version),
                                                    actors::json::field("entries", &Shard::entries));
};

/// Small, so that looking whether a shard changed, and taking events off that have left, does not move the shard
/// itself.
struct Head {
  std::int64_t revision = 0;  ///< of this item
  std::int64_t shard = 0;     ///< version of the shard
  std::vector<PendingEvent> pending;
  bool operator==(const Head&) const = default;
  static constexpr auto json =
      actors::json::object(actors::json::field("revision", &Head::revision), actors::json::field("shard", &Head::shard),
                           actors::json::defaulted("pending", &Head::pending));
};

/// What an order took from the stock. `closed`: given back, or cancelled before it took anything; nothing is taken any
/// more.
struct OrderMark {
  struct Taken {
    ProductId product_id;
    std::int64_t quantity = 0;  ///< what there was, at most what was ordered
    bool operator==(const Taken&) const = default;
    static constexpr auto json = actors::json::object(actors::json::field("productId", &Taken::product_id),
                                                      actors::json::field("quantity", &Taken::quantity));
  };
  std::vector<Taken> taken;
  bool closed = false;
  std::string taken_by;  ///< which write it was that took them
  bool operator==(const OrderMark&) const = default;
  static constexpr auto json = actors::json::object(actors::json::defaulted("taken", &OrderMark::taken),
                                                    actors::json::defaulted("closed", &OrderMark::closed),
                                                    actors::json::defaulted("takenBy", &OrderMark::taken_by));
};

std::string product_key(const ProductId& id);
std::string stock_key(const ProductId& id);
std::string order_key(const OrderId& id);

/// A product as a client sees it.
struct View {
  ProductId id;
  std::string name;
  std::string description;
  std::string category;
  Money price;
  std::int64_t stock = 0;
  std::int64_t reserved = 0;  ///< pieces that orders hold; none until orders reserve
  std::string image_url;
  std::int64_t version = 0;
  Time created_at{};
  Time updated_at{};
  bool operator==(const View&) const = default;
  static constexpr auto json = actors::json::object(
      actors::json::field("id", &View::id), actors::json::field("name", &View::name),
      actors::json::field("description", &View::description), actors::json::field("category", &View::category),
      actors::json::field("price", &View::price), actors::json::field("stock", &View::stock),
      actors::json::field("reserved", &View::reserved), actors::json::field("imageUrl", &View::image_url),
      actors::json::field("version", &View::version), actors::json::field("createdAt", &View::created_at),
      actors::json::field("updatedAt", &View::updated_at));
};
View view_of(const Product& product, std::int64_t stock);

/// The strong entity tag of a view: `"7-42"`. A sale changes no version but what a client sees, so the pieces are part
/// of it (RFC 9110, section 8.8.1: a strong validator changes whenever the representation does).
std::string etag_of(const View& view);

}  // namespace shop::product

namespace actors::json {
template <>
struct Codec<shop::product::Writes> {
  static void write(Writer& writer, const shop::product::Writes& writes) { json::write(writer, writes.ids); }
  static void read(const Value& from, shop::product::Writes& writes, Reading& reading) {
    json::read(from, writes.ids, reading);
  }
};
}  // namespace actors::json
