#include "services/common/log.hpp"

#include <dapr/actors/time.hpp>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <mutex>
#include <utility>

#include "actors/shared/library.hpp"

namespace shop::services::log {
namespace {

constexpr std::array levels{
    std::pair{Level::Trace, std::string_view("trace")}, std::pair{Level::Debug, std::string_view("debug")},
    std::pair{Level::Info, std::string_view("info")},   std::pair{Level::Warning, std::string_view("warning")},
    std::pair{Level::Error, std::string_view("error")},
};

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::Trace: return spdlog::level::trace;
    case Level::Debug: return spdlog::level::debug;
    case Level::Info: return spdlog::level::info;
    case Level::Warning: return spdlog::level::warn;
    case Level::Error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> function) : function_(std::move(function)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    function_({message.payload.data(), message.payload.size()});
  }
  void flush_() override {}
  std::function<void(std::string_view)> function_;
};

struct State {
  std::string service;
  std::shared_ptr<spdlog::logger> logger;
};

std::shared_ptr<spdlog::logger> logger_on(spdlog::sink_ptr sink, Level level) {
  auto logger = std::make_shared<spdlog::logger>("service", std::move(sink));
  logger->set_pattern("%v");  // the line is already whole
  logger->set_level(spdlog_level(level));
  logger->flush_on(spdlog::level::trace);  // a line that is not out yet is lost in a crash, when it is needed most
  return logger;
}

State& state() {
  // Never destroyed: threads may log while the process ends.
  static auto* instance =
      new State{"unnamed", logger_on(std::make_shared<spdlog::sinks::stdout_sink_mt>(), Level::Info)};
  return *instance;
}

void write_value(rapidjson::Writer<rapidjson::StringBuffer>& writer, const Value& value) {
  std::visit(
      [&](const auto& known) {
        using T = std::decay_t<decltype(known)>;
        if constexpr (std::is_same_v<T, std::string_view>)
          writer.String(known.data(), static_cast<rapidjson::SizeType>(known.size()));
        else if constexpr (std::is_same_v<T, bool>)
          writer.Bool(known);
        else if constexpr (std::is_same_v<T, double>) {
          if (std::isfinite(known))
            writer.Double(known);
          else
            writer.Null();  // JSON knows no NaN
        } else
          writer.Int64(known);
      },
      value.get());
}

}  // namespace

std::string_view to_string(Level level) {
  return std::find_if(levels.begin(), levels.end(), [&](const auto& known) { return known.first == level; })->second;
}

std::optional<Level> level_from(std::string_view name) {
  for (const auto& [level, known] : levels)
    if (known == name) return level;
  return std::nullopt;
}

void start(std::string service, Level level, std::function<void(std::string_view)> sink) {
  auto& current = state();
  current.service = std::move(service);
  if (sink)
    current.logger = logger_on(std::make_shared<FunctionSink>(std::move(sink)), level);
  else
    current.logger = logger_on(std::make_shared<spdlog::sinks::stdout_sink_mt>(), level);
}

bool enabled(Level level) {
  return state().logger->should_log(spdlog_level(level));
}

Line::Line(Level level, std::string_view message)
    : level_(level), enabled_(log::enabled(level)), buffer_(nullptr, enabled_ ? 512 : 0), writer_(buffer_) {
  if (!enabled_) return;
  writer_.StartObject();
  add("time", actors::to_rfc3339(actors::SystemClock().now()));
  add("level", to_string(level));
  add("service", state().service);
  add("msg", message);
}

Line& Line::add(std::string_view name, const Value& value) {
  if (!enabled_) return *this;
  writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  write_value(writer_, value);
  return *this;
}

Line& Line::add_if(std::string_view name, std::string_view text) {
  return text.empty() ? *this : add(name, text);
}

void Line::write() {
  if (!enabled_) return;
  writer_.EndObject();
  state().logger->log(spdlog_level(level_), spdlog::string_view_t(buffer_.GetString(), buffer_.GetSize()));
}

void write(Level level, std::string_view message, Fields fields) {
  if (!enabled(level)) return;
  Line line(level, message);
  for (const auto& [name, value] : fields) line.add(name, value);
  line.write();
}

}  // namespace shop::services::log
