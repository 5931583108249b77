#include "actors/product/change_log.hpp"

#include <boost/crc.hpp>
#include <charconv>
#include <sstream>

namespace shop::product {
namespace {

/// Few, since every write pays for the head: with ids of usual length it stays below a kilobyte.
constexpr std::int64_t entries_a_segment = 8;
/// Folded at the earliest with so many segments.
constexpr std::int64_t least_segments = 128;

std::string two_digits(std::size_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

}  // namespace

std::size_t log_of(const ProductId& id) {
  boost::crc_32_type crc;
  crc.process_bytes(id.value.data(), id.value.size());
  return crc.checksum() % log_count;
}
std::string log_key(std::size_t log) {
  return "log." + two_digits(log);
}
std::string segment_key(std::size_t log, std::int64_t segment) {
  return log_key(log) + ".s" + std::to_string(segment);
}
std::string page_key(std::size_t log, const std::string& fold, std::int64_t page) {
  return log_key(log) + "." + fold + "." + std::to_string(page);
}

void append(Items& items, std::size_t log, LogHead& head, LogEntry entry) {
  if (std::ssize(head.entries) >= entries_a_segment) {
    items.write(segment_key(log, head.segments), Segment{std::exchange(head.entries, {})});
    ++head.segments;
  }
  head.entries.push_back(std::move(entry));
}

void append_all(Items& items, std::size_t log, LogHead& head, const std::vector<LogEntry>& entries) {
  if (entries.empty()) return;
  if (!head.entries.empty()) {
    items.write(segment_key(log, head.segments), Segment{std::exchange(head.entries, {})});
    ++head.segments;
  }
  for (std::size_t first = 0; first < entries.size(); first += entries_a_page) {
    const auto end = std::min(entries.size(), first + entries_a_page);
    items.write(segment_key(log, head.segments), Segment{{entries.begin() + static_cast<std::ptrdiff_t>(first),
                                                          entries.begin() + static_cast<std::ptrdiff_t>(end)}});
    ++head.segments;
  }
}

void NewestWords::add(const std::vector<LogEntry>& entries, std::size_t from) {
  for (std::size_t i = from; i < entries.size(); ++i) {
    const auto& entry = entries[i];
    const auto [known, is_new] = entries_.try_emplace(entry.id, entry);
    if (is_new) continue;
    known->second.version = std::max(known->second.version, entry.version);
    if (entry.stock_revision >= known->second.stock_revision) {
      known->second.stock_revision = entry.stock_revision;
      known->second.in_stock = entry.in_stock;
    }
  }
}

std::vector<LogEntry> NewestWords::in_order() const {
  std::vector<LogEntry> entries;
  entries.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) entries.push_back(entry);
  return entries;
}

bool is_long(const LogHead& head) {
  return head.segments - head.first >= least_segments && changes_between(head.first, head.segments) >= head.folded / 2;
}

std::int64_t changes_between(std::int64_t segment, std::int64_t later) {
  return (later - segment) * entries_a_segment;
}

std::string LogPlace::text() const {
  return std::to_string(segment) + ":" + std::to_string(entries);
}

std::optional<LogPlace> LogPlace::from(const std::string& text) {
  LogPlace place;
  const auto* const end = text.data() + text.size();
  const auto [colon, error] = std::from_chars(text.data(), end, place.segment);
  if (error != std::errc{} || colon == end || *colon != ':') return std::nullopt;
  const auto [rest, second_error] = std::from_chars(colon + 1, end, place.entries);
  if (second_error != std::errc{} || rest != end) return std::nullopt;
  return place;
}

}  // namespace shop::product

namespace dapr::actors::json {

void Codec<shop::product::LogEntry>::write(Writer& writer, const shop::product::LogEntry& entry) {
  json::write(writer, entry.id.value + ' ' + std::to_string(entry.version) + ' ' +
                          std::to_string(entry.stock_revision) + (entry.in_stock ? " 1" : " 0"));
}

void Codec<shop::product::LogEntry>::read(const Value& from, shop::product::LogEntry& entry, Reading& reading) {
  std::string text;
  json::read(from, text, reading);
  std::istringstream words(text);
  std::string id;
  int in_stock = 0;
  if (!(words >> id >> entry.version >> entry.stock_revision >> in_stock) || !words.eof())
    return reading.fail("must be an id, two numbers, and 0 or 1");
  entry.id = shop::ProductId(std::move(id));
  entry.in_stock = in_stock == 1;
}

}  // namespace dapr::actors::json
