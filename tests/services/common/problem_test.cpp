#include "services/common/problem.hpp"

#include <dapr/actors/sidecar.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shop::services {
namespace {

TEST(Problem, holds_the_members_of_rfc_9457_and_escapes_them) {
  Problem problem;
  problem.status = 409;
  problem.type = problem_type("other_currency");
  problem.detail = "a \"quoted\"\nline";
  problem.instance = "/carts/c-1/items";
  problem.errors = {{"/items/0", "is wrong"}};
  EXPECT_EQ(
      problem.to_json(),
      R"({"type":"urn:problem:ecommerce:other_currency","title":"Conflict","status":409,)"
      R"("detail":"a \"quoted\"\nline","instance":"/carts/c-1/items","errors":[{"pointer":"/items/0","detail":"is wrong"}]})");
}

TEST(Problem, without_a_code_is_about_blank) {
  EXPECT_EQ(problem_type(""), "about:blank");
}

TEST(Problem, of_a_refusal_has_the_status_of_its_reason) {
  using actors::Reason;
  for (const auto& [reason, status] :
       {std::pair{Reason::Invalid, 400}, std::pair{Reason::Forbidden, 403}, std::pair{Reason::NotFound, 404},
        std::pair{Reason::Conflict, 409}, std::pair{Reason::Unprocessable, 422}, std::pair{Reason::TooLarge, 413}})
    EXPECT_EQ(problem_of(actors::Refusal{reason, "code", "message"}).status, status);
}

TEST(Problem, of_a_refusal_names_all_it_is_about) {
  const auto problem = problem_of(
      actors::Refusal{actors::Reason::Conflict, "out_of_stock", "x", {{"/items/0", "gone", 0}, {"/items/1", "odd"}}});
  EXPECT_THAT(problem.to_json(),
              ::testing::HasSubstr(R"("errors":[{"pointer":"/items/0","detail":"gone","available":0},)"
                                   R"({"pointer":"/items/1","detail":"odd"}])"));
}

TEST(Problem, of_an_outage_can_be_tried_again) {
  const auto outage = problem_of(std::make_exception_ptr(actors::SidecarError(0, "", "connection refused")));
  EXPECT_EQ(outage.status, 503);
  EXPECT_THAT(outage.headers, ::testing::Contains(std::pair<std::string, std::string>("Retry-After", "1")));
  EXPECT_EQ(problem_of(std::make_exception_ptr(actors::SidecarError(504, "", "timeout"))).status, 504);
  EXPECT_EQ(problem_of(std::make_exception_ptr(actors::SidecarError(0, "TIMED_OUT", "no answer in time"))).status, 504);
  EXPECT_EQ(problem_of(std::make_exception_ptr(actors::SidecarError(0, "BUSY", "too many wait"))).status, 503);
}

TEST(Problem, of_what_nobody_foresaw_tells_the_client_nothing) {
  const auto problem = problem_of(std::make_exception_ptr(std::runtime_error("password")));
  EXPECT_EQ(problem.status, 500);
  EXPECT_THAT(problem.to_json(), ::testing::Not(::testing::HasSubstr("password")));
  EXPECT_EQ(problem_of(std::make_exception_ptr(7)).status, 500);
}

TEST(Problem, of_a_body_names_every_pointer) {
  const auto problem = problem_of(actors::json::Error({{"/a", "is required"}, {"/b", "must be a string"}}));
  EXPECT_EQ(problem.status, 400);
  EXPECT_EQ(problem.errors.size(), 2u);
}

TEST(Value, hands_out_a_result_or_throws_its_refusal) {
  EXPECT_EQ(value(actors::Result<int>(3)), 3);
  value(actors::Result<void>());
  try {
    value(
        actors::Result<int>(actors::refuse(actors::Reason::NotFound, "unknown_product", "There is no such product.")));
    FAIL();
  } catch (const ProblemError& error) {
    EXPECT_EQ(error.problem().status, 404);
    EXPECT_STREQ(error.what(), "There is no such product.");
  }
}

}  // namespace
}  // namespace shop::services
