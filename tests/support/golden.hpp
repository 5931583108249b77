/// Golden files: what goes over a wire, as text under version control.
///
///     EXPECT_TRUE(shop::testing::golden("order/order.created.json", json));
///
/// With ACCEPT_GOLDEN=1 in the environment the file is written instead and the test is skipped, so that accepting is
/// never mistaken for passing. The build defines GOLDEN_FOLDER.
#pragma once

#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace shop::testing {

/// JSON with one member a line, in its own order, so that a difference reads well.
inline std::string pretty(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError()) return json;
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  document.Accept(writer);
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

inline ::testing::AssertionResult golden(const std::string& name, const std::string& json) {
  const std::filesystem::path path = std::filesystem::path(GOLDEN_FOLDER) / name;
  const auto actual = pretty(json);
  std::ifstream file(path, std::ios::binary);
  std::ostringstream expected;
  expected << file.rdbuf();
  if (file && expected.str() == actual) return ::testing::AssertionSuccess();
  if (std::getenv("ACCEPT_GOLDEN")) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << actual;
    [] { GTEST_SKIP() << "written anew"; }();
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << path.string() << " does not hold this (ACCEPT_GOLDEN=1 writes it):\n"
                                       << actual;
}

}  // namespace shop::testing
