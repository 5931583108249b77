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

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
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

class Document;

/// A value of a parsed document, to look at. It points into the document, which must outlive it; copies are cheap.
class Value {
 public:
  bool is_null() const;
  bool is_boolean() const;
  bool is_number() const;
  bool is_string() const;
  bool is_array() const;
  bool is_object() const;

  // Of a value that is one.
  bool boolean() const;
  double number() const;
  std::string_view string() const;

  /// Integers, also those that are written with a fraction of zero or an exponent (5.0 and 5e0 are 5, up to 10^15);
  /// none for anything else, and for what the type does not hold.
  std::optional<std::int64_t> integer() const;
  std::optional<std::uint64_t> unsigned_integer() const;

  /// How many elements an array has, or members an object; 0 for anything else.
  std::size_t size() const;
  /// The element of an array, or the value of an object's member, in their order in the text.
  Value operator[](std::size_t index) const;
  /// The name of an object's member.
  std::string_view name(std::size_t index) const;
  /// The first member of that name; none where there is none, and for what is no object.
  std::optional<Value> find(std::string_view name) const;

  /// As JSON, without spaces.
  std::string text() const;

 private:
  friend class Document;
  explicit Value(const void* value) : value_(value) {}
  const void* value_;
};

/// A text that was parsed.
class Document {
 public:
  /// `text` is strictly JSON in UTF-8 (RFC 8259). Throws `Error`, also for what is nested deeper than 64 levels.
  explicit Document(std::string_view text);
  ~Document();
  Document(Document&& other) noexcept;
  Document& operator=(Document&& other) noexcept;
  Value root() const;

 private:
  struct Parsed;
  std::unique_ptr<Parsed> parsed_;
};

/// Writes one JSON text, without spaces. It does not check that what it is told makes sense in its order.
class Writer {
 public:
  Writer();
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void start_object();
  void key(std::string_view name);
  void end_object();
  void start_array();
  void end_array();
  void null();
  void boolean(bool value);
  void integer(std::int64_t value);
  void unsigned_integer(std::uint64_t value);
  void number(double value);
  void string(std::string_view text);
  /// A whole value that is JSON already.
  void raw(std::string_view json);

  /// What was written so far.
  std::string text() const;

 private:
  struct Written;
  std::unique_ptr<Written> written_;
};

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
  void fail(std::string_view detail);
  const std::vector<Problem>& problems() const { return problems_; }

  /// Steps into a member or an element while it lives.
  class Step {
   public:
    Step(Reading& reading, std::string_view member);
    Step(Reading& reading, std::size_t element);
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

/// A member of a struct, by its address: what is done with members is compiled once a type of theirs, not once a
/// struct.
struct MemberToWrite {
  std::string_view name;
  const void* member;
  void (*write)(Writer& writer, std::string_view name, const void* member);
};
struct MemberToRead {
  std::string_view name;
  void* member;
  void (*read)(const Value& from, void* member, Reading& reading);
  bool is_required;
};
void write_members(Writer& writer, const MemberToWrite* members, std::size_t count);
void read_members(const Value& from, const MemberToRead* members, std::size_t count, Reading& reading);

template <class M>
void write_member(Writer& writer, std::string_view name, const void* address) {
  const auto& member = *static_cast<const M*>(address);
  if constexpr (is_optional<M>) {
    if (!member) return;  // an absent optional is left out, never null
  }
  writer.key(name);
  write(writer, member);
}
template <class M>
void read_member(const Value& from, void* address, Reading& reading) {
  read(from, *static_cast<M*>(address), reading);
}

template <class M>
MemberToWrite to_write(std::string_view name, const M& member) {
  return {name, &member, &write_member<M>};
}
template <class M>
MemberToRead to_read(std::string_view name, M& member, bool may_be_absent) {
  return {name, &member, &read_member<M>, !may_be_absent && !is_optional<M>};
}

// The entries stand in braces: there they are made in their order.
template <class T>
void write_object(Writer& writer, const T& value) {
  if constexpr (HasMembers<T>)
    std::apply(
        [&](const auto&... members) {
          [[maybe_unused]] std::size_t index = 0;
          const std::array<MemberToWrite, sizeof...(members)> all{to_write(T::json_names[index++], members)...};
          write_members(writer, all.data(), all.size());
        },
        value.json_members());
  else
    std::apply(
        [&](const auto&... fields) {
          const std::array<MemberToWrite, sizeof...(fields)> all{to_write(fields.name, value.*(fields.member))...};
          write_members(writer, all.data(), all.size());
        },
        T::json);
}

template <class T>
void read_object(const Value& from, T& to, Reading& reading) {
  if constexpr (HasMembers<T>)
    std::apply(
        [&](auto&... members) {
          [[maybe_unused]] std::size_t index = 0;
          [[maybe_unused]] const auto entry = [&index](auto& member) {
            const auto name = T::json_names[index++];
            return to_read(name, member, !is_required<T>(name));
          };
          const std::array<MemberToRead, sizeof...(members)> all{entry(members)...};
          read_members(from, all.data(), all.size(), reading);
        },
        to.json_members());
  else
    std::apply(
        [&](const auto&... fields) {
          const std::array<MemberToRead, sizeof...(fields)> all{
              to_read(fields.name, to.*(fields.member), !fields.required)...};
          read_members(from, all.data(), all.size(), reading);
        },
        T::json);
}

std::optional<std::int64_t> read_integer(const Value& from, std::int64_t least, std::int64_t most, Reading& reading);
std::optional<std::uint64_t> read_unsigned(const Value& from, std::uint64_t most, Reading& reading);
void read_boolean(const Value& from, bool& to, Reading& reading);
void read_number(const Value& from, double& to, Reading& reading);
void read_string(const Value& from, std::string& to, Reading& reading);
void read_time(const Value& from, Time& to, Reading& reading);
// Answers whether it is one; if not, that is a problem.
bool is_array(const Value& from, Reading& reading);
bool is_object(const Value& from, Reading& reading);

/// In an order that does not change with the hash.
template <class T>
void write_set(Writer& writer, const T& set) {
  writer.start_array();
  using Element = typename T::value_type;
  if constexpr (requires(typename T::hasher hash, const Element& element) { {element < element}; }) {
    std::vector<const Element*> ordered;
    for (const auto& element : set) ordered.push_back(&element);
    std::sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) { return *a < *b; });
    for (const auto* element : ordered) write(writer, *element);
  } else {
    for (const auto& element : set) write(writer, element);
  }
  writer.end_array();
}

