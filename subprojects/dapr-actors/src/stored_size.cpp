#include "dapr/actors/stored_size.hpp"

namespace dapr::actors {

std::size_t stored_size(std::string_view json) {
  std::size_t bytes = json.size();
  for (const char c : json)
    if (c == '<' || c == '>' || c == '&' || c == '\x7f') bytes += 5;
  for (auto at = json.find("\xe2\x80"); at != std::string_view::npos; at = json.find("\xe2\x80", at + 2)) bytes += 3;
  return bytes;
}

}  // namespace dapr::actors
