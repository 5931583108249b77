/// The log of a service: one JSON object a line on standard output, written by spdlog.
///
///     log::info("order shipped", {{"orderId", id}, {"lines", 3}});
///     {"time":"2026-05-04T10:11:12.013Z","level":"info","service":"order-service","msg":"order
///     shipped","orderId":"o-1","lines":3}
///
/// Field names are camelCase; `traceId`, `cartId`, `orderId`, `paymentId`, `productId`, `actor`, `method`, `turn` and
/// `event` mean the same on every line. Secrets, payment tokens and addresses are never logged. Any thread may log;
/// lines are never mixed. Before `start`, lines go to standard output under the service name `unnamed`.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace shop::services::log {

enum class Level { Trace, Debug, Info, Warning, Error };
std::string_view to_string(Level level);
std::optional<Level> level_from(std::string_view name);

/// A field's value: text, a whole number, a number, or a flag. Refers to text, does not own it.
class Value {
 public:
  template <class T>
  Value(const T& value) {  // NOLINT(google-explicit-constructor): a field is written {"name", value}
    if constexpr (std::is_same_v<T, bool>)
      value_ = value;
    else if constexpr (std::is_integral_v<T>)
      value_ = static_cast<std::int64_t>(value);
    else if constexpr (std::is_floating_point_v<T>)
      value_ = static_cast<double>(value);
    else
      value_ = std::string_view(value);
  }
  const std::variant<std::string_view, std::int64_t, double, bool>& get() const { return value_; }

 private:
  std::variant<std::string_view, std::int64_t, double, bool> value_;
};

struct Field {
  std::string_view name;
  Value value;
};
using Fields = std::initializer_list<Field>;

/// Starts the log. `sink` gets each line (without its end) instead of standard output; for tests.
void start(std::string service, Level level, std::function<void(std::string_view line)> sink = {});
bool enabled(Level level);

/// A line that is put together piece by piece; written by `write`. Nothing is done below the level.
class Line {
 public:
  Line(Level level, std::string_view message);
  Line& add(std::string_view name, const Value& value);
  /// Leaves the field out when the text is empty.
  Line& add_if(std::string_view name, std::string_view text);
  void write();

 private:
  Level level_;
  bool enabled_;
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

void write(Level level, std::string_view message, Fields fields);
inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::Debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::Info, message, fields);
}
inline void warning(std::string_view message, Fields fields = {}) {
  write(Level::Warning, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::Error, message, fields);
}

}  // namespace shop::services::log
