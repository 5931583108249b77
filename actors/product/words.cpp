#include "actors/product/words.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace shop::product {
namespace {

struct Range {
  char32_t first, last;
};
template <std::size_t size>
bool is_in(char32_t letter, const std::array<Range, size>& ranges) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), letter,
                                      [](char32_t value, const Range& range) { return value < range.first; });
  return after != ranges.begin() && letter <= std::prev(after)->last;
}

/// Marks that a reader does without: accents, points of Hebrew, vowels of Arabic, titla of Cyrillic.
constexpr std::array marks_to_drop{
    Range{0x0300, 0x036F}, Range{0x0483, 0x0489}, Range{0x0591, 0x05BD}, Range{0x05BF, 0x05BF}, Range{0x05C1, 0x05C2},
    Range{0x05C4, 0x05C5}, Range{0x05C7, 0x05C7}, Range{0x0610, 0x061A}, Range{0x0640, 0x0640}, Range{0x064B, 0x065F},
    Range{0x0670, 0x0670}, Range{0x06D6, 0x06DC}, Range{0x06DF, 0x06E4}, Range{0x06E7, 0x06E8}, Range{0x06EA, 0x06ED},
    Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF}, Range{0x20D0, 0x20FF}, Range{0xFE20, 0xFE2F}};

/// Scripts that do not show where a word ends.
constexpr std::array without_spaces{
    Range{0x0E00, 0x0EFF},    // Thai, Lao
    Range{0x1000, 0x109F},    // Myanmar
    Range{0x1780, 0x17FF},    // Khmer
    Range{0x1950, 0x19DF},    // Tai Le, New Tai Lue
    Range{0x1A20, 0x1AAF},    // Tai Tham
    Range{0x2E80, 0x2FDF},    // radicals
    Range{0x3005, 0x3007},    // 々 and others that stand for a character
    Range{0x3021, 0x312F},    // numerals, kana, bopomofo
    Range{0x31A0, 0x31FF},    // bopomofo, small kana
    Range{0x3400, 0x4DBF},    // Han
    Range{0x4E00, 0xA4CF},    // Han, Yi
    Range{0xA9E0, 0xA9FF},    // Myanmar
    Range{0xAA60, 0xAADF},    // Myanmar, Tai Viet
    Range{0xF900, 0xFAFF},    // Han
    Range{0x1AFF0, 0x1B16F},  // kana
    Range{0x20000, 0x3FFFF}   // Han
};

/// Letters that Unicode does not take apart although readers do, and those that Arabic and Persian write for each other
/// (as Lucene's ArabicNormalizer and PersianNormalizer do).
std::u32string_view same_as(char32_t letter) {
  switch (letter) {
    case 0x0131: return U"i";       // ı
    case 0x00F8: return U"o";       // ø
    case 0x0142: return U"l";       // ł
    case 0x0111: return U"d";       // đ
    case 0x00F0: return U"d";       // ð
    case 0x0127: return U"h";       // ħ
    case 0x0167: return U"t";       // ŧ
    case 0x00FE: return U"th";      // þ
    case 0x00E6: return U"ae";      // æ
    case 0x0153: return U"oe";      // œ
    case 0x0649: return U"\u064A";  // ى as ي
    case 0x06CC: return U"\u064A";  // ی as ي
    case 0x06A9: return U"\u0643";  // ک as ك
    case 0x0629: return U"\u0647";  // ة as ه
    default: return {};
  }
}

