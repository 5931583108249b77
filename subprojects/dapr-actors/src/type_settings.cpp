#include "internal/type_settings.hpp"

#include <algorithm>
#include <stdexcept>

namespace dapr::actors {
namespace {

constexpr std::string_view source = "the settings of actor types";

/// Go, which the sidecar is written in, counts durations in nanoseconds and refuses what does not fit.
constexpr Duration longest = std::chrono::hours(24 * 365);

class Bounds {
 public:
  explicit Bounds(json::Reading& reading) : reading_(reading) {}
  template <class T>
  Bounds& from_to(const char* name, const T& value, const T& least, const T& most) {
    if (least <= value && value <= most) return *this;
    json::Reading::Step step(reading_, name);
    reading_.fail("must be from " + json::to_string(least) + " to " + json::to_string(most));
    return *this;
  }

 private:
  json::Reading& reading_;
};

void check(const TypeSettings& settings, json::Reading& reading) {
  using namespace std::chrono_literals;
  constexpr std::size_t none = 0, one = 1, many = 10'000, most_work = 1'000'000;
  Bounds(reading)
      .from_to("idleTimeout", settings.idle_timeout, Duration(1s), longest)
      // Not longer than the placement's round, see TypeSettings.
      .from_to("drainTimeout", settings.drain_timeout, Duration(1ms), Duration(7999ms))
      .from_to("tendPeriod", settings.tend_period, Duration(1s), longest)
      .from_to("handledInDocument", settings.handled_in_document, none, many)
      .from_to("eventsKnownFor", settings.events_known_for, Duration(0), longest)
      .from_to("eventsInDocument", settings.events_in_document, none, many)
      .from_to("workAtOnce", settings.work_at_once, one, most_work)
      .from_to("newsAtOnce", settings.news_at_once, one, most_work)
      .from_to("workWaiting", settings.work_waiting, none, most_work);
}

void read_over(const json::Value& value, TypeSettings& settings, json::Reading& reading) {
  const auto problems = reading.problems().size();
  json::read(value, settings, reading);
  if (reading.problems().size() == problems) check(settings, reading);
}

[[noreturn]] void refuse_text(const std::string& why) {
  throw std::runtime_error(std::string(source) + ": " + why);
}

}  // namespace

TypeSettingsText::TypeSettingsText(std::string_view text) {
  if (text.empty()) return;
  try {
    types_ = json::parse<std::map<std::string, json::Raw>>(text, json::Unknown::Refuse);
    json::Reading reading(json::Unknown::Refuse);
    for (const auto& [type, raw] : types_) {
      json::Reading::Step step(reading, type);
      TypeSettings settings;
      const json::Document document(raw.text);
      read_over(document.root(), settings, reading);
    }
    if (!reading.problems().empty()) throw json::Error(reading.problems());
  } catch (const json::Error& error) {
    refuse_text(error.what());
  }
}

TypeSettings TypeSettingsText::over(const std::string& type, TypeSettings table) const {
  const auto found = types_.find(type);
  if (found == types_.end()) return table;
  json::Reading reading(json::Unknown::Refuse);
  const json::Document document(found->second.text);
  json::read(document.root(), table, reading);
  return table;
}

void TypeSettingsText::all_of(const std::vector<std::string>& types) const {
  std::string unknown, known;
  for (const auto& [type, raw] : types_)
    if (std::find(types.begin(), types.end(), type) == types.end()) unknown += (unknown.empty() ? "" : ", ") + type;
  if (unknown.empty()) return;
  for (const auto& type : types) known += (known.empty() ? "" : ", ") + type;
  refuse_text("this host has no type " + unknown + "; it has " + (known.empty() ? "none" : known));
}

}  // namespace dapr::actors
