#include "actors/runtime/records/lanes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

namespace actors::records {
namespace {

using ::testing::ElementsAre;

class LanesTest : public ::testing::Test {
 protected:
  // One by one: whoever is let in by another's end gets a hold of its own.
  ~LanesTest() override {
    while (!holds.empty()) leave(std::string(holds.begin()->first));
  }
  void enter(const std::string& who, std::vector<std::string> keys) {
    actors::spawn(lanes.enter(std::move(keys)), [this, who](actors::Outcome<Lanes::Hold> outcome) {
      entered.push_back(who);
      holds.emplace(who, std::move(outcome.get()));
    });
  }
  void leave(const std::string& who) {
    auto hold = std::move(holds.at(who));
    holds.erase(who);
  }

  Lanes lanes;
  std::vector<std::string> entered;
  std::map<std::string, Lanes::Hold> holds;
};

TEST_F(LanesTest, ThoseWithDifferentKeysDoNotWaitForEachOther) {
  enter("A", {"x"});
  enter("B", {"y", "z"});
  EXPECT_THAT(entered, ElementsAre("A", "B"));
}

TEST_F(LanesTest, ThoseWithTheSameKeyGoOneAfterTheOtherInOrder) {
  enter("A", {"x"});
  enter("B", {"x"});
  enter("C", {"x"});
  EXPECT_THAT(entered, ElementsAre("A"));
  leave("A");
  EXPECT_THAT(entered, ElementsAre("A", "B"));
  leave("B");
  EXPECT_THAT(entered, ElementsAre("A", "B", "C"));
}

TEST_F(LanesTest, NobodyOvertakesWhoWaitsForSeveralKeys) {
  enter("A", {"x"});
  enter("B", {"x", "y"});
  enter("C", {"y"});
  EXPECT_THAT(entered, ElementsAre("A"));
  leave("A");
  EXPECT_THAT(entered, ElementsAre("A", "B"));
  leave("B");
  EXPECT_THAT(entered, ElementsAre("A", "B", "C"));
}

TEST_F(LanesTest, WhoLeavesLetsInAllThatCanGo) {
  enter("A", {"x", "y"});
  enter("B", {"x"});
  enter("C", {"y"});
  leave("A");
  EXPECT_THAT(entered, ElementsAre("A", "B", "C"));
}

TEST_F(LanesTest, AHoldIsReleasedOnce) {
  enter("A", {"x"});
  enter("B", {"x"});
  holds.at("A").release();
  holds.at("A").release();
  leave("A");
  enter("C", {"x"});
  EXPECT_THAT(entered, ElementsAre("A", "B"));
}

}  // namespace
}  // namespace actors::records
