#include "actors/product/search.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

namespace shop::product {
namespace {

// Stand-ins from the private use area.
constexpr char32_t ascii_symbols = 0xE000;
constexpr char32_t beginning_mark = 0xE100;
constexpr std::size_t longest_marked = 2;

/// A row of characters so long has typing errors mended; each costs some four phrases a character.
constexpr std::size_t most_characters = 16;
/// So many ways to mistype are tried for all pieces together.
constexpr std::size_t most_mistyped = 256;

std::string token_of(const Word& word) {
  if (word.kind == Word::Kind::Symbol && word.letters.front() < 0x80)
    return to_utf8(std::u32string{static_cast<char32_t>(ascii_symbols + word.letters.front())});
  return to_utf8(word.letters);
}
std::string beginning_token(std::u32string_view letters) {
  return to_utf8(std::u32string{beginning_mark}.append(letters));
}

using Words = std::vector<Word>;

/// Tokens hold no quotation marks, so a phrase needs no escaping.
std::string phrase_of(const Words& words) {
  std::string phrase = "\"";
  for (const auto& word : words) {
    if (phrase.size() > 1) phrase += ' ';
    phrase += token_of(word);
  }
  return phrase + '"';
}

class Writer {
 public:
  explicit Writer(const Spelling& spelling) : spelling_(spelling) {}

  void piece(const Words& words, bool is_last) {
    expression_.pieces.emplace_back();
    if (!expression_.text.empty()) expression_.text += " AND ";
    expression_.text += '(';
    exact(phrase_of(words), 0);
    if (is_last && words.back().kind == Word::Kind::Letters) beginnings(words);
    mistyped(words);
    expression_.text += ')';
  }
  Expression done() { return std::move(expression_); }

 private:
  Expression::Piece& now() { return expression_.pieces.back(); }
  void either(const std::string& text) {
    if (!expression_.text.ends_with('(')) expression_.text += " OR ";
    expression_.text += text;
  }
  void exact(const std::string& text, int beginning, int phrases = 1) {
    either(text);
    now().exact.push_back({phrases_, beginning});
    phrases_ += phrases;
  }
  void mistyped(const std::string& text, int phrases = 1) {
    if (mistyped_ == most_mistyped) return;
    ++mistyped_;
    either(text);
    now().mistyped.push_back({phrases_, 0});
    phrases_ += phrases;
  }

  void beginnings(const Words& words) {
    const auto& last = words.back().letters;
    if (last.size() > longest_marked) return exact(phrase_of(words) + " *", 1);
    const auto beginning = '"' + beginning_token(last) + '"';
    if (words.size() == 1) return exact(beginning, 1);
    exact('(' + beginning + " AND " + phrase_of(Words(words.begin(), words.end() - 1)) + ')', 1, 2);
  }

  void mistyped(const Words& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i].kind != Word::Kind::Letters) continue;
      for (auto& letters : spelling_.near(words[i].letters)) {
        auto other = words;
        other[i].letters = std::move(letters);
        mistyped(phrase_of(other));
      }
    }
    const auto all_characters =
        std::all_of(words.begin(), words.end(), [](const Word& word) { return word.kind == Word::Kind::Character; });
    if (all_characters && words.size() >= Spelling::least_letters && words.size() <= most_characters)
      mistyped_characters(words);
  }

  /// The same for a row of characters, each of which is a word: NEAR(a b, 1) has one character between the two, or
  /// none.
  void mistyped_characters(const Words& words) {
    const auto part = [&](std::size_t first, std::size_t last) {
      return Words(words.begin() + static_cast<std::ptrdiff_t>(first),
                   words.begin() + static_cast<std::ptrdiff_t>(last));
    };
    const auto size = words.size();
    for (std::size_t i = 0; i + 1 < size; ++i) {
      auto other = words;
      std::swap(other[i], other[i + 1]);
      if (other != words) mistyped(phrase_of(other));
    }
    for (std::size_t i = 0; i < size; ++i) {
      auto other = words;
      other.erase(other.begin() + static_cast<std::ptrdiff_t>(i));
      mistyped(phrase_of(other));
    }
    const auto near = [&](const Words& before, const Words& after) {
      mistyped("NEAR(" + phrase_of(before) + ' ' + phrase_of(after) + ", 1)", 2);
    };
    for (std::size_t i = 1; i + 1 < size; ++i) near(part(0, i), part(i + 1, size));
    for (std::size_t i = 1; i < size; ++i) near(part(0, i), part(i, size));
  }

  const Spelling& spelling_;
  Expression expression_;
  int phrases_ = 0;
  std::size_t mistyped_ = 0;
};

}  // namespace

