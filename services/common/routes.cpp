#include "services/common/routes.hpp"

#include <dapr/actors/utf8.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace shop::services {
namespace {

/// No route is as deep; a path of a thousand slashes ends here.
constexpr std::size_t max_segments = 16;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The segments of a path that begins with a slash; none for another one, or one that is too deep.
std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.empty() || path.front() != '/') return segments;
  for (std::size_t start = 1;;) {
    const auto end = path.find('/', start);
    segments.push_back(path.substr(start, end == std::string_view::npos ? end : end - start));
    if (end == std::string_view::npos) return segments;
    if (segments.size() == max_segments) return {};
    start = end + 1;
  }
}

bool is_variable(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += text[i] == '+' && plus_is_space ? ' ' : text[i];
    }
  }
  if (!actors::is_utf8(decoded) || decoded.find('\0') != std::string::npos) return std::nullopt;
  return decoded;
}

void Routes::add(const std::string& verb, const std::string& pattern, Endpoint endpoint) {
  auto known =
      std::find_if(patterns_.begin(), patterns_.end(), [&](const auto& other) { return other.text == pattern; });
  if (known == patterns_.end()) {
    const auto segments = segments_of(pattern);
    if (segments.empty()) throw std::logic_error("a route begins with a slash: " + pattern);
    Pattern added{pattern, {segments.begin(), segments.end()}, {}};
    const auto literal_first = [](const Pattern& left, const Pattern& right) {
      return std::lexicographical_compare(
          left.segments.begin(), left.segments.end(), right.segments.begin(), right.segments.end(),
          [](const auto& a, const auto& b) { return !is_variable(a) && is_variable(b); });
    };
    known =
        patterns_.insert(std::upper_bound(patterns_.begin(), patterns_.end(), added, literal_first), std::move(added));
  }
  if (!known->endpoints.emplace(verb, std::move(endpoint)).second)
    throw std::logic_error("the route " + verb + " " + pattern + " is there twice");
}

Routes::Match Routes::find(std::string_view verb, std::string_view path) const {
  Match match;
  const auto segments = segments_of(path);
  if (segments.empty()) return match;
  const auto fits = [&](const Pattern& pattern) {
    return std::equal(pattern.segments.begin(), pattern.segments.end(), segments.begin(), segments.end(),
                      [](const std::string& expected, std::string_view got) {
                        return is_variable(expected) ? !got.empty() : expected == got;
                      });
  };
  const auto found = std::find_if(patterns_.begin(), patterns_.end(), fits);
  if (found == patterns_.end()) return match;

  match.pattern = &found->text;
  for (const auto& [known, endpoint] : found->endpoints) {
    match.allow += known + ", ";
    if (known == "GET") match.allow += "HEAD, ";
  }
  match.allow += "OPTIONS";
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (!is_variable(found->segments[i])) continue;
    auto decoded = percent_decoded(segments[i]);
    if (!decoded) match.undecodable = true;
    match.parameters.emplace(found->segments[i].substr(1, found->segments[i].size() - 2),
                             std::move(decoded).value_or(std::string()));
  }
  const auto endpoint = found->endpoints.find(verb == "HEAD" ? std::string_view("GET") : verb);
  if (endpoint != found->endpoints.end()) match.endpoint = &endpoint->second;
  return match;
}

}  // namespace shop::services
