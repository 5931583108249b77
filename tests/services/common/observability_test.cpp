#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <chrono>
#include <limits>

#include "services/common/metrics.hpp"
#include "services/common/observer.hpp"
#include "services/common/trace.hpp"
#include "tests/services/common/support.hpp"

namespace shop::services {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A line without its time, which no test can know.
std::string timeless(const std::string& line) {
  const std::string start = R"({"time":")";
  EXPECT_EQ(line.substr(0, start.size()), start);
  EXPECT_TRUE(actors::from_rfc3339(line.substr(start.size(), 24))) << line;
  return "{" + line.substr(start.size() + 26);
}

const actors::Trace trace{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ""};

TEST(Log, writes_one_json_object_a_line) {
  const testing::CapturedLog captured;
  log::info(
      "order \"shipped\"\n",
      {{"orderId", std::string("o-1")}, {"lines", 3}, {"ok", true}, {"took", 1.5}, {"big", std::int64_t{1} << 40}});
  ASSERT_EQ(captured.lines().size(), 1u);
  EXPECT_EQ(
      timeless(captured.lines()[0]),
      R"({"level":"info","service":"test-service","msg":"order \"shipped\"\n","orderId":"o-1","lines":3,"ok":true,"took":1.5,"big":1099511627776})");
}

TEST(Log, is_json_whatever_is_logged) {
  const testing::CapturedLog captured;
  log::warning(std::string("zero \0 and {} %v", 17),
               {{"number", std::numeric_limits<double>::quiet_NaN()}, {"text", "\x01\x7f\t"}});
  rapidjson::Document line;
  EXPECT_FALSE(line.Parse(captured.lines().at(0).c_str()).HasParseError()) << captured.lines()[0];
}

TEST(Log, leaves_out_what_is_below_its_level) {
  const testing::CapturedLog captured(log::Level::Warning);
  log::info("not this");
  log::warning("this");
  EXPECT_EQ(captured.lines().size(), 1u);
  EXPECT_FALSE(log::enabled(log::Level::Info));
}

TEST(Log, knows_its_levels_by_name) {
  for (const auto* name : {"trace", "debug", "info", "warning", "error"})
    EXPECT_EQ(to_string(*log::level_from(name)), name);
  EXPECT_FALSE(log::level_from("loud"));
}

class ObserverTest : public ::testing::Test {
 protected:
  std::string line() {
    const auto lines = captured.lines();
    return lines.empty() ? "" : timeless(lines.back());
  }
  void turn(actors::TurnOutcome outcome, std::string_view error = {}) {
    const actors::ActorId actor{"Order", "o-1"};
    const std::map<std::string, std::string> tags{{"cartId", "c-1"}, {"orderId", "not twice"}};
    const auto reference = outcome == actors::TurnOutcome::Failed ? "r-1" : "";
    observer.turn_ended({actor, "Ship", "t-1", actors::Cause::Call, outcome, 4, 1500us, error, reference, trace, tags});
  }
  testing::CapturedLog captured{log::Level::Info};
  Metrics metrics;
  ServiceObserver observer{metrics};
};

TEST_F(ObserverTest, tells_of_a_committed_turn) {
  turn(actors::TurnOutcome::Committed);
  EXPECT_EQ(
      line(),
      R"({"level":"info","service":"test-service","msg":"turn committed","actor":"Order/o-1","orderId":"o-1","method":"Ship",)"
      R"("turn":"t-1","cause":"call","version":4,"tookMs":1.5,"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","cartId":"c-1"})");
  EXPECT_THAT(metrics.page(),
              AllOf(HasSubstr(R"(actor_turns_total{cause="call",method="Ship",outcome="committed",type="Order"} 1)"),
                    HasSubstr(R"(actor_turn_duration_seconds_count{method="Ship",type="Order"} 1)")));
}

TEST_F(ObserverTest, keeps_reads_out_of_the_log_but_counts_them) {
  turn(actors::TurnOutcome::Unchanged);
  EXPECT_THAT(captured.lines(), IsEmpty());
  EXPECT_THAT(metrics.page(), HasSubstr(R"(outcome="unchanged",type="Order"} 1)"));
}

TEST_F(ObserverTest, says_what_a_turn_was_refused_for_or_failed_of) {
  turn(actors::TurnOutcome::Refused, "already_shipped: too late");
  EXPECT_THAT(line(), AllOf(HasSubstr(R"("level":"info")"), HasSubstr(R"("msg":"turn refused")"),
                            HasSubstr(R"("error":"already_shipped: too late")")));
  turn(actors::TurnOutcome::Failed, "store down");
  EXPECT_THAT(line(), AllOf(HasSubstr(R"("level":"warning")"), HasSubstr(R"("msg":"turn failed")")));
  turn(actors::TurnOutcome::Duplicate);
  EXPECT_THAT(line(), HasSubstr(R"("msg":"turn duplicate")"));
}

