/// JSON for plain structs: one line a type, read and written by it.
///
///     struct AddItem {
///       std::string product_id;
///       int quantity = 0;
///       std::optional<std::string> note;
///       DAPR_ACTORS_JSON(product_id, quantity, note)
///     };
///
/// A member `product_id` is the field `productId`: an underscore makes the next letter large. A field is required
/// unless its member is a `std::optional`, or is named by a second line, `DAPR_ACTORS_JSON_DEFAULTED(quantity)`: it
/// then keeps its initial value where it is absent (the way to add a field to a document that is already stored). A
/// struct whose fields have other names says them in a table, `static constexpr auto json =
/// json::object(json::field("qty", &AddItem::quantity), …)`. Reading collects every problem with its JSON pointer (RFC
/// 6901) instead of stopping at the first.
///
/// | member | JSON |
/// |---|---|
/// | `bool`, numbers, `std::string` | the same |
/// | a struct with `DAPR_ACTORS_JSON` or a table | an object |
/// | `std::vector<T>` | an array |
/// | `std::set<T>`, `std::unordered_set<T>` | an array, ascending; an element that is there twice is refused |
/// | `std::map<std::string, T>` | an object |
/// | `std::optional<T>` | absent if empty |
/// | `Time` | a text, RFC 3339 |
/// | durations of `<chrono>` | whole milliseconds, also where the member counts in another unit |
///
/// A type of its own form (an id, an enum) specialises `Codec`. Functions here hold no state and may be used from any
/// thread.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dapr/actors/result.hpp"
#include "dapr/actors/time.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors::json {

using Value = rapidjson::Value;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

/// What is wrong and where: `pointer` is RFC 6901 (`/items/0/quantity`, empty for the whole).
struct Problem {
  std::string pointer;
  std::string detail;
  bool operator==(const Problem&) const = default;
};

/// Thrown by `parse` for text that does not hold what was expected.
class Error : public std::runtime_error {
 public:
  explicit Error(std::vector<Problem> problems);
  const std::vector<Problem>& problems() const { return problems_; }

 private:
  std::vector<Problem> problems_;
};

/// Whether a member the type does not know, or one that is there twice, is refused (requests of clients) or ignored
/// (events and documents, which a newer version may have written; of two the first counts).
enum class Unknown { Ignore, Refuse };

/// Where a read is, and what went wrong so far: the first `most_problems` of it, since who sent the text chooses how
/// much is wrong with it.
class Reading {
 public:
  static constexpr std::size_t most_problems = 50;

  explicit Reading(Unknown unknown) : unknown_(unknown) {}
  Unknown unknown() const { return unknown_; }
  void fail(std::string detail) {
    if (problems_.size() < most_problems) problems_.push_back({pointer_, std::move(detail)});
  }
  const std::vector<Problem>& problems() const { return problems_; }

  /// Steps into a member or an element while it lives.
  class Step {
   public:
    Step(Reading& reading, std::string_view token);
    ~Step() { reading_.pointer_.resize(length_); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Reading& reading_;
    std::size_t length_;
  };

 private:
  Unknown unknown_;
  std::string pointer_;
  std::vector<Problem> problems_;
};

/// JSON that is passed on as it is, not looked into; a fraction in it may come out off in its last digit.
struct Raw {
  std::string text = "null";
  bool operator==(const Raw&) const = default;
};

/// Specialise for a type of its own form:
/// `static void write(Writer&, const T&)` and `static void read(const Value&, T&, Reading&)`.
template <class T>
struct Codec;

template <class T, class M>
struct Field {
  const char* name;
  M T::*member;
  bool required;
};

namespace detail {
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_map = false;
template <class T>
inline constexpr bool is_map<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool never = false;
template <class T>
inline constexpr bool is_set = false;
template <class T, class... Rest>
inline constexpr bool is_set<std::set<T, Rest...>> = true;
template <class T, class... Rest>
inline constexpr bool is_set<std::unordered_set<T, Rest...>> = true;
template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;
template <class T>
concept HasTable = requires {
  T::json;
};
template <class T>
concept HasMembers = requires(T& value) {
  value.json_members();
};

/// The names of members as they are on the wire, out of a list such as `product_id, quantity`.
template <std::size_t N>
struct Names {
  std::array<char, N> text{};                    // one behind the other
  std::array<std::uint16_t, N / 2 + 2> begin{};  // and where the last one ends
  std::size_t count = 0;

