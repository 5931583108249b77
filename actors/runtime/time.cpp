#include "actors/runtime/time.hpp"

#include <date/date.h>

#include <sstream>

namespace actors {

std::string to_rfc3339(Time time) {
  return date::format("%FT%TZ", time);
}

std::optional<Time> from_rfc3339(std::string_view text) {
  std::istringstream in{std::string(text)};
  date::sys_time<Duration> time;
  in >> date::parse("%FT%T%Ez", time);
  if (in.fail()) {
    in.clear();
    in.str(std::string(text));
    in.seekg(0);
    in >> date::parse("%FT%TZ", time);
  } else if (!text.ends_with("+00:00") && !text.ends_with("-00:00")) {
    return std::nullopt;
  }
  if (in.fail() || in.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
  return Time(time.time_since_epoch());
}

}  // namespace actors
