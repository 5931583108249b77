/// The catalog as one replica knows it, for lists, searches and facets. The truth is in the state store: a read model
/// follows it and can be thrown away at any time.
///
/// It lives in an SQLite file. FTS5 finds words; what filters, sorts and counts look at is also in memory, some 250
/// bytes a product (docs/decisions/0024-the-catalogs-read-model.md has the measurements). A file that is damaged, of
/// another form or of another program is thrown away and begun again, with one warning; if there can be no file, the
/// model is in memory alone. Nothing waits for the disk: after a crash of the machine the file may be damaged, and is
/// thrown away then.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/product/documents.hpp"
#include "actors/product/query.hpp"

namespace shop::product {

/// The word on a product's stock, and which one it is: later ones have higher revisions.
struct StockWord {
  ProductId id;
  bool in_stock = false;
  std::int64_t stock_revision = 0;
};

/// A product as it is now; a deleted one needs only id and version.
struct Change {
  Product product;
  bool deleted = false;
  bool in_stock = false;
  std::int64_t stock_revision = 0;
};

/// The database did not do what it was asked (no space left, say). What the model knows is as before; `forget` makes it
/// usable again.
class ReadModelError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thread-safe. Calls block: a look at memory, a few milliseconds of a search, or one transaction of SQLite.
class ReadModel {
 public:
  using Warn = std::function<void(const std::string&)>;
  /// Opens `file`, or begins it; an empty name is a model in memory. The folder must be this process's own.
  explicit ReadModel(std::string file, Warn warn = {});
  ~ReadModel();
  ReadModel(const ReadModel&) = delete;
  ReadModel& operator=(const ReadModel&) = delete;

  /// Takes all of it or, with a ReadModelError, nothing. A product is taken if its version is newer than the known one,
  /// a word on its stock if its revision is not older; so changes may come twice and in any order. A deleted product
  /// leaves id and version behind, and an old change does not bring it back. A word on a product that is not known is
  /// kept until the product comes. `places` are kept beside them.
  void apply(const std::vector<Change>& changes, const std::vector<StockWord>& words = {},
             const std::map<std::string, std::string>& places = {});

  struct Known {
    std::int64_t version = 0;  ///< 0: nothing but its stock is known
    bool deleted = false;
    bool in_stock = false;
    std::int64_t stock_revision = 0;
  };
  /// Cheap: a look at memory.
  std::optional<Known> known(const ProductId& id) const;
  /// Of all products, deleted ones too.
  std::vector<ProductId> ids() const;
  /// What the model holds of these products; it leaves out those that it does not know. Throws ReadModelError.
  std::vector<Change> changes(const std::vector<ProductId>& ids) const;
  /// How far this model has followed the truth, in the words of who applies the changes. Empty for a new one.
  std::map<std::string, std::string> places() const;

  struct Page {
    std::vector<Entry> entries;
    std::optional<std::string> next;  ///< the cursor of the next page, if there is one
    std::size_t total = 0;            ///< on all pages together
    Facets facets;
  };
  /// The page after the cursor. A cursor names the last product that was seen by what it is sorted by, so that pages
  /// neither repeat nor skip a product when others come and go. None for a cursor that is not one, or one of another
  /// order. Throws ReadModelError.
  std::optional<Page> select(const Query& query) const;

  /// By name.
  std::vector<Category> categories() const;
  /// How many products there are, without deleted ones.
  std::size_t size() const;

  /// Begins again with nothing, without places too. In memory, with a warning, if the file cannot be made.
  void forget();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace shop::product
