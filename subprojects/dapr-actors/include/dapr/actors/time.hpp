/// Points in time and their RFC 3339 form. Milliseconds are the finest unit on any wire of this library.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)

namespace dapr::actors {

using Duration = std::chrono::milliseconds;
using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// Until when somebody waits. It runs on when the machine's clock is set, and means something in this process alone:
/// from one to the next goes the time that is left.
using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline no_deadline = Deadline::max();

/// RFC 3339 in UTC with milliseconds: `2026-05-04T10:11:12.013Z`.
std::string to_rfc3339(Time time);
/// Reads RFC 3339 in UTC (`Z` or `+00:00`), with or without a fraction; nothing else.
std::optional<Time> from_rfc3339(std::string_view text);

/// Where the present comes from; a test advances its own. May be asked from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

/// The machine's clock.
class SystemClock final : public Clock {
 public:
  Time now() const override { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
};

}  // namespace dapr::actors

#pragma GCC visibility pop