  constexpr std::string_view operator[](std::size_t index) const {
    return {text.data() + begin[index], static_cast<std::size_t>(begin[index + 1] - begin[index])};
  }
  constexpr bool has(std::string_view name) const {
    for (std::size_t i = 0; i < count; ++i)
      if (name == (*this)[i]) return true;
    return false;
  }
};

template <std::size_t N>
consteval Names<N> wire_names(const char (&list)[N]) {
  Names<N> names;
  std::uint16_t length = 0;
  bool large = false;
  const auto end = [&] {
    if (length > names.begin[names.count]) names.begin[++names.count] = length;
    large = false;
  };
  for (std::size_t i = 0; i + 1 < N; ++i) {
    const char letter = list[i];
    if (letter == ',') {
      end();
    } else if (letter == '_') {
      large = length > names.begin[names.count];
    } else if (letter != ' ') {
      names.text[length++] = large && 'a' <= letter && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
      large = false;
    }
  }
  end();
  return names;
}

template <class T>
bool is_required(std::string_view name) {
  if constexpr (requires { T::json_defaulted; })
    return !T::json_defaulted.has(name);
  else
    return true;
}
}  // namespace detail

template <class T, class M>
constexpr Field<T, M> field(const char* name, M T::*member) {
  return {name, member, !detail::is_optional<M>};
}
/// A field that keeps its initial value when it is absent.
template <class T, class M>
constexpr Field<T, M> defaulted(const char* name, M T::*member) {
  return {name, member, false};
}
template <class... F>
constexpr std::tuple<F...> object(F... fields) {
  return {fields...};
}

template <class T>
void write(Writer& writer, const T& value);
template <class T>
void read(const Value& from, T& to, Reading& reading);

namespace detail {

inline std::string_view text_of(const Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

/// Calls `visit(name, member, optional)` for each field; `optional()` says whether it may be absent.
template <class T, class Visit>
void each_field(T& value, const Visit& visit) {
  using Plain = std::remove_const_t<T>;
  if constexpr (HasMembers<T>)
    std::apply(
        [&](auto&... members) {
          [[maybe_unused]] std::size_t index = 0;
          (
              [&] {
                const auto name = Plain::json_names[index++];
                visit(name, members, [name] {
                  return is_optional<std::remove_cvref_t<decltype(members)>> || !is_required<Plain>(name);
                });
              }(),
              ...);
        },
        value.json_members());
  else
    std::apply(
        [&](const auto&... fields) {
          (visit(std::string_view(fields.name), value.*(fields.member), [&fields] { return !fields.required; }), ...);
        },
        Plain::json);
}

template <class T>
void write_object(Writer& writer, const T& value) {
  writer.StartObject();
  each_field(value, [&](std::string_view name, const auto& member, const auto&) {
    if constexpr (is_optional<std::remove_cvref_t<decltype(member)>>) {
      if (!member) return;  // an absent optional is left out, never null
    }
    writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    write(writer, member);
  });
  writer.EndObject();
}

Value::ConstMemberIterator find_member(const Value& from, std::string_view name);
/// Refuses what is not one of the names, and what is there twice.
void refuse_others(const Value& from, const std::vector<std::string_view>& names, Reading& reading);

template <class T>
void read_object(const Value& from, T& to, Reading& reading) {
  if (!from.IsObject()) return reading.fail("must be an object");
  std::vector<std::string_view> names;
  const bool all = reading.unknown() == Unknown::Refuse;
  each_field(to, [&](std::string_view name, auto& member, const auto& optional) {
    if (all) names.push_back(name);
    const auto found = find_member(from, name);
    Reading::Step step(reading, name);
    if (found != from.MemberEnd())
      read(found->value, member, reading);
    else if (!optional())
      reading.fail("is required");
  });
  if (all) refuse_others(from, names, reading);
}

/// An integer that is written with a fraction of zero or an exponent; none for anything else, integers of digits too.
std::optional<std::int64_t> whole(const Value& from);

template <class T>
void read_integer(const Value& from, T& to, Reading& reading) {
  const auto written_as_fraction = whole(from);
  if constexpr (std::is_signed_v<T>) {
    if (!from.IsInt64() && !written_as_fraction) return reading.fail("must be an integer");
    const auto number = written_as_fraction ? *written_as_fraction : from.GetInt64();
    if (number < std::numeric_limits<T>::min() || number > std::numeric_limits<T>::max())
      return reading.fail("is out of range");
    to = static_cast<T>(number);
  } else {
    if (!from.IsUint64() && written_as_fraction.value_or(-1) < 0) return reading.fail("must be a non-negative integer");
    const auto number = written_as_fraction ? static_cast<std::uint64_t>(*written_as_fraction) : from.GetUint64();
    if (number > std::numeric_limits<T>::max()) return reading.fail("is out of range");
    to = static_cast<T>(number);
  }
}

/// In an order that does not change with the hash.
template <class T>
void write_set(Writer& writer, const T& set) {
  writer.StartArray();
  using Element = typename T::value_type;
  if constexpr (requires(typename T::hasher hash, const Element& element) { {element < element}; }) {
    std::vector<const Element*> ordered;
    for (const auto& element : set) ordered.push_back(&element);
    std::sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) { return *a < *b; });
    for (const auto* element : ordered) write(writer, *element);
  } else {
    for (const auto& element : set) write(writer, element);
  }
  writer.EndArray();
}

template <class T>
void read_set(const Value& from, T& to, Reading& reading) {
  if (!from.IsArray()) return reading.fail("must be an array");
  to.clear();
  for (rapidjson::SizeType i = 0; i < from.Size(); ++i) {
    Reading::Step step(reading, std::to_string(i));
    typename T::value_type element{};
    const auto problems = reading.problems().size();
    read(from[i], element, reading);
    if (reading.problems().size() == problems && !to.insert(std::move(element)).second) reading.fail("is there twice");
  }
}

template <class T>
void write_duration(Writer& writer, const T& value) {
  static_assert(std::ratio_greater_equal_v<typename T::period, std::milli>,
                "a duration is written in whole milliseconds: use one that counts in those, or give it a Codec");
  writer.Int64(std::chrono::round<std::chrono::duration<std::int64_t, std::milli>>(value).count());
}

template <class T>
void read_duration(const Value& from, T& to, Reading& reading) {
  using Milliseconds = std::chrono::duration<std::int64_t, std::milli>;
  std::int64_t count = 0;
  const auto problems = reading.problems().size();
  read_integer(from, count, reading);
  if (reading.problems().size() != problems) return;
  const auto read = std::chrono::duration_cast<T>(Milliseconds(count));
  if (read != Milliseconds(count)) return reading.fail("must be a multiple of the unit, in milliseconds");
  to = read;
}

std::string serialise(const Value& value);
rapidjson::Document parse_document(std::string_view text);  // throws Error

}  // namespace detail

