/// The names that reminders and timers are registered under: an entry of the type's table, or `{entry}:{name}` for one
/// of several that call the same method. Internal to the library.
#pragma once

#include <string_view>

namespace dapr::actors {

inline constexpr char alarm_separator = ':';

/// Whether `name` is that of one of several that call the method `entry`.
inline bool is_named(std::string_view name, std::string_view entry) {
  return name.size() > entry.size() && name.starts_with(entry) && name[entry.size()] == alarm_separator;
}

}  // namespace dapr::actors