std::string indexed(const std::vector<Word>& words) {
  std::string text;
  std::vector<std::uint64_t> beginnings;  // one or two letters
  for (const auto& word : words) {
    text += token_of(word);
    text += ' ';
    if (word.kind != Word::Kind::Letters) continue;
    if (word.letters.size() > 1) beginnings.push_back(std::uint64_t{word.letters[0]} << 32);
    if (word.letters.size() > 2) beginnings.push_back(std::uint64_t{word.letters[0]} << 32 | word.letters[1]);
  }
  std::sort(beginnings.begin(), beginnings.end());
  beginnings.erase(std::unique(beginnings.begin(), beginnings.end()), beginnings.end());
  for (const auto beginning : beginnings) {
    const std::u32string letters{static_cast<char32_t>(beginning >> 32), static_cast<char32_t>(beginning & 0xFFFFFFFF)};
    text += beginning_token(std::u32string_view(letters).substr(0, letters[1] == 0 ? 1 : 2));
    text += ' ';
  }
  return text;
}

Expression expression_of(std::string_view words, const Spelling& spelling) {
  auto pieces = pieces_of(words);
  if (pieces.empty()) return {};
  const auto last = std::move(pieces.back());
  pieces.pop_back();
  Writer writer(spelling);
  for (std::size_t i = 0; i < pieces.size(); ++i)
    if (std::find(pieces.begin(), pieces.begin() + static_cast<std::ptrdiff_t>(i), pieces[i]) ==
        pieces.begin() + static_cast<std::ptrdiff_t>(i))
      writer.piece(pieces[i], false);
  writer.piece(last, true);
  return writer.done();
}

/// FTS5 calls it for each row that matches.
struct Ranking {
  static void rank(const Fts5ExtensionApi* api, Fts5Context* row, sqlite3_context* answer, int, sqlite3_value**) {
    auto& search = *static_cast<Search*>(api->xUserData(row));
    std::uint32_t mistyped = 0, cost = 0;
    for (const auto& piece : search.asked_->pieces) {
      auto best = best_of(api, row, piece.exact);
      if (best == none) {
        ++mistyped;
        best = best_of(api, row, piece.mistyped);
      }
      cost += static_cast<std::uint32_t>(std::min(best, none));
    }
    search.found_.push_back({static_cast<std::uint32_t>(api->xRowid(row)),
                             std::min(mistyped * 4096 + std::min(cost, 4095u), most_match_rank)});
    sqlite3_result_null(answer);
  }

 private:
  static constexpr int none = 6;
  static int best_of(const Fts5ExtensionApi* api, Fts5Context* row, const std::vector<Expression::Phrase>& phrases) {
    auto best = none;
    for (const auto& phrase : phrases) {
      if (best <= phrase.beginning) break;
      Fts5PhraseIter iterator;
      int column = -1;
      if (api->xPhraseFirstColumn(row, phrase.number, &iterator, &column) != SQLITE_OK || column < 0) continue;
      best = std::min(best, 2 * column + phrase.beginning);
    }
    return best;
  }
};

namespace {

/// As https://www.sqlite.org/fts5.html, "Extending FTS5", says.
fts5_api* fts5_of(SQLite::Database& database) {
  fts5_api* api = nullptr;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database.getHandle(), "SELECT fts5(?1)", -1, &statement, nullptr) == SQLITE_OK) {
    sqlite3_bind_pointer(statement, 1, &api, "fts5_api_ptr", nullptr);
    sqlite3_step(statement);
  }
  sqlite3_finalize(statement);
  if (!api) throw SQLite::Exception("this SQLite has no FTS5");
  return api;
}

SQLite::Database& with_ranking(SQLite::Database& database, Search* search) {
  auto* const api = fts5_of(database);
  if (api->xCreateFunction(api, "rank_of", search, &Ranking::rank, nullptr) != SQLITE_OK)
    throw SQLite::Exception(database.getHandle());
  return database;
}

}  // namespace

Search::Search(SQLite::Database& database)
    : find_(with_ranking(database, this), "SELECT rank_of(search) FROM search WHERE search MATCH ?") {}

std::vector<Match> Search::find(const Expression& expression) {
  found_.clear();
  if (expression.text.empty()) return {};
  asked_ = &expression;
  find_.reset();
  find_.bindNoCopy(1, expression.text);
  while (find_.executeStep()) {
  }
  find_.reset();
  return std::exchange(found_, {});
}

}  // namespace shop::product
