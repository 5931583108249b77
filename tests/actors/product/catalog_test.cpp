#include "actors/product/catalog.hpp"

#include <gmock/gmock.h>

#include "tests/actors/product/support.hpp"

namespace shop::product::testing {
namespace {

using actors::Reason;
using actors::SidecarError;
using actors::testing::CommitFailure;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

const ProductId tea_id("tea");

TEST_F(CatalogTest, ACreatedProductIsFoundWithAllThatWasSaidOfIt) {
  const auto created = create(tea());
  EXPECT_EQ(created.version, 1);
  EXPECT_EQ(created.created_at, clock.now());
  EXPECT_EQ(created.updated_at, clock.now());
  EXPECT_EQ(created.reserved, 0);
  EXPECT_EQ(created.price, (Money{450, "EUR"}));
  EXPECT_EQ(run(replica->catalog.find(tea_id)), created);
  EXPECT_EQ(run(other->catalog.find(tea_id)), created);
}

TEST_F(CatalogTest, AProductWithoutAnIdGetsOne) {
  auto nameless = tea();
  nameless.id.reset();
  const auto first = create(nameless);
  const auto second = create(nameless);
  EXPECT_TRUE(is_id(first.id.value));
  EXPECT_NE(first.id, second.id);
}

TEST_F(CatalogTest, WhatWasNotSaidIsEmpty) {
  auto bare = tea();
  bare.description.reset();
  bare.image_url.reset();
  const auto created = create(bare);
  EXPECT_EQ(created.description, "");
  EXPECT_EQ(created.image_url, "");
}

TEST_F(CatalogTest, AnIdIsTakenOnce) {
  create(tea());
  const auto second = run(other->catalog.create(tea(), trace));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().reason, Reason::Conflict);
  EXPECT_EQ(second.error().code, "product_exists");
  EXPECT_THAT(sidecar.published, SizeIs(1));
}

TEST_F(CatalogTest, AnImportedLineWhoseAnswerWasLostSaysWhatBecameOfItTheFirstTime) {
  auto line = tea();
  const auto import = [&line, this](Replica& at, const std::string& request) {
    clock.set(clock.now() + 1s);
    return run(at.catalog.import_one(line, trace, request))->status;
  };
  EXPECT_EQ(import(*replica, "first"), Imported::Status::Created);
  EXPECT_EQ(import(*other, "first"), Imported::Status::Created);
  EXPECT_EQ(import(*other, "second"), Imported::Status::Unchanged);
  line.name = "Other tea";
  EXPECT_EQ(import(*replica, "third"), Imported::Status::Replaced);
  EXPECT_EQ(import(*other, "third"), Imported::Status::Replaced);
}

TEST_F(CatalogTest, ARequestWhoseAnswerWasLostIsCarriedOutOnceByWhicheverReplica) {
  const auto created = run(replica->catalog.create(tea(), trace, "new"));
  EXPECT_EQ(run(other->catalog.create(tea(), trace, "new")), created);
  const auto replaced = run(replica->catalog.replace(tea_id, dearer_tea(3), {}, trace, "dearer"));
  EXPECT_EQ(run(other->catalog.replace(tea_id, dearer_tea(3), {}, trace, "dearer")), replaced);
  EXPECT_EQ(replaced->version, 2);
  EXPECT_TRUE(run(replica->catalog.remove(tea_id, {}, trace, "gone")));
  EXPECT_TRUE(run(other->catalog.remove(tea_id, {}, trace, "gone")));
  EXPECT_THAT(published_ids(), ElementsAre("Product/tea/1/0", "Product/tea/2/0", "Product/tea/3/0"));
}

TEST_F(CatalogTest, AnIdThatTheClientLeavesToUsIsTheSameWhenItAsksAgain) {
  auto nameless = tea();
  nameless.id.reset();
  const auto created = run(replica->catalog.create(nameless, trace, "new"));
  EXPECT_EQ(run(other->catalog.create(nameless, trace, "new")), created);
  EXPECT_NE(run(other->catalog.create(nameless, trace, "another"))->id, created->id);
}

TEST_F(CatalogTest, ANameOfARequestIsGoodForOneRequest) {
  run(replica->catalog.create(tea(), trace, "k"));
  const auto refused = [](const auto& result) {
    return !result && result.error().reason == Reason::Unprocessable && result.error().code == "idempotency_key_reused";
  };
  EXPECT_TRUE(refused(run(replica->catalog.create(tea("tea", 11), trace, "k"))));
  EXPECT_TRUE(refused(run(replica->catalog.replace(tea_id, dearer_tea(), {}, trace, "k"))));
  EXPECT_TRUE(refused(run(replica->catalog.remove(tea_id, {}, trace, "k"))));
  EXPECT_THAT(published_ids(), ElementsAre("Product/tea/1/0"));
}

TEST_F(CatalogTest, ARepeatedCreationDoesNotBringBackWhatWasDeletedSince) {
  run(replica->catalog.create(tea(), trace, "new"));
  remove("tea");
  EXPECT_EQ(run(replica->catalog.create(tea(), trace, "new")).error().code, "unknown_product");
  EXPECT_FALSE(run(replica->catalog.find(tea_id)));
}

TEST_F(CatalogTest, TheEventOfARequestThatDiedHalfwayLeavesWithoutTheRepeat) {
  store.crash_after(1);
  EXPECT_THROW(run(replica->catalog.create(tea(), trace, "new")), SidecarError);
  store.revive();
  replica.reset();
  EXPECT_EQ(run(other->catalog.create(tea(), trace, "new"))->version, 1);
  EXPECT_THAT(published_ids(), IsEmpty());
  run(other->index.tend());
  advance(left_behind);
  run(other->index.tend());
  EXPECT_THAT(published_ids(), ElementsAre("Product/tea/1/0"));
}

TEST_F(CatalogTest, ACreationIsAnnounced) {
  create(tea());
  ASSERT_THAT(sidecar.published, SizeIs(1));
  const auto& event = sidecar.published[0];
  EXPECT_EQ(event.id, "Product/tea/1/0");
  EXPECT_EQ(event.source, "product-service");
  EXPECT_EQ(event.subject, "tea");
  EXPECT_EQ(event.type, "product.created");
  EXPECT_EQ(event.topic, "product-events");
  EXPECT_EQ(event.trace, trace);
  EXPECT_THAT(published<Created>(), ElementsAre(Created{tea_id, "Tea tea", "drinks", {450, "EUR"}, 10, 1}));
}

TEST_F(CatalogTest, AReplacementIsTheNextVersionAndKeepsTheStock) {
  const auto before = create(tea());
  advance(1min);
  const auto after = run(replica->catalog.replace(tea_id, dearer_tea(), {}, trace)).value();
  EXPECT_EQ(after.version, 2);
  EXPECT_EQ(after.price.amount, 500);
  EXPECT_EQ(after.description, "");
  EXPECT_EQ(after.stock, 10);
  EXPECT_EQ(after.created_at, before.created_at);
  EXPECT_EQ(after.updated_at, clock.now());
  EXPECT_THAT(published<Updated>(), ElementsAre(Updated{tea_id, "Tea", "drinks", {500, "EUR"}, 10, 2}));
}

TEST_F(CatalogTest, AReplacementWithStockIsAStockTake) {
  create(tea());
  EXPECT_EQ(run(replica->catalog.replace(tea_id, dearer_tea(3), {}, trace)).value().stock, 3);
  EXPECT_EQ(stock_of("tea"), 3);
  EXPECT_EQ(published<Updated>().at(0).stock, 3);
}

TEST_F(CatalogTest, WhatIsNotThereCannotBeChanged) {
  EXPECT_EQ(run(replica->catalog.replace(tea_id, dearer_tea(), {}, trace)).error().reason, Reason::NotFound);
  EXPECT_EQ(run(replica->catalog.remove(tea_id, {}, trace)).error().reason, Reason::NotFound);
  EXPECT_EQ(run(replica->catalog.find(tea_id)), std::nullopt);
  EXPECT_EQ(run(replica->catalog.listing(tea_id)), std::nullopt);
  EXPECT_THAT(store.keys(), IsEmpty());
  EXPECT_THAT(sidecar.published, IsEmpty());
}

TEST_F(CatalogTest, AConditionThatDoesNotHoldChangesNothing) {
  const auto created = create(tea());
  const auto asks_for = [](std::string etag) { return [etag](const std::string& now) { return now == etag; }; };
  EXPECT_EQ(run(replica->catalog.replace(tea_id, dearer_tea(), asks_for("\"9-9\""), trace)).error().code, "stale_etag");
  EXPECT_EQ(run(replica->catalog.remove(tea_id, asks_for("\"9-9\""), trace)).error().code, "stale_etag");
  EXPECT_EQ(run(replica->catalog.find(tea_id)), created);
  EXPECT_TRUE(run(replica->catalog.replace(tea_id, dearer_tea(), asks_for(etag_of(created)), trace)));
  EXPECT_FALSE(run(replica->catalog.replace(tea_id, dearer_tea(), asks_for(etag_of(created)), trace)));
}

TEST_F(CatalogTest, ASaleChangesTheEntityTagThoughNotTheVersion) {
  const auto before = create(tea());
  run(replica->stock.sell(order_of("o-1", {{"tea", 1}}), trace));
  const auto after = run(replica->catalog.find(tea_id)).value();
  EXPECT_EQ(after.version, before.version);
  EXPECT_EQ(after.updated_at, before.updated_at);
  EXPECT_NE(etag_of(after), etag_of(before));
}

TEST_F(CatalogTest, ADeletedProductLeavesATombstoneWithItsVersion) {
  create(tea());
  EXPECT_TRUE(run(replica->catalog.remove(tea_id, {}, trace)));
  EXPECT_EQ(run(replica->catalog.find(tea_id)), std::nullopt);
  EXPECT_EQ(run(replica->catalog.listing(tea_id)), (Listing{tea_id, "", {}, 2, true}));
  EXPECT_EQ(run(replica->catalog.remove(tea_id, {}, trace)).error().reason, Reason::NotFound);
  EXPECT_THAT(published<Deleted>(), ElementsAre(Deleted{tea_id, 2}));
}

TEST_F(CatalogTest, TheVersionsOfAProductThatIsCreatedAnewGoOn) {
  create(tea());
  remove("tea");
  advance(1h);
  const auto anew = run(other->catalog.create(tea("tea", 4), trace)).value();
  EXPECT_EQ(anew.version, 3);
  EXPECT_EQ(anew.stock, 4);
  EXPECT_EQ(anew.created_at, clock.now());
  EXPECT_THAT(published_ids(), ElementsAre("Product/tea/1/0", "Product/tea/2/0", "Product/tea/3/0"));
}

TEST_F(CatalogTest, OtherServicesAreToldNameAndPrice) {
  create(tea());
  EXPECT_EQ(run(replica->catalog.listing(tea_id)), (Listing{tea_id, "Tea tea", {450, "EUR"}, 1, false}));
}

// Two replicas at the same time.

TEST_F(CatalogTest, OfTwoCreatorsOfOneIdExactlyOneWins) {
  store.before_next_transact([&] { EXPECT_TRUE(run(other->catalog.create(tea("tea", 3), trace))); });
  EXPECT_EQ(run(replica->catalog.create(tea("tea", 7), trace)).error().code, "product_exists");
  EXPECT_EQ(stock_of("tea"), 3);
  EXPECT_THAT(sidecar.published, SizeIs(1));
}

TEST_F(CatalogTest, TwoProductsOfOneLogAreBothListedWhoeverWasFirst) {
  const auto ids = neighbours(2);
  store.before_next_transact([&] { EXPECT_TRUE(run(other->catalog.create(tea(ids[0]), trace))); });
  EXPECT_TRUE(run(replica->catalog.create(tea(ids[1]), trace)));
  EXPECT_EQ(run(replica->catalog.list({}))->total, 2u);
  EXPECT_EQ(run(other->catalog.list({}))->total, 2u);
}

TEST_F(CatalogTest, TwoUnconditionalReplacementsAreBothApplied) {
  create(tea());
  store.before_next_transact([&] { EXPECT_TRUE(run(other->catalog.replace(tea_id, dearer_tea(), {}, trace))); });
  EXPECT_EQ(run(replica->catalog.replace(tea_id, dearer_tea(), {}, trace)).value().version, 3);
  EXPECT_THAT(published_ids(), ElementsAre("Product/tea/1/0", "Product/tea/2/0", "Product/tea/3/0"));
}

TEST_F(CatalogTest, OfTwoConditionalReplacementsTheSlowerIsRefused) {
  const auto tag = etag_of(create(tea()));
  const Condition same = [tag](const std::string& now) { return now == tag; };
  store.before_next_transact([&] { EXPECT_TRUE(run(other->catalog.replace(tea_id, dearer_tea(), same, trace))); });
  EXPECT_EQ(run(replica->catalog.replace(tea_id, dearer_tea(), same, trace)).error().code, "stale_etag");
  EXPECT_THAT(published<Updated>(), SizeIs(1));
}

TEST_F(CatalogTest, AStockTakeAndASaleAtTheSameTimeAreBothApplied) {
  create(tea());
  store.before_next_transact([&] { run(other->stock.sell(order_of("o-1", {{"tea", 4}}), trace)); });
  EXPECT_EQ(run(replica->catalog.replace(tea_id, dearer_tea(20), {}, trace)).value().stock, 20);
  run(other->stock.sell(order_of("o-2", {{"tea", 4}}), trace));
  EXPECT_EQ(stock_of("tea"), 16);
}

// A store that fails.

TEST_F(CatalogTest, ATransactionThatFailedForNoReasonIsTriedAgain) {
  store.fail_next(CommitFailure::NotStored);
  EXPECT_EQ(create(tea()).version, 1);
  EXPECT_EQ(pauses, 1);
}

TEST_F(CatalogTest, AStoreThatKeepsFailingIsAnOutage) {
  cut_off_store();
  EXPECT_THROW(create(tea()), SidecarError);
  reach_store();
  EXPECT_THAT(store.keys(), IsEmpty());
  EXPECT_THAT(sidecar.published, IsEmpty());
  EXPECT_EQ(create(tea()).version, 1);
}

TEST_F(CatalogTest, AWriteThatWasStoredButNotAnsweredIsNotDoneAgain) {
  store.fail_next(CommitFailure::StoredButUnanswered);
  EXPECT_EQ(create(tea()).version, 1);
  store.fail_next(CommitFailure::StoredButUnanswered);
  EXPECT_EQ(run(replica->catalog.replace(tea_id, dearer_tea(), {}, trace)).value().version, 2);
  store.fail_next(CommitFailure::StoredButUnanswered);
  EXPECT_TRUE(run(replica->catalog.remove(tea_id, {}, trace)));
  EXPECT_EQ(run(replica->catalog.listing(tea_id))->version, 3);
  EXPECT_THAT(published_ids(), ElementsAre("Product/tea/1/0", "Product/tea/2/0", "Product/tea/3/0"));
}

TEST_F(CatalogTest, AStoredConditionalWriteDoesNotFindItselfInItsWay) {
  const auto tag = etag_of(create(tea()));
  store.fail_next(CommitFailure::StoredButUnanswered);
  EXPECT_TRUE(run(replica->catalog.replace(
      tea_id, dearer_tea(), [&](const auto& now) { return now == tag; }, trace)));
}

// Events that do not leave at once.

TEST_F(CatalogTest, AnEventThatADeadReplicaLeftBehindIsPublishedByAnother) {
  store.crash_after(1);
  EXPECT_THROW(create(tea()), SidecarError);
  store.revive();
  replica.reset();
  EXPECT_THAT(sidecar.published, IsEmpty());

  run(other->index.tend());
  EXPECT_THAT(sidecar.published, IsEmpty()) << "too early: its own replica may be about to publish it";
  advance(left_behind);
  run(other->index.tend());
  EXPECT_THAT(published_ids(), ElementsAre("Product/tea/1/0"));
  EXPECT_EQ(sidecar.published[0].trace, trace);

  advance(1min);
  run(other->index.tend());
  const auto third = start_replica();
  run(third->index.tend());
  EXPECT_THAT(sidecar.published, SizeIs(1)) << "it was taken off";
}

TEST_F(CatalogTest, ABrokerThatIsDownDelaysAnEventButNotTheAnswer) {
  sidecar.fail_publishes(1);
  EXPECT_EQ(create(tea()).version, 1);
  EXPECT_THAT(sidecar.published, IsEmpty());
  advance(left_behind);
  run(replica->index.tend());
  EXPECT_THAT(published_ids(), ElementsAre("Product/tea/1/0"));
}

TEST_F(CatalogTest, AnEventThatHasLeftIsTakenOffBeforeAnotherReplicaMinds) {
  create(tea());
  run(replica->index.tend());
  advance(1min);
  run(other->index.tend());
  EXPECT_THAT(sidecar.published, SizeIs(1));
  const auto head = actors::json::parse<LogHead>(store.stored(log_key(log_of(tea_id))).value());
  EXPECT_THAT(head.pending, IsEmpty());
}

TEST_F(CatalogTest, WhatAnotherTookOffIsNotLookedAtAgain) {
  create(tea());
  auto head = actors::json::parse<LogHead>(store.stored(log_key(log_of(tea_id))).value());
  head.pending.clear();
  store.put(log_key(log_of(tea_id)), actors::json::to_string(head));
  run(replica->index.tend());
  const auto before = store.counts["get_all"];
  run(replica->index.tend());
  EXPECT_EQ(store.counts["get_all"], before);
}

TEST_F(CatalogTest, ManyEventsOfOneLogAreTakenOffWithOneWrite) {
  for (int i = 0; i < 64; ++i) create(tea("p-" + std::to_string(i)));
  const auto before = store.counts["transact"];
  run(replica->index.tend());
  EXPECT_LE(store.counts["transact"], before + static_cast<int>(log_count));
  advance(1min);
  run(other->index.tend());
  advance(1min);
  run(other->index.tend());
  EXPECT_THAT(sidecar.published, SizeIs(64));
}

TEST_F(CatalogTest, ARequestOfTheVersionBeforeIsKnownWhenItIsRepeated) {
  const auto asked = actors::json::to_string(tea());
  create(tea());
  auto item = actors::json::parse<ProductItem>(store.stored("product.tea").value());
  item.writes.ids = {"key-1\n" + digest_of(asked), "key-2\n" + digest_of("something else")};
  store.put("product.tea", actors::json::to_string(item));
  EXPECT_TRUE(run(replica->catalog.create(tea(), trace, "key-1")));
  EXPECT_EQ(run(replica->catalog.create(tea(), trace, "key-2")).error().code, "idempotency_key_reused");
}

TEST_F(CatalogTest, TheNextWriteOfALogTakesOffWhatHasLeft) {
  const auto ids = neighbours(2);
  create(tea(ids[0]));
  create(tea(ids[1]));
  const auto head = actors::json::parse<LogHead>(store.stored(log_key(7)).value());
  ASSERT_THAT(head.pending, SizeIs(1));
  EXPECT_EQ(head.pending[0].subject, ids[1]);
}

TEST_F(CatalogTest, WithNothingToDoTendingWritesNothing) {
  create(tea());
  run(replica->index.tend());
  const auto before = store.counts["transact"];
  for (int second = 0; second < 30; ++second) {
    advance(1s);
    run(replica->index.tend());
  }
  EXPECT_EQ(store.counts["transact"], before);
}

TEST_F(CatalogTest, WhileTooManyEventsWaitNothingMoreIsPromised) {
  sidecar.fail_publishes(100'000);
  create(tea());
  EXPECT_THROW(
      {
        for (int i = 0; i < 1000; ++i) run(replica->catalog.replace(tea_id, dearer_tea(), {}, trace)).value();
      },
      SidecarError);
  sidecar.fail_publishes(0);
  advance(1min);
  run(replica->index.tend());
  EXPECT_TRUE(run(replica->catalog.replace(tea_id, dearer_tea(), {}, trace)));
}

TEST_F(CatalogTest, AHeadStaysSmallHoweverManyProductsThereAre) {
  auto long_story = tea();
  long_story.description = std::string(3500, 'x');
  std::size_t largest = 0;
  for (const auto& id : neighbours(400)) {
    long_story.id = ProductId(id);
    ASSERT_TRUE(run(replica->catalog.create(long_story, trace)));
    largest = std::max(largest, store.stored(log_key(7)).value().size());
  }
  EXPECT_LT(largest, 2048u);
  EXPECT_EQ(run(other->catalog.list({}))->total, 400u);
}

/// Counts what DynamoDB would: two units a KB and item of a transaction, one of a single write.
class MeteredStore final : public actors::StateStore {
 public:
  explicit MeteredStore(actors::StateStore& store) : store_(store) {}
  actors::Task<std::optional<actors::StateItem>> get(std::string key) override { return store_.get(std::move(key)); }
  actors::Task<std::vector<std::optional<actors::StateItem>>> get_all(std::vector<std::string> keys) override {
    return store_.get_all(std::move(keys));
  }
  actors::Task<void> transact(std::vector<actors::StateChange> changes) override {
    for (const auto& change : changes) {
      constexpr std::size_t attributes = 100;  // key, ETag and their names
      const auto bytes = change.value.value_or("").size() + attributes;
      units += (bytes + 1023) / 1024 * (changes.size() > 1 ? 2 : 1);
    }
    return store_.transact(std::move(changes));
  }
  std::size_t units = 0;

 private:
  actors::StateStore& store_;
};

TEST_F(CatalogTest, AWriteCostsTheSameHoweverManyProductsThereAre) {
  MeteredStore metered(store);
  ReadModel model("");
  Components components(metered, sidecar, clock, observer, {}, {}, model);
  auto product = tea();
  product.description = std::string(3500, 'x');
  WholeProduct dearer = dearer_tea();
  dearer.description = product.description;
  int created = 0;
  std::vector<std::size_t> units;
  for (const int size : {100, 1'000, 10'000}) {
    for (; created < size; ++created) {
      product.id = ProductId("product-number-" + std::to_string(created));
      ASSERT_TRUE(run(components.catalog.create(product, trace)));
    }
    run(components.index.tend());
    metered.units = 0;
    constexpr int writes = 200;
    for (int i = 0; i < writes; ++i)
      ASSERT_TRUE(
          run(components.catalog.replace(ProductId("product-number-" + std::to_string(i % size)), dearer, {}, trace)));
    run(components.index.tend());  // takes the events off, and folds
    units.push_back(metered.units / writes);
  }
  EXPECT_THAT(units, ::testing::Each(::testing::Le(12u)));
  EXPECT_LE(units.back(), units.front() + 1);
}

}  // namespace
}  // namespace shop::product::testing
