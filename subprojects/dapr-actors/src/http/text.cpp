#include "internal/http/text.hpp"

#include <algorithm>
#include <stdexcept>

#include "dapr/actors/utf8.hpp"

namespace dapr::actors::http {
namespace {

bool is_alphanumeric(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_unreserved(unsigned char c) {
  return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

template <class Keep>
std::string encode(std::string_view text, Keep keep) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (keep(byte)) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 15];
    }
  }
  return encoded;
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Decodes whatever bytes are encoded; nothing for a broken encoding.
std::optional<std::string> decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex(text[i + 1]), low = hex(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  return encode(text, is_unreserved);
}

std::optional<std::string> percent_decode(std::string_view text) {
  auto decoded = decode(text);
  if (!decoded || !is_utf8(*decoded) || std::any_of(decoded->begin(), decoded->end(), is_control)) return std::nullopt;
  return decoded;
}

std::string to_dapr_id(std::string_view id) {
  if (id.empty() || !is_utf8(id)) throw std::invalid_argument("an actor's id must be text in UTF-8, and not empty");
  if (id == ".") return "%2E";
  if (id == "..") return "%2E%2E";
  return encode(id, [](unsigned char c) { return is_unreserved(c) || c == '@' || c == ':'; });
}

std::optional<std::string> from_dapr_id(std::string_view segment) {
  auto id = decode(segment);
  if (!id || id->empty() || !is_utf8(*id) || to_dapr_id(*id) != segment) return std::nullopt;
  return id;
}

std::string to_header_value(std::string_view text) {
  return encode(text, [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '%'; });
}

bool is_header_value(std::string_view text) {
  if (!text.empty() && (text.front() == ' ' || text.back() == ' ')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> parts;
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const auto slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

std::string to_go_duration(Duration duration) {
  const auto count = std::max<Duration::rep>(duration.count(), 0);
  return count % 1000 == 0 ? std::to_string(count / 1000) + "s" : std::to_string(count) + "ms";
}

bool same_secret(std::string_view given, std::string_view expected) {
  unsigned difference = given.size() == expected.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char other = expected.empty() ? '\0' : expected[i % expected.size()];
    difference |= static_cast<unsigned>(static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(other));
  }
  return difference == 0;
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace dapr::actors::http
