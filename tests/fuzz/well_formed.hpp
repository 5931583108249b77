/// What every answer must be, whatever was asked: JSON in UTF-8 to a reader that is not ours, and header lines that
/// stay lines.
#pragma once

#include <rapidjson/document.h>

#include <string>

#include "tests/fuzz/require.hpp"

namespace fuzz {

inline rapidjson::Document require_json(std::string_view body, std::string_view property) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(body.data(), body.size());
  require(!document.HasParseError(), property, body);
  return document;
}

/// UTF-8 to that reader: text between quotes, without what JSON would not take as it is.
inline bool is_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' ? '.' : c;
  quoted += '"';
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(quoted.data(), quoted.size());
  return !document.HasParseError();
}

/// RFC 9457: a problem says its status, and what is wrong.
inline void require_problem(std::string_view body, int status) {
  const auto problem = require_json(body, "a problem is JSON in UTF-8");
  require(problem.IsObject() && problem.HasMember("status") && problem["status"].IsInt() &&
              problem["status"].GetInt() == status,
          "a problem has the status of its answer", body);
  for (const char* name : {"type", "title"})
    require(problem.HasMember(name) && problem[name].IsString() && problem[name].GetStringLength() > 0,
            "a problem has a type and a title", body);
}

inline void require_header_value(std::string_view value) {
  for (const char c : value) require(c >= 0x20 && c < 0x7f, "a header's value is visible ASCII", value);
}

}  // namespace fuzz
