#include "services/common/tokens.hpp"

#include <gtest/gtest.h>

#include "services/common/problem.hpp"
#include "tests/services/common/support.hpp"

namespace shop::services {
namespace {

using testing::key;
using testing::signed_token;

class TokensTest : public ::testing::Test {
 protected:
  TokensTest() { tokens.accept(hs256(key)); }
  /// The status of the refusal; 0 if the token is accepted.
  int refused(const std::string& token) {
    try {
      tokens.caller("Bearer " + token);
      return 0;
    } catch (const ProblemError& error) {
      return error.problem().status;
    }
  }
  std::string claims(const std::string& more) { return R"({"sub":"ada","role":"customer")" + more + "}"; }
  std::string at(long seconds) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(clock.time.time_since_epoch()).count() +
                          seconds);
  }

  testing::FixedClock clock;
  Tokens tokens{clock};
  const std::string header = R"({"alg":"HS256","typ":"JWT"})";
};

TEST_F(TokensTest, a_valid_token_says_who_is_asking) {
  const auto customer = tokens.caller("Bearer " + testing::token("ada@example.org"));
  EXPECT_EQ(customer.sub, "ada@example.org");
  EXPECT_FALSE(customer.admin());
  EXPECT_FALSE(customer.anonymous());
  EXPECT_TRUE(tokens.caller("bEARER  " + testing::token("root", "admin")).admin());
}

TEST_F(TokensTest, nobody_is_anonymous) {
  EXPECT_TRUE(tokens.caller("").anonymous());
  EXPECT_FALSE(tokens.caller("").admin());
}

TEST_F(TokensTest, a_subject_may_be_any_text) {
  const auto caller =
      tokens.caller("Bearer " + signed_token(header, "{\"sub\":\"\xC3\xA4 / \\u0022|||\",\"exp\":" + at(9) + "}"));
  EXPECT_EQ(caller.sub, "\xC3\xA4 / \"|||");
  EXPECT_EQ(caller.role, "");
}

TEST_F(TokensTest, an_unsigned_token_is_refused) {
  EXPECT_EQ(refused(signed_token(R"({"alg":"none","typ":"JWT"})", claims(R"(,"exp":4102444800)"), "", 0)), 401);
  EXPECT_EQ(refused(signed_token(R"({"alg":"nOnE"})", claims(R"(,"exp":4102444800)"), key)), 401);
  EXPECT_EQ(refused(signed_token(header, claims(R"(,"exp":4102444800)"), "", 0)), 401);
}

TEST_F(TokensTest, critical_extensions_are_refused_since_none_is_known) {
  for (const auto* crit : {R"(["b64"])", R"(["exp"])", "[]", R"("b64")", "null", "{}", "0"}) {
    const auto with = std::string(R"({"alg":"HS256","typ":"JWT","b64":true,"crit":)") + crit + "}";
    EXPECT_EQ(refused(signed_token(with, claims(R"(,"exp":4102444800)"))), 401) << crit;
  }
  EXPECT_EQ(
      refused(signed_token(R"({"alg":"HS256","typ":"JWT","b64":true,"kid":"1"})", claims(R"(,"exp":4102444800)"))), 0);
}

