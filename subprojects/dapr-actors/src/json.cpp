#include "dapr/actors/json.hpp"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

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

bool is_text(const rapidjson::Value& value) {
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

// --- values

namespace {
const rapidjson::Value& value_at(const void* value) {
  return *static_cast<const rapidjson::Value*>(value);
}
std::string_view text_of(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}
rapidjson::SizeType size_of(std::string_view text) {
  return static_cast<rapidjson::SizeType>(text.size());
}
/// JSON has one kind of number, and JSON Schema's integers are those without a fraction, however they are written.
/// Above 10^15 the parser, which is not in its full precision, may be off by one: only digits are taken at their word
/// there.
std::optional<std::int64_t> written_as_fraction(const rapidjson::Value& value) {
  constexpr double most = 1e15;
  if (!value.IsDouble()) return std::nullopt;
  const auto number = value.GetDouble();
  if (!(number >= -most && number <= most) || std::trunc(number) != number) return std::nullopt;
  return static_cast<std::int64_t>(number);
}
}  // namespace

bool Value::is_null() const {
  return value_at(value_).IsNull();
}
bool Value::is_boolean() const {
  return value_at(value_).IsBool();
}
bool Value::is_number() const {
  return value_at(value_).IsNumber();
}
bool Value::is_string() const {
  return value_at(value_).IsString();
}
bool Value::is_array() const {
  return value_at(value_).IsArray();
}
bool Value::is_object() const {
  return value_at(value_).IsObject();
}
bool Value::boolean() const {
  return value_at(value_).GetBool();
}
double Value::number() const {
  return value_at(value_).GetDouble();
}
std::string_view Value::string() const {
  return text_of(value_at(value_));
}
std::optional<std::int64_t> Value::integer() const {
  const auto& value = value_at(value_);
  if (value.IsInt64()) return value.GetInt64();
  return written_as_fraction(value);
}
std::optional<std::uint64_t> Value::unsigned_integer() const {
  const auto& value = value_at(value_);
  if (value.IsUint64()) return value.GetUint64();
  const auto number = written_as_fraction(value);
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}
std::size_t Value::size() const {
  const auto& value = value_at(value_);
  if (value.IsArray()) return value.Size();
  return value.IsObject() ? value.MemberCount() : 0;
}
Value Value::operator[](std::size_t index) const {
  const auto& value = value_at(value_);
  if (value.IsArray()) return Value(&value[static_cast<rapidjson::SizeType>(index)]);
  return Value(&(value.MemberBegin() + static_cast<std::ptrdiff_t>(index))->value);
}
std::string_view Value::name(std::size_t index) const {
  return text_of((value_at(value_).MemberBegin() + static_cast<std::ptrdiff_t>(index))->name);
}
std::optional<Value> Value::find(std::string_view name) const {
  const auto& value = value_at(value_);
  if (!value.IsObject()) return std::nullopt;
  const auto found = value.FindMember(rapidjson::Value(rapidjson::StringRef(name.data(), size_of(name))));
  if (found == value.MemberEnd()) return std::nullopt;
  return Value(&found->value);
}
std::string Value::text() const {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value_at(value_).Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

struct Document::Parsed {
  rapidjson::Document document;
};

Document::Document(std::string_view text) : parsed_(std::make_unique<Parsed>()) {
  if (depth_of(text) > max_depth) throw Error({{"", "is nested deeper than " + std::to_string(max_depth) + " levels"}});
  auto& document = parsed_->document;
  // Not in RapidJSON's full precision: 1.1 then reads 0e55 as 1e36. Without it a fraction may be off in its last digit.
  document.Parse<rapidjson::kParseValidateEncodingFlag>(text.data(), text.size());
  if (document.HasParseError())
    throw Error({{"", std::string("is not JSON: ") + rapidjson::GetParseError_En(document.GetParseError()) + " (byte " +
                          std::to_string(document.GetErrorOffset()) + ")"}});
  if (may_escape_surrogates(text) && !is_text(document))
    throw Error({Problem{"", "holds half of a surrogate pair (\\udc00 to \\udfff alone), which is no character"}});
}
Document::~Document() = default;
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Value Document::root() const {
  return Value(static_cast<const rapidjson::Value*>(&parsed_->document));
}

// --- writing

struct Writer::Written {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer{buffer};
};

Writer::Writer() : written_(std::make_unique<Written>()) {}
Writer::~Writer() = default;
void Writer::start_object() {
  written_->writer.StartObject();
}
void Writer::key(std::string_view name) {
  written_->writer.Key(name.data(), size_of(name));
}
void Writer::end_object() {
  written_->writer.EndObject();
}
void Writer::start_array() {
  written_->writer.StartArray();
}
void Writer::end_array() {
  written_->writer.EndArray();
}
void Writer::null() {
  written_->writer.Null();
}
void Writer::boolean(bool value) {
  written_->writer.Bool(value);
}
void Writer::integer(std::int64_t value) {
  written_->writer.Int64(value);
}
void Writer::unsigned_integer(std::uint64_t value) {
  written_->writer.Uint64(value);
}
void Writer::number(double value) {
  written_->writer.Double(value);
}
void Writer::string(std::string_view text) {
  written_->writer.String(text.data(), size_of(text));
}
void Writer::raw(std::string_view json) {
  written_->writer.RawValue(json.data(), json.size(), rapidjson::kObjectType);
}
std::string Writer::text() const {
  return {written_->buffer.GetString(), written_->buffer.GetSize()};
}

// --- reading

void Reading::fail(std::string_view detail) {
  if (problems_.size() < most_problems) problems_.push_back({pointer_, std::string(detail)});
}

Reading::Step::Step(Reading& reading, std::string_view member) : reading_(reading), length_(reading.pointer_.size()) {
  auto& pointer = reading_.pointer_;
  pointer += '/';
  for (const char c : beginning_of(member)) {  // RFC 6901, section 3
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
}
Reading::Step::Step(Reading& reading, std::size_t element) : Step(reading, std::to_string(element)) {}

namespace detail {
namespace {

/// Refuses what is not one of the names, and what is there twice.
void refuse_others(const Value& from, const MemberToRead* members, std::size_t count, Reading& reading) {
  std::vector<bool> seen(count);
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto name = from.name(i);
    const auto* const found =
        std::find_if(members, members + count, [name](const auto& member) { return member.name == name; });
    const auto index = static_cast<std::size_t>(found - members);
    const Reading::Step step(reading, name);
    if (index == count)
      reading.fail("is not known here");
    else if (seen[index])
      reading.fail("is there twice");
    else
      seen[index] = true;
  }
}

}  // namespace

void write_members(Writer& writer, const MemberToWrite* members, std::size_t count) {
  writer.start_object();
  for (std::size_t i = 0; i < count; ++i) members[i].write(writer, members[i].name, members[i].member);
  writer.end_object();
}

void read_members(const Value& from, const MemberToRead* members, std::size_t count, Reading& reading) {
  if (!is_object(from, reading)) return;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& member = members[i];
    const auto found = from.find(member.name);
    const Reading::Step step(reading, member.name);
    if (found)
      member.read(*found, member.member, reading);
    else if (member.is_required)
      reading.fail("is required");
  }
  if (reading.unknown() == Unknown::Refuse) refuse_others(from, members, count, reading);
}

std::optional<std::int64_t> read_integer(const Value& from, std::int64_t least, std::int64_t most, Reading& reading) {
  const auto number = from.integer();
  if (!number)
    reading.fail("must be an integer");
  else if (*number < least || *number > most)
    reading.fail("is out of range");
  else
    return number;
  return std::nullopt;
}

std::optional<std::uint64_t> read_unsigned(const Value& from, std::uint64_t most, Reading& reading) {
  const auto number = from.unsigned_integer();
  if (!number)
    reading.fail("must be a non-negative integer");
  else if (*number > most)
    reading.fail("is out of range");
  else
    return number;
  return std::nullopt;
}

void read_boolean(const Value& from, bool& to, Reading& reading) {
  if (!from.is_boolean()) return reading.fail("must be true or false");
  to = from.boolean();
}

void read_number(const Value& from, double& to, Reading& reading) {
  if (!from.is_number()) return reading.fail("must be a number");
  to = from.number();
}

void read_string(const Value& from, std::string& to, Reading& reading) {
  if (!from.is_string()) return reading.fail("must be a string");
  to = from.string();
}

void read_time(const Value& from, Time& to, Reading& reading) {
  const auto time = from.is_string() ? from_rfc3339(from.string()) : std::nullopt;
  if (!time) return reading.fail("must be a time like 2026-05-04T10:11:12.013Z");
  to = *time;
}

bool is_array(const Value& from, Reading& reading) {
  if (!from.is_array()) reading.fail("must be an array");
  return from.is_array();
}

bool is_object(const Value& from, Reading& reading) {
  if (!from.is_object()) reading.fail("must be an object");
  return from.is_object();
}

}  // namespace detail
}  // namespace dapr::actors::json
