#include "actors/product/read_model.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <unordered_map>

#include "actors/product/columns.hpp"
#include "actors/product/spelling.hpp"
#include "actors/product/tables.hpp"
#include "actors/product/words.hpp"

namespace shop::product {
namespace {

/// Descriptions may take so much of the room for words; names and categories have the rest to themselves.
constexpr std::size_t most_words_of_descriptions = Spelling::most_words / 2;

/// Who else has the file would number its products otherwise.
class FileLock {
 public:
  explicit FileLock(const std::string& file)
      : descriptor_(::open((file + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) throw ReadModelError("its folder cannot be written to");
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      ::close(descriptor_);
      throw ReadModelError("another process has it open");
    }
  }
  ~FileLock() { ::close(descriptor_); }
  FileLock(const FileLock&) = delete;

 private:
  int descriptor_;
};

/// Keeps the matches of the latest searches: pages, filters and visitors that ask the same follow one another.
class Answers {
 public:
  using Matches = std::shared_ptr<const std::vector<Match>>;
  /// So many matches are kept at most, of all answers together: 8 MB.
  static constexpr std::size_t most = 1'000'000;

  Matches find(const std::string& expression) {
    const std::lock_guard lock(mutex_);
    const auto at =
        std::find_if(kept_.begin(), kept_.end(), [&](const auto& kept) { return kept.first == expression; });
    if (at == kept_.end()) return nullptr;
    kept_.splice(kept_.begin(), kept_, at);
    return at->second;
  }
  void keep(const std::string& expression, Matches matches) {
    const std::lock_guard lock(mutex_);
    size_ += weight(matches);
    kept_.emplace_front(expression, std::move(matches));
    while (size_ > most) {
      size_ -= weight(kept_.back().second);
      kept_.pop_back();
    }
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    kept_.clear();
    size_ = 0;
  }

 private:
  static std::size_t weight(const Matches& matches) { return matches->size() + 1000; }
  std::mutex mutex_;
  std::list<std::pair<std::string, Matches>> kept_;
  std::size_t size_ = 0;
};

struct WordsOf {
  explicit WordsOf(const Product& product)
      : name(words_of(product.name)),
        category(words_of(product.category)),
        description(words_of(product.description)) {}
  Tables::Texts texts() const { return {indexed(name), indexed(category), indexed(description)}; }
  std::vector<Word> name, category, description;
};

}  // namespace

class ReadModel::Implementation {
 public:
  Implementation(std::string file, Warn warn) : file_(std::move(file)), warn_(std::move(warn)) { open(); }

  void apply(const std::vector<Change>& changes, const std::vector<StockWord>& words,
             const std::map<std::string, std::string>& places);
  std::optional<Known> known(const ProductId& id) const;
  std::vector<ProductId> ids() const;
  std::vector<Change> changes(const std::vector<ProductId>& ids) const;
  std::map<std::string, std::string> places() const;
  std::optional<Page> select(const Query& query) const;
  std::vector<Category> categories() const;
  std::size_t size() const;
  void forget();

 private:
  /// What is known, in memory and in tables. Begun again as a whole.
  struct Content {
    explicit Content(const std::string& file);
    Tables tables;
    Columns columns;
    Spelling spelling;
    std::map<std::string, std::string> places;
    Answers answers;
  };

  /// Readers together, or one writer. A writer that waits holds new readers up, so that they cannot starve it.
  class Reading {
   public:
    explicit Reading(const Implementation& model) {
      const std::lock_guard turn(model.turn_);
      lock_ = std::shared_lock(model.mutex_);
    }

   private:
    std::shared_lock<std::shared_mutex> lock_;
  };
  class Writing {
   public:
    explicit Writing(const Implementation& model) : turn_(model.turn_), lock_(model.mutex_) {}

   private:
    std::unique_lock<std::mutex> turn_;
    std::unique_lock<std::shared_mutex> lock_;
  };

  class Batch;

