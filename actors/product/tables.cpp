#include "actors/product/tables.hpp"

#include <sqlite3.h>

#include <cstdio>
#include <exception>

namespace shop::product {
namespace {

/// "shop" in ASCII, in the file's header (PRAGMA application_id), and the version of the tables below.
constexpr int application = 0x73686F70;
constexpr int form = 1;

constexpr const char* schema = R"(
  CREATE TABLE about(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE places(name TEXT PRIMARY KEY, place TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE products(slot INTEGER PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL, category TEXT NOT NULL,
    currency TEXT NOT NULL, amount INTEGER NOT NULL, version INTEGER NOT NULL, stock_revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL, name_words INTEGER NOT NULL, state INTEGER NOT NULL);
  CREATE TABLE documents(slot INTEGER PRIMARY KEY, product TEXT NOT NULL);
  CREATE TABLE words(word TEXT NOT NULL);
)";

constexpr int live = 1, deleted = 2, in_stock = 4;
std::int64_t state_of(const Record& record) {
  return (record.live ? live : 0) | (record.deleted ? deleted : 0) | (record.in_stock ? in_stock : 0);
}

SQLite::Database opened(const std::string& file, int cache_kilobytes) {
  SQLite::Database database(file.empty() ? ":memory:" : file,
                            SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX, 5000);
  database.exec("PRAGMA cache_size = -" + std::to_string(cache_kilobytes));
  database.exec("PRAGMA temp_store = MEMORY");
  return database;
}

std::string text_of(SQLite::Database& database, const char* query) {
  SQLite::Statement statement(database, query);
  return statement.executeStep() ? statement.getColumn(0).getString() : std::string();
}

void create(SQLite::Database& database) {
  SQLite::Transaction transaction(database);
  database.exec(schema);
  database.exec(Search::schema);
  SQLite::Statement about(database, "INSERT INTO about VALUES('words', ?)");
  about.bind(1, words_form());
  about.exec();
  database.exec("PRAGMA application_id = " + std::to_string(application));
  database.exec("PRAGMA user_version = " + std::to_string(form));
  transaction.commit();
}

void check(SQLite::Database& database) {
  if (text_of(database, "PRAGMA application_id") != std::to_string(application))
    throw Unusable("another program wrote it");
  if (text_of(database, "PRAGMA user_version") != std::to_string(form) ||
      text_of(database, "SELECT value FROM about WHERE name = 'words'") != words_form())
    throw Unusable("another version of this program wrote it");
  if (text_of(database, "PRAGMA quick_check(1)") != "ok") throw Unusable("it is damaged");
}

SQLite::Database prepared(const std::string& file) {
  auto database = opened(file, 8192);
  // What is lost can be built again, so nothing waits for the disk.
  database.exec("PRAGMA synchronous = OFF");
  text_of(database, "PRAGMA journal_mode = WAL");
  text_of(database, "PRAGMA wal_autocheckpoint = 4000");
  if (text_of(database, "SELECT count(*) FROM sqlite_master") == "0")
    create(database);
  else
    check(database);
  return database;
}

template <class... Values>
void execute(SQLite::Statement& statement, const Values&... values) {
  statement.reset();
  [[maybe_unused]] int number = 0;
  [[maybe_unused]] const auto bind = [&](const auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>)
      statement.bindNoCopy(++number, value);
    else
      statement.bind(++number, static_cast<std::int64_t>(value));
  };
  (bind(values), ...);
  statement.exec();
  statement.reset();
}

std::optional<Product> read_document(SQLite::Statement& statement, Slot slot) {
  statement.reset();
  statement.bind(1, static_cast<std::int64_t>(slot));
  std::optional<Product> product;
  if (statement.executeStep()) {
    const auto column = statement.getColumn(0);
    product = actors::json::parse<Product>({column.getText(), static_cast<std::size_t>(column.getBytes())});
  }
  statement.reset();
  return product;
}

constexpr const char* select_document = "SELECT product FROM documents WHERE slot = ?";

}  // namespace

struct Tables::Statements {
  explicit Statements(SQLite::Database& database)
      : begin(database, "BEGIN IMMEDIATE"),
        commit(database, "COMMIT"),
        product(database, "INSERT OR REPLACE INTO products VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        stock(database, "UPDATE products SET state = ?, stock_revision = ? WHERE slot = ?"),
        document(database, select_document),
        put_document(database, "INSERT OR REPLACE INTO documents VALUES(?, ?)"),
        remove_document(database, "DELETE FROM documents WHERE slot = ?"),
        put_texts(database, "INSERT INTO search(rowid, name, category, description) VALUES(?, ?, ?, ?)"),
        remove_texts(database,
                     "INSERT INTO search(search, rowid, name, category, description) VALUES('delete', ?, ?, ?, ?)"),
        word(database, "INSERT INTO words VALUES(?)"),
        place(database, "INSERT OR REPLACE INTO places VALUES(?, ?)") {}
  SQLite::Statement begin, commit, product, stock, document, put_document, remove_document, put_texts, remove_texts,
      word, place;
};

Tables::Tables(const std::string& file)
    : file_(file),
      database_(prepared(file)),
      statements_(std::make_unique<Statements>(database_)),
      may_read_(file.empty() ? 1 : most_readers) {}

Tables::~Tables() = default;

bool Tables::is_damage(const SQLite::Exception& error) {
  const auto code = error.getErrorCode();
  return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR;
}

void Tables::remove(const std::string& file) {
  for (const auto* suffix : {"", "-wal", "-shm", "-journal"}) std::remove((file + suffix).c_str());
}

void Tables::each_record(const std::function<void(Slot, const Record&)>& take) {
  SQLite::Statement rows(database_,
                         "SELECT slot, id, name, category, currency, amount, version, stock_revision, created_at, "
                         "name_words, state FROM products ORDER BY slot");
  Record record;
  while (rows.executeStep()) {
    record.id = rows.getColumn(1).getString();
    record.name = rows.getColumn(2).getString();
    record.category = rows.getColumn(3).getString();
    record.currency = rows.getColumn(4).getString();
    record.amount = rows.getColumn(5).getInt64();
    record.version = rows.getColumn(6).getInt64();
    record.stock_revision = rows.getColumn(7).getInt64();
    record.created_at = Time(actors::Duration(rows.getColumn(8).getInt64()));
    record.name_words = static_cast<std::uint8_t>(rows.getColumn(9).getInt());
    const auto state = rows.getColumn(10).getInt();
    record.live = (state & live) != 0;
    record.deleted = (state & deleted) != 0;
    record.in_stock = (state & in_stock) != 0;
    take(static_cast<Slot>(rows.getColumn(0).getInt64()), record);
  }
}

void Tables::each_word(const std::function<void(const std::string&)>& take) {
  SQLite::Statement words(database_, "SELECT word FROM words");
  while (words.executeStep()) take(words.getColumn(0).getString());
}

std::map<std::string, std::string> Tables::places() {
  std::map<std::string, std::string> places;
  SQLite::Statement rows(database_, "SELECT name, place FROM places");
  while (rows.executeStep()) places.emplace(rows.getColumn(0).getString(), rows.getColumn(1).getString());
  return places;
}

void Tables::begin() {
  execute(statements_->begin);
}
void Tables::commit() {
  execute(statements_->commit);
}
void Tables::rollback() noexcept {
  database_.tryExec("ROLLBACK");
}

void Tables::put(Slot slot, const Record& record) {
  execute(statements_->product, slot, record.id, record.name, record.category, record.currency, record.amount,
          record.version, record.stock_revision, record.created_at.time_since_epoch().count(), record.name_words,
          state_of(record));
}
void Tables::put_stock(Slot slot, const Record& record) {
  execute(statements_->stock, state_of(record), record.stock_revision, slot);
}
void Tables::put_document(Slot slot, const Product& product) {
  execute(statements_->put_document, slot, actors::json::to_string(product));
}
void Tables::remove_document(Slot slot) {
  execute(statements_->remove_document, slot);
}
std::optional<Product> Tables::document(Slot slot) {
  return read_document(statements_->document, slot);
}
void Tables::put_texts(Slot slot, const Texts& texts) {
  execute(statements_->put_texts, slot, texts.name, texts.category, texts.description);
}
void Tables::remove_texts(Slot slot, const Texts& texts) {
  execute(statements_->remove_texts, slot, texts.name, texts.category, texts.description);
}
void Tables::put_word(const std::string& word) {
  execute(statements_->word, word);
}
void Tables::put_place(const std::string& name, const std::string& place) {
  execute(statements_->place, name, place);
}

Tables::Reader::Reader(SQLite::Database& database) : search_(database), document_(database, select_document) {}
Tables::Reader::Reader(std::unique_ptr<SQLite::Database> own)
    : own_(std::move(own)), search_(*own_), document_(*own_, select_document) {}

Product Tables::Reader::product(Slot slot) {
  auto product = read_document(document_, slot);
  if (!product) throw SQLite::Exception("a product's document is missing", SQLITE_CORRUPT);
  return std::move(*product);
}

Tables::Loan::Loan(Tables& tables) : tables_(tables), exceptions_(std::uncaught_exceptions()) {
  tables_.may_read_.acquire();
  {
    const std::lock_guard lock(tables_.mutex_);
    if (!tables_.idle_.empty()) {
      reader_ = std::move(tables_.idle_.back());
      tables_.idle_.pop_back();
      return;
    }
  }
  try {
    reader_ = tables_.one_connection()
                  ? std::make_unique<Reader>(tables_.database_)
                  : std::make_unique<Reader>(std::make_unique<SQLite::Database>(opened(tables_.file_, 4096)));
  } catch (...) {
    tables_.may_read_.release();
    throw;
  }
}

Tables::Loan::~Loan() {
  if (std::uncaught_exceptions() == exceptions_) {
    const std::lock_guard lock(tables_.mutex_);
    tables_.idle_.push_back(std::move(reader_));
  }
  reader_.reset();
  tables_.may_read_.release();
}

}  // namespace shop::product
