#include "actors/product/catalog.hpp"

#include <dapr/actors/utf8.hpp>

#include <algorithm>
#include <iterator>

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

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

void check_line(const std::string& text, const char* pointer, std::size_t most, Problems& problems) {
  if (text.find_first_not_of(' ') == std::string::npos)
    problems.push_back({pointer, "must not be empty"});
  else if (actors::characters_in(text) > most)
    problems.push_back({pointer, "must have at most " + std::to_string(most) + " characters"});
  else if (std::any_of(text.begin(), text.end(), is_control))
    problems.push_back({pointer, "must not hold control characters"});
}

void check_description(const std::string& text, Problems& problems) {
  if (actors::characters_in(text) > most_description)
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

actors::Result<ProductItem> existing(const std::optional<ProductItem>& item, const ProductId& id) {
  if (!item || item->deleted)
    return refuse(Reason::NotFound, "unknown_product", "There is no product " + id.value + ".");
  return *item;
}

/// What a client was shown and sends back is no address that the product names itself.
std::string own_image_url(const std::optional<std::string>& url, const ProductId& id) {
  return url && !is_own_picture(*url, id) ? *url : "";
}

StockItem counted(StockItem stock, std::int64_t count) {
  stock.count = count;
  ++stock.revision;
  return stock;
}

bool holds(const Condition& condition, const ProductItem& item, const StockItem& stock) {
  return !condition || condition(etag_of(view_of(shown(item), stock)));
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

actors::Task<actors::Result<View>> Catalog::write(ProductId id, Asked asked, Decide decide, bool writes_much) {
  const std::vector<std::string> keys{product_key(id), stock_key(id), log_key(log_of(id))};
  std::optional<Written> written;
  std::optional<View> there;
  StockItem stock;
  LogHead head;
  const auto change = [&](Items& items) -> std::optional<actors::Refusal> {
    const auto item = items.read<ProductItem>(keys[0]);
    stock = items.read<StockItem>(keys[1]).value_or(StockItem{});
    if (item && item->writes.contain(asked.request, asked.content)) {
      if (written) return std::nullopt;  // stored by the attempt before; its answer was lost
      // Or by the request before. Its event is on its way, or left behind for whoever refreshes the list next.
      if (item->deleted && !asked.content.empty()) return existing(item, id).error();
      there = view_of(shown(*item), stock);
      return std::nullopt;
    }
    if (item && item->writes.contain_of(asked.request))
      return actors::Refusal{Reason::Unprocessable, "idempotency_key_reused",
                             "This idempotency key was used for another change of the product: send a new one."};
    written.reset();
    auto decided = decide(item, stock);
    if (!decided) return decided.error();
    if (!*decided) {
      there = view_of(shown(*item), stock);
      return std::nullopt;
    }
    written = std::move(**decided);

    if (item) written->item.writes = item->writes;
    written->item.writes.add(asked.request, asked.content);
    items.write(keys[0], written->item);
    if (written->stock) {
      stock = *written->stock;
      items.write(keys[1], stock);
    }
    for (const auto& other : written->others) {
      if (other.value)
        items.write_text(other.key, *other.value);
      else
        items.erase(other.key);
    }
    const bool in_stock = !written->item.deleted && stock.available() > 0;
    head = index_.append(items, {id, written->item.product.version, stock.revision, in_stock}, written->event);
    return std::nullopt;
  };
  std::optional<actors::Refusal> refusal;
  if (writes_much)
    refusal = co_await commit_.change_alone(keys, change);
  else
    refusal = co_await commit_.change(keys, change);
  if (refusal) co_return tl::unexpected(std::move(*refusal));
  if (!written) co_return *std::move(there);
  const auto product = shown(written->item);
  index_.learn({product, written->item.deleted, !written->item.deleted && stock.available() > 0, stock.revision}, head);
  stock_.learn(id, stock);
  co_await index_.publish(written->event);
  co_return view_of(product, stock);
}

actors::Task<actors::Result<View>> Catalog::create(NewProduct product, actors::Trace trace, std::string request) {
  // An id that the client left to us is the same one when it asks again.
  const auto id = product.id.value_or(ProductId(digest_of(request)));
  Asked asked{std::move(request), actors::json::to_string(product)};
  const auto decide = [this, id, product = std::move(product), trace = std::move(trace)](
                          const std::optional<ProductItem>& item, const StockItem& stored) -> Decision {
    if (item && !item->deleted)
      return refuse(Reason::Conflict, "product_exists", "There is a product " + id.value + " already.");
    return created(product, id, item, stored, trace);
  };
  return write(id, std::move(asked), decide);
}

/// A product that is new, or new again: its version goes on where the deleted one's ended.
Catalog::Written Catalog::created(const NewProduct& product, const ProductId& id,
                                  const std::optional<ProductItem>& before, const StockItem& stored,
                                  const actors::Trace& trace) const {
  const auto now = clock_.now();
  Written written;
  written.item.product = {id,
                          product.name,
                          product.description.value_or(""),
                          product.category,
                          product.price,
                          own_image_url(product.image_url, id),
                          before ? before->product.version + 1 : 1,
                          now,
                          now};
  written.stock = counted(stored, product.stock);
  const auto& made = written.item.product;
  written.event = pending("Product", id, made.version, told<Created>(made, product.stock), now, trace);
  return written;
}

/// What an administrator says of a product takes the place of what was said before.
Catalog::Written Catalog::replaced(const ProductItem& before, Product product, std::optional<std::int64_t> count,
                                   const StockItem& stored, const actors::Trace& trace) const {
  const auto now = clock_.now();
  Written written;
  written.item = before;
  product.id = before.product.id;
  product.version = before.product.version + 1;
  product.created_at = before.product.created_at;
  product.updated_at = now;
  written.item.product = std::move(product);
  if (count) written.stock = counted(stored, *count);
  const auto& made = written.item.product;
  written.event =
      pending("Product", made.id, made.version, told<Updated>(made, count.value_or(stored.count)), now, trace);
  return written;
}

actors::Task<actors::Result<View>> Catalog::replace(ProductId id, WholeProduct product, Condition condition,
                                                    actors::Trace trace, std::string request) {
  Asked asked{std::move(request), actors::json::to_string(product)};
  const auto decide = [this, id, product = std::move(product), condition = std::move(condition),
                       trace = std::move(trace)](const std::optional<ProductItem>& item,
                                                 const StockItem& stored) -> Decision {
    const auto before = existing(item, id);
    if (!before) return tl::unexpected(before.error());
    if (!holds(condition, *before, stored)) return stale(id);
    Product changed;
    changed.name = product.name;
    changed.description = product.description.value_or("");
    changed.category = product.category;
    changed.price = product.price;
    changed.image_url = own_image_url(product.image_url, id);
    return replaced(*before, std::move(changed), product.stock, stored, trace);
  };
  return write(id, std::move(asked), decide);
}

actors::Task<actors::Result<Imported>> Catalog::import_one(NewProduct product, actors::Trace trace,
                                                           std::string request) {
  const auto id = product.id.value();
  std::optional<Imported::Status> status;
  Asked asked{std::move(request), actors::json::to_string(product)};
  const auto decide = [this, id, &status, product = std::move(product), trace = std::move(trace)](
                          const std::optional<ProductItem>& item, const StockItem& stored) -> Decision {
    if (!item || item->deleted) {
      status = Imported::Status::Created;
      auto written = created(product, id, item, stored, trace);
      written.item.imported_stock = product.stock;
      return written;
    }
    Product now = item->product;
    now.name = product.name;
    now.description = product.description.value_or("");
    now.category = product.category;
    now.price = product.price;
    now.image_url = own_image_url(product.image_url, id);
    const bool is_stock_take =
        item->imported_stock != product.stock && (item->imported_stock || stored.count != product.stock);
    if (now == item->product && !is_stock_take) {
      status = Imported::Status::Unchanged;
      return std::optional<Written>{};
    }
    status = Imported::Status::Replaced;
    auto written =
        replaced(*item, std::move(now), is_stock_take ? std::optional(product.stock) : std::nullopt, stored, trace);
    written.item.imported_stock = product.stock;
    return written;
  };
  auto written = co_await write(id, std::move(asked), decide);
  if (!written) co_return tl::unexpected(std::move(written.error()));
  if (!status)  // an attempt before did it, and its answer was lost
    status = written->created_at == written->updated_at ? Imported::Status::Created : Imported::Status::Replaced;
  co_return Imported{id, *status};
}

actors::Task<actors::Result<std::int64_t>> Catalog::set_picture(ProductId id, Picture picture,
                                                                PictureCondition condition, actors::Trace trace,
                                                                std::string request) {
  Asked asked{std::move(request), picture.type + ' ' + digest_of(picture.bytes)};
  const auto decide = [this, id, &picture, condition = std::move(condition), trace = std::move(trace)](
                          const std::optional<ProductItem>& item, const StockItem& stored) -> Decision {
    const auto before = existing(item, id);
    if (!before) return tl::unexpected(before.error());
    const auto known = before->picture ? std::optional(before->picture->version) : std::nullopt;
    if (condition && !condition(known)) return stale(id);
    auto written = replaced(*before, before->product, std::nullopt, stored, trace);
    const auto version = written.item.product.version;
    written.item.picture = record_of(picture, version);
    written.others = pieces(id, version, picture);
    if (before->picture) {
      auto former = without_pieces(id, *before->picture);
      std::move(former.begin(), former.end(), std::back_inserter(written.others));
    }
    return written;
  };
  auto written = co_await write(id, std::move(asked), decide, true);
  if (!written) co_return tl::unexpected(std::move(written.error()));
  co_return written->version;
}

actors::Task<std::optional<StoredPicture>> Catalog::picture(ProductId id) {
  // Where it is replaced between the two reads there is a newer one.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto key = product_key(id);
    const auto stored = co_await store_.get(key);
    if (!stored) co_return std::nullopt;
    const auto item = actors::json::parse<ProductItem>(stored->value);
    if (item.deleted || !item.picture) co_return std::nullopt;
    auto picture = co_await read_picture(store_, id, *item.picture);
    if (picture) co_return StoredPicture{std::move(*picture), item.picture->version};
  }
  throw actors::SidecarError(503, "PICTURE", "the picture of " + id.value + " is being replaced again and again");
}

actors::Task<actors::Result<void>> Catalog::remove(ProductId id, Condition condition, actors::Trace trace,
                                                   std::string request) {
  const auto decide = [this, id, condition = std::move(condition), trace = std::move(trace)](
                          const std::optional<ProductItem>& item, const StockItem& stored) -> Decision {
    const auto before = existing(item, id);
    if (!before) return tl::unexpected(before.error());
    if (!holds(condition, *before, stored)) return stale(id);
    const auto now = clock_.now();
    Written written;
    auto& tombstone = written.item.product;
    tombstone.id = id;
    tombstone.version = before->product.version + 1;
    tombstone.created_at = before->product.created_at;
    tombstone.updated_at = now;
    written.item.deleted = true;
    written.event = pending("Product", id, tombstone.version, Deleted{id, tombstone.version}, now, trace);
    if (before->picture) written.others = without_pieces(id, *before->picture);
    return written;
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
  co_return view_of(shown(*item), stock);
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
  auto page = index_.select(query);
  if (!page) co_return std::nullopt;
  std::vector<ProductId> ids;
  for (const auto& entry : page->entries) ids.push_back(entry.product.id);
  const auto stocks = co_await stock_.items(std::move(ids));
  ProductPage shown;
  for (const auto& entry : page->entries) {
    const auto found = stocks.find(entry.product.id);
    const auto stock = found == stocks.end() ? StockItem{} : found->second;
    if (entry.in_stock != (stock.available() > 0)) index_.follow_stock_later(entry.product.id);
    shown.items.push_back(view_of(entry.product, stock));
  }
  shown.next_cursor = std::move(page->next);
  shown.total = page->total;
  shown.facets = std::move(page->facets);
  co_return shown;
}

actors::Task<CategoryList> Catalog::categories() {
  co_await index_.refresh();
  co_return CategoryList{index_.model().categories()};
}

}  // namespace shop::product