/// Signs that would melt into the word before them when taken apart.
utf8proc_int32_t before_folding(utf8proc_int32_t letter, void*) {
  return letter == 0x2122 || letter == 0x2120 ? ' ' : letter;  // ™ ℠
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string only_utf8(std::string_view text) {
  std::string valid;
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto* const end = at + text.size();
  while (at != end) {
    utf8proc_int32_t letter = 0;
    const auto size = utf8proc_iterate(at, end - at, &letter);
    if (size > 0) valid.append(reinterpret_cast<const char*>(at), static_cast<std::size_t>(size));
    at += size > 0 ? size : 1;
  }
  return valid;
}

std::u32string fold_any(std::string_view text) {
  constexpr auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD |
                                                          UTF8PROC_IGNORE | UTF8PROC_STABLE);
  const auto decompose = [&](std::u32string& into) {
    return utf8proc_decompose_custom(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                     static_cast<utf8proc_ssize_t>(text.size()),
                                     reinterpret_cast<utf8proc_int32_t*>(into.data()),
                                     static_cast<utf8proc_ssize_t>(into.size()), options, before_folding, nullptr);
  };
  std::u32string letters(text.size() + 32, 0);
  auto size = decompose(letters);
  if (size > static_cast<utf8proc_ssize_t>(letters.size())) {
    letters.resize(static_cast<std::size_t>(size) + 1);
    size = decompose(letters);
  }
  if (size < 0) return fold_any(only_utf8(text));
  letters.resize(static_cast<std::size_t>(size));

  std::u32string kept;
  kept.reserve(letters.size());
  for (const auto letter : letters) {
    if (is_in(letter, marks_to_drop)) continue;
    if (const auto same = same_as(letter); !same.empty())
      kept.append(same);
    else
      kept.push_back(letter);
  }
  // Put together again what has stayed: syllables of Hangul, kana with their marks.
  constexpr auto compose = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  const auto composed = utf8proc_normalize_utf32(reinterpret_cast<utf8proc_int32_t*>(kept.data()),
                                                 static_cast<utf8proc_ssize_t>(kept.size()), compose);
  kept.resize(static_cast<std::size_t>(std::max<utf8proc_ssize_t>(composed, 0)));
  return kept;
}

std::u32string fold(std::string_view text) {
  if (!is_ascii(text)) return fold_any(text);
  std::u32string letters(text.size(), 0);
  std::transform(text.begin(), text.end(), letters.begin(),
                 [](char c) { return static_cast<char32_t>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); });
  return letters;
}

enum class Class { Space, Separator, Letter, Character, Symbol };
Class class_of(char32_t letter) {
  if (letter < 0x80) {
    if ((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9')) return Class::Letter;
    if (letter <= ' ' || letter == 0x7F) return Class::Space;
    return std::u32string_view(U"%_*\"#+<=>^`|~$").find(letter) == std::u32string_view::npos ? Class::Separator
                                                                                             : Class::Symbol;
  }
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(letter))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return is_in(letter, without_spaces) ? Class::Character : Class::Letter;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO: return Class::Symbol;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC: return Class::Space;
    default: return Class::Separator;
  }
}

/// Calls `word` for each word, and `space` where white space is.
template <class OnWord, class OnSpace>
void walk(std::string_view text, OnWord word, OnSpace space) {
  const auto letters = fold(text);
  for (std::size_t i = 0; i < letters.size();) {
    const auto kind = class_of(letters[i]);
    auto end = i + 1;
    if (kind == Class::Letter)
      while (end < letters.size() && class_of(letters[end]) == Class::Letter) ++end;
    if (kind == Class::Space) space();
    if (kind == Class::Letter || kind == Class::Character || kind == Class::Symbol)
      word(Word{kind == Class::Letter      ? Word::Kind::Letters
                : kind == Class::Character ? Word::Kind::Character
                                           : Word::Kind::Symbol,
                letters.substr(i, end - i)});
    i = end;
  }
}

}  // namespace

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  walk(
      text, [&](Word word) { words.push_back(std::move(word)); }, [] {});
  return words;
}

std::vector<std::vector<Word>> pieces_of(std::string_view text) {
  std::vector<std::vector<Word>> pieces;
  bool begun = false;
  walk(
      text,
      [&](Word word) {
        if (!begun) pieces.emplace_back();
        begun = true;
        pieces.back().push_back(std::move(word));
      },
      [&] { begun = false; });
  return pieces;
}

bool is_blank(std::string_view text) {
  const auto letters = from_utf8(text);
  return std::all_of(letters.begin(), letters.end(), [](char32_t letter) { return class_of(letter) == Class::Space; });
}

std::string to_utf8(std::u32string_view letters) {
  std::string text;
  text.reserve(letters.size());
  for (const auto letter : letters) {
    if (letter < 0x80) {
      text.push_back(static_cast<char>(letter));
      continue;
    }
    std::array<utf8proc_uint8_t, 4> bytes{};
    const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(letter), bytes.data());
    text.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size));
  }
  return text;
}

std::u32string from_utf8(std::string_view text) {
  std::u32string letters;
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto* const end = at + text.size();
  while (at != end) {
    utf8proc_int32_t letter = 0;
    const auto size = utf8proc_iterate(at, end - at, &letter);
    if (size > 0) letters.push_back(static_cast<char32_t>(letter));
    at += size > 0 ? size : 1;
  }
  return letters;
}

std::string words_form() {
  return std::string("1/unicode-") + utf8proc_unicode_version();
}

}  // namespace shop::product
