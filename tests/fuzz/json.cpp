// JSON as every other reader takes it: what is taken is JSON to a second reader too, bounded in depth, and means the
// same when written and read again.
#include <dapr/actors/json.hpp>
#include <rapidjson/document.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/shared/values.hpp"
#include "tests/fuzz/require.hpp"

namespace json = actors::json;

namespace {

/// A field of every kind there is.
struct Everything {
  std::string text;
  std::int64_t number = 0;
  std::uint32_t small = 0;
  bool flag = false;
  std::optional<std::string> note;
  std::vector<shop::Line> lines;
  std::map<std::string, std::int64_t> counts;
  actors::Time at{};
  shop::Money price;
  std::optional<json::Raw> raw;
  shop::ProductId id{"tea"};
  DAPR_ACTORS_JSON(text, number, small, flag, note, lines, counts, at, price, raw, id)
  DAPR_ACTORS_JSON_DEFAULTED(number, small, flag, lines, counts, at, price, id)
};

int depth_of(const json::Value& value) {
  if (!value.is_array() && !value.is_object()) return 0;
  int deepest = 0;
  for (std::size_t i = 0; i < value.size(); ++i) deepest = std::max(deepest, depth_of(value[i]));
  return deepest + 1;
}

/// The same of what the second reader has read.
int depth_of(const rapidjson::Value& value) {
  int deepest = 0;
  if (value.IsArray())
    for (const auto& element : value.GetArray()) deepest = std::max(deepest, depth_of(element));
  else if (value.IsObject())
    for (const auto& member : value.GetObject()) deepest = std::max(deepest, depth_of(member.value));
  else
    return 0;
  return deepest + 1;
}

bool has_fraction(const json::Value& value) {
  for (std::size_t i = 0; i < value.size(); ++i)
    if (has_fraction(value[i])) return true;
  return value.is_number() && value.text().find_first_of(".eE") != std::string::npos;
}

std::optional<Everything> read(std::string_view text, json::Unknown unknown) {
  try {
    return json::parse<Everything>(text, unknown);
  } catch (const json::Error& error) {
    fuzz::require(!error.problems().empty(), "a refusal says why");
    fuzz::require(error.problems().size() <= json::Reading::most_problems, "a refusal is bounded in lines");
    std::size_t bytes = 0;
    for (const auto& problem : error.problems()) bytes += problem.pointer.size() + problem.detail.size();
    fuzz::require(bytes < 65536, "a refusal is bounded in bytes");
    return std::nullopt;
  }
}

}  // namespace

void fuzz::run(std::string_view input) {
  rapidjson::Document second;
  second.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(input.data(), input.size());
  try {
    const json::Document document(input);
    require(!second.HasParseError(), "what is taken is JSON to a second reader");
    require(depth_of(document.root()) <= 64, "what is taken is bounded in depth");
    const auto written = document.root().text();
    // A fraction may be off in its last digit each time; nothing of the shop's is one.
    require(has_fraction(document.root()) || json::Document(written).root().text() == written,
            "written, read and written: the same");
  } catch (const json::Error&) {
    require(second.HasParseError() || depth_of(second) > 64 || input.find('\0') != std::string_view::npos ||
                input.find_first_of("[{") != std::string_view::npos,
            "what is refused is no JSON, or too deep");
  }
  const auto lenient = read(input, json::Unknown::Ignore), strict = read(input, json::Unknown::Refuse);
  require(!strict || lenient, "what is taken strictly is taken leniently");
  if (!lenient) return;
  const auto written = json::to_string(*lenient);
  const auto again = read(written, json::Unknown::Refuse);
  require(again.has_value(), "what we write we read strictly", written);
  const bool exact = !lenient->raw || !has_fraction(json::Document(lenient->raw->text).root());
  require(!exact || json::to_string(*again) == written, "a value that was read is written and read the same", written);
  if (strict) require(json::to_string(*strict) == written, "strict and lenient readers understand the same");
}
