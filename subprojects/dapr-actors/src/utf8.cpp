#include "dapr/actors/utf8.hpp"

#include <algorithm>

namespace dapr::actors {

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(at < text.size() ? text[at] : 0); };
    const unsigned first = byte(i);
    const auto continues = [&](std::size_t at, unsigned least = 0x80, unsigned most = 0xBF) {
      return byte(at) >= least && byte(at) <= most;
    };
    if (first < 0x80)
      i += 1;
    else if (first >= 0xC2 && first <= 0xDF && continues(i + 1))
      i += 2;
    else if (first >= 0xE0 && first <= 0xEF &&
             continues(i + 1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) && continues(i + 2))
      i += 3;
    else if (first >= 0xF0 && first <= 0xF4 &&
             continues(i + 1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF) && continues(i + 2) &&
             continues(i + 3))
      i += 4;
    else
      return false;
  }
  return true;
}

std::size_t characters_in(std::string_view text) {
  // A character's first byte is the one that is not 10xxxxxx.
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace dapr::actors