TEST_F(TokensTest, the_algorithms_name_is_told_apart_by_case) {
  for (const auto* alg : {"hs256", "Hs256", "hS256"})
    EXPECT_EQ(
        refused(signed_token(std::string(R"({"alg":")") + alg + R"(","typ":"JWT"})", claims(R"(,"exp":4102444800)"))),
        401)
        << alg;
}

TEST_F(TokensTest, another_algorithm_is_refused_even_if_its_signature_holds) {
  EXPECT_EQ(refused(signed_token(R"({"alg":"HS512","typ":"JWT"})", claims(R"(,"exp":4102444800)"), key, 512)), 401);
  EXPECT_EQ(refused(signed_token(R"({"alg":"RS256","typ":"JWT"})", claims(R"(,"exp":4102444800)"))), 401);
  EXPECT_EQ(refused(signed_token(R"({"typ":"JWT"})", claims(R"(,"exp":4102444800)"))), 401);
}

TEST_F(TokensTest, a_foreign_key_is_refused) {
  EXPECT_EQ(refused(signed_token(header, claims(R"(,"exp":4102444800)"), "another key of 32 or more bytes!!")), 401);
}

TEST_F(TokensTest, a_tampered_token_is_refused) {
  auto token = testing::token("ada");
  const auto other = testing::token("eve", "admin");
  const auto payload = [](const std::string& text) {
    return text.substr(text.find('.') + 1, text.rfind('.') - text.find('.') - 1);
  };
  const auto forged = token.substr(0, token.find('.') + 1) + payload(other) + token.substr(token.rfind('.'));
  EXPECT_EQ(refused(forged), 401);
  token[token.size() - 2] = token[token.size() - 2] == 'A' ? 'B' : 'A';
  EXPECT_EQ(refused(token), 401);
}

TEST_F(TokensTest, time_is_kept) {
  EXPECT_EQ(refused(signed_token(header, claims(R"(,"exp":)" + at(1)))), 0);
  EXPECT_EQ(refused(signed_token(header, claims(R"(,"exp":)" + at(0)))), 401);
  EXPECT_EQ(refused(signed_token(header, claims(R"(,"exp":)" + at(-3600)))), 401);
  EXPECT_EQ(refused(signed_token(header, claims(R"(,"exp":)" + at(9) + R"(,"nbf":)" + at(0)))), 0);
  EXPECT_EQ(refused(signed_token(header, claims(R"(,"exp":)" + at(9) + R"(,"nbf":)" + at(5)))), 401);
  EXPECT_EQ(refused(signed_token(header, claims(""))), 401) << "a token without an end";
  EXPECT_EQ(refused(signed_token(header, claims(R"(,"exp":"4102444800")"))), 401);
}

TEST_F(TokensTest, claims_of_another_type_are_refused) {
  EXPECT_EQ(refused(signed_token(header, R"({"sub":1,"exp":4102444800})")), 401);
  EXPECT_EQ(refused(signed_token(header, R"({"sub":"ada","role":["admin"],"exp":4102444800})")), 401);
  EXPECT_EQ(refused(signed_token(header, R"({"role":"admin","exp":4102444800})")), 401) << "admin without a name";
  EXPECT_EQ(refused(signed_token(header, "[]")), 401);
}

TEST_F(TokensTest, nonsense_is_refused) {
  for (const auto* text : {"", ".", "..", "...", "a.b.c", "e30.e30.", "\xff.\xff.\xff"})
    EXPECT_EQ(refused(text), 401) << text;
  EXPECT_EQ(refused(std::string(100000, 'a')), 401);
}

TEST_F(TokensTest, without_a_key_a_token_cannot_be_judged_yet) {
  const Tokens starting(clock);
  EXPECT_FALSE(starting.ready());
  EXPECT_TRUE(starting.caller("").anonymous());
  try {
    starting.caller("Bearer " + testing::token("ada"));
    FAIL();
  } catch (const ProblemError& error) {
    EXPECT_EQ(error.problem().status, 503);
  }
}

TEST(Hs256, refuses_a_key_that_is_too_short) {
  EXPECT_THROW(hs256("short"), std::invalid_argument);
}

TEST(MayAccess, is_for_owners_and_admins_and_for_everyone_where_nobody_owns) {
  const Caller ada{"ada", "customer"}, eve{"eve", ""}, root{"root", "admin"}, guest;
  EXPECT_TRUE(may_access(ada, "ada"));
  EXPECT_FALSE(may_access(eve, "ada"));
  EXPECT_TRUE(may_access(root, "ada"));
  EXPECT_FALSE(may_access(guest, "ada"));
  for (const auto& caller : {ada, eve, root, guest}) EXPECT_TRUE(may_access(caller, std::nullopt));
}

}  // namespace
}  // namespace shop::services