TEST_F(ObserverTest, tells_of_an_event_by_its_ids_and_nothing_else_of_its_data) {
  const actors::ActorId actor{"Cart", "c-1"};
  actors::CloudEvent event;
  event.id = "Cart/c-1/7/0";
  event.type = "cart.checkout_completed";
  event.topic = "order-events";
  event.trace = trace;
  event.data.text =
      R"({"orderId":"o-1","cartId":"c-1","lines":[{"productId":"p-1"}],"paymentMethod":{"token":"tok_approve"},"shippingAddress":{"name":"Ada"}})";
  observer.event_sent({actor, event, "", 2000us});
  EXPECT_EQ(
      line(),
      R"({"level":"info","service":"test-service","msg":"event published","event":"cart.checkout_completed","eventId":"Cart/c-1/7/0",)"
      R"("topic":"order-events","actor":"Cart/c-1","tookMs":2.0,"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","orderId":"o-1","cartId":"c-1"})");
  observer.event_sent({actor, event, "broker down", 2000us});
  EXPECT_THAT(line(), AllOf(HasSubstr(R"("level":"warning")"), HasSubstr("event not published"),
                            Not(HasSubstr("tok_approve"))));
  EXPECT_THAT(metrics.page(),
              AllOf(HasSubstr(R"(actor_events_published_total{result="ok",type="cart.checkout_completed"} 1)"),
                    HasSubstr(R"(actor_events_published_total{result="failed",type="cart.checkout_completed"} 1)")));
}

TEST_F(ObserverTest, tells_of_received_events_and_does_not_count_by_foreign_names) {
  observer.event_received(
      {"order.created", "Order/o-1/1/0", "order-service", "o-1", actors::EventOutcome::Handled, "", 500us, trace});
  EXPECT_EQ(
      line(),
      R"({"level":"info","service":"test-service","msg":"event handled","event":"order.created","eventId":"Order/o-1/1/0",)"
      R"("source":"order-service","orderId":"o-1","tookMs":0.5,"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"})");
  const auto lines = captured.lines().size();
  observer.event_received({"made.up", "x", "y", "z", actors::EventOutcome::Unknown, "", 500us, {}});
  EXPECT_EQ(captured.lines().size(), lines);  // counted below; a line only at debug
  observer.event_received(
      {"order.created", "x", "y", "z", actors::EventOutcome::Unreadable, "/total is required", 500us, {}});
  EXPECT_THAT(line(), AllOf(HasSubstr(R"("level":"error")"), HasSubstr("event unreadable")));
  EXPECT_THAT(metrics.page(), AllOf(HasSubstr(R"(events_received_total{outcome="handled",type="order.created"} 1)"),
                                    HasSubstr(R"(events_received_total{outcome="unknown",type="other"} 1)"),
                                    HasSubstr(R"(events_received_total{outcome="unreadable",type="order.created"} 1)"),
                                    Not(HasSubstr("made.up"))));
}

TEST_F(ObserverTest, keeps_the_gauges) {
  observer.outbox_changed("Cart", 3);
  observer.outbox_changed("Cart", -1);
  observer.activations_changed("Cart", 1);
  observer.commit_ended("Cart", true, 100us);
  observer.commit_ended("Cart", false, 100us);
  observer.reminder_changed("Cart", "tend", true);
  observer.sidecar_called("state_commit", 204, 100us);
  observer.warned("something");
  EXPECT_THAT(
      metrics.page(),
      AllOf(HasSubstr(R"(actor_outbox_events{type="Cart"} 2)"), HasSubstr(R"(actor_activations{type="Cart"} 1)"),
            HasSubstr(R"(actor_commits_total{result="ok",type="Cart"} 1)"),
            HasSubstr(R"(actor_commits_total{result="failed",type="Cart"} 1)"),
            HasSubstr(R"(actor_commit_duration_seconds_count{type="Cart"} 2)"),
            HasSubstr(R"(actor_reminder_changes_total{change="armed",name="tend",type="Cart"} 1)"),
            HasSubstr(R"(sidecar_request_duration_seconds_count{operation="state_commit"} 1)"),
            HasSubstr("service_warnings_total 1")));
}

TEST(Metrics, has_the_process_under_the_usual_names) {
  EXPECT_THAT(Metrics().page(),
              AllOf(HasSubstr("process_resident_memory_bytes "), HasSubstr("process_cpu_seconds_total "),
                    HasSubstr("process_open_fds "), HasSubstr("process_start_time_seconds ")));
}

TEST(Metrics, serves_its_page) {
  Metrics metrics;
  metrics.counter("shop_oversold_total", "Units sold and not in stock.", {{"productId", "p"}}).add(2);
  const auto port = metrics.expose("127.0.0.1", 0);
  const auto answer = testing::ask(port, "GET", "/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, AllOf(HasSubstr(R"(shop_oversold_total{productId="p"} 2)"), HasSubstr("process_open_fds")));
  Metrics second;
  EXPECT_THROW(second.expose("127.0.0.1", port), std::runtime_error);
}

TEST(Trace, hands_on_no_state_that_is_not_text) {
  EXPECT_TRUE(is_tracestate("vendor=1,other=2"));
  EXPECT_FALSE(is_tracestate("a=\xff"));
  EXPECT_FALSE(is_tracestate(std::string(513, 'a')));
}

TEST(Trace, is_taken_only_in_the_form_of_the_w3c) {
  EXPECT_TRUE(is_traceparent(trace.traceparent));
  EXPECT_TRUE(is_traceparent("01" + trace.traceparent.substr(2) + "-later"));
  EXPECT_TRUE(is_traceparent(new_traceparent()));
  EXPECT_NE(new_traceparent(), new_traceparent());
  for (const auto& bad :
       {std::string(), "ff" + trace.traceparent.substr(2), trace.traceparent + "-more", trace.traceparent.substr(1),
        std::string("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
        std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
        std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")})
    EXPECT_FALSE(is_traceparent(bad)) << bad;
}

}  // namespace
}  // namespace shop::services
