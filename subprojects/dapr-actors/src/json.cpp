#include "dapr/actors/json.hpp"

#include <rapidjson/error/en.h>

#include <algorithm>
#include <cmath>

#include "dapr/actors/utf8.hpp"

namespace dapr::actors::json {
namespace {

std::string summary(const std::vector<Problem>& problems) {
  std::string text;
  for (const auto& problem : problems) {
    if (!text.empty()) text += "; ";
    text += (problem.pointer.empty() ? "the document" : problem.pointer) + " " + problem.detail;
  }
  return text;
}

/// Everything else that is not UTF-8 the parser refuses itself.
bool may_escape_surrogates(std::string_view text) {
  return text.find("\\ud") != std::string_view::npos || text.find("\\uD") != std::string_view::npos;
}

bool is_text(const Value& value) {
  if (value.IsString()) return is_utf8({value.GetString(), value.GetStringLength()});
  if (value.IsArray())
    return std::all_of(value.Begin(), value.End(), [](const auto& element) { return is_text(element); });
  if (value.IsObject())
    return std::all_of(value.MemberBegin(), value.MemberEnd(),
                       [](const auto& member) { return is_text(member.name) && is_text(member.value); });
  return true;
}

/// Nesting from outside must not decide how deep our stack grows: RapidJSON's values are walked recursively.
constexpr int max_depth = 64;

int depth_of(std::string_view text) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"')
      in_string = true;
    else if (c == '{' || c == '[')
      deepest = std::max(deepest, ++depth);
    else if (c == '}' || c == ']')
      --depth;
  }
  return deepest;
}

/// A name that nobody knows is repeated to who sent it, and may be as long as the text it came in.
std::string_view beginning_of(std::string_view name) {
  constexpr std::size_t most = 128;
  if (name.size() <= most) return name;
  auto end = most;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;  // not inside a UTF-8 character
  return name.substr(0, end);
}

}  // namespace

Error::Error(std::vector<Problem> problems) : std::runtime_error(summary(problems)), problems_(std::move(problems)) {}

Reading::Step::Step(Reading& reading, std::string_view token) : reading_(reading), length_(reading.pointer_.size()) {
  auto& pointer = reading_.pointer_;
  pointer += '/';
  for (const char c : beginning_of(token)) {  // RFC 6901, section 3
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
}

const Value* member(const Value& value, const char* name) {
  if (!value.IsObject()) return nullptr;
  const auto found = value.FindMember(name);
  return found == value.MemberEnd() ? nullptr : &found->value;
}

namespace detail {

/// JSON has one kind of number, and JSON Schema's integers are those without a fraction, however they are written: 5.0
/// and 5e0 are 5. Above 10^15 the parser, which is not in its full precision, may be off by one: only digits are taken
/// at their word there.
Value::ConstMemberIterator find_member(const Value& from, std::string_view name) {
  return from.FindMember(Value(rapidjson::StringRef(name.data(), name.size())));
}

void refuse_others(const Value& from, const std::vector<std::string_view>& names, Reading& reading) {
  std::vector<bool> seen(names.size());
  for (const auto& member : from.GetObject()) {
    const auto name = text_of(member.name);
    const auto found = std::find(names.begin(), names.end(), name);
    const auto index = static_cast<std::size_t>(found - names.begin());
    Reading::Step step(reading, name);
    if (found == names.end())
      reading.fail("is not known here");
    else if (seen[index])
      reading.fail("is there twice");
    else
      seen[index] = true;
  }
}

std::optional<std::int64_t> whole(const Value& from) {
  constexpr double most = 1e15;
  if (!from.IsDouble()) return std::nullopt;
  const auto number = from.GetDouble();
  if (!(number >= -most && number <= most) || std::trunc(number) != number) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::string serialise(const Value& value) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

rapidjson::Document parse_document(std::string_view text) {
  if (depth_of(text) > max_depth) throw Error({{"", "is nested deeper than " + std::to_string(max_depth) + " levels"}});
  rapidjson::Document document;
  // Not in RapidJSON's full precision: 1.1 then reads 0e55 as 1e36. Without it a fraction may be off in its last digit.
  document.Parse<rapidjson::kParseValidateEncodingFlag>(text.data(), text.size());
  if (document.HasParseError())
    throw Error({{"", std::string("is not JSON: ") + rapidjson::GetParseError_En(document.GetParseError()) + " (byte " +
                          std::to_string(document.GetErrorOffset()) + ")"}});
  if (may_escape_surrogates(text) && !is_text(document))
    throw Error({Problem{"", "holds half of a surrogate pair (\\udc00 to \\udfff alone), which is no character"}});
  return document;
}

}  // namespace detail
}  // namespace dapr::actors::json
