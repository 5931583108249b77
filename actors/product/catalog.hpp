/// The catalog: products come, change and go. Stateless: everything is in the state store, any replica answers any
/// request.
///
/// A write changes the product, a head of the change log with the event that waits there and, where pieces are given,
/// the stock, in one transaction; then its event leaves. So it costs the same whatever the catalog's size. What a
/// caller did wrong is a refusal; a store that does not answer is a SidecarError.
#pragma once

#include <dapr/actors/calls.hpp>
#include <dapr/actors/result.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "actors/product/documents.hpp"
#include "actors/product/index.hpp"
#include "actors/product/picture_store.hpp"
#include "actors/product/pictures.hpp"
#include "actors/product/stock.hpp"
#include "actors/shared/library.hpp"

namespace shop::product {

/// A product that is to be. `id` is chosen if it is not given.
struct NewProduct {
  std::optional<ProductId> id;
  std::string name;
  std::optional<std::string> description;
  std::string category;
  Money price;
  std::int64_t stock = 0;
  std::optional<std::string> image_url;
  DAPR_ACTORS_JSON(id, name, description, category, price, stock, image_url)
};

/// A product as it shall be: what is not given is empty afterwards, but for the stock, which stays. What only the
/// catalog can say (`reserved`, `available`, `version`, times) may be sent along, as a client that changes what it was
/// shown does, and counts for nothing.
struct WholeProduct {
  std::optional<ProductId> id;
  std::string name;
  std::optional<std::string> description;
  std::string category;
  Money price;
  std::optional<std::int64_t> stock;
  std::optional<std::string> image_url;
  std::optional<actors::json::Raw> reserved, available, version, created_at, updated_at;
  DAPR_ACTORS_JSON(id, name, description, category, price, stock, image_url, reserved, available, version, created_at,
                   updated_at)
};

/// Everything that is wrong with it, by JSON pointer.
std::vector<actors::json::Problem> problems_of(const NewProduct& product);
std::vector<actors::json::Problem> problems_of(const WholeProduct& product, const ProductId& id);

/// Whether the product may be changed as it is now, given its entity tag; a false one refuses with `stale_etag`.
using Condition = std::function<bool(const std::string& etag)>;

struct ProductPage {
  std::vector<View> items;
  std::optional<std::string> next_cursor;
  std::size_t total = 0;
  Facets facets;
  DAPR_ACTORS_JSON(items, next_cursor, total, facets)
};

struct CategoryList {
  std::vector<Category> items;
  DAPR_ACTORS_JSON(items)
};

/// What an import made of a line.
struct Imported {
  enum class Status { Created, Replaced, Unchanged };
  ProductId id;
  Status status = Status::Unchanged;
};

/// Thread-safe. Products and pictures given to it must have no problems.
class Catalog final : public Pictures {
 public:
  Catalog(actors::StateStore& store, const actors::Clock& clock, GroupCommit& commit, Index& index, Stock& stock)
      : store_(store), clock_(clock), commit_(commit), index_(index), stock_(stock) {}

  /// `request` is the name of a request: repeated under it, it is carried out once, as long as it is among the latest
  /// `HandledRequests::kept` of its product. The same name for another request of the product: Unprocessable
  /// `idempotency_key_reused`.
  actors::Task<actors::Result<View>> create(NewProduct product, actors::Trace trace,
                                            std::string request = actors::random_id());
  actors::Task<actors::Result<View>> replace(ProductId id, WholeProduct product, Condition condition,
                                             actors::Trace trace, std::string request = actors::random_id());
  actors::Task<actors::Result<void>> remove(ProductId id, Condition condition, actors::Trace trace,
                                            std::string request = actors::random_id());

  /// A line of an import, whose id is given: created, or replaced where it says something else than what is there. Its
  /// stock is a stock-take only where it is another one than the last import said, so that an import which is repeated
  /// gives back nothing that was sold meanwhile.
  actors::Task<actors::Result<Imported>> import_one(NewProduct product, actors::Trace trace,
                                                    std::string request = actors::random_id());

  actors::Task<actors::Result<std::int64_t>> set_picture(ProductId id, Picture picture, PictureCondition condition,
                                                         actors::Trace trace, std::string request) override;
  actors::Task<std::optional<StoredPicture>> picture(ProductId id) override;

  /// As it is now; none if it does not exist (any more).
  actors::Task<std::optional<View>> find(ProductId id);
  /// What the other services ask: none for a product that never was; a deleted one keeps only id and version.
  actors::Task<std::optional<Listing>> listing(ProductId id);

  /// At most `list_age` old, but with every write of this replica. None for a cursor that is none.
  actors::Task<std::optional<ProductPage>> list(Query query);
  actors::Task<CategoryList> categories();

 private:
  /// What a write makes of a product, and what it announces. `stock`: also written, if given.
  struct Written {
    ProductItem item;  ///< its `writes` are filled in
    std::optional<StockItem> stock = {};
    OutboxEntry event;
    std::vector<actors::StateChange> others = {};  ///< items of the product's own
  };
  /// None: nothing is to be written.
  using Decision = actors::Result<std::optional<Written>>;
  using Decide = std::function<Decision(const std::optional<ProductItem>&, const StockItem&)>;
  /// What a request asks for: its name, and its content as JSON; empty for a removal.
  struct Asked {
    std::string request;
    std::string content;
  };
  Written created(const NewProduct& product, const ProductId& id, const std::optional<ProductItem>& before,
                  const StockItem& stored, const actors::Trace& trace) const;
  Written replaced(const ProductItem& before, Product product, std::optional<std::int64_t> count,
                   const StockItem& stored, const actors::Trace& trace) const;
  actors::Task<actors::Result<View>> write(ProductId id, Asked asked, Decide decide, bool writes_much = false);

  actors::StateStore& store_;
  const actors::Clock& clock_;
  GroupCommit& commit_;
  Index& index_;
  Stock& stock_;
};

}  // namespace shop::product
