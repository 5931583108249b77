/// The read model's tables in SQLite: what a restart finds again, the documents, and the words.
///
/// Threads: one writes at a time; readers are lent to one thread each. In memory there is only one connection, so
/// nobody may read between `begin` and `commit` then (`one_connection`). Everything throws SQLite::Exception.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/product/columns.hpp"
#include "actors/product/documents.hpp"
#include "actors/product/search.hpp"

namespace shop::product {

/// The file is there, but is not what this program wrote in its present form.
class Unusable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Tables {
 public:
  /// Opens or creates the file; an empty name: in memory. Throws Unusable.
  explicit Tables(const std::string& file);
  ~Tables();
  Tables(const Tables&) = delete;
  /// Is it the file's content that is wrong (also: a table that is not there), not what surrounds it?
  static bool is_damage(const SQLite::Exception& error);
  /// Removes a file and what SQLite keeps beside it.
  static void remove(const std::string& file);

  bool one_connection() const { return file_.empty(); }

  // What is there, for the start.
  void each_record(const std::function<void(Slot, const Record&)>& take);
  void each_word(const std::function<void(const std::string&)>& take);
  std::map<std::string, std::string> places();

  // Of the writer, between `begin` and `commit`.
  void begin();
  void put(Slot slot, const Record& record);
  void put_stock(Slot slot, const Record& record);
  void put_document(Slot slot, const Product& product);
  void remove_document(Slot slot);
  std::optional<Product> document(Slot slot);
  /// A product's words for FTS5, by column. To be taken out as they were put in.
  struct Texts {
    std::string name, category, description;
    bool operator==(const Texts&) const = default;
  };
  void put_texts(Slot slot, const Texts& texts);
  void remove_texts(Slot slot, const Texts& texts);
  void put_word(const std::string& word);
  void put_place(const std::string& name, const std::string& place);
  void commit();
  void rollback() noexcept;

  /// A connection to read by.
  class Reader {
   public:
    explicit Reader(SQLite::Database& database);
    Reader(std::unique_ptr<SQLite::Database> own);
    std::vector<Match> find(const Expression& expression) { return search_.find(expression); }
    Product product(Slot slot);

   private:
    std::unique_ptr<SQLite::Database> own_;
    Search search_;
    SQLite::Statement document_;
  };
  /// Lends a reader for as long as this lives, and waits for one if all are lent. One that threw is not used again.
  class Loan {
   public:
    explicit Loan(Tables& tables);
    ~Loan();
    Loan(const Loan&) = delete;
    Reader* operator->() { return reader_.get(); }

   private:
    Tables& tables_;
    int exceptions_;
    std::unique_ptr<Reader> reader_;
  };

 private:
  struct Statements;

  static constexpr std::ptrdiff_t most_readers = 4;

  std::string file_;
  SQLite::Database database_;
  std::unique_ptr<Statements> statements_;
  std::counting_semaphore<most_readers> may_read_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Reader>> idle_;
};

}  // namespace shop::product
