/// What replicas learn of each other, and of what was there before.
#include <gmock/gmock.h>

#include <random>

#include "actors/product/takeover.hpp"
#include "tests/actors/product/support.hpp"

namespace shop::product::testing {
namespace {

using actors::SidecarError;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

class LogTest : public CatalogTest {
 protected:
  std::vector<std::string> listed(Replica& where) {
    std::vector<std::string> ids;
    const auto page = run(where.catalog.list({.limit = 100})).value();
    for (const auto& item : page.items) ids.push_back(item.id.value);
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  LogHead head(std::size_t log) { return actors::json::parse<LogHead>(store.stored(log_key(log)).value()); }
  void tend(Replica& where, int times = 1) {
    for (int i = 0; i < times; ++i) {
      advance(idle_age);
      run(where.index.tend());
    }
  }
};

TEST_F(LogTest, AReplicaThatStartsLaterKnowsEverything) {
  std::vector<std::string> ids;
  for (int i = 0; i < 60; ++i) create(tea(ids.emplace_back("p-" + std::to_string(i))));
  std::sort(ids.begin(), ids.end());
  remove("p-7");
  std::erase(ids, "p-7");
  const auto third = start_replica();
  EXPECT_FALSE(third->index.is_open());
  run(third->index.open());
  EXPECT_TRUE(third->index.is_open());
  EXPECT_EQ(listed(*third), ids);
}

/// A store that notes which products are asked for.
class NotingStore final : public actors::StateStore {
 public:
  explicit NotingStore(actors::StateStore& store) : store_(store) {}
  actors::Task<std::optional<actors::StateItem>> get(std::string key) override { return store_.get(std::move(key)); }
  actors::Task<std::vector<std::optional<actors::StateItem>>> get_all(std::vector<std::string> keys) override {
    for (const auto& key : keys)
      if (key.starts_with("product.")) read.push_back(key.substr(8));
    return store_.get_all(std::move(keys));
  }
  actors::Task<void> transact(std::vector<actors::StateChange> changes) override {
    return store_.transact(std::move(changes));
  }
  std::vector<std::string> read;

