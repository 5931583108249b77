/// How words are kept in SQLite's FTS5, and how they are asked for.
///
/// A product is a row of the table `search` with a column each for name, category and description. A column holds the
/// words of words.hpp, separated by spaces: letters as they are, and for what FTS5's `ascii` tokenizer would not take
/// for a word a stand-in from Unicode's private use area, which is no word of any text. After them come the first one
/// and two letters of its longer words, marked: short beginnings have too many words to try them all.
///
/// Threads: `Search` belongs to one connection, the functions are pure.
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/product/spelling.hpp"
#include "actors/product/words.hpp"

namespace shop::product {

/// A column's text for FTS5.
std::string indexed(const std::vector<Word>& words);

/// An expression of FTS5's MATCH, and what its phrases mean.
struct Expression {
  struct Phrase {
    int number = 0;     ///< FTS5 counts them in the order of the expression
    int beginning = 0;  ///< 1: matches words that only begin with it
  };
  /// What a piece of the query is found by.
  struct Piece {
    std::vector<Phrase> exact;
    std::vector<Phrase> mistyped;
  };
  std::string text;  ///< empty: nothing can match
  std::vector<Piece> pieces;
};

/// Each piece of `words` must be there: as it is, the last one also as the beginning of a word, or with one typing
/// error in one of its words.
Expression expression_of(std::string_view words, const Spelling& spelling);

/// A product that matches, and how well: lower ranks first. The rank follows from the product and the query alone, so
/// that it stays when other products come and go (bm25 does not): first the pieces that are found only with a typing
/// error, then where the others are: name before category before description, whole words before beginnings.
struct Match {
  std::uint32_t row = 0;
  std::uint32_t rank = 0;
};
inline constexpr std::uint32_t most_match_rank = (1u << 24) - 1;

class Search {
 public:
  static constexpr const char* schema =
      "CREATE VIRTUAL TABLE search USING fts5(name, category, description, content='', columnsize=0, "
      "tokenize='ascii'); INSERT INTO search(search, rank) VALUES('automerge', 16);";

  /// The table must be there, and the database outlive it.
  explicit Search(SQLite::Database& database);
  Search(const Search&) = delete;

  /// By row. Throws SQLite::Exception.
  std::vector<Match> find(const Expression& expression);

 private:
  const Expression* asked_ = nullptr;  ///< what the ranking function looks at
  std::vector<Match> found_;           ///< where it puts what it found
  SQLite::Statement find_;
  friend struct Ranking;
};

}  // namespace shop::product
