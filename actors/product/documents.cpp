#include "actors/product/documents.hpp"

namespace shop::product {

std::string product_key(const ProductId& id) {
  return "product." + id.value;
}
std::string stock_key(const ProductId& id) {
  return "stock." + id.value;
}
std::string order_key(const OrderId& id) {
  return "order." + id.value;
}

View view_of(const Product& product, const StockItem& stock) {
  return {product.id,        product.name,    product.description, product.category,
          product.price,     stock.count,     stock.reserved,      stock.available(),
          product.image_url, product.version, product.created_at,  product.updated_at};
}

std::string picture_url(const ProductId& id, const PictureRecord& record) {
  return "/products/" + id.value + "/image?v=" + std::to_string(record.version);
}

bool is_own_picture(const std::string& url, const ProductId& id) {
  const auto own = "/products/" + id.value + "/image";
  return url == own || url.starts_with(own + '?');
}

Product shown(const ProductItem& item) {
  auto product = item.product;
  if (product.image_url.empty() && item.picture) product.image_url = picture_url(product.id, *item.picture);
  return product;
}

std::string etag_of(const View& view) {
  const auto held = view.reserved > 0 ? '-' + std::to_string(view.reserved) : "";
  return '"' + std::to_string(view.version) + '-' + std::to_string(view.stock) + held + '"';
}

}  // namespace shop::product

namespace dapr::actors::json {
namespace {

using shop::product::Reservation;
using shop::product::ReservationState;

struct StoredReservation {
  ReservationState state = ReservationState::Held;
  std::vector<shop::product::Reserve::Wanted> lines;
  std::vector<shop::product::Reserved::Shortage> shortages;
  std::string sold_by;
  DAPR_ACTORS_JSON(state, lines, shortages, sold_by)
  DAPR_ACTORS_JSON_DEFAULTED(shortages, sold_by)
};

/// The form before orders reserved.
struct OrderMark {
  std::vector<shop::product::Reserve::Wanted> taken;
  bool closed = false;
  std::string taken_by;
  DAPR_ACTORS_JSON(taken, closed, taken_by)
  DAPR_ACTORS_JSON_DEFAULTED(taken, closed, taken_by)
};

}  // namespace

void Codec<Reservation>::write(Writer& writer, const Reservation& reservation) {
  json::write(writer,
              StoredReservation{reservation.state, reservation.lines, reservation.shortages, reservation.sold_by});
}

void Codec<Reservation>::read(const Value& from, Reservation& reservation, Reading& reading) {
  if (from.is_object() && !from.find("state")) {
    OrderMark mark;
    json::read(from, mark, reading);
    reservation = {mark.closed ? ReservationState::Closed : ReservationState::Sold,
                   std::move(mark.taken),
                   {},
                   std::move(mark.taken_by)};
    return;
  }
  StoredReservation stored;
  json::read(from, stored, reading);
  reservation = {stored.state, std::move(stored.lines), std::move(stored.shortages), std::move(stored.sold_by)};
}

}  // namespace dapr::actors::json
