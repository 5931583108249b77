#include "internal/http/text.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace dapr::actors::http {
namespace {

using namespace std::chrono_literals;

TEST(PercentEncoding, KeepsUnreservedCharactersAndEncodesAllOthers) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("a b/c?d#e+f%g|h"), "a%20b%2Fc%3Fd%23e%2Bf%25g%7Ch");
  EXPECT_EQ(percent_encode("é"), "%C3%A9");
}

TEST(PercentEncoding, IsUndoneByDecoding) {
  const std::string text = "a b/c?d#e+f%g|h é";
  EXPECT_EQ(percent_decode(percent_encode(text)), text);
  EXPECT_EQ(percent_decode("%c3%A9"), "é") << "digits of both cases are read";
  EXPECT_EQ(percent_decode("a+b"), "a+b") << "a plus is a plus in a path";
}

TEST(PercentEncoding, IsRefusedWhenBroken) {
  for (const auto* broken : {"%", "%4", "a%zz", "%0g", "%-1", "100%"}) EXPECT_FALSE(percent_decode(broken)) << broken;
}

TEST(PercentEncoding, IsRefusedWhenItHidesControlCharacters) {
  for (const auto* hidden : {"a%00b", "a%0Ab", "%7F", "%1b"}) EXPECT_FALSE(percent_decode(hidden)) << hidden;
}

TEST(PercentEncoding, is_refused_when_what_it_stands_for_is_not_utf8) {
  for (const auto* bytes : {"%FF", "\xff", "a%C3", "%C0%AF", "%ED%A0%80"}) EXPECT_FALSE(percent_decode(bytes)) << bytes;
}

TEST(DaprId, IsTheIdItselfWhereNothingIsSpecial) {
  for (const auto* id : {"c-1", "ORDER_7", "a.b", "user@example.com", "urn:x:1", "~"}) EXPECT_EQ(to_dapr_id(id), id);
}

TEST(DaprId, HoldsNothingThatDaprTreatsSpecially) {
  EXPECT_EQ(to_dapr_id("a||b"), "a%7C%7Cb");
  EXPECT_EQ(to_dapr_id("a/../b"), "a%2F..%2Fb");
  EXPECT_EQ(to_dapr_id(".."), "%2E%2E");
  EXPECT_EQ(to_dapr_id("."), "%2E");
  EXPECT_EQ(to_dapr_id("a+b c%"), "a%2Bb%20c%25");
  EXPECT_THROW(to_dapr_id(""), std::invalid_argument);
  EXPECT_THROW(to_dapr_id("\xff"), std::invalid_argument) << "no event and no log line could hold it";
}

TEST(DaprId, ComesBackAsThePlainId) {
  const std::vector<std::string> ids{"c-1", "a||b", "..", ".", "a/b", "100% é", "a%20b", std::string("nul\0l", 5)};
  for (const auto& id : ids) EXPECT_EQ(from_dapr_id(to_dapr_id(id)), id);
}

TEST(DaprId, IsRefusedInAFormThatWouldNameAnotherActorOnTheWayBack) {
  for (const auto* foreign : {"", "a+b", "a b", "%61", "a%2fb", "a%", "!", "%FF"})
    EXPECT_FALSE(from_dapr_id(foreign)) << foreign;
}

TEST(HeaderValue, CanHoldWhateverAnIdHolds) {
  EXPECT_EQ(to_header_value("key-1/2"), "key-1/2");
  EXPECT_EQ(to_header_value("a b\r\nX: y%"), "a%20b%0D%0AX:%20y%25");
  EXPECT_EQ(percent_decode(to_header_value("a b é%")), "a b é%");
}

TEST(HeaderValue, IsVisibleAsciiWithInnerSpaces) {
  EXPECT_TRUE(is_header_value(""));
  EXPECT_TRUE(is_header_value("text/html; charset=utf-8"));
  for (const auto* bad : {" a", "a ", "a\r\nX: y", "a\tb", "é"}) EXPECT_FALSE(is_header_value(bad)) << bad;
  EXPECT_FALSE(is_header_value(std::string_view("a\0b", 3)));
}

TEST(Segments, AreThePartsBetweenSlashes) {
  using Parts = std::vector<std::string_view>;
  EXPECT_EQ(segments("/a/b"), (Parts{"a", "b"}));
  EXPECT_EQ(segments("/"), (Parts{""}));
  EXPECT_EQ(segments("/a//b/"), (Parts{"a", "", "b", ""})) << "empty ones are seen, not skipped";
}

TEST(GoDuration, IsInSecondsWhereItCanBe) {
  EXPECT_EQ(to_go_duration(1500ms), "1500ms");
  EXPECT_EQ(to_go_duration(30s), "30s");
  EXPECT_EQ(to_go_duration(24h), "86400s");
  EXPECT_EQ(to_go_duration(0ms), "0s");
  EXPECT_EQ(to_go_duration(-5s), "0s") << "what is overdue is due now";
}

TEST(SameSecret, ComparesAllOfIt) {
  EXPECT_TRUE(same_secret("token", "token"));
  for (const auto* wrong : {"", "t", "tokem", "tokentoken", "Token"})
    EXPECT_FALSE(same_secret(wrong, "token")) << wrong;
  EXPECT_FALSE(same_secret("x", ""));
}

}  // namespace
}  // namespace dapr::actors::http
