#include "services/common/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace shop::services {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SettingsTest : public ::testing::Test {
 protected:
  Settings read() {
    Environment environment([this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
    return Settings::read(environment);
  }
  std::string problem() {
    try {
      read();
      return "none";
    } catch (const SettingsError& error) {
      return error.what();
    }
  }
  std::map<std::string, std::string> variables{{"FACADE_PORT", "6002"},  {"APP_CHANNEL_PORT", "7002"},
                                               {"METRICS_PORT", "9092"}, {"DAPR_HTTP_PORT", "3502"},
                                               {"DAPR_API_TOKEN", "a"},  {"APP_API_TOKEN", "b"}};
};

TEST_F(SettingsTest, what_must_be_there_is_enough) {
  const auto settings = read();
  EXPECT_EQ(settings.facade_port, 6002);
  EXPECT_EQ(settings.channel_port, 7002);
  EXPECT_EQ(settings.metrics_port, 9092);
  EXPECT_EQ(settings.stream_port, 0);
  EXPECT_EQ(settings.sidecar_port, 3502);
  EXPECT_EQ(settings.bind_address, "127.0.0.1");
  EXPECT_EQ(settings.log_level, log::Level::Info);
  EXPECT_EQ(settings.drain, std::chrono::seconds(20));
}

TEST_F(SettingsTest, everything_can_be_set) {
  variables["BIND_ADDRESS"] = "0.0.0.0";
  variables["METRICS_ADDRESS"] = "10.0.0.1";
  variables["LOG_LEVEL"] = "debug";
  variables["DRAIN_SECONDS"] = "0";
  variables["STREAM_PORT"] = "6102";
  const auto settings = read();
  EXPECT_EQ(settings.stream_port, 6102);
  EXPECT_EQ(settings.bind_address, "0.0.0.0");
  EXPECT_EQ(settings.metrics_address, "10.0.0.1");
  EXPECT_EQ(settings.log_level, log::Level::Debug);
  EXPECT_EQ(settings.drain, std::chrono::seconds(0));
}

TEST_F(SettingsTest, all_that_is_wrong_is_told_at_once_and_what_to_do) {
  variables["FACADE_PORT"] = "70000";
  variables["LOG_LEVEL"] = "loud";
  variables["BIND_ADDRESS"] = "localhost";
  variables.erase("DAPR_HTTP_PORT");
  variables["APP_API_TOKEN"] = "";
  EXPECT_THAT(problem(), AllOf(HasSubstr("FACADE_PORT is \"70000\": give a whole number from 1 to 65535"),
                               HasSubstr("LOG_LEVEL is \"loud\": give trace, debug, info, warning or error"),
                               HasSubstr("BIND_ADDRESS is \"localhost\": give an IPv4 address"),
                               HasSubstr("DAPR_HTTP_PORT is not set"), HasSubstr("APP_API_TOKEN is not set")));
}

TEST_F(SettingsTest, a_number_is_nothing_but_a_number) {
  for (const auto* text : {"20s", " 20", "-1", "601", "1e2", "0x10"}) {
    variables["DRAIN_SECONDS"] = text;
    EXPECT_THAT(problem(), HasSubstr("DRAIN_SECONDS")) << text;
  }
}

}  // namespace
}  // namespace shop::services
