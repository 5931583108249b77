#include <dapr/actors/testing/bench.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <list>

#include "actors/order/customer_orders.hpp"
#include "actors/order/feed.hpp"
#include "actors/order/order.hpp"
#include "actors/order/order_watch.hpp"
#include "actors/order/product_demand.hpp"
#include "actors/order/teller.hpp"
#include "tests/actors/order/samples.hpp"

namespace shop::order {
namespace {

using namespace std::chrono_literals;
using actors::Result;
using actors::Task;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const OrderId o1("o-1");
const Party admin{std::nullopt, true};

std::vector<std::int64_t> versions(const std::vector<OrderEvent>& events) {
  std::vector<std::int64_t> found;
  for (const auto& event : events) found.push_back(event.version);
  return found;
}
std::vector<OrderEvent> events(std::int64_t from, std::int64_t to, bool last = false) {
  std::vector<OrderEvent> made;
  for (auto version = from; version <= to; ++version)
    made.push_back({version, last && version == to, {"{\"version\":" + std::to_string(version) + "}"}});
  return made;
}

// --- what an order says of its past

OrderView view(std::vector<Change> history, std::int64_t version) {
  OrderView made{o1, CartId("c-1"), {}, history.back().status, {}, {}, PaymentId("p-1"), {}, {}, history, version};
  made.failure_reason = history.back().reason;
  return made;
}

TEST(ChangesAfter, every_change_is_the_order_as_it_was_then) {
  auto now = view({{Status::Created, {}, {}}, {Status::Confirmed, {}, {}}, {Status::Shipped, {}, {}}}, 3);
  now.tracking_number = "track-1";
  const auto changes = changes_after(0, now, {});
  ASSERT_THAT(changes, SizeIs(3));
  EXPECT_EQ(changes[0].status, Status::Created);
  EXPECT_EQ(changes[0].payment_id, std::nullopt);
  EXPECT_THAT(changes[0].history, SizeIs(1));
  EXPECT_EQ(changes[1].status, Status::Confirmed);
  EXPECT_EQ(changes[1].payment_id, PaymentId("p-1"));
  EXPECT_EQ(changes[1].tracking_number, std::nullopt);
  EXPECT_EQ(changes[2], now);
  EXPECT_THAT(changes_after(2, now, {}), ElementsAre(now));
  EXPECT_THAT(changes_after(3, now, {}), IsEmpty());
}

TEST(ChangesAfter, each_failure_of_a_payment_has_its_own_reason) {
  auto now = view({{Status::Created, {}, {}}, {Status::PaymentFailed, {}, "a"}, {Status::Confirmed, {}, {}}}, 5);
  auto changes = changes_after(1, now, {"b", "c"});
  ASSERT_THAT(changes, SizeIs(4));
  EXPECT_EQ(changes[0].failure_reason, "a");
  EXPECT_EQ(changes[1].failure_reason, "b");
  EXPECT_EQ(changes[2].failure_reason, "c");
  EXPECT_EQ(changes[2].version, 4);
  EXPECT_EQ(changes[2].status, Status::PaymentFailed);
  EXPECT_EQ(changes[3], now);
  // One of them was before they were kept.
  changes = changes_after(1, now, {"c"});
  ASSERT_THAT(changes, SizeIs(4));
  EXPECT_EQ(changes[1].failure_reason, "a");
  EXPECT_EQ(changes[2].failure_reason, "c");
}

TEST(IsFinal, is_what_no_trigger_changes) {
  EXPECT_TRUE(Machine::is_final(Status::Shipped));
  EXPECT_TRUE(Machine::is_final(Status::Cancelled));
  for (const auto status : {Status::None, Status::Asked, Status::Created, Status::PaymentFailed, Status::Confirmed})
    EXPECT_FALSE(Machine::is_final(status));
}

// --- a teller

/// Time that stands still, and messages that arrive when the test lets them.
class TellerTest : public ::testing::Test {
 protected:
  ~TellerTest() override {  // nothing is on its way when the teller goes
    while (!sent.empty()) fails();
  }
  struct Message {
    std::string watcher;
    WatchNews news;
    actors::Completion<Heard> done;
  };
  Teller make() {
    return Teller(
        "t", [this](std::string watcher, WatchNews news) { return send(std::move(watcher), std::move(news)); },
        [](Task<void> task) { actors::spawn(std::move(task), [](const actors::Outcome<void>&) {}); },
        [this] { return now; });
  }
  Task<Heard> send(std::string watcher, WatchNews news) {
    const auto start = [this, &watcher, &news](actors::Completion<Heard> done) {
      sent.push_back({watcher, news, done});
    };
    co_return co_await actors::suspend<Heard>(start);
  }
  /// The oldest message arrives, or does not.
  WatchNews arrives(std::vector<OrderId> unwatched = {}) {
    auto message = std::move(sent.front());
    sent.erase(sent.begin());
    message.done(Heard{std::move(unwatched)});
    return message.news;
  }
  void fails() {
    auto message = std::move(sent.front());
    sent.erase(sent.begin());
    message.done.fail(std::make_exception_ptr(std::runtime_error("not there")));
  }
  void change(std::int64_t version, bool last = false) {
    teller.changed(o1, version, [=](std::int64_t after) { return events(after + 1, version, last); });
  }
  static std::vector<std::int64_t> told(const WatchNews& news) {
    std::vector<std::int64_t> found;
    for (const auto& each : news.events) found.push_back(each.event.version);
    return found;
  }
  void tick(Teller::Time::duration later) {
    for (; later > 0s; later -= 250ms) {
      now += std::min<Teller::Time::duration>(later, 250ms);
      teller.tick();
    }
  }

