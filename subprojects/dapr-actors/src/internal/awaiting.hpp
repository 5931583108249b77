/// Which turns wait for a call: a list that goes along with it in the header `Awaited-By`, so that a call back into one
/// of them is refused instead of waiting for ever. Internal to the library.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "dapr/actors/records/handled.hpp"
#include "dapr/actors/sidecar.hpp"

namespace dapr::actors {

/// What is carried along at most; beyond it the outermost turns are left out.
inline constexpr std::size_t most_awaiting_bytes = 1024;

inline std::string awaiting_name(const ActorId& actor) {
  return records::fingerprint_of(actor.type + "/" + actor.id);
}

/// The list with `actor` added.
inline std::string awaiting_with(std::string list, const ActorId& actor) {
  if (!list.empty()) list += ',';
  list += awaiting_name(actor);
  while (list.size() > most_awaiting_bytes) list.erase(0, list.find(',') + 1);
  return list;
}

/// Whether `actor` is in the list.
inline bool is_awaiting(std::string_view list, const ActorId& actor) {
  if (list.empty()) return false;
  const auto name = awaiting_name(actor);
  for (std::size_t at = 0; at != std::string_view::npos;) {
    const auto end = list.find(',', at);
    if (list.substr(at, end == std::string_view::npos ? end : end - at) == name) return true;
    at = end == std::string_view::npos ? end : end + 1;
  }
  return false;
}

/// What came in as a list, if it can be one.
inline std::string awaiting_from(std::string_view header) {
  const bool is_one = header.size() <= most_awaiting_bytes && std::all_of(header.begin(), header.end(), [](char c) {
                        return c == ',' || (c >= '0' && c <= '9');
                      });
  return is_one ? std::string(header) : std::string();
}

}  // namespace dapr::actors
