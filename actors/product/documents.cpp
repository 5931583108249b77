#include "actors/product/documents.hpp"

#include "actors/runtime/named_id.hpp"

namespace shop::product {

actors::CloudEvent to_cloud_event(const PendingEvent& event) {
  return {event.id,    app_id,     event.type, event.subject,
          event.topic, event.time, event.data, {event.traceparent, event.tracestate}};
}

std::string digest_of(std::string_view text) {
  auto digits = actors::named_id(text);
  std::erase(digits, '-');
  return digits;
}

std::string product_key(const ProductId& id) {
  return "product." + id.value;
}
std::string stock_key(const ProductId& id) {
  return "stock." + id.value;
}
std::string order_key(const OrderId& id) {
  return "order." + id.value;
}

View view_of(const Product& product, std::int64_t stock) {
  return {product.id, product.name,      product.description, product.category,   product.price,     stock,
          0,          product.image_url, product.version,     product.created_at, product.updated_at};
}

std::string etag_of(const View& view) {
  return '"' + std::to_string(view.version) + '-' + std::to_string(view.stock) + '"';
}

}  // namespace shop::product
