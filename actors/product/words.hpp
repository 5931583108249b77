/// How texts become words that can be compared: Unicode, in every script. Pure: any thread, no state.
///
/// Two texts are the same if they are so without case, accents, vowel points and ways of encoding: `Tée`, `TEE` and
/// `tee`; `Straße` and `STRASSE`; `Łódź` and `lodz`; `й` and `и`. Marks of scripts that are not read without them
/// (Devanagari, Thai, kana) stay. Scripts without spaces between words (Han, kana, Thai, Khmer, …) give a word for each
/// character, so that any part of a text is found as a row of them. So do symbols (`+`, `€`) and `%`, `_`, `*`, `"` and
/// `#`; other punctuation only separates words.
///
/// Who keeps words that this made must make them anew when `words_form` changes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shop::product {

struct Word {
  /// `Letters` can be begun or mistyped; the others are one character.
  enum class Kind { Letters, Character, Symbol };
  Kind kind = Kind::Letters;
  std::u32string letters;
  bool operator==(const Word&) const = default;
};

/// All of a text, in order.
std::vector<Word> words_of(std::string_view text);

/// The same by pieces, which white space separates; none of them is empty. Text that is not UTF-8 is skipped.
std::vector<std::vector<Word>> pieces_of(std::string_view text);

/// White space and nothing else?
bool is_blank(std::string_view text);

std::string to_utf8(std::u32string_view letters);
/// Of text that is UTF-8; what is not is skipped.
std::u32string from_utf8(std::string_view text);

/// Names the rules above and the version of Unicode they were applied with.
std::string words_form();

}  // namespace shop::product
