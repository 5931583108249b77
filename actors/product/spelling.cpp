#include "actors/product/spelling.hpp"

#include <algorithm>
#include <utility>

namespace shop::product {
namespace {

// A polynomial, so that the hash of a word with one letter changed follows from hashes of its parts.
constexpr std::uint64_t base = 0x9E3779B97F4A7C15ULL;
std::uint64_t appended(std::uint64_t hash, char32_t letter) {
  return hash * base + letter + 1;
}
std::uint32_t mixed(std::uint64_t hash) {
  hash ^= hash >> 32;
  hash *= 0xD6E8FEB86659FD93ULL;
  hash ^= hash >> 32;
  hash *= 0xD6E8FEB86659FD93ULL;
  // Zero stands for no word.
  return std::max<std::uint32_t>(static_cast<std::uint32_t>(hash ^ (hash >> 32)), 1);
}
std::uint32_t hash_of(std::u32string_view word) {
  std::uint64_t hash = 0;
  for (const auto letter : word) hash = appended(hash, letter);
  return mixed(hash);
}

/// Letters of one script have the same number. Unicode gives most scripts blocks of 128.
std::uint32_t script_of(char32_t letter) {
  constexpr std::uint32_t latin = 0, greek = 0x370 >> 7, cyrillic = 0x400 >> 7, arabic = 0x600 >> 7,
                          hangul = 0xAC00 >> 7;
  if (letter < 0x2B0 || (letter >= 0x1E00 && letter < 0x1F00)) return latin;
  if (letter >= 0x370 && letter < 0x400) return greek;
  if (letter >= 0x400 && letter < 0x530) return cyrillic;
  if ((letter >= 0x600 && letter < 0x700) || (letter >= 0x750 && letter < 0x780)) return arabic;
  if (letter >= 0xAC00 && letter < 0xD7B0) return hangul;
  return letter >> 7;
}

}  // namespace

bool Spelling::is_mended(std::u32string_view word) {
  return word.size() + 1 >= least_letters && word.size() <= most_letters &&
         std::none_of(word.begin(), word.end(), [](char32_t letter) { return letter >= '0' && letter <= '9'; });
}

bool Spelling::holds(std::uint32_t hash) const {
  if (slots_.empty()) return false;
  const auto mask = slots_.size() - 1;
  for (auto at = hash & mask; slots_[at] != 0; at = (at + 1) & mask)
    if (slots_[at] == hash) return true;
  return false;
}

void Spelling::put(std::uint32_t hash) {
  const auto mask = slots_.size() - 1;
  auto at = hash & mask;
  while (slots_[at] != 0) at = (at + 1) & mask;
  slots_[at] = hash;
}

bool Spelling::contains(std::u32string_view word) const {
  return holds(hash_of(word));
}

bool Spelling::add(std::u32string_view word) {
  const auto hash = hash_of(word);
  if (holds(hash)) return true;
  if (size_ >= most_words) return false;
  if ((size_ + 1) * 2 > slots_.size()) {
    const auto before =
        std::exchange(slots_, std::vector<std::uint32_t>(std::max<std::size_t>(1024, slots_.size() * 2)));
    for (const auto known : before)
      if (known != 0) put(known);
  }
  put(hash);
  ++size_;
  for (const auto letter : word) letters_[script_of(letter)].insert(letter);
  return true;
}

std::vector<std::u32string> Spelling::near(std::u32string_view word) const {
  std::vector<std::u32string> found;
  if (!is_mended(word)) return found;
  const auto length = word.size();
  std::set<char32_t> letters;
  for (const auto letter : word)
    if (const auto known = letters_.find(script_of(letter)); known != letters_.end())
      letters.insert(known->second.begin(), known->second.end());

  std::vector<std::uint64_t> head(length + 1, 0), power(length + 1, 1), tail(length + 1, 0);
  for (std::size_t i = 0; i < length; ++i) {
    head[i + 1] = appended(head[i], word[i]);
    power[i + 1] = power[i] * base;
  }
  for (std::size_t i = length; i-- > 0;) tail[i] = (word[i] + 1ULL) * power[length - i - 1] + tail[i + 1];

  // The hash of the word's first letters, some others, and its last letters from `after` on.
  const auto joined = [&](std::uint64_t begun, std::size_t after) {
    return mixed(begun * power[length - after] + tail[after]);
  };
  const auto keep = [&](std::u32string candidate) {
    if (candidate != word && found.size() < most_neighbours &&
        std::find(found.begin(), found.end(), candidate) == found.end())
      found.push_back(std::move(candidate));
  };
  const auto with = [&](std::size_t at, std::u32string_view letter, std::size_t after) {
    return std::u32string(word.substr(0, at)).append(letter).append(word.substr(after));
  };

  if (length >= least_letters) {
    for (std::size_t i = 0; i + 1 < length; ++i)
      if (holds(joined(appended(appended(head[i], word[i + 1]), word[i]), i + 2)))
        keep(with(i, std::u32string{word[i + 1], word[i]}, i + 2));
    for (std::size_t i = 0; i < length; ++i)
      if (holds(joined(head[i], i + 1))) keep(with(i, {}, i + 1));
    for (std::size_t i = 0; i < length; ++i)
      for (const auto letter : letters)
        if (holds(joined(appended(head[i], letter), i + 1))) keep(with(i, std::u32string{letter}, i + 1));
  }
  for (std::size_t i = 0; i <= length; ++i)
    for (const auto letter : letters)
      if (holds(joined(appended(head[i], letter), i))) keep(with(i, std::u32string{letter}, i));
  return found;
}

}  // namespace shop::product
