#include "mail.hpp"

#include <dapr/actors/testing/bench.hpp>
#include <gtest/gtest.h>

namespace mailer {
namespace {

using namespace std::chrono_literals;

class MailTest : public ::testing::Test {
 protected:
  MailTest() {
    bench.add<Mail>();
    bench.sidecar.applications["mail-gateway"] = [this](const actors::HttpRequest& request) {
      if (!open) return actors::HttpAnswer{503, "", ""};
      taken.push_back(request.path);
      return actors::HttpAnswer{204, "", ""};
    };
  }
  std::int64_t tries() { return bench.call<&Mail::view>("m-1")->tries; }

  actors::testing::Bench bench;
  bool open = true;
  std::vector<std::string> taken;  // under which paths
};

TEST_F(MailTest, LeavesAfterTheCommit) {
  ASSERT_TRUE((bench.call<&Mail::send>("m-1", "ann@example.com", "hello")));
  EXPECT_EQ(taken.size(), 1u);
  EXPECT_FALSE(bench.call<&Mail::view>("m-1")->next);
}

TEST_F(MailTest, IsTriedUntilTheGatewayTakesIt) {
  open = false;
  ASSERT_TRUE((bench.call<&Mail::send>("m-1", "ann@example.com", "hello")));
  bench.advance(5min);
  EXPECT_GT(tries(), 2);
  bench.restart();  // the process dies; the intention is in the state, and the reminder survives
  open = true;
  bench.advance(1min);
  EXPECT_EQ(taken.size(), 1u);
  const auto done = tries();
  bench.advance(5min);
  EXPECT_EQ(tries(), done);
  EXPECT_FALSE(bench.tended({"Mail", "m-1"}));
}

TEST_F(MailTest, KeepsItsNameAtEachTry) {
  const actors::testing::CommitFailure lost = actors::testing::CommitFailure::NotStored;
  bench.sidecar.before_next("invoke", [&] { bench.sidecar.fail_next_commit(lost); });  // that of `sent`
  ASSERT_TRUE((bench.call<&Mail::send>("a/b?", "ann@example.com", "hello")));
  bench.advance(1min);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0], taken[1]);
  EXPECT_EQ(taken[0].find_first_of("?"), std::string::npos);
}

TEST_F(MailTest, DoesNotLeaveIfTheCommitFails) {
  bench.sidecar.fail_next_commit(actors::testing::CommitFailure::NotStored);
  const actors::Origin click{"click-1"};
  EXPECT_THROW((bench.call_as<&Mail::send>(click, "m-1", "ann@example.com", "hello")), actors::SidecarError);
  EXPECT_TRUE(taken.empty());
  EXPECT_TRUE((bench.call_as<&Mail::send>(click, "m-1", "ann@example.com", "hello")));
  EXPECT_EQ(taken.size(), 1u);
}

TEST_F(MailTest, ReadsADocumentOfAnOlderVersion) {
  bench.sidecar.put({"Mail", "m-1"}, "state",
                    R"({"version":3,"data":{"to":"ann@example.com","text":"hello"},"outbox":[],"handled":[]})");
  EXPECT_EQ(bench.call<&Mail::view>("m-1")->to, "ann@example.com");
  EXPECT_EQ(tries(), 0);
}

}  // namespace
}  // namespace mailer
