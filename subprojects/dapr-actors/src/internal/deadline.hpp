/// Deadlines and their form on the wire: the header `Time-Left`, whole milliseconds. Internal to the library.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

#include "dapr/actors/time.hpp"

namespace dapr::actors {

inline constexpr auto deadline_exceeded = "DEADLINE_EXCEEDED";

inline bool is_over(Deadline deadline) {
  return deadline != no_deadline && std::chrono::steady_clock::now() >= deadline;
}

/// `limit` from now; beyond a year there is none.
inline Deadline deadline_in(Duration limit) {
  if (limit > std::chrono::hours(24 * 365)) return no_deadline;
  return std::chrono::steady_clock::now() + std::max(limit, Duration{0});
}

/// Rounded up, so that whoever is told it never gives up before the one who tells it.
inline Duration time_left(Deadline deadline) {
  const auto now = std::chrono::steady_clock::now();
  return deadline <= now ? Duration{0} : std::chrono::ceil<Duration>(deadline - now);
}

/// What came in as the time that is left, none if nothing did; nothing for what is no such time.
inline std::optional<Deadline> deadline_from(std::string_view header) {
  if (header.empty()) return no_deadline;
  Duration::rep left = 0;
  if (header.size() > 12) return std::nullopt;
  for (const char c : header) {
    if (c < '0' || c > '9') return std::nullopt;
    left = left * 10 + (c - '0');
  }
  return deadline_in(Duration(left));
}

}  // namespace dapr::actors