  Teller::Time now{};
  std::vector<Message> sent;
  Teller teller = make();
};

TEST_F(TellerTest, nobody_watches_and_nothing_is_asked_of_the_order) {
  teller.changed(o1, 1, [](std::int64_t) -> std::vector<OrderEvent> { throw std::logic_error("for nobody"); });
  tick(10s);
  EXPECT_THAT(sent, IsEmpty());
}

TEST_F(TellerTest, each_watcher_is_told_what_is_new_to_it) {
  teller.watch(o1, "a", 1);
  teller.watch(o1, "b", 2);
  change(3);
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_THAT(told(arrives()), ElementsAre(2, 3));
  EXPECT_THAT(told(arrives()), ElementsAre(3));
}

TEST_F(TellerTest, what_happens_while_a_message_is_on_its_way_goes_with_the_next) {
  teller.watch(o1, "a", 0);
  change(1);
  change(2);
  change(3);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_THAT(told(arrives()), ElementsAre(1));
  EXPECT_THAT(told(arrives()), ElementsAre(2, 3));
  EXPECT_THAT(sent, IsEmpty());
}

TEST_F(TellerTest, a_message_that_fails_comes_again_before_what_came_later) {
  teller.watch(o1, "a", 0);
  change(1);
  change(2);
  fails();
  EXPECT_THAT(sent, IsEmpty());
  tick(250ms);
  EXPECT_THAT(told(arrives()), ElementsAre(1, 2));
}

TEST_F(TellerTest, who_is_not_reached_for_long_is_forgotten) {
  teller.watch(o1, "a", 0);
  for (change(1); !sent.empty(); tick(250ms)) fails();
  EXPECT_GT(now.time_since_epoch(), Teller::patience);
  change(2);
  tick(10s);
  EXPECT_THAT(sent, IsEmpty());
}

TEST_F(TellerTest, who_has_nothing_to_hear_hears_that_the_teller_is_there) {
  teller.watch(o1, "a", 0);
  tick(Teller::beat - 250ms);
  EXPECT_THAT(sent, IsEmpty());
  tick(250ms);
  EXPECT_THAT(told(arrives()), IsEmpty());
  tick(Teller::beat);
  EXPECT_THAT(sent, SizeIs(1));
}

TEST_F(TellerTest, who_does_not_watch_any_more_says_so_with_its_answer) {
  teller.watch(o1, "a", 0);
  change(1);
  arrives({o1});
  change(2);
  EXPECT_THAT(sent, IsEmpty());
  tick(Teller::beat);
  arrives();
  tick(10s);
  EXPECT_THAT(sent, IsEmpty());  // not a sign of life either
}

TEST_F(TellerTest, an_answer_does_not_undo_what_was_noted_after_its_message_had_left) {
  teller.watch(o1, "a", 0);
  change(1);
  teller.watch(o1, "a", 1);
  arrives({o1});
  change(2);
  EXPECT_THAT(told(arrives()), ElementsAre(2));
}

TEST_F(TellerTest, an_order_that_leaves_is_to_be_asked_for_again) {
  teller.watch(o1, "a", 0);
  teller.left(o1);
  EXPECT_THAT(arrives().left, ElementsAre(o1));
  change(1);
  EXPECT_THAT(sent, IsEmpty());
}

TEST_F(TellerTest, after_the_last_event_the_order_is_not_noted_any_more) {
  teller.watch(o1, "a", 0);
  change(1, true);
  arrives();
  tick(Teller::beat);
  arrives();
  tick(10s);
  EXPECT_THAT(sent, IsEmpty());
}

TEST_F(TellerTest, a_process_that_stood_still_or_ends_begins_another_term) {
  const auto first = teller.watch(o1, "a", 0);
  now += Teller::stillness + 1ms;
  teller.tick();
  EXPECT_GT(arrives().teller.term, first->term);
  change(1);
  EXPECT_THAT(sent, IsEmpty());
  const auto second = teller.watch(o1, "a", 1);
  change(2);
  teller.stop();
  arrives();
  EXPECT_GT(arrives().teller.term, second->term);
  EXPECT_EQ(teller.watch(o1, "a", 2), std::nullopt);
}

// --- a feed

class FeedTest : public ::testing::Test {
 protected:
  ~FeedTest() override {  // no reader is left when the feed goes
    feed.stop();
    while (!asked.empty()) answer(actors::refuse(actors::Reason::NotFound, "unknown_order", ""));
    run();
    reads.clear();
  }
  struct Asked {
    Watch request;
    actors::Completion<Result<Watched>> done;
  };
  Task<Result<Watched>> look(Watch request) {
    const auto start = [this, &request](actors::Completion<Result<Watched>> done) { asked.push_back({request, done}); };
    co_return co_await actors::suspend<Result<Watched>>(start);
  }
  void run() {
    while (!posted.empty()) {
      auto work = std::move(posted.front());
      posted.pop_front();
      work();
    }
  }
  void answer(Result<Watched> watched) {
    auto one = std::move(asked.front());
    asked.pop_front();
    one.done(std::move(watched));
    run();
  }
  static Watched at(std::int64_t version, std::vector<OrderEvent> news, bool last = false) {
    return {TellerTerm{"t", 1}, version, last, std::move(news)};
  }

