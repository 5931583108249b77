// Settings of actor types from outside of the program: what they change, and what they are refused for.
#include "internal/type_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dapr::actors {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string refused(const std::string& text) {
  try {
    const TypeSettingsText settings(text);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "not refused";
}

TEST(TypeSettingsFromText, change_what_they_name_and_leave_the_rest_as_the_table_says) {
  const TypeSettingsText text(R"({"Cart":{"idleTimeout":60000,"workAtOnce":8},"Order":{}})");
  TypeSettings table;
  table.work_at_once = 1;
  table.tend_period = 7s;
  const auto cart = text.over("Cart", table);
  EXPECT_EQ(cart.idle_timeout, 1min);
  EXPECT_EQ(cart.work_at_once, 8u);
  EXPECT_EQ(cart.tend_period, 7s);
  for (const auto* other : {"Order", "Payment"}) {
    const auto same = text.over(other, table);
    EXPECT_EQ(json::to_string(same), json::to_string(table)) << other;
  }
}

TEST(TypeSettingsFromText, name_each_setting_there_is) {
  const TypeSettingsText text(
      R"({"Cart":{"idleTimeout":1001,"drainTimeout":1002,"tendPeriod":1003,"handledInDocument":4,"eventsKnownFor":1005,)"
      R"("eventsInDocument":6,"workAtOnce":7,"newsAtOnce":8,"workWaiting":9}})");
  const auto cart = text.over("Cart", {});
  EXPECT_EQ(cart.idle_timeout, 1001ms);
  EXPECT_EQ(cart.drain_timeout, 1002ms);
  EXPECT_EQ(cart.tend_period, 1003ms);
  EXPECT_EQ(cart.handled_in_document, 4u);
  EXPECT_EQ(cart.events_known_for, 1005ms);
  EXPECT_EQ(cart.events_in_document, 6u);
  EXPECT_EQ(cart.work_at_once, 7u);
  EXPECT_EQ(cart.news_at_once, 8u);
  EXPECT_EQ(cart.work_waiting, 9u);
}

TEST(TypeSettingsFromText, are_none_in_an_empty_text) {
  EXPECT_NO_THROW(TypeSettingsText("").all_of({}));
  EXPECT_NO_THROW(TypeSettingsText("{}").all_of({"Cart"}));
}

TEST(TypeSettingsFromText, are_refused_with_all_that_is_wrong) {
  const auto why = refused(R"({"Cart":{"idleTimeot":1,"workAtOnce":0},"Order":{"drainTimeout":8000}})");
  EXPECT_THAT(why, StartsWith("the settings of actor types: "));
  EXPECT_THAT(why, HasSubstr("/Cart/idleTimeot is not known here"));
  EXPECT_THAT(why, HasSubstr("/Order/drainTimeout must be from 1 to 7999"));
  EXPECT_THAT(refused(R"({"Cart":{"workAtOnce":0}})"), HasSubstr("/Cart/workAtOnce must be from 1 to 1000000"));
}

TEST(TypeSettingsFromText, are_refused_for_values_that_no_type_can_have) {
  for (const auto* settings :
       {R"({"idleTimeout":0})", R"({"idleTimeout":-1})", R"({"idleTimeout":"5m"})", R"({"idleTimeout":1e30})",
        R"({"idleTimeout":31536000001})", R"({"drainTimeout":0})", R"({"drainTimeout":8000})", R"({"tendPeriod":999})",
        R"({"eventsKnownFor":-1})", R"({"eventsInDocument":10001})", R"({"handledInDocument":-1})",
        R"({"newsAtOnce":0})", R"({"workAtOnce":1,"workAtOnce":2})", R"({"workAtOnce":null})", "[]", "7", "null"})
    EXPECT_THAT(refused(std::string(R"({"Cart":)") + settings + "}"), HasSubstr("/Cart")) << settings;
}

TEST(TypeSettingsFromText, are_refused_where_they_are_no_json) {
  for (const auto* text : {"{", "idleTimeout: 5", "[]", "7", " ", R"({"Cart":{}}})", R"({"Cart":{},"Cart":{}})"})
    EXPECT_THAT(refused(text), StartsWith("the settings of actor types: ")) << text;
}

TEST(TypeSettingsFromText, are_refused_for_types_that_are_not_there) {
  const TypeSettingsText text(R"({"Cart":{},"Crat":{},"Ordr":{}})");
  try {
    text.all_of({"Cart", "Order"});
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "the settings of actor types: this host has no type Crat, Ordr; it has Cart, Order");
  }
}

}  // namespace
}  // namespace dapr::actors
