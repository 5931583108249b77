// Documents in the state store, of every actor type and of the catalog, as another version or a mistake left them. The
// first line says whose: `actor Type`, perhaps with the key, or `store key` of the catalog; then the document.
//
// One that cannot be read is refused and stays as it is. One that can is written and read again the same, and what an
// actor has in memory is what is stored.
#include "actors/cart/cart.hpp"
#include "actors/cart/cart_product.hpp"
#include "actors/order/all_orders.hpp"
#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "actors/payment/payment.hpp"
#include "tests/fuzz/shop.hpp"
#include "tests/fuzz/well_formed.hpp"

namespace {

namespace json = actors::json;
using fuzz::require;

/// Whether T reads it; what was read is the same when written and read again.
template <class T>
bool reads(std::string_view text) {
  try {
    const auto value = json::parse<T>(text);
    const auto written = json::to_string(value);
    require(json::to_string(json::parse<T>(written, json::Unknown::Refuse)) == written,
            "written and read again: the same", written);
    return true;
  } catch (const json::Error&) {
    return false;
  }
}

struct Kind {
  const char* type;
  bool (*reads)(std::string_view state);
  const char* view;
  const char* view_body;
  const char* change;
  const char* change_body;
};
const Kind kinds[] = {
    {"Cart", reads<shop::cart::CartState>, "View", R"({"by":{"admin":true}})", "AddItem",
     R"({"by":{"admin":true},"productId":"tea","quantity":1})"},
    {"CartProduct", reads<shop::cart::CartProductState>, "Listing", "", "LookUp", ""},
    {"Order", reads<shop::order::OrderState>, "View", R"({"admin":true})", "Cancel", R"({"by":{"admin":true}})"},
    {"CustomerOrders", reads<shop::order::CustomerOrdersState>, "List", R"({"limit":20})", "Note",
     R"({"orderId":"o","createdAt":"2026-01-01T00:00:00Z","status":"created","changes":1})"},
    {"AllOrders", reads<shop::order::AllOrdersState>, "List", R"({"limit":20})", "Note",
     R"({"orders":[{"orderId":"o","createdAt":"2026-01-01T00:00:00Z","status":"created","changes":1}]})"},
    {"ProductDemand", reads<shop::order::ProductDemandState>, "View", "", "CountSale",
     R"({"orderId":"o","quantity":1})"},
    {"Payment", reads<shop::payment::PaymentState>, "View", R"({"admin":true})", "Retry",
     R"({"by":{"admin":true},"paymentMethod":{"token":"tok_approve"}})"},
};

void of_actor(const Kind& kind, const std::string& key, const std::string& text) {
  fuzz::Shop shop;
  auto& bench = shop.bench;
  const actors::ActorId actor{kind.type, "x"};
  bench.sidecar.put(actor, key, text);
  const auto before = shop.writes();
  const auto ask = [&](const char* method, const char* body) -> std::optional<std::string> {
    try {
      const auto reply = bench.call_raw(actor, {method, body, "", actors::Cause::Call, {}});
      return reply ? *reply : reply.error().code;
    } catch (const std::exception& error) {
      require(std::string_view(error.what()).size() < 65536, "what is wrong is told within bounds");
      return std::nullopt;
    }
  };
  const auto seen = ask(kind.view, kind.view_body);
  require(bench.sidecar.stored(actor, key) == text, "a read changes nothing", kind.type);
  bool readable = key != "state";
  if (!readable) {
    try {
      const json::Document document(text);
      const auto data = document.root().find("data");
      readable = data && kind.reads(data->text());
    } catch (const json::Error&) {
    }
  }
  require(readable || !seen, "a document that cannot be read is refused", text);
  ask(kind.change, kind.change_body);
  bench.run(bench.sidecar.register_reminder(actor, {"tend", {}, std::chrono::seconds(30)}));
  bench.advance(std::chrono::minutes(1));
  if (!readable) {
    require(bench.sidecar.stored(actor, "state") == text, "a document that cannot be read stays as it is", text);
    require(shop.writes() == before + 1, "where a document cannot be read, nothing else is written");  // the reminder
    return;
  }
  const auto in_memory = ask(kind.view, kind.view_body);
  bench.deactivate(actor);
  require(ask(kind.view, kind.view_body) == in_memory, "what is in memory is what is stored", in_memory.value_or(""));
  if (in_memory) fuzz::require_json(bench.sidecar.stored(actor, "state").value_or("null"), "what is stored is JSON");
}

template <class T>
bool is_of(std::string_view key, std::string_view prefix, std::string_view text, bool& readable) {
  if (!key.starts_with(prefix)) return false;
  readable = reads<T>(text);
  return true;
}

void of_catalog(const std::string& key, const std::string& text) {
  bool readable = false;
  if (!is_of<shop::product::ProductItem>(key, "product.", text, readable) &&
      !is_of<shop::product::StockItem>(key, "stock.", text, readable) &&
      !is_of<shop::product::LogHead>(key, "log.", text, readable) &&
      !is_of<shop::product::Reservation>(key, "order.", text, readable))
    return;
  fuzz::Shop shop;
  auto& bench = shop.bench;
  shop.products.put(key, text);
  const shop::ProductId tea("tea");
  const auto attempt = [&](auto work) {
    try {
      bench.run(work());
    } catch (const std::exception& error) {
      require(std::string_view(error.what()).size() < 65536, "what is wrong is told within bounds");
    }
  };
  auto& index = shop.catalog.index;
  auto& stock = shop.catalog.stock;
  auto& catalog = shop.catalog.catalog;
  attempt([&] { return index.open(); });
  attempt([&] { return catalog.find(tea); });
  attempt([&] { return catalog.listing(tea); });
  attempt([&] { return catalog.list({}); });
  attempt([&] { return catalog.categories(); });
  attempt([&] { return index.tend(); });
  bench.advance(std::chrono::seconds(10));
  attempt([&] { return index.tend(); });
  attempt([&] { return stock.adjust(tea, -1, "k"); });
  shop::order::Confirmed order{shop::OrderId("o"), {}, {{tea, "Tea", 2, {450, "EUR"}}}, {900, "EUR"}, {}};
  order.payment_id = shop::PaymentId("p");
  attempt([&] { return stock.reserve(order.order_id, {{{tea, 2}}}); });
  attempt([&] { return stock.sell(order, {}); });
  attempt([&] { return stock.give_back({order.order_id, {}, order.lines, order.total, "", true}); });
  attempt([&] { return catalog.remove(tea, {}, {}); });
  if (!readable)
    require(shop.products.stored(key) == text, "a document that cannot be read stays as it is", text);
  else if (const auto kept = shop.products.stored(key))
    fuzz::require_json(*kept, "what is stored is JSON");
}

/// Has it a number that our counters never reach? They are not made for the ends of their types.
bool is_beyond_counting(std::string_view text) {
  int digits = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      in_string = !in_string;
    digits = !in_string && i < text.size() && text[i] >= '0' && text[i] <= '9' ? digits + 1 : 0;
    if (digits > 9) return true;
  }
  return false;
}

}  // namespace

void fuzz::run(std::string_view input) {
  if (is_beyond_counting(input)) return;
  auto head = take_until(input, "\n");
  const auto where = take_until(head, " ");
  const std::string text(input);
  if (where == "store") return of_catalog(std::string(head), text);
  if (where != "actor") return;
  const auto type = take_until(head, " ");
  for (const auto& kind : kinds)
    if (type == kind.type) of_actor(kind, head.empty() ? "state" : std::string(head), text);
}
