#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "services/common/facade.hpp"

namespace shop::services {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

[[noreturn]] void bad_query(std::string_view name, const std::string& what) {
  throw ProblemError(400, "", "The query parameter \"" + std::string(name) + "\" " + what + ".");
}

}  // namespace

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

void invalid(std::string pointer, std::string detail) {
  throw ProblemError(problem_of(actors::json::Error({{std::move(pointer), std::move(detail)}})));
}

const std::string& Request::parameter(std::string_view name) const {
  const auto found = parts_.parameters.find(name);
  if (found == parts_.parameters.end())
    throw std::logic_error("the route " + parts_.route + " has no {" + std::string(name) + "}");
  return found->second;
}

const std::string& Request::id(std::string_view name) const {
  const auto& text = parameter(name);
  if (!is_id(text))
    throw ProblemError(404, "", "There is nothing here: an id has 1 to 64 letters, digits, \"_\" or \"-\".");
  return text;
}

std::optional<std::string> Request::query(std::string_view name) const {
  const auto found = parts_.query.find(name);
  if (found == parts_.query.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::optional<std::string> Request::query_word(std::string_view name) const {
  const auto found = parts_.query.find(name);
  if (found == parts_.query.end()) return std::nullopt;
  if (found->second.empty()) bad_query(name, "must not be empty: leave it out instead");
  return found->second;
}

std::optional<std::int64_t> Request::query_integer(std::string_view name, std::int64_t least, std::int64_t most) const {
  const auto text = query_word(name);
  if (!text) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end != text->data() + text->size() || number < least || number > most)
    bad_query(name, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return number;
}

std::optional<bool> Request::query_flag(std::string_view name) const {
  const auto text = query_word(name);
  if (!text) return std::nullopt;
  if (*text != "true" && *text != "false") bad_query(name, "must be true or false");
  return *text == "true";
}

std::optional<std::string> Request::query_id(std::string_view name) const {
  auto text = query_word(name);
  if (text && !is_id(*text)) bad_query(name, "must be an id: 1 to 64 letters, digits, \"_\" or \"-\"");
  return text;
}

std::optional<std::string> Request::header(std::string_view name) const {
  const auto found = parts_.headers.find(lower(name));
  if (found == parts_.headers.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

const std::string& Request::idempotency_key() const {
  const auto found = parts_.headers.find("idempotency-key");
  if (found == parts_.headers.end())  // an empty one has been refused before
    throw ProblemError(
        400, "idempotency_key_required",
        "The header Idempotency-Key is required: send a new random one with each new request, and the same one "
        "when you repeat a request.");
  return found->second;
}

std::string Request::media_type() const {
  const auto type = header("content-type").value_or("");
  return lower(trimmed(std::string_view(type).substr(0, type.find(';'))));
}

void Request::require_json() const {
  if (media_type() != "application/json") throw ProblemError(415, "", "The request body must be application/json.");
}

std::string etag(std::int64_t version) {
  return '"' + std::to_string(version) + '"';
}

bool etag_listed(std::string_view list, std::string_view tag, bool weak) {
  while (!list.empty()) {
    const auto comma = list.find(',');  // our own tags hold no comma
    auto one = trimmed(list.substr(0, comma));
    if (one == "*") return true;
    const bool is_weak = one.starts_with("W/");
    if (is_weak) one.remove_prefix(2);
    if (one == tag && (weak || !is_weak)) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace shop::services