/// A member of an object; null where it is absent or `value` is no object.
const Value* member(const Value& value, const char* name);

template <class T>
concept HasCodec = requires(Writer& writer, const T& value) {
  Codec<T>::write(writer, value);
};

/// What has a form in JSON, as far as can be seen without looking into what it holds.
template <class T>
concept HasForm = HasCodec<T> || detail::HasTable<T> || detail::HasMembers<T> || std::is_arithmetic_v<T> ||
    std::convertible_to<const T&, std::string_view> || std::same_as<T, Raw> || std::same_as<T, Time> ||
    detail::is_optional<T> || detail::is_vector<T> || detail::is_set<T> || detail::is_duration<T> || detail::is_map<T>;

template <class T>
void write(Writer& writer, const T& value) {
  if constexpr (HasCodec<T>)
    Codec<T>::write(writer, value);
  else if constexpr (detail::HasTable<T> || detail::HasMembers<T>)
    detail::write_object(writer, value);
  else if constexpr (std::same_as<T, bool>)
    writer.Bool(value);
  else if constexpr (std::signed_integral<T>)
    writer.Int64(value);
  else if constexpr (std::unsigned_integral<T>)
    writer.Uint64(value);
  else if constexpr (std::floating_point<T>)
    writer.Double(value);
  else if constexpr (std::convertible_to<const T&, std::string_view>) {
    const std::string_view text = value;
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  } else if constexpr (std::same_as<T, Raw>)
    writer.RawValue(value.text.data(), value.text.size(), rapidjson::kObjectType);
  else if constexpr (std::same_as<T, Time>)
    write(writer, to_rfc3339(value));
  else if constexpr (detail::is_optional<T>) {
    if (value)
      write(writer, *value);
    else
      writer.Null();
  } else if constexpr (detail::is_vector<T>) {
    writer.StartArray();
    for (const auto& element : value) write(writer, element);
    writer.EndArray();
  } else if constexpr (detail::is_set<T>)
    detail::write_set(writer, value);
  else if constexpr (detail::is_duration<T>)
    detail::write_duration(writer, value);
  else if constexpr (detail::is_map<T>) {
    writer.StartObject();
    for (const auto& [key, element] : value) {
      writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
      write(writer, element);
    }
    writer.EndObject();
  } else {
    static_assert(detail::never<T>,
                  "give the type DAPR_ACTORS_JSON(its members) or a Codec: see json.hpp for what has a form already");
  }
}

