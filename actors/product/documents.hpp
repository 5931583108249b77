/// What the catalog keeps in the state store, and what it shows of it.
///
/// | key | holds | changes with |
/// |---|---|---|
/// | `product.<id>` | `ProductItem`: the product, or a deleted one's tombstone | create, replace, picture, remove |
/// | `stock.<id>` | `StockItem`: the pieces, and how many orders hold | a reservation, a sale, a stock-take |
/// | `order.<id>` | `Reservation`: what an order holds or took | an order, three times at most |
/// | `picture.<id>.…` | a picture's bytes, see picture_store.hpp | a picture |
/// | `log.…`, `catalog` | what changed, see change_log.hpp | create, replace, remove, first and last piece |
/// | `snapshot1.…` | products packed together, see snapshot.hpp | a quarter of a log's products |
///
/// An item of DynamoDB holds at most 400 KB; see `Items::write`.
#pragma once

#include <dapr/actors/records/group_commit.hpp>
#include <dapr/actors/records/handled.hpp>
#include <dapr/actors/records/outbox.hpp>
#include <dapr/actors/sidecar.hpp>
#include <dapr/actors/time.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/product/contract.hpp"
#include "actors/shared/library.hpp"

namespace shop::product {

using actors::Time;
using actors::records::digest_of;
using actors::records::GroupCommit;
using actors::records::HandledRequests;
using actors::records::Items;
using actors::records::OutboxEntry;
using actors::records::Pause;

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
  DAPR_ACTORS_JSON(id, name, description, category, price, image_url, version, created_at, updated_at)
  DAPR_ACTORS_JSON_DEFAULTED(description, image_url)
};

/// What the product's item knows of its picture, whose bytes are items of their own (picture_store.hpp).
struct PictureRecord {
  std::int64_t version = 0;  ///< of the product, when the picture came
  std::string type;
  std::int64_t size = 0;  ///< bytes
  std::string digest;     ///< `digest_of` the bytes
  bool operator==(const PictureRecord&) const = default;
  DAPR_ACTORS_JSON(version, type, size, digest)
};

/// A deleted product keeps its item and its version, so that versions never start again.
struct ProductItem {
  Product product;
  bool deleted = false;
  HandledRequests writes;
  std::optional<PictureRecord> picture = {};
  std::optional<std::int64_t> imported_stock = {};  ///< what the last import said: said again, it is no stock-take
  bool operator==(const ProductItem&) const = default;
  DAPR_ACTORS_JSON(product, deleted, writes, picture, imported_stock)
  DAPR_ACTORS_JSON_DEFAULTED(deleted, writes)
};

/// `event` under the id `<aggregate>/<subject>/<version>/0`.
template <class E>
OutboxEntry pending(const char* aggregate, const ProductId& subject, std::int64_t version, const E& event, Time time,
                    const actors::Trace& trace) {
  return {aggregate + ("/" + subject.value) + "/" + std::to_string(version) + "/0",
          E::event_type.name,
          E::event_type.topic,
          time,
          {actors::json::to_string(event)},
          trace.traceparent,
          trace.tracestate,
          subject.value};
}
/// The pieces of a product: `count` lie on the shelf, orders hold `reserved` of them. `revision` grows with every
/// change and numbers the events about it.
struct StockItem {
  std::int64_t count = 0;
  std::int64_t revision = 0;
  std::vector<OutboxEntry> pending;
  HandledRequests writes;
  std::int64_t reserved = 0;
  /// What can be had. A stock-take may find fewer pieces than orders hold.
  std::int64_t available() const { return std::max<std::int64_t>(count - reserved, 0); }
  bool operator==(const StockItem&) const = default;
  DAPR_ACTORS_JSON(count, revision, pending, writes, reserved)
  DAPR_ACTORS_JSON_DEFAULTED(pending, writes, reserved)
};

/// A product as the list knows it. `in_stock` is coarse: it follows the stock, a moment later.
struct Entry {
  Product product;
  bool in_stock = false;
  bool operator==(const Entry&) const = default;
  DAPR_ACTORS_JSON(product, in_stock)
};

/// What an order holds, took or was refused. The first answer to an order stays: it is asked for again after a crash,
/// and what it was told before must still be true.
enum class ReservationState {
  Held,     ///< its pieces are reserved
  Sold,     ///< its pieces are taken from the shelf
  Closed,   ///< given back; nothing is taken any more
  Refused,  ///< not all of its lines could be had
};
inline constexpr std::array reservation_states{
    std::pair{ReservationState::Held, "held"}, std::pair{ReservationState::Sold, "sold"},
    std::pair{ReservationState::Closed, "closed"}, std::pair{ReservationState::Refused, "refused"}};

struct Reservation {
  ReservationState state = ReservationState::Held;
  std::vector<Reserve::Wanted> lines;           ///< a product once each
  std::vector<Reserved::Shortage> shortages{};  ///< of a refused one
  std::string sold_by = {};                     ///< which write it was that took them
  bool operator==(const Reservation&) const = default;
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
  std::int64_t stock = 0;      ///< pieces on the shelf
  std::int64_t reserved = 0;   ///< pieces of these that orders hold
  std::int64_t available = 0;  ///< what can be had
  std::string image_url;
  std::int64_t version = 0;
  Time created_at{};
  Time updated_at{};
  bool operator==(const View&) const = default;
  DAPR_ACTORS_JSON(id, name, description, category, price, stock, reserved, available, image_url, version, created_at,
                   updated_at)
};
View view_of(const Product& product, const StockItem& stock);

/// The product as it is shown: with the address of its picture, unless it names another.
Product shown(const ProductItem& item);
/// Where the shop serves it: `/products/{id}/image?v={version}`.
std::string picture_url(const ProductId& id, const PictureRecord& record);
/// Whether it is the address of a picture of this product, of whatever version: sent back by a client, it is none that
/// the product names itself.
bool is_own_picture(const std::string& url, const ProductId& id);

/// The strong entity tag of a view: `"7-42"`, or `"7-42-3"` while orders hold pieces. A sale and a reservation change
/// no version but what a client sees, so the pieces are part of it (RFC 9110, section 8.8.1: a strong validator changes
/// whenever the representation does).
std::string etag_of(const View& view);

}  // namespace shop::product

namespace dapr::actors::json {
template <>
struct Codec<shop::product::ReservationState>
    : EnumCodec<shop::product::ReservationState, shop::product::reservation_states> {};
/// Also reads what stands for an order that took its pieces before orders reserved them: `taken`, `closed`, `takenBy`.
template <>
struct Codec<shop::product::Reservation> {
  static void write(Writer& writer, const shop::product::Reservation& reservation);
  static void read(const Value& from, shop::product::Reservation& reservation, Reading& reading);
};
}  // namespace dapr::actors::json