template <class T>
void read_set(const Value& from, T& to, Reading& reading) {
  if (!is_array(from, reading)) return;
  to.clear();
  for (std::size_t i = 0; i < from.size(); ++i) {
    const Reading::Step step(reading, i);
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
  writer.integer(std::chrono::round<std::chrono::duration<std::int64_t, std::milli>>(value).count());
}

template <class T>
void read_duration(const Value& from, T& to, Reading& reading) {
  using Milliseconds = std::chrono::duration<std::int64_t, std::milli>;
  using Limits = std::numeric_limits<std::int64_t>;
  const auto count = read_integer(from, Limits::min(), Limits::max(), reading);
  if (!count) return;
  const auto read = std::chrono::duration_cast<T>(Milliseconds(*count));
  if (read != Milliseconds(*count)) return reading.fail("must be a multiple of the unit, in milliseconds");
  to = read;
}

}  // namespace detail

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
    writer.boolean(value);
  else if constexpr (std::signed_integral<T>)
    writer.integer(value);
  else if constexpr (std::unsigned_integral<T>)
    writer.unsigned_integer(value);
  else if constexpr (std::floating_point<T>)
    writer.number(value);
  else if constexpr (std::convertible_to<const T&, std::string_view>)
    writer.string(value);
  else if constexpr (std::same_as<T, Raw>)
    writer.raw(value.text);
  else if constexpr (std::same_as<T, Time>)
    write(writer, to_rfc3339(value));
  else if constexpr (detail::is_optional<T>) {
    if (value)
      write(writer, *value);
    else
      writer.null();
  } else if constexpr (detail::is_vector<T>) {
    writer.start_array();
    for (const auto& element : value) write(writer, element);
    writer.end_array();
  } else if constexpr (detail::is_set<T>)
    detail::write_set(writer, value);
  else if constexpr (detail::is_duration<T>)
    detail::write_duration(writer, value);
  else if constexpr (detail::is_map<T>) {
    writer.start_object();
    for (const auto& [key, element] : value) {
      writer.key(key);
      write(writer, element);
    }
    writer.end_object();
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
  else if constexpr (std::same_as<T, bool>)
    detail::read_boolean(from, to, reading);
  else if constexpr (std::signed_integral<T>) {
    using Limits = std::numeric_limits<T>;
    if (const auto number = detail::read_integer(from, Limits::min(), Limits::max(), reading))
      to = static_cast<T>(*number);
  } else if constexpr (std::unsigned_integral<T>) {
    if (const auto number = detail::read_unsigned(from, std::numeric_limits<T>::max(), reading))
      to = static_cast<T>(*number);
  } else if constexpr (std::floating_point<T>) {
    auto number = static_cast<double>(to);
    detail::read_number(from, number, reading);
    to = static_cast<T>(number);
  } else if constexpr (std::same_as<T, std::string>)
    detail::read_string(from, to, reading);
  else if constexpr (std::same_as<T, Raw>)
    to.text = from.text();
  else if constexpr (std::same_as<T, Time>)
    detail::read_time(from, to, reading);
  else if constexpr (detail::is_optional<T>) {
    if (from.is_null()) {
      to.reset();
      return;
    }
    read(from, to.emplace(), reading);
  } else if constexpr (detail::is_vector<T>) {
    if (!detail::is_array(from, reading)) return;
    to.clear();
    to.reserve(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      const Reading::Step step(reading, i);
      read(from[i], to.emplace_back(), reading);
    }
  } else if constexpr (detail::is_set<T>)
    detail::read_set(from, to, reading);
  else if constexpr (detail::is_duration<T>)
    detail::read_duration(from, to, reading);
  else if constexpr (detail::is_map<T>) {
    if (!detail::is_object(from, reading)) return;
    to.clear();
    for (std::size_t i = 0; i < from.size(); ++i) {
      const std::string name(from.name(i));
      const Reading::Step step(reading, name);
      if (reading.unknown() == Unknown::Refuse && to.count(name) > 0)
        reading.fail("is there twice");
      else
        read(from[i], to[name], reading);
    }
  } else {
    static_assert(detail::never<T>,
                  "give the type DAPR_ACTORS_JSON(its members) or a Codec: see json.hpp for what has a form already");
  }
}

template <class T>
std::string to_string(const T& value) {
  Writer writer;
  write(writer, value);
  return writer.text();
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
  return from<T>(Document(text).root(), unknown);
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
    if (from.is_string())
      for (const auto& [value, text] : Names)
        if (from.string() == text) {
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