 private:
  actors::StateStore& store_;
};

class SnapshotTest : public LogTest {
 protected:
  static constexpr std::size_t log = 7;
  void SetUp() override {
    run(replica->index.open());
    run(other->index.open());
  }
  /// More changes than a log has without a snapshot.
  std::vector<std::string> fill() {
    auto ids = neighbours(1040, log);
    for (const auto& id : ids) create(tea(id));
    tend(*replica);
    EXPECT_THAT(store.keys("snapshot1.07."), Not(IsEmpty()));
    return ids;
  }
  struct Started {
    std::vector<Entry> list;
    std::vector<std::string> read;  ///< products that were asked for by their keys
  };
  static std::vector<Entry> everything(const ReadModel& model) {
    std::vector<Entry> all;
    Query query{.limit = 100};
    do {
      auto page = model.select(query).value();
      std::move(page.entries.begin(), page.entries.end(), std::back_inserter(all));
      query.cursor = page.next;
    } while (query.cursor);
    return all;
  }
  /// A replica that knows nothing yet, once it is ready.
  Started start_anew() {
    NotingStore noting(store);
    const auto third = std::make_unique<Replica>(
        "", [](const auto&) {}, noting, sidecar, clock, observer,
        [](actors::Duration) -> actors::Task<void> { co_return; }, [](const auto&, const auto&, std::int64_t) {});
    run(third->index.open());
    return {everything(third->index.model()), std::move(noting.read)};
  }
};

TEST_F(SnapshotTest, AReplicaThatStartsReadsASnapshotInsteadOfEachProduct) {
  fill();
  const auto started = start_anew();
  EXPECT_THAT(started.list, SizeIs(1040));
  EXPECT_EQ(started.list, everything(replica->index.model()));
  EXPECT_THAT(started.read, IsEmpty());
}

TEST_F(SnapshotTest, WhatChangedSinceIsReadByItsKey) {
  const auto ids = fill();
  run(replica->catalog.replace(ProductId(ids[3]), dearer_tea(), {}, trace)).value();
  remove(ids[5]);
  create(tea("zz"));
  run(replica->stock.sell(order_of("o-1", {{ids[8], 10}}), trace));
  tend(*replica);
  const auto started = start_anew();
  EXPECT_THAT(started.list, SizeIs(1040));
  EXPECT_EQ(started.list, everything(replica->index.model()));
  EXPECT_THAT(started.read, UnorderedElementsAre(ids[3], ids[5], "zz"));
}

TEST_F(SnapshotTest, ADeletedProductStaysDeleted) {
  const auto ids = neighbours(1030, log);
  for (const auto& id : ids) create(tea(id));
  remove(ids[2]);
  tend(*replica);
  const auto started = start_anew();
  EXPECT_THAT(started.list, SizeIs(1029));
  EXPECT_EQ(started.list, everything(replica->index.model()));
  EXPECT_THAT(started.read, IsEmpty());
}

TEST_F(SnapshotTest, APageThatIsDamagedOrMissingIsDoneWithout) {
  fill();
  const auto pages = store.keys("snapshot1.07.");
  for (const auto* damage : {"\"bm90IGEgcGFnZQ==\"", "\"\"", "7", "{}", "null", "\"%%%%\"", "\"eJwDAAAAAAE=\""}) {
    store.put(pages[0], damage);
    const auto started = start_anew();
    EXPECT_EQ(started.list, everything(replica->index.model())) << damage;
    EXPECT_THAT(started.read, Not(IsEmpty())) << damage;
  }
  for (const auto& page : pages) {
    std::vector<actors::StateChange> erased{{.key = page, .value = std::nullopt}};
    run(store.transact(std::move(erased)));
  }
  EXPECT_EQ(start_anew().list, everything(replica->index.model()));
}

TEST_F(SnapshotTest, OneReplicaWritesIt) {
  const auto ids = neighbours(1040, log);
  for (const auto& id : ids) create(tea(id));
  tend(*replica);
  advance(idle_age);
  run(other->index.refresh());
  const auto before = store.counts["transact"];
  run(other->index.tend());
  EXPECT_EQ(store.counts["transact"], before);
}

TEST_F(SnapshotTest, AWriteThatFailsIsMadeAgain) {
  const auto ids = neighbours(1040, log);
  for (const auto& id : ids) create(tea(id));
  tend(*other);  // folds the log, writes the snapshot: its own business
  for (const auto& key : store.keys("snapshot1.")) {
    std::vector<actors::StateChange> erased{{.key = key, .value = std::nullopt}};
    run(store.transact(std::move(erased)));
  }
  advance(idle_age);
  store.crash_after(1);  // the note
  EXPECT_THROW(run(replica->index.tend()), SidecarError);
  store.revive();
  EXPECT_THAT(store.keys("snapshot1.07."), IsEmpty());
  tend(*replica);
  EXPECT_THAT(start_anew().read, IsEmpty());
}

TEST_F(SnapshotTest, ASmallChangeWritesNoNewOne) {
  const auto ids = fill();
  const auto before = store.stored(snapshot_key(log));
  for (int i = 0; i < 500; ++i) run(replica->catalog.replace(ProductId(ids[0]), dearer_tea(), {}, trace)).value();
  tend(*replica, 2);
  EXPECT_EQ(store.stored(snapshot_key(log)), before);
  for (int i = 0; i < 600; ++i) run(replica->catalog.replace(ProductId(ids[0]), dearer_tea(), {}, trace)).value();
  tend(*replica, 2);
  EXPECT_NE(store.stored(snapshot_key(log)), before);
  EXPECT_THAT(start_anew().read, IsEmpty());
}

TEST_F(SnapshotTest, TextsThatCannotBeCompressedFitIntoItems) {
  std::mt19937 random(1);
  for (const auto& id : neighbours(1040, log)) {
    auto product = tea(id);
    std::string text;
    while (text.size() < 3900) text += static_cast<char>(std::uniform_int_distribution<int>('!', '~')(random));
    product.description = text;
    create(product);
  }
  tend(*replica);
  const auto pages = store.keys("snapshot1.07.");
  EXPECT_THAT(pages, SizeIs(::testing::Ge(10)));
  for (const auto& page : pages) EXPECT_LT(store.stored(page)->size(), 390'000) << page;
  EXPECT_THAT(start_anew().read, IsEmpty());
}

TEST_F(LogTest, AStartThatFailsIsMadeAgain) {
  create(tea());
  const auto third = start_replica();
  store.fail_reads(1);
  EXPECT_THROW(run(third->index.open()), SidecarError);
  EXPECT_FALSE(third->index.is_open());
  run(third->index.open());
  EXPECT_THAT(listed(*third), ElementsAre("tea"));
}

TEST_F(LogTest, ARestartReadsOnlyWhatChangedSince) {
  const auto file = ::testing::TempDir() + "read-model-" + std::to_string(::getpid()) + ".sqlite";
  for (int i = 0; i < 60; ++i) create(tea("p-" + std::to_string(i)));
  {
    const auto third = start_replica(file);
    run(third->index.open());
    EXPECT_EQ(listed(*third).size(), 60u);
  }
  create(tea("late"));
  remove("p-7");
  const auto again = start_replica(file);
  EXPECT_EQ(again->model.size(), 60u);
  const auto before = store.counts["get_all"];
  run(again->index.open());
  EXPECT_LE(store.counts["get_all"], before + 3) << "the heads, and the products of two logs";
  EXPECT_EQ(listed(*again).size(), 60u);
  std::remove(file.c_str());
}

TEST_F(LogTest, AReadModelOfAnotherCatalogIsForgotten) {
  const auto file = ::testing::TempDir() + "other-model-" + std::to_string(::getpid()) + ".sqlite";
  create(tea("tea"));
  {
    const auto third = start_replica(file);
    run(third->index.open());
  }
  store.put(catalog_key, R"({"id":"another"})");
  remove("tea");
  create(tea("cup"));
  const auto again = start_replica(file);
  run(again->index.open());
  EXPECT_THAT(listed(*again), ElementsAre("cup"));
  std::remove(file.c_str());
}

TEST_F(LogTest, AStockItemThatCannotBeReadDoesNotHideTheOtherProducts) {
  create(tea("cup"));
  create(tea("tea"));
  store.put("stock.cup", R"("broken")");
  advance(list_age);
  EXPECT_THAT(listed(*other), ElementsAre("cup", "tea"));
}

TEST_F(LogTest, AWordOnTheStockThatCameLateIsContradicted) {
  create(tea("tea", 1));
  listed(*replica);
  listed(*other);
  // The other one takes the last piece; this one gives it back before it has heard of that.
  run(other->stock.reserve(OrderId("o-1"), {{{ProductId("tea"), 1}}}));
  run(replica->stock.give_back(cancellation_of(order_of("o-1", {{"tea", 1}}), false)));
  for (int second = 0; second < 3; ++second) {
    tend(*replica);
    tend(*other);
  }
  EXPECT_EQ(run(replica->catalog.list({.in_stock = true}))->total, 1u);
  EXPECT_EQ(run(other->catalog.list({.in_stock = true}))->total, 1u);
}

TEST_F(LogTest, AReplicaFollowsThroughSegments) {
  listed(*other);
  const auto ids = neighbours(90);
  for (const auto& id : ids) create(tea(id));
  EXPECT_GE(head(7).segments, 10);
  advance(list_age);
  EXPECT_EQ(listed(*other).size(), 90u);
  run(replica->catalog.replace(ProductId(ids[0]), dearer_tea(), {}, trace)).value();
  advance(list_age);
  const auto before = store.counts["get_all"];
  EXPECT_EQ(listed(*other).size(), 90u);
  EXPECT_LE(store.counts["get_all"], before + 3) << "the heads, the one product, the stock of the page";
  EXPECT_EQ(run(other->catalog.list({.least_price = 500}))->total, 1u);
}

class FoldTest : public LogTest {
 protected:
  /// Two products, changed until their log is long.
  FoldTest() {
    create(tea(ids[0]));
    create(tea(ids[1]));
    while (!is_long(head(7))) change();
  }
  void change() { run(replica->catalog.replace(ProductId(ids[0]), dearer_tea(), {}, trace)).value(); }
  std::vector<std::string> ids = neighbours(2);
};

TEST_F(FoldTest, ALogThatIsLongIsFoldedToWhatTheCatalogHolds) {
  tend(*replica);
  EXPECT_EQ(head(7).first, head(7).segments);
  EXPECT_EQ(head(7).folded, 2);
  EXPECT_THAT(store.keys("log.07."), SizeIs(1));
  const auto third = start_replica();
  run(third->index.open());
  EXPECT_THAT(listed(*third), SizeIs(2));
  EXPECT_EQ(third->model.known(ProductId(ids[0]))->version, run(replica->catalog.find(ProductId(ids[0])))->version);
}

TEST_F(FoldTest, AReplicaThatStandsInWhatWasFoldedGoesOn) {
  const auto late = start_replica();
  change();
  run(late->index.open());
  for (int i = 0; i < 40; ++i) change();
  tend(*replica);
  ASSERT_EQ(head(7).folded, 2);
  change();
  advance(list_age);
  listed(*late);
  EXPECT_EQ(late->model.known(ProductId(ids[0]))->version, run(replica->catalog.find(ProductId(ids[0])))->version);
}

TEST_F(FoldTest, TwoReplicasThatFoldAtOnceLoseNothing) {
  advance(idle_age);
  store.before_next_transact([this] { run(other->index.tend()); });
  run(replica->index.tend());
  const auto third = start_replica();
  run(third->index.open());
  EXPECT_THAT(listed(*third), SizeIs(2));
  EXPECT_THAT(store.keys("log.07."),
              SizeIs(static_cast<std::size_t>(head(7).pages + head(7).segments - head(7).first)));
}

TEST_F(FoldTest, ACrashAnywhereInAFoldLosesNothing) {
  for (std::size_t transactions = 1; transactions < 6; ++transactions) {
    advance(idle_age);
    store.crash_after(transactions);
    try {
      run(replica->index.tend());
    } catch (const SidecarError&) {
    }
    store.revive();
    const auto third = start_replica();
    run(third->index.open());
    EXPECT_THAT(listed(*third), SizeIs(2)) << "after " << transactions;
  }
  tend(*other, 2);
  EXPECT_EQ(head(7).folded, 2);
}

/// The catalog as the version before kept it: two products in one shard, one of them sold out; and an event that had
/// not left.
class TakeoverTest : public LogTest {
 protected:
  TakeoverTest() {
    put_shard("07", 3, {former("p-72", true), former("p-87", false)},
              R"([{"id":"Product/p-87/1/0","type":"product.created","topic":"product-events","subject":"p-87",)"
              R"("time":"2026-11-01T08:00:00.000Z","data":{"productId":"p-87"},"traceparent":"","tracestate":""}])");
    put_shard("50", 1, {former("tea", true)}, "[]");
  }
  std::string former(const std::string& id, bool in_stock, int version = 1) {
    const std::string product = R"({"id":")" + id + R"(","name":"Tea )" + id +
                                R"(","description":"","category":"drinks","price":{"amount":450,"currency":"EUR"},)"
                                R"("imageUrl":"","version":)" +
                                std::to_string(version) +
                                R"(,"createdAt":"2026-11-01T08:00:00.000Z","updatedAt":"2026-11-01T08:00:00.000Z"})";
    store.put("product." + id, R"({"product":)" + product + R"(,"deleted":false,"writes":["w\nd"]})");
    store.put("stock." + id, std::string(R"({"count":)") + (in_stock ? "5" : "0") + R"(,"revision":1})");
    return R"({"product":)" + product + R"(,"inStock":)" + (in_stock ? "true" : "false") + "}";
  }
  void put_shard(const std::string& number, int revision, const std::vector<std::string>& entries,
                 const std::string& pending) {
    std::string all;
    for (const auto& entry : entries) all += (all.empty() ? "" : ",") + entry;
    store.put("shard." + number, R"({"version":)" + std::to_string(revision) + R"(,"entries":[)" + all + "]}");
    store.put("index." + number, R"({"revision":)" + std::to_string(revision) + R"(,"shard":)" +
                                     std::to_string(revision) + R"(,"pending":)" + pending + "}");
  }
};

TEST_F(TakeoverTest, TheFirstStartTakesOverEverythingThatWasThere) {
  run(replica->index.open());
  EXPECT_THAT(listed(*replica), ElementsAre("p-72", "p-87", "tea"));
  EXPECT_EQ(run(replica->catalog.list({.in_stock = true}))->total, 2u);
  run(other->index.open());
  EXPECT_THAT(listed(*other), ElementsAre("p-72", "p-87", "tea"));
}

TEST_F(TakeoverTest, AnEventThatHadNotLeftLeaves) {
  run(replica->index.open());
  advance(left_behind);
  run(replica->index.tend());
  EXPECT_THAT(published_ids(), ElementsAre("Product/p-87/1/0"));
}

TEST_F(TakeoverTest, TwoReplicasThatStartAtOnceTakeItOverOnce) {
  store.before_next_transact([this] { run(other->index.open()); });
  run(replica->index.open());
  EXPECT_EQ(head(7).segments, 1);
  EXPECT_THAT(listed(*replica), SizeIs(3));
  EXPECT_THAT(listed(*other), SizeIs(3));
}

TEST_F(TakeoverTest, ACrashAnywhereInItLosesNothing) {
  for (std::size_t transactions = 0; transactions < 3; ++transactions) {
    store.crash_after(transactions + 1);
    const auto dying = start_replica();
    try {
      run(dying->index.open());
    } catch (const SidecarError&) {
    }
    store.revive();
  }
  run(replica->index.open());
  EXPECT_THAT(listed(*replica), SizeIs(3));
}

TEST_F(TakeoverTest, WhatAReplicaOfTheVersionBeforeWritesMeanwhileIsTakenOverToo) {
  run(replica->index.open());
  put_shard("50", 2, {former("tea", true, 2), former("cup", true)}, "[]");
  advance(30s);
  run(replica->index.tend());
  advance(list_age);
  EXPECT_THAT(listed(*replica), UnorderedElementsAre("cup", "tea", "p-72", "p-87"));
  EXPECT_EQ(replica->model.known(ProductId("tea"))->version, 2);
}

TEST_F(TakeoverTest, ItIsLeftAsItIsForTheWayBack) {
  const auto before = store.stored("shard.07");
  run(replica->index.open());
  run(replica->catalog.replace(ProductId("p-72"), dearer_tea(), {}, trace)).value();
  EXPECT_EQ(store.stored("shard.07"), before);
}

TEST_F(TakeoverTest, MoreEventsThanAHeadTakesComeOneAfterTheOther) {
  std::string events;
  for (int i = 0; i < 400; ++i) {
    const auto version = std::to_string(i + 1);
    events += (i > 0 ? "," : "") + (R"({"id":"Product/p-87/)" + version) +
              R"(/0","type":"product.updated","topic":"product-events","subject":"p-87",)" +
              R"("time":"2026-11-01T08:00:00.000Z","data":{"productId":"p-87","version":)" + version + "}}";
  }
  put_shard("07", 4, {former("p-72", true), former("p-87", false)}, "[" + events + "]");
  run(replica->index.open());
  for (int round = 0; round < 10; ++round) {
    advance(30s);
    run(replica->index.tend());
  }
  EXPECT_THAT(sidecar.published, SizeIs(400));
  EXPECT_THAT(listed(*replica), SizeIs(3));
}

TEST(LogPlaces, TheLogOfAnIdNeverChanges) {
  EXPECT_EQ(log_of(ProductId("tea")), 50u % log_count);
  EXPECT_EQ(log_of(ProductId("p-1")), 23u % log_count);
  EXPECT_EQ(log_key(7), "log.07");
  EXPECT_EQ(segment_key(7, 12), "log.07.s12");
}

TEST(LogPlaces, APlaceIsReadAsItWasWritten) {
  EXPECT_EQ(LogPlace::from(LogPlace{12, 5}.text()), (LogPlace{12, 5}));
  for (const auto* text : {"", "12", "12:", ":5", "a:b", "12:5x", "12:-1"})
    EXPECT_EQ(LogPlace::from(text), std::nullopt) << text;
}

}  // namespace
}  // namespace shop::product::testing
