/// What a fuzz target finds out: a property that does not hold ends the process with its name, as a sanitizer does.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace fuzz {

[[noreturn]] inline void fail(std::string_view property, std::string_view seen = {}) {
  std::fprintf(stderr, "property does not hold: %.*s\n", static_cast<int>(property.size()), property.data());
  if (!seen.empty()) std::fprintf(stderr, "seen: %.*s\n", static_cast<int>(seen.size()), seen.data());
  std::abort();
}

inline void require(bool holds, std::string_view property, std::string_view seen = {}) {
  if (!holds) fail(property, seen);
}

/// Takes the text up to `mark` off `rest`; all of it where there is none.
inline std::string_view take_until(std::string_view& rest, std::string_view mark) {
  const auto at = rest.find(mark);
  const auto part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + mark.size());
  return part;
}

}  // namespace fuzz

/// Each target defines this one; what it is given is the whole input.
namespace fuzz {
void run(std::string_view input);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
