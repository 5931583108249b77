#include "dapr/actors/records/group_commit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dapr/actors/testing/fake_state_store.hpp"

namespace dapr::actors::records {
namespace {

using ::testing::ElementsAre;

/// The fake store, whose transactions wait at a gate while it is closed.
class GatedStore final : public StateStore {
 public:
  explicit GatedStore(testing::FakeStateStore& store) : store_(store) {}
  Task<std::optional<StateItem>> get(std::string key) override { return store_.get(std::move(key)); }
  Task<std::vector<std::optional<StateItem>>> get_all(std::vector<std::string> keys) override {
    return store_.get_all(std::move(keys));
  }
  Task<void> transact(std::vector<StateChange> changes) override {
    sizes.push_back(changes.size());
    if (closed) {
      const auto wait = [this](Completion<void> done) { waiting_.push_back(done); };
      co_await suspend<void>(wait);
    }
    co_await store_.transact(std::move(changes));
  }
  /// Lets in what waits; what comes because of it waits again.
  void let_in() {
    for (const auto& done : std::exchange(waiting_, {})) done();
  }
  bool closed = true;
  std::vector<std::size_t> sizes;  ///< of the transactions that came

 private:
  testing::FakeStateStore& store_;
  std::vector<Completion<void>> waiting_;
};

class GroupCommitTest : public ::testing::Test {
 protected:
  /// Adds to the number under the first key, and writes down who did.
  void add(const std::string& who, std::vector<std::string> keys, int number = 1) {
    const auto key = keys.front();
    const auto decide = [key, number](Items& items) {
      const auto sum = items.read<int>(key).value_or(0) + number;
      items.write(key, sum);
      return sum;
    };
    start(who, commit.change(std::move(keys), decide));
  }
  void start(const std::string& who, Task<int> change) {
    spawn(std::move(change), [this, who](Outcome<int> outcome) {
      try {
        ended.push_back(who + ": " + std::to_string(outcome.get()));
      } catch (const std::exception& error) {
        ended.push_back(who + ": " + error.what());
      }
    });
  }
  void let_everybody_in() {
    for (auto before = gate.sizes.size() + 1; before != gate.sizes.size();) {
      before = gate.sizes.size();
      gate.let_in();
    }
  }