  void open();
  void begin_in_memory(const std::string& reason);
  void tidy(Sort sort) const;
  Answers::Matches matches(Tables::Loan& reader, const std::string& words) const;
  template <class Work>
  static auto guarded(Work work);

  const std::string file_;
  const Warn warn_;
  std::mutex writer_;  ///< one `apply` or `forget` at a time
  mutable std::mutex turn_;
  /// Guards what is in memory, and holds commits back while somebody reads: a page is of one state.
  mutable std::shared_mutex mutex_;
  std::optional<FileLock> file_lock_;
  std::unique_ptr<Content> content_;
};

ReadModel::Implementation::Content::Content(const std::string& file) : tables(file) {
  tables.each_record([this](Slot slot, const Record& record) {
    if (slot != columns.end() || columns.find(record.id)) throw Unusable("its products are not numbered one by one");
    columns.put(slot, record);
  });
  tables.each_word([this](const std::string& word) { spelling.add(from_utf8(word)); });
  places = tables.places();
  for (const auto sort : {Sort::Name, Sort::Price, Sort::Newest}) columns.tidy(sort);
}

template <class Work>
auto ReadModel::Implementation::guarded(Work work) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    throw ReadModelError(std::string("the catalog's read model: ") + error.what());
  } catch (const actors::json::Error& error) {
    throw ReadModelError(std::string("the catalog's read model: ") + error.what());
  }
}

void ReadModel::Implementation::begin_in_memory(const std::string& reason) {
  content_ = std::make_unique<Content>("");
  if (!reason.empty() && warn_)
    warn_("the catalog's read model cannot be kept in " + file_ + ", so it is in memory: " + reason);
}

void ReadModel::Implementation::open() {
  if (file_.empty()) return begin_in_memory("");
  try {
    file_lock_.emplace(file_);
    std::string reason;
    try {
      content_ = std::make_unique<Content>(file_);
      return;
    } catch (const Unusable& error) {
      reason = error.what();
    } catch (const SQLite::Exception& error) {
      if (!Tables::is_damage(error)) throw;
      reason = error.what();
    }
    if (warn_) warn_("the catalog's read model in " + file_ + " is thrown away and built again: " + reason);
    Tables::remove(file_);
    content_ = std::make_unique<Content>(file_);
  } catch (const std::exception& error) {
    begin_in_memory(error.what());
  }
}

void ReadModel::Implementation::forget() {
  const std::lock_guard writer(writer_);
  const Writing writing(*this);
  content_.reset();
  if (!file_lock_) return begin_in_memory("");
  Tables::remove(file_);
  try {
    content_ = std::make_unique<Content>(file_);
  } catch (const std::exception& error) {
    begin_in_memory(error.what());
  }
}

/// What one `apply` changes, until it is committed.
class ReadModel::Implementation::Batch {
 public:
  explicit Batch(Content& content) : content_(content), end_(content.columns.end()) {}

  void take(const Change& change) {
    const auto slot = slot_of(change.product.id);
    auto record = this->record(slot, change.product.id);
    const bool newer = change.product.version > record.version;
    const bool stock_newer = change.stock_revision >= record.stock_revision;
    if (stock_newer) {
      record.in_stock = change.in_stock;
      record.stock_revision = change.stock_revision;
    }
    if (newer)
      replace(slot, std::move(record), change);
    else if (stock_newer)
      put_stock(slot, std::move(record));
  }

  void take(const StockWord& word) {
    const auto slot = slot_of(word.id);
    auto record = this->record(slot, word.id);
    if (word.stock_revision < record.stock_revision) return;
    record.in_stock = word.in_stock;
    record.stock_revision = word.stock_revision;
    put_stock(slot, std::move(record));
  }

  void learn_words() {
    for (const auto& word : words_) content_.tables.put_word(to_utf8(word));
  }

  /// After the commit: also in memory.
  void settle() {
    for (Slot slot = content_.columns.end(); slot < end_; ++slot) content_.columns.put(slot, records_.at(slot));
    for (const auto& [slot, record] : records_) content_.columns.put(slot, record);
    for (const auto& word : words_) content_.spelling.add(word);
    if (texts_changed_) content_.answers.clear();
  }