template <class T>
void read(const Value& from, T& to, Reading& reading) {
  if constexpr (HasCodec<T>)
    Codec<T>::read(from, to, reading);
  else if constexpr (detail::HasTable<T> || detail::HasMembers<T>)
    detail::read_object(from, to, reading);
  else if constexpr (std::same_as<T, bool>) {
    if (!from.IsBool()) return reading.fail("must be true or false");
    to = from.GetBool();
  } else if constexpr (std::integral<T>)
    detail::read_integer(from, to, reading);
  else if constexpr (std::floating_point<T>) {
    if (!from.IsNumber()) return reading.fail("must be a number");
    to = static_cast<T>(from.GetDouble());
  } else if constexpr (std::same_as<T, std::string>) {
    if (!from.IsString()) return reading.fail("must be a string");
    to = detail::text_of(from);
  } else if constexpr (std::same_as<T, Raw>)
    to.text = detail::serialise(from);
  else if constexpr (std::same_as<T, Time>) {
    const auto time = from.IsString() ? from_rfc3339(detail::text_of(from)) : std::nullopt;
    if (!time) return reading.fail("must be a time like 2026-05-04T10:11:12.013Z");
    to = *time;
  } else if constexpr (detail::is_optional<T>) {
    if (from.IsNull()) {
      to.reset();
      return;
    }
    read(from, to.emplace(), reading);
  } else if constexpr (detail::is_vector<T>) {
    if (!from.IsArray()) return reading.fail("must be an array");
    to.clear();
    to.reserve(from.Size());
    for (rapidjson::SizeType i = 0; i < from.Size(); ++i) {
      Reading::Step step(reading, std::to_string(i));
      read(from[i], to.emplace_back(), reading);
    }
  } else if constexpr (detail::is_set<T>)
    detail::read_set(from, to, reading);
  else if constexpr (detail::is_duration<T>)
    detail::read_duration(from, to, reading);
  else if constexpr (detail::is_map<T>) {
    if (!from.IsObject()) return reading.fail("must be an object");
    to.clear();
    for (const auto& member : from.GetObject()) {
      const std::string name(detail::text_of(member.name));
      Reading::Step step(reading, name);
      if (reading.unknown() == Unknown::Refuse && to.count(name) > 0)
        reading.fail("is there twice");
      else
        read(member.value, to[name], reading);
    }
  } else {
    static_assert(detail::never<T>,
                  "give the type DAPR_ACTORS_JSON(its members) or a Codec: see json.hpp for what has a form already");
  }
}

template <class T>
std::string to_string(const T& value) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  write(writer, value);
  return {buffer.GetString(), buffer.GetSize()};
}

/// Reads a value that is already parsed; throws `Error` with every problem.
template <class T>
T from(const Value& value, Unknown unknown = Unknown::Ignore) {
  Reading reading(unknown);
  T result{};
  read(value, result, reading);
  if (!reading.problems().empty()) throw Error(reading.problems());
  return result;
}

/// Reads `text`, strictly JSON in UTF-8 (RFC 8259); throws `Error` with every problem, and for a
/// document nested deeper than 64 levels.
template <class T>
T parse(std::string_view text, Unknown unknown = Unknown::Ignore) {
  return from<T>(detail::parse_document(text), unknown);
}

/// A Codec for enums by a table of names:
/// `template <> struct dapr::actors::json::Codec<Status> : dapr::actors::json::EnumCodec<Status, names> {};`
/// where `constexpr std::array names{std::pair{Status::Created, "created"}, …}`.
template <class E, const auto& Names>
struct EnumCodec {
  static constexpr std::string_view name(E value) {
    for (const auto& [known, text] : Names)
      if (known == value) return text;
    return {};
  }
  static void write(Writer& writer, E value) { json::write(writer, name(value)); }
  static void read(const Value& from, E& to, Reading& reading) {
    if (from.IsString())
      for (const auto& [value, text] : Names)
        if (detail::text_of(from) == text) {
          to = value;
          return;
        }
    std::string known;
    for (const auto& [value, text] : Names) known += (known.empty() ? "" : ", ") + std::string(text);
    reading.fail("must be one of " + known);
  }
};

}  // namespace dapr::actors::json

/// Within a struct: its members that are in its JSON, in their order there.
#define DAPR_ACTORS_JSON(...)     \
  auto json_members() {           \
    return std::tie(__VA_ARGS__); \
  }                               \
  auto json_members() const {     \
    return std::tie(__VA_ARGS__); \
  }                               \
  static constexpr auto json_names = ::dapr::actors::json::detail::wire_names(#__VA_ARGS__);

/// Beside it: those of them that keep their initial value where they are absent.
#define DAPR_ACTORS_JSON_DEFAULTED(...) \
  auto json_defaulted_members() const { \
    return std::tie(__VA_ARGS__);       \
  }                                     \
  static constexpr auto json_defaulted = ::dapr::actors::json::detail::wire_names(#__VA_ARGS__);

#pragma GCC visibility pop
