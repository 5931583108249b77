#include "dapr/actors/time.hpp"

#include <date/date.h>

#include <sstream>

namespace dapr::actors {

namespace {

/// `2026-05-04T10:11:12`, a fraction, `Z` or `+00:00`: the parser below takes other signs for digits.
bool has_form(std::string_view text) {
  constexpr std::string_view form = "0000-00-00T00:00:00";
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() < form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i)
    if (form[i] == '0' ? !is_digit(text[i]) : text[i] != form[i]) return false;
  text.remove_prefix(form.size());
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (text.empty() || !is_digit(text.front())) return false;
    while (!text.empty() && is_digit(text.front())) text.remove_prefix(1);
  }
  return text == "Z" || text == "+00:00" || text == "-00:00";
}

}  // namespace

std::string to_rfc3339(Time time) {
  return date::format("%FT%TZ", time);
}

std::optional<Time> from_rfc3339(std::string_view text) {
  if (!has_form(text)) return std::nullopt;
  std::istringstream in(std::string(text.substr(0, text.find_first_of("Z+-", 19))) + "Z");
  date::sys_time<Duration> time;
  in >> date::parse("%FT%TZ", time);
  if (in.fail() || in.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
  return Time(time.time_since_epoch());
}

}  // namespace dapr::actors