  /// Reads as a stream does.
  struct Read {
    std::shared_ptr<Feed::Reader> reader;
    std::vector<std::int64_t> has;
    int quiet = 0;
    bool ended = false, refused = false;
    bool holds = false;  ///< does not come back for more
  };
  static Task<void> read(Read& into) {
    auto first = co_await into.reader->first();
    if (!first) {
      into.refused = into.ended = true;
      into.reader.reset();
      co_return;
    }
    for (const auto version : versions(*first)) into.has.push_back(version);
    while (!into.holds) {
      const auto next = co_await into.reader->next();
      if (next.kind == Feed::Next::Kind::End) break;
      into.quiet += next.kind == Feed::Next::Kind::Quiet;
      for (const auto version : versions(next.events)) into.has.push_back(version);
    }
    into.ended = !into.holds;
    if (into.ended) into.reader.reset();
  }
  Read& open(std::optional<std::int64_t> after = {}) {
    auto& made = reads.emplace_back();
    made.reader = feed.open(o1, admin, after);
    actors::spawn(read(made), [](const actors::Outcome<void>&) {});
    return made;
  }
  Heard hear(std::vector<OrderEvent> news, std::vector<OrderId> left = {}, std::int64_t term = 1) {
    WatchNews message{{"t", term}, {}, std::move(left)};
    for (auto& event : news) message.events.push_back({o1, std::move(event)});
    auto heard = feed.hear(message);
    run();
    return heard;
  }
  void tick(Feed::Time::duration later = 0s) {
    now += later;
    feed.tick();
    run();
  }
  void goes_on(Read& held) {
    held.holds = false;
    actors::spawn(go_on(held), [](const actors::Outcome<void>&) {});
    run();
  }
  static Task<void> go_on(Read& into) {
    for (;;) {
      const auto next = co_await into.reader->next();
      if (next.kind == Feed::Next::Kind::End) break;
      for (const auto version : versions(next.events)) into.has.push_back(version);
    }
    into.ended = true;
    into.reader.reset();
  }

