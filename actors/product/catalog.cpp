#include "actors/product/catalog.hpp"

#include <algorithm>

#include "actors/shared/currency.hpp"

namespace shop::product {
namespace {

using actors::Reason;
using actors::refuse;
using Problems = std::vector<actors::json::Problem>;

constexpr std::size_t most_name = 200;
constexpr std::size_t most_category = 100;
constexpr std::size_t most_description = 4000;
constexpr std::size_t most_url = 2048;

/// Unicode characters of a text that is known to be UTF-8.
std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

void check_line(const std::string& text, const char* pointer, std::size_t most, Problems& problems) {
  if (text.find_first_not_of(' ') == std::string::npos)
    problems.push_back({pointer, "must not be empty"});
  else if (length_of(text) > most)
    problems.push_back({pointer, "must have at most " + std::to_string(most) + " characters"});
  else if (std::any_of(text.begin(), text.end(), is_control))
    problems.push_back({pointer, "must not hold control characters"});
}

void check_description(const std::string& text, Problems& problems) {
  if (length_of(text) > most_description)
    problems.push_back({"/description", "must have at most " + std::to_string(most_description) + " characters"});
  else if (std::any_of(text.begin(), text.end(),
                       [](char c) { return is_control(c) && c != '\n' && c != '\r' && c != '\t'; }))
    problems.push_back({"/description", "must not hold control characters"});
}

void check_price(const Money& price, Problems& problems) {
  if (!is_currency(price.currency))
    problems.push_back(
        {"/price/currency", "must be the code of a currency in use (ISO 4217), such as EUR, JPY or KWD"});
  if (!is_price({price.amount, "EUR"}))
    problems.push_back({"/price/amount", "must be from 0 to 1000000000000 minor units (cents)"});
}

void check_stock(std::int64_t stock, Problems& problems) {
  if (stock < 0 || stock > most_stock)
    problems.push_back({"/stock", "must be from 0 to " + std::to_string(most_stock)});
}

/// A page shows the address: one that a browser would run instead of fetching it must not get there.
void check_image_url(const std::string& url, Problems& problems) {
  if (url.size() > most_url) {
    problems.push_back({"/imageUrl", "must have at most " + std::to_string(most_url) + " bytes"});
    return;
  }
  const bool is_plain =
      std::none_of(url.begin(), url.end(), [](char c) { return is_control(c) || c == ' ' || c == '\\'; });
  const auto colon = url.find(':');
  const bool has_scheme = colon != std::string::npos && colon < url.find_first_of("/?#");
  if (!is_plain || (has_scheme && !url.starts_with("https://") && !url.starts_with("http://")))
    problems.push_back(
        {"/imageUrl", "must be an address that begins with https:// or http://, or one without a scheme"});
}

template <class P>
Problems problems_of_any(const P& product) {
  Problems problems;
  check_line(product.name, "/name", most_name, problems);
  check_description(product.description.value_or(""), problems);
  check_line(product.category, "/category", most_category, problems);
  check_price(product.price, problems);
  check_image_url(product.image_url.value_or(""), problems);
  return problems;
}

actors::Result<Product> existing(const std::optional<ProductItem>& item, const ProductId& id) {
  if (!item || item->deleted)
    return refuse(Reason::NotFound, "unknown_product", "There is no product " + id.value + ".");
  return item->product;
}

bool holds(const Condition& condition, const Product& product, const StockItem& stock) {
  return !condition || condition(etag_of(view_of(product, stock.count)));
}
auto stale(const ProductId& id) {
  return refuse(
      Reason::Conflict, "stale_etag",
      "The product " + id.value + " has changed since: read it again, and repeat the change with its new ETag.");
}

/// A created or updated product, as its event tells it.
template <class E>
E told(const Product& product, std::int64_t stock) {
  return {product.id, product.name, product.category, product.price, stock, product.version};
}

}  // namespace

Problems problems_of(const NewProduct& product) {
  auto problems = problems_of_any(product);
  check_stock(product.stock, problems);
  return problems;
}

Problems problems_of(const WholeProduct& product, const ProductId& id) {
  auto problems = problems_of_any(product);
  if (product.stock) check_stock(*product.stock, problems);
  if (product.id && *product.id != id) problems.push_back({"/id", "must be the id in the path, or left out"});
  return problems;
}

actors::Task<actors::Result<View>> Catalog::write(ProductId id, Asked asked, Decide decide) {
  const auto number = shard_of(id);
  const std::vector<std::string> lane{head_key(number), stock_key(id)};
  auto hold = co_await lanes_.enter(lane);

  const auto write_id = Writes::id_of(asked.request, digest_of(asked.content));
  std::optional<Written> written;
  std::optional<View> earlier;
  Slice slice;
  const auto change = [&](Items& items) -> std::optional<actors::Refusal> {
    slice = index_.slice(items, number);
    auto item = items.read<ProductItem>(product_key(id));
    const auto stock = items.read<StockItem>(stock_key(id)).value_or(StockItem{});
    if (item && item->writes.contain(write_id)) {
      if (written) return std::nullopt;  // stored by the attempt before; its answer was lost
      // Or by the request before. Its event is on its way, or left behind for whoever refreshes the list next.
      if (item->deleted && !asked.content.empty()) return existing(item, id).error();
      earlier = view_of(item->product, stock.count);
      return std::nullopt;
    }
    if (item && item->writes.contain_of(asked.request))
      return actors::Refusal{Reason::Unprocessable, "idempotency_key_reused",
                             "This idempotency key was used for another change of the product: send a new one."};
    auto decided = decide(item, stock);
    if (!decided) return decided.error();
    written = std::move(*decided);

    ProductItem now{written->product, written->deleted, item ? std::move(item->writes) : Writes{}};
    now.writes.add(write_id);
    items.write(product_key(id), now);
    if (written->stock) items.write(stock_key(id), *written->stock);
    if (written->deleted)
      slice.erase(id);
    else
      slice.put({written->product, written->count > 0});
    index_.save(items, slice, written->event);
    return std::nullopt;
  };
  const std::vector<std::string> keys{product_key(id), stock_key(id), head_key(number), shard_key(number)};
  std::optional<actors::Refusal> refusal;
  try {
    refusal = co_await transactions_.change(keys, change);
  } catch (const ItemTooLarge&) {
    refusal = actors::Refusal{Reason::TooLarge, "catalog_full",
                              "The part of the catalog that " + id.value +
                                  " belongs to is full: shorten descriptions, delete products, or choose another id."};
  }
  if (refusal) co_return tl::unexpected(std::move(*refusal));
  if (!written) co_return *std::move(earlier);
  index_.learn(slice);
  if (written->stock) stock_.learn(id, *written->stock);
  hold.release();
  co_await index_.publish(number, written->event);
  co_return view_of(written->product, written->count);
}

actors::Task<actors::Result<View>> Catalog::create(NewProduct product, actors::Trace trace, std::string request) {
  // An id that the client left to us is the same one when it asks again.
  const auto id = product.id ? *product.id : ProductId(digest_of(request));
  Asked asked{std::move(request), actors::json::to_string(product)};
  const auto decide = [this, id, product = std::move(product), trace = std::move(trace)](
                          const std::optional<ProductItem>& item, const StockItem& stored) -> actors::Result<Written> {
    if (item && !item->deleted)
      return refuse(Reason::Conflict, "product_exists", "There is a product " + id.value + " already.");
    const auto now = clock_.now();
    const Product created{id,
                          product.name,
                          product.description.value_or(""),
                          product.category,
                          product.price,
                          product.image_url.value_or(""),
                          item ? item->product.version + 1 : 1,
                          now,
                          now};
    auto stock = stored;
    stock.count = product.stock;
    ++stock.revision;
    auto event = pending("Product", id, created.version, told<Created>(created, stock.count), now, trace);
    return Written{created, false, stock, stock.count, std::move(event)};
  };
  return write(id, std::move(asked), decide);
}

actors::Task<actors::Result<View>> Catalog::replace(ProductId id, WholeProduct product, Condition condition,
                                                    actors::Trace trace, std::string request) {
  Asked asked{std::move(request), actors::json::to_string(product)};
  const auto decide = [this, id, product = std::move(product), condition = std::move(condition),
                       trace = std::move(trace)](const std::optional<ProductItem>& item,
                                                 const StockItem& stored) -> actors::Result<Written> {
    const auto before = existing(item, id);
    if (!before) return tl::unexpected(before.error());
    if (!holds(condition, *before, stored)) return stale(id);
    const auto now = clock_.now();
    const Product changed{id,
                          product.name,
                          product.description.value_or(""),
                          product.category,
                          product.price,
                          product.image_url.value_or(""),
                          before->version + 1,
                          before->created_at,
                          now};
    std::optional<StockItem> stock;
    if (product.stock) {
      stock = stored;
      stock->count = *product.stock;
      ++stock->revision;
    }
    const auto count = product.stock.value_or(stored.count);
    auto event = pending("Product", id, changed.version, told<Updated>(changed, count), now, trace);
    return Written{changed, false, std::move(stock), count, std::move(event)};
  };
  return write(id, std::move(asked), decide);
}

actors::Task<actors::Result<void>> Catalog::remove(ProductId id, Condition condition, actors::Trace trace,
                                                   std::string request) {
  const auto decide = [this, id, condition = std::move(condition), trace = std::move(trace)](
                          const std::optional<ProductItem>& item, const StockItem& stored) -> actors::Result<Written> {
    const auto before = existing(item, id);
    if (!before) return tl::unexpected(before.error());
    if (!holds(condition, *before, stored)) return stale(id);
    const auto now = clock_.now();
    Product tombstone;
    tombstone.id = id;
    tombstone.version = before->version + 1;
    tombstone.created_at = before->created_at;
    tombstone.updated_at = now;
    auto event = pending("Product", id, tombstone.version, Deleted{id, tombstone.version}, now, trace);
    return Written{std::move(tombstone), true, std::nullopt, 0, std::move(event)};
  };
  Asked asked{std::move(request), ""};
  auto written = co_await write(id, std::move(asked), decide);
  if (!written) co_return tl::unexpected(std::move(written.error()));
  co_return actors::Result<void>{};
}

actors::Task<std::optional<View>> Catalog::find(ProductId id) {
  const std::vector<std::string> keys{product_key(id), stock_key(id)};
  auto found = co_await store_.get_all(keys);
  const Items items(keys, std::move(found));
  const auto item = items.read<ProductItem>(keys[0]);
  if (!item || item->deleted) co_return std::nullopt;
  const auto stock = items.read<StockItem>(keys[1]).value_or(StockItem{});
  co_return view_of(item->product, stock.count);
}

actors::Task<std::optional<Listing>> Catalog::listing(ProductId id) {
  const std::vector<std::string> keys{product_key(id)};
  auto found = co_await store_.get_all(keys);
  const Items items(keys, std::move(found));
  const auto item = items.read<ProductItem>(keys[0]);
  if (!item) co_return std::nullopt;
  const auto& product = item->product;
  co_return Listing{id, product.name, product.price, product.version, item->deleted};
}

actors::Task<std::optional<ProductPage>> Catalog::list(Query query) {
  co_await index_.refresh();
  const auto all = index_.list();
  const auto page = select(*all, query);
  if (!page) co_return std::nullopt;
  std::vector<ProductId> ids;
  for (const auto* entry : page->entries) ids.push_back(entry->product.id);
  auto counts = co_await stock_.counts(ids);
  ProductPage shown;
  for (const auto* entry : page->entries) {
    const auto count = counts[entry->product.id];
    if (entry->in_stock != (count > 0)) index_.follow_stock_later(entry->product.id);
    shown.items.push_back(view_of(entry->product, count));
  }
  shown.next_cursor = page->next;
  shown.total = page->total;
  co_return shown;
}

actors::Task<CategoryList> Catalog::categories() {
  co_await index_.refresh();
  const auto all = index_.list();
  co_return CategoryList{product::categories(*all)};
}

}  // namespace shop::product