 private:
  Slot slot_of(const ProductId& id) {
    if (const auto known = content_.columns.find(id.value)) return *known;
    const auto [at, is_new] = added_.emplace(id.value, end_);
    if (is_new) ++end_;
    return at->second;
  }
  Record record(Slot slot, const ProductId& id) {
    if (const auto at = records_.find(slot); at != records_.end()) return at->second;
    if (slot < content_.columns.end()) return content_.columns.record(slot);
    Record record;
    record.id = id.value;
    return record;
  }

  void put_stock(Slot slot, Record record) {
    if (slot < content_.columns.end() || records_.contains(slot))
      content_.tables.put_stock(slot, record);
    else
      content_.tables.put(slot, record);
    records_.insert_or_assign(slot, std::move(record));
  }

  void replace(Slot slot, Record record, const Change& change) {
    std::optional<Tables::Texts> before, after;
    if (record.live)
      if (const auto product = content_.tables.document(slot)) before = WordsOf(*product).texts();
    record.version = change.product.version;
    record.deleted = change.deleted;
    record.live = !change.deleted;
    if (record.live) {
      const WordsOf words(change.product);
      after = words.texts();
      learn(words);
      record.name = change.product.name;
      record.name_words = static_cast<std::uint8_t>(std::min<std::size_t>(words.name.size(), 255));
      record.category = change.product.category;
      record.amount = change.product.price.amount;
      record.currency = change.product.price.currency;
      record.created_at = change.product.created_at;
      content_.tables.put_document(slot, change.product);
    } else {
      record.name = record.category = record.currency = "";
      content_.tables.remove_document(slot);
    }
    if (before != after) {
      texts_changed_ = true;
      if (before) content_.tables.remove_texts(slot, *before);
      if (after) content_.tables.put_texts(slot, *after);
    }
    content_.tables.put(slot, record);
    records_.insert_or_assign(slot, std::move(record));
  }

  void learn(const WordsOf& words) {
    const auto all = [&](const std::vector<Word>& some, std::size_t most) {
      for (const auto& word : some)
        if (word.kind == Word::Kind::Letters && Spelling::is_mended(word.letters) &&
            content_.spelling.size() + words_.size() < most && !content_.spelling.contains(word.letters))
          words_.insert(word.letters);
    };
    all(words.name, Spelling::most_words);
    all(words.category, Spelling::most_words);
    all(words.description, most_words_of_descriptions);
  }

  Content& content_;
  Slot end_;
  std::unordered_map<std::string, Slot> added_;
  std::unordered_map<Slot, Record> records_;
  std::set<std::u32string> words_;
  bool texts_changed_ = false;
};

void ReadModel::Implementation::apply(const std::vector<Change>& changes, const std::vector<StockWord>& words,
                                      const std::map<std::string, std::string>& places) {
  if (changes.empty() && words.empty() && places.empty()) return;
  const std::lock_guard writer(writer_);
  guarded([&] {
    auto& content = *content_;
    std::optional<Writing> writing;
    if (content.tables.one_connection()) writing.emplace(*this);
    Batch batch(content);
    content.tables.begin();
    try {
      for (const auto& change : changes) batch.take(change);
      for (const auto& word : words) batch.take(word);
      for (const auto& [name, place] : places) content.tables.put_place(name, place);
      batch.learn_words();
      if (!writing) writing.emplace(*this);
      content.tables.commit();
    } catch (...) {
      content.tables.rollback();
      throw;
    }
    batch.settle();
    for (const auto& [name, place] : places) content.places.insert_or_assign(name, place);
  });
}

std::optional<ReadModel::Known> ReadModel::Implementation::known(const ProductId& id) const {
  const Reading reading(*this);
  const auto& columns = content_->columns;
  const auto slot = columns.find(id.value);
  if (!slot) return std::nullopt;
  const auto known = columns.known(*slot);
  return Known{known.version, known.deleted, known.in_stock, known.stock_revision};
}

