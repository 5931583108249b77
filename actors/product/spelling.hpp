/// Which words there are, as far as finding those one typing error away from another needs it.
///
/// It keeps four bytes of a hash for each word, and the letters of each script that occur: what a typing error can have
/// made of a word is then tried letter by letter, at some nanoseconds each. So it costs no more to add a word, and a
/// few megabytes at a million of them. Not thread-safe: changes exclude everything else.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace shop::product {

class Spelling {
 public:
  /// Words of so many letters have errors mended: the longer one of the typed and the meant one has that many.
  static constexpr std::size_t least_letters = 5;
  /// A word this long is no word that somebody types.
  static constexpr std::size_t most_letters = 40;
  /// So many words are known at most; errors in further ones are not mended. Bounds the memory at 16 MB.
  static constexpr std::size_t most_words = 2'000'000;
  /// No more than so many neighbours of a word are looked for.
  static constexpr std::size_t most_neighbours = 64;

  /// Is an error in this word mended? In words of digits it is not: another number is another thing.
  static bool is_mended(std::u32string_view word);

  bool contains(std::u32string_view word) const;
  /// False if there is no more room. Asks for a word that is_mended.
  bool add(std::u32string_view word);
  std::size_t size() const { return size_; }

  /// Known words that one insertion, removal, replacement or exchange of neighbours makes of this one, without itself.
  /// One in some thousands was never added.
  std::vector<std::u32string> near(std::u32string_view word) const;

 private:
  bool holds(std::uint32_t hash) const;
  void put(std::uint32_t hash);

  std::vector<std::uint32_t> slots_;  ///< open addressing; 0 is free
  std::size_t size_ = 0;
  std::map<std::uint32_t, std::set<char32_t>> letters_;  ///< by script
};

}  // namespace shop::product
