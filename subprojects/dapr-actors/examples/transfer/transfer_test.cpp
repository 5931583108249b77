#include "transfer.hpp"

#include <dapr/actors/testing/bench.hpp>
#include <gtest/gtest.h>

namespace bank {
namespace {

using namespace std::chrono_literals;

class TransferTest : public ::testing::Test {
 protected:
  TransferTest() {
    bench.add<Account>().add<Transfer>();
    EXPECT_TRUE((bench.call<&Account::book>("ann", "salary", 100)));
    EXPECT_TRUE((bench.call<&Account::book>("bob", "salary", 100)));
  }
  std::int64_t balance(const char* account) { return bench.call<&Account::balance>(account).value(); }
  TransferState transfer(std::int64_t amount = 30) {
    EXPECT_TRUE((bench.call<&Transfer::start>("t-1", "ann", "bob", amount)));
    return settled();
  }
  TransferState settled() {
    bench.advance(1min);
    return bench.call<&Transfer::view>("t-1").value();
  }

  actors::testing::Bench bench;
};

TEST_F(TransferTest, MovesTheMoneyOnce) {
  EXPECT_EQ(transfer().step, Step::Done);
  EXPECT_EQ(transfer().step, Step::Done) << "the same order again";
  EXPECT_EQ(balance("ann"), 70);
  EXPECT_EQ(balance("bob"), 130);
  EXPECT_EQ(bench.call<&Transfer::start>("t-1", "ann", "bob", 31).error().code, "another_order");
}

TEST_F(TransferTest, IsCalledByNameToo) {
  const auto account = actors::Calls(bench.sidecar, actors::Origin("click-1")).proxy("Account", "ann");
  EXPECT_EQ(bench.run(account.change("Book", R"({"transfer":"salary 2","amount":5})")), "105");
  EXPECT_EQ(bench.run(account.read("Balance")), "105");
}

TEST_F(TransferTest, TakesNothingThatIsNotThere) {
  const auto refused = transfer(101);
  EXPECT_EQ(refused.step, Step::Refused);
  EXPECT_EQ(refused.reason, "not_enough");
  EXPECT_EQ(balance("ann"), 100);
  EXPECT_EQ(balance("bob"), 100);
}

TEST_F(TransferTest, GivesBackWhatCannotBeGiven) {
  ASSERT_TRUE(bench.call<&Account::close>("bob"));
  const auto refused = transfer();
  EXPECT_EQ(refused.step, Step::Refused);
  EXPECT_EQ(refused.reason, "closed");
  EXPECT_EQ(balance("ann"), 100);
}

TEST_F(TransferTest, AloneMovesMoneyWhereTheFilterStands) {
  bench.filter<Account>(std::make_shared<TransfersAlone>());
  EXPECT_EQ((bench.call<&Account::book>("ann", "by hand", 1000)).error().code, "transfers_alone");
  EXPECT_EQ(transfer().step, Step::Done);
  EXPECT_EQ(balance("ann"), 70);
}

TEST(AccountOfAnOlderForm, IsReadAndWrittenAnew) {
  actors::testing::Bench bench;
  bench.add<Account>();
  bench.sidecar.put({"Account", "ann"}, "state",
                    R"({"version":3,"data":{"balance":2,"closed":false},"outbox":[],"handled":[]})");
  EXPECT_EQ(bench.call<&Account::balance>("ann"), 200);
  EXPECT_TRUE((bench.call<&Account::book>("ann", "salary", 1)));
  bench.restart();
  EXPECT_EQ(bench.call<&Account::balance>("ann"), 201);
}

// Whatever the process was about to do when it died, the transfer comes to its end and no money is lost or made.
TEST(TransferAfterACrash, ComesToItsEndFromEveryPoint) {
  bool died = true;
  for (std::size_t point = 1; died; ++point) {
    SCOPED_TRACE(point);
    ASSERT_LT(point, 100u);
    actors::testing::Bench bench;
    bench.add<Account>().add<Transfer>();
    ASSERT_TRUE((bench.call<&Account::book>("ann", "salary", 100)));
    const actors::Origin click{"click-1"};
    bench.sidecar.crash_after(point);
    try {
      bench.call_as<&Transfer::start>(click, "t-1", "ann", "bob", 30);
    } catch (const actors::SidecarError&) {
      // Whoever clicked has no answer, and clicks again below.
    }
    died = bench.sidecar.crashed();
    bench.restart();
    EXPECT_TRUE((bench.call_as<&Transfer::start>(click, "t-1", "ann", "bob", 30)));
    bench.advance(1min);
    EXPECT_EQ(bench.call<&Transfer::view>("t-1")->step, Step::Done);
    EXPECT_EQ(bench.call<&Account::balance>("ann"), 70);
    EXPECT_EQ(bench.call<&Account::balance>("bob"), 30);
  }
}

}  // namespace
}  // namespace bank