  testing::VirtualClock clock;
  testing::FakeStateStore store{clock};
  GatedStore gate{store};
  GroupCommit commit{gate, [](Duration) -> Task<void> { co_return; }};
  std::vector<std::string> ended;
};

TEST_F(GroupCommitTest, ChangesOfDifferentItemsGoSideBySide) {
  add("tea", {"tea"});
  add("cup", {"cup"});
  EXPECT_THAT(gate.sizes, ElementsAre(1, 1));
  let_everybody_in();
  EXPECT_THAT(ended, ElementsAre("tea: 1", "cup: 1"));
}

TEST_F(GroupCommitTest, ChangesThatWaitForTheSameItemAreCommittedTogether) {
  for (int i = 0; i < 30; ++i) add(std::to_string(i), {"tea", "order-" + std::to_string(i)});
  EXPECT_THAT(gate.sizes, ElementsAre(1));
  let_everybody_in();
  EXPECT_EQ(gate.sizes.size(), 2u);
  EXPECT_EQ(store.stored("tea"), "30");
  ASSERT_EQ(ended.size(), 30u);
  EXPECT_THAT(ended, ::testing::Contains("29: 30"));  // each sees what those before it wrote
}

TEST_F(GroupCommitTest, ATransactionHoldsSoManyItems) {
  for (int i = 0; i < 200; ++i) add(std::to_string(i), {"tea", "order-" + std::to_string(i)});
  let_everybody_in();
  EXPECT_EQ(store.stored("tea"), "200");
  EXPECT_EQ(gate.sizes.size(), 6u);  // 1 + 5 of 40
}

TEST_F(GroupCommitTest, WhoCameFirstIsNotOvertakenForAnItemBothWant) {
  add("tea", {"tea"});
  add("both", {"cup", "tea"}, 10);
  add("cup", {"cup"});
  EXPECT_THAT(gate.sizes, ElementsAre(1));
  let_everybody_in();
  EXPECT_THAT(ended, ::testing::UnorderedElementsAre("tea: 1", "both: 10", "cup: 11"));
}

TEST_F(GroupCommitTest, AChangeThatThrowsHarmsNoOtherAndLeavesNothing) {
  add("first", {"tea"});
  const auto decide = [](Items& items) -> int {
    items.write("tea", 1000);
    throw std::runtime_error("no");
  };
  start("bad", commit.change({"tea"}, decide));
  add("last", {"tea"});
  let_everybody_in();
  EXPECT_THAT(ended, ::testing::UnorderedElementsAre("first: 1", "bad: no", "last: 2"));
  EXPECT_EQ(store.stored("tea"), "2");
}

TEST_F(GroupCommitTest, AChangeThatTheStoreRefusesHarmsNoOther) {
  store.put("taken", "1");
  add("first", {"tea"});
  const auto decide = [](Items& items) {
    items.write("tea", 1000);
    items.write("taken", 2);  // not read, so it is to be created; but it is there
    return 0;
  };
  start("bad", commit.change({"tea"}, decide));
  add("second", {"tea"});
  add("third", {"tea"});
  let_everybody_in();
  EXPECT_EQ(store.stored("tea"), "3");
  EXPECT_EQ(store.stored("taken"), "1");
  EXPECT_THAT(ended, ::testing::Contains("second: 2"));
  EXPECT_THAT(ended, ::testing::Contains("third: 3"));
  EXPECT_THAT(ended, ::testing::Contains(::testing::StartsWith("bad: ")));
}

TEST_F(GroupCommitTest, AnOutageIsNotAskedByEachOfThemAgain) {
  add("first", {"tea"});
  for (int i = 0; i < 30; ++i) add(std::to_string(i), {"tea"});
  gate.closed = false;
  std::function<void()> fail = [&] {
    store.fail_next(testing::CommitFailure::NotStored);
    store.before_next_transact(fail);
  };
  store.before_next_transact(fail);
  gate.let_in();
  EXPECT_EQ(ended.size(), 31u);
  EXPECT_LE(gate.sizes.size(), 12u);  // the first one, the thirty together, two of them alone: three times each
  EXPECT_EQ(store.stored("tea"), std::nullopt);
}

TEST_F(GroupCommitTest, DecidesAgainWhenAnotherProcessWasFaster) {
  gate.closed = false;
  store.before_next_transact([this] { store.put("tea", "7"); });
  add("tea", {"tea"});
  EXPECT_THAT(ended, ElementsAre("tea: 8"));
}

TEST_F(GroupCommitTest, AsksAgainAfterALostAnswerWithWhatIsThereNow) {
  gate.closed = false;
  store.fail_next(testing::CommitFailure::StoredButUnanswered);
  int asked = 0;
  const auto decide = [&asked](Items& items) {
    ++asked;
    if (const auto there = items.read<int>("tea")) return *there;  // its own write
    items.write("tea", 1);
    return 1;
  };
  start("tea", commit.change({"tea"}, decide));
  EXPECT_THAT(ended, ElementsAre("tea: 1"));
  EXPECT_EQ(asked, 2);
}

TEST_F(GroupCommitTest, AChangeThatWritesMuchGoesAlone) {
  add("first", {"tea"});
  const auto decide = [](Items& items) {
    items.write("tea", 50);
    return 50;
  };
  start("alone", commit.change_alone({"tea"}, decide));
  add("last", {"tea"});
  let_everybody_in();
  EXPECT_EQ(gate.sizes.size(), 3u);
  EXPECT_THAT(ended, ElementsAre("first: 1", "alone: 50", "last: 51"));
}

}  // namespace
}  // namespace dapr::actors::records