std::vector<ProductId> ReadModel::Implementation::ids() const {
  const Reading reading(*this);
  std::vector<ProductId> ids;
  for (Slot slot = 0; slot < content_->columns.end(); ++slot)
    if (content_->columns.known(slot).version > 0) ids.emplace_back(content_->columns.record(slot).id);
  return ids;
}

std::vector<Change> ReadModel::Implementation::changes(const std::vector<ProductId>& ids) const {
  return guarded([&] {
    const Reading reading(*this);
    Tables::Loan reader(content_->tables);
    std::vector<Change> changes;
    for (const auto& id : ids) {
      const auto slot = content_->columns.find(id.value);
      const auto known = slot ? content_->columns.known(*slot) : Columns::Known{};
      if (known.version == 0) continue;
      Change change{{}, known.deleted, known.in_stock, known.stock_revision};
      if (!known.deleted) change.product = reader->product(*slot);
      change.product.id = id;
      change.product.version = known.version;
      changes.push_back(std::move(change));
    }
    return changes;
  });
}

std::map<std::string, std::string> ReadModel::Implementation::places() const {
  const Reading reading(*this);
  return content_->places;
}

std::vector<Category> ReadModel::Implementation::categories() const {
  const Reading reading(*this);
  return content_->columns.categories();
}

std::size_t ReadModel::Implementation::size() const {
  const Reading reading(*this);
  return content_->columns.live();
}

void ReadModel::Implementation::tidy(Sort sort) const {
  const Writing writing(*this);
  content_->columns.tidy(sort);
}

Answers::Matches ReadModel::Implementation::matches(Tables::Loan& reader, const std::string& words) const {
  const auto expression = expression_of(words, content_->spelling);
  if (auto known = content_->answers.find(expression.text)) return known;
  const auto found = std::make_shared<const std::vector<Match>>(reader->find(expression));
  content_->answers.keep(expression.text, found);
  return found;
}

std::optional<ReadModel::Page> ReadModel::Implementation::select(const Query& query) const {
  const auto sort = order_of(query);
  std::optional<Position> after;
  if (query.cursor && !(after = position_from(*query.cursor, sort))) return std::nullopt;
  return guarded([&]() -> std::optional<Page> {
    std::optional<Reading> reading(std::in_place, *this);
    while (!content_->columns.is_tidy(sort)) {
      reading.reset();
      tidy(sort);
      reading.emplace(*this);
    }
    Tables::Loan reader(content_->tables);
    Answers::Matches found;
    if (query.words && !is_blank(*query.words)) found = matches(reader, *query.words);
    auto selection = content_->columns.select(query, sort, after, found.get());
    Page page{{}, std::move(selection.next), selection.total, std::move(selection.facets)};
    for (const auto slot : selection.slots)
      page.entries.push_back({reader->product(slot), content_->columns.known(slot).in_stock});
    return page;
  });
}

ReadModel::ReadModel(std::string file, Warn warn)
    : implementation_(std::make_unique<Implementation>(std::move(file), std::move(warn))) {}
ReadModel::~ReadModel() = default;

void ReadModel::apply(const std::vector<Change>& changes, const std::vector<StockWord>& words,
                      const std::map<std::string, std::string>& places) {
  implementation_->apply(changes, words, places);
}
std::optional<ReadModel::Known> ReadModel::known(const ProductId& id) const {
  return implementation_->known(id);
}
std::vector<ProductId> ReadModel::ids() const {
  return implementation_->ids();
}
std::vector<Change> ReadModel::changes(const std::vector<ProductId>& ids) const {
  return implementation_->changes(ids);
}
std::map<std::string, std::string> ReadModel::places() const {
  return implementation_->places();
}
std::optional<ReadModel::Page> ReadModel::select(const Query& query) const {
  return implementation_->select(query);
}
std::vector<Category> ReadModel::categories() const {
  return implementation_->categories();
}
std::size_t ReadModel::size() const {
  return implementation_->size();
}
void ReadModel::forget() {
  implementation_->forget();
}

}  // namespace shop::product