  Feed::Time now{};
  std::deque<Asked> asked;
  std::deque<std::function<void()>> posted;
  std::list<Read> reads;
  Feed feed{"a",
            [this](const OrderId&, Watch request) { return look(std::move(request)); },
            [this](std::function<void()> work) { posted.push_back(std::move(work)); },
            {.readers = 3, .kept = 4},
            [this] { return now; }};
};

TEST_F(FeedTest, a_reader_gets_what_is_there_and_then_what_comes) {
  auto& reader = open();
  EXPECT_EQ(asked.front().request.watcher, "a");
  EXPECT_EQ(asked.front().request.after, std::nullopt);
  answer(at(2, events(2, 2)));
  EXPECT_THAT(hear(events(3, 4)).unwatched, IsEmpty());
  hear(events(4, 5));  // one of them again
  EXPECT_THAT(reader.has, ElementsAre(2, 3, 4, 5));
  hear(events(6, 6, true));
  EXPECT_TRUE(reader.ended);
  EXPECT_THAT(hear(events(7, 7)).unwatched, ElementsAre(o1));
  EXPECT_EQ(feed.readers(), 0u);
}

TEST_F(FeedTest, news_may_be_here_before_the_answer_that_they_follow) {
  auto& reader = open(1);
  EXPECT_EQ(asked.front().request.after, 1);
  hear(events(4, 4));
  hear(events(5, 5));
  answer(at(3, events(2, 3)));
  EXPECT_THAT(reader.has, ElementsAre(2, 3, 4, 5));
}

TEST_F(FeedTest, an_order_that_may_not_be_seen_is_refused) {
  auto& reader = open();
  answer(actors::refuse(actors::Reason::NotFound, "unknown_order", ""));
  EXPECT_TRUE(reader.refused);
}

TEST_F(FeedTest, what_is_missing_is_asked_for) {
  auto& reader = open();
  answer(at(1, events(1, 1)));
  hear(events(3, 3));
  EXPECT_THAT(reader.has, ElementsAre(1));
  tick();
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked.front().request.after, 1);
  answer(at(3, events(2, 3)));
  EXPECT_THAT(reader.has, ElementsAre(1, 2, 3));
}

TEST_F(FeedTest, one_look_serves_all_readers_of_an_order) {
  auto& one = open();
  answer(at(1, events(1, 1)));
  auto& another = open(0);
  answer(at(1, events(1, 1)));
  hear({}, {o1});
  tick();
  tick();
  ASSERT_THAT(asked, SizeIs(1));
  answer(at(2, events(2, 2)));
  EXPECT_THAT(one.has, ElementsAre(1, 2));
  EXPECT_THAT(another.has, ElementsAre(1, 2));
}

TEST_F(FeedTest, a_teller_that_is_silent_or_in_another_term_is_not_waited_for) {
  open();
  answer(at(1, events(1, 1)));
  hear({});
  tick(6s);
  EXPECT_THAT(asked, IsEmpty());
  tick(1ms);
  ASSERT_THAT(asked, SizeIs(1));
  answer(at(1, {}));
  hear({}, {}, 2);
  tick();
  ASSERT_THAT(asked, SizeIs(1));
  // A late answer of the earlier term is no promise.
  answer(at(1, {}));
  tick(500ms);
  ASSERT_THAT(asked, SizeIs(1));
  answer({Watched{TellerTerm{"t", 2}, 1, false, {}}});
  tick(5s);
  EXPECT_THAT(asked, IsEmpty());
}

TEST_F(FeedTest, it_looks_again_when_nobody_tells_or_a_look_fails_less_and_less_often) {
  open();
  answer({Watched{std::nullopt, 1, false, events(1, 1)}});
  for (const auto wait : {500ms, 1000ms, 2000ms}) {
    tick(wait - 1ms);
    EXPECT_THAT(asked, IsEmpty());
    tick(1ms);
    ASSERT_THAT(asked, SizeIs(1));
    auto one = std::move(asked.front());
    asked.pop_front();
    one.done.fail(std::make_exception_ptr(std::runtime_error("away")));
  }
}

TEST_F(FeedTest, it_looks_every_few_minutes_where_nothing_seems_to_be_missing) {
  open();
  answer(at(1, events(1, 1)));
  for (int look = 0; look < 3; ++look) {
    const auto last = now;
    while (asked.empty()) {
      hear({});
      tick(1s);
    }
    EXPECT_GE(now - last, 120s);
    EXPECT_LE(now - last, 241s);
    EXPECT_EQ(asked.front().request.after, 1);
    answer(at(1, {}));
  }
}

TEST_F(FeedTest, who_hears_nothing_for_long_gets_a_sign_of_life) {
  auto& reader = open();
  answer(at(1, events(1, 1)));
  for (int second = 0; second < 44; ++second) {
    hear({});
    tick(1s);
  }
  EXPECT_EQ(reader.quiet, 2);
}

TEST_F(FeedTest, who_is_too_slow_is_cut_off_and_the_others_are_not) {
  auto& quick = open();
  answer(at(1, events(1, 1)));
  auto& slow = reads.emplace_back();
  slow.holds = true;
  slow.reader = feed.open(o1, admin, {});
  actors::spawn(read(slow), [](const actors::Outcome<void>&) {});
  answer(at(1, events(1, 1)));
  auto& late = reads.emplace_back();
  late.holds = true;
  late.reader = feed.open(o1, admin, {});
  actors::spawn(read(late), [](const actors::Outcome<void>&) {});
  answer(at(1, events(1, 1)));
  hear(events(2, 5));
  goes_on(late);
  EXPECT_THAT(late.has, ElementsAre(1, 2, 3, 4, 5));
  hear(events(6, 6));
  goes_on(slow);
  EXPECT_TRUE(slow.ended);
  EXPECT_THAT(slow.has, ElementsAre(1));
  EXPECT_FALSE(quick.ended);
  EXPECT_THAT(quick.has, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(FeedTest, there_are_only_so_many_readers) {
  for (int i = 0; i < 3; ++i) open();
  EXPECT_EQ(feed.open(o1, admin, {}), nullptr);
  answer(actors::refuse(actors::Reason::NotFound, "unknown_order", ""));
  EXPECT_NE(feed.open(o1, admin, {}), nullptr);
  while (!asked.empty()) answer(at(1, {}));
  feed.stop();
  run();
  EXPECT_EQ(feed.readers(), 0u);
}

TEST_F(FeedTest, all_end_when_the_process_does_and_one_when_its_client_left) {
  auto& one = open();
  answer(at(1, events(1, 1)));
  auto& another = open();
  answer(at(1, events(1, 1)));
  one.reader->end();
  run();
  EXPECT_TRUE(one.ended);
  EXPECT_FALSE(another.ended);
  feed.stop();
  run();
  EXPECT_TRUE(another.ended);
}

// --- orders, their teller and a feed together

/// Notes what an order tells.
class Noted final : public Watchers {
 public:
  std::optional<TellerTerm> watch(const OrderId& order, const std::string& watcher, std::int64_t version) override {
    notes.push_back(watcher + " " + order.value + " " + std::to_string(version));
    known = version;
    return TellerTerm{"t", 1};
  }
  void changed(const OrderId&, std::int64_t version, const EventsAfter& after) override {
    if (known < 0 || known == version) return;
    for (auto& event : after(known)) told.push_back(std::move(event));
    known = version;
  }
  void left(const OrderId& order) override { gone.push_back(order); }

  std::vector<std::string> notes;
  std::vector<OrderEvent> told;
  std::vector<OrderId> gone;
  std::int64_t known = -1;
};

class WatchedOrderTest : public ::testing::Test {
 protected:
  WatchedOrderTest() {
    bench.add<Order>([this] { return std::make_unique<Order>(15min, std::make_shared<AllOrdersDesk>(), &watchers); });
    bench.add<CustomerOrders>();
    bench.add<ProductDemand>();
    bench.call<&Order::checkout_completed>("o-1", samples::checkout());
    bench.call<&Order::reserved>("o-1", product::Reserved{true, {}});
  }
  auto watch(std::optional<std::int64_t> after = {}, Party by = admin) {
    return bench.call<&Order::watch>("o-1", Watch{std::move(by), after, "a"});
  }
  Noted watchers;
  actors::testing::Bench bench;
};

TEST_F(WatchedOrderTest, is_watched_by_those_who_may_see_it) {
  EXPECT_EQ(watch({}, Party{}).error().code, "unknown_order");
  EXPECT_THAT(watchers.notes, IsEmpty());
  const auto watched = watch({}, Party{CustomerId("ann@example.org"), false});
  EXPECT_EQ(watched->version, 1);
  EXPECT_EQ(watched->teller, (TellerTerm{"t", 1}));
  EXPECT_THAT(watchers.notes, ElementsAre("a o-1 1"));
}

TEST_F(WatchedOrderTest, tells_what_is_stored_as_a_reader_sees_it) {
  watch();
  bench.call<&Order::payment_completed>("o-1", samples::completed());
  ASSERT_THAT(watchers.told, SizeIs(1));
  const auto seen = *bench.call<&Order::view>("o-1", admin);
  EXPECT_EQ(watchers.told[0].order.text, actors::json::to_string(seen));
  EXPECT_EQ(watchers.told[0].version, 2);
  EXPECT_FALSE(watchers.told[0].last);
  bench.call<&Order::ship>("o-1", Ship{});
  EXPECT_TRUE(watchers.told.back().last);
}

TEST_F(WatchedOrderTest, tells_nothing_of_what_is_not_stored_and_leaves) {
  watch();
  bench.sidecar.fail_next_commit(actors::testing::CommitFailure::NotStored);
  EXPECT_THROW(bench.call<&Order::payment_completed>("o-1", samples::completed()), actors::SidecarError);
  EXPECT_THAT(watchers.told, IsEmpty());
  EXPECT_THAT(watchers.gone, ElementsAre(o1));
}

TEST_F(WatchedOrderTest, tells_of_a_commit_whose_outcome_was_unknown_when_it_is_read_again) {
  watch();
  bench.sidecar.fail_next_commit(actors::testing::CommitFailure::StoredButUnanswered);
  EXPECT_THROW(bench.call<&Order::payment_completed>("o-1", samples::completed()), actors::SidecarError);
  bench.call<&Order::view>("o-1", admin);
  EXPECT_THAT(versions(watchers.told), ElementsAre(2));
}

TEST_F(WatchedOrderTest, answers_with_what_is_newer_than_what_is_known) {
  bench.call<&Order::payment_failed>("o-1", samples::failed(1, "a"));
  bench.call<&Order::payment_failed>("o-1", samples::failed(2, "b"));
  EXPECT_THAT(versions(watch()->events), ElementsAre(3));
  EXPECT_THAT(versions(watch(0)->events), ElementsAre(1, 2, 3));
  EXPECT_THAT(versions(watch(2)->events), ElementsAre(3));
  EXPECT_THAT(versions(watch(3)->events), IsEmpty());
  EXPECT_THAT(versions(watch(4)->events), ElementsAre(3));  // it never had that version
}

TEST_F(WatchedOrderTest, an_order_that_nothing_can_change_is_not_watched) {
  bench.call<&Order::cancel>("o-1", Cancel{admin, {}});
  const auto watched = watch();
  EXPECT_TRUE(watched->last);
  EXPECT_EQ(watched->teller, std::nullopt);
  EXPECT_THAT(watchers.notes, IsEmpty());
}

}  // namespace
}  // namespace shop::order
