#include "dapr/actors/utf8.hpp"

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

}  // namespace dapr::actors
