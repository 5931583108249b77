#include "actors/order/order.hpp"

#include <dapr/actors/testing/bench.hpp>
#include <dapr/actors/testing/stored_json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "actors/order/customer_orders.hpp"
#include "actors/order/product_demand.hpp"
#include "tests/actors/order/samples.hpp"
#include "tests/actors/order/stock.hpp"

namespace shop::order {
namespace {

using namespace std::chrono_literals;
using actors::Cause;
using actors::Origin;
using actors::Reason;
using actors::SidecarError;
using actors::testing::Bench;
using actors::testing::CommitFailure;
using samples::checkout;
using samples::completed;
using samples::failed;
using samples::refunded;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Party admin{std::nullopt, true};
const Party guest{};
const Party ann{CustomerId("ann@example.org"), false};

/// The actors of the order service on a bench, and what happens to the order `o-1`.
class Shop {
 public:
  Shop() {
    bench.add<Order>();
    bench.add<CustomerOrders>();
    bench.add<AllOrders>();
    bench.add<ProductDemand>();
  }
  template <auto Handle, class E>
  void event(const E& event, const std::string& id) {
    bench.call_as<Handle>(Origin{"source/" + id, Cause::Event, {}}, "o-1", event);
  }
  void check_out(const std::string& id = "Cart/c-1/1/0") { event<&Order::checkout_completed>(checkout(), id); }
  /// The product service's word reaches the order.
  void reserved(bool held) { bench.call<&Order::reserved>("o-1", product::Reserved{held, {}}); }
  void pay(int attempt = 1) {
    event<&Order::payment_completed>(completed(attempt), "Payment/p-1/c" + std::to_string(attempt) + "/0");
  }
  void decline(int attempt = 1, const std::string& reason = "card_declined") {
    event<&Order::payment_failed>(failed(attempt, reason), "Payment/p-1/f" + std::to_string(attempt) + "/0");
  }
  auto cancel(std::optional<std::string> reason = {}) {
    return bench.call<&Order::cancel>("o-1", Cancel{admin, std::move(reason)});
  }
  auto ship() { return bench.call<&Order::ship>("o-1", Ship{"track-1"}); }
  auto view(const Party& party = admin) { return bench.call<&Order::view>("o-1", party); }
  Status status() {
    const auto seen = view();
    return seen ? seen->status : Status::None;
  }
  std::string document() const { return bench.sidecar.stored({"Order", "o-1"}, "state").value_or(""); }

  /// What left, once by id: a repeated publish carries the same id and data (its members in whatever order).
  std::vector<std::pair<std::string, std::string>> events() const {
    std::vector<std::pair<std::string, std::string>> once;
    std::map<std::string, std::string> seen;
    for (const auto& event : bench.sidecar.published) {
      const auto data = actors::testing::as_the_store_gives_it(event.data.text);
      if (const auto [known, is_new] = seen.try_emplace(event.id, data); is_new)
        once.emplace_back(event.type, data);
      else
        EXPECT_EQ(known->second, data) << event.id;
    }
    return once;
  }
  std::vector<std::string> event_types() const {
    std::vector<std::string> types;
    for (const auto& [type, data] : events()) types.push_back(type);
    return types;
  }
  OrderList listed(std::optional<Status> status = {}) {
    return *bench.call<&CustomerOrders::list>(actor_id_of(CustomerId("ann@example.org")), ListOrders{status, 20, {}});
  }
  /// In the list of all orders.
  std::vector<OrderId> everybodys(std::optional<Status> status = {}) {
    const ListAllOrders query{status, 20, {}};
    return bench.run(list_all_orders(actors::Calls(bench.sidecar, {}), query)).orders;
  }
  DemandView demand(const std::string& product) { return *bench.call<&ProductDemand::view>(product); }

  Bench bench{"order-service"};
  samples::Stock stock{bench};
};

// --- the table of docs/contracts.md ---

/// What a cell of the table says: the state afterwards, the events that leave, and how a call is answered (0: it
/// succeeds).
struct Cell {
  std::string state;
  std::vector<std::string> events = {};
  int answer = 0;
};

using Row = std::map<std::string, Cell>;

const std::map<std::string, Row>& contract() {
  static const std::map<std::string, Row> table{
      {"none",
       {{"checkout_completed", {"created", {"order.created"}}},
        {"checkout_completed, not to be had", {"cancelled"}},
        {"checkout_completed, nobody answers", {"none"}},
        {"held", {"none"}},
        {"refused", {"none"}},
        {"payment.completed", {"none"}},
        {"payment.failed", {"none"}},
        {"cancel", {"none", {}, 404}},
        {"deadline", {"none"}},
        {"ship", {"none", {}, 404}}}},
      {"asked",  // the same to everybody but the order
       {{"checkout_completed", {"none"}},
        {"held", {"created", {"order.created"}}},
        {"refused", {"cancelled"}},
        {"payment.completed", {"none"}},
        {"payment.failed", {"none"}},
        {"cancel", {"none", {}, 404}},
        {"deadline", {"none"}},
        {"ship", {"none", {}, 404}}}},
      {"created",
       {{"checkout_completed", {"created"}},
        {"held", {"created"}},
        {"refused", {"created"}},
        {"payment.completed", {"confirmed", {"order.confirmed"}}},
        {"payment.failed", {"payment_failed"}},
        {"cancel", {"cancelled", {"order.cancelled"}}},
        {"deadline", {"cancelled", {"order.cancelled"}}},
        {"ship", {"created", {}, 409}}}},
      {"payment_failed",
       {{"checkout_completed", {"payment_failed"}},
        {"held", {"payment_failed"}},
        {"refused", {"payment_failed"}},
        {"payment.completed", {"confirmed", {"order.confirmed"}}},
        {"payment.failed", {"payment_failed"}},
        {"cancel", {"cancelled", {"order.cancelled"}}},
        {"deadline", {"cancelled", {"order.cancelled"}}},
        {"ship", {"payment_failed", {}, 409}}}},
      {"confirmed",
       {{"checkout_completed", {"confirmed"}},
        {"held", {"confirmed"}},
        {"refused", {"confirmed"}},
        {"payment.completed", {"confirmed"}},
        {"payment.failed", {"confirmed"}},
        {"cancel", {"cancelled", {"order.cancelled"}}},
        {"deadline", {"confirmed"}},
        {"ship", {"shipped", {"order.shipped"}}}}},
      {"cancelled",
       {{"checkout_completed", {"cancelled"}},
        {"held", {"cancelled"}},
        {"refused", {"cancelled"}},
        {"payment.completed", {"cancelled"}},
        {"payment.failed", {"cancelled"}},
        {"cancel", {"cancelled"}},
        {"deadline", {"cancelled"}},
        {"ship", {"cancelled", {}, 409}}}},
      {"shipped",
       {{"checkout_completed", {"shipped"}},
        {"held", {"shipped"}},
        {"refused", {"shipped"}},
        {"payment.completed", {"shipped"}},
        {"payment.failed", {"shipped"}},
        {"cancel", {"shipped", {}, 409}},
        {"deadline", {"shipped"}},
        {"ship", {"shipped"}}}},
  };
  return table;
}

void bring_to(Shop& shop, const std::string& state) {
  if (state == "none") return;
  if (state == "asked") shop.stock.failure = 503;
  shop.check_out();
  if (state == "payment_failed") shop.decline();
  if (state == "confirmed" || state == "shipped") shop.pay();
  if (state == "shipped") shop.ship();
  if (state == "cancelled") shop.cancel();
}

/// Answers the HTTP status of a refusal, or 0.
int trigger(Shop& shop, const std::string& what) {
  auto refusal = [](const auto& result) { return result ? 0 : actors::http_status(result.error().reason); };
  if (what.starts_with("checkout_completed")) {
    if (what.ends_with("not to be had")) shop.stock.few[ProductId("tea")] = 1;
    if (what.ends_with("nobody answers")) shop.stock.failure = 503;
    shop.check_out("Cart/c-1/9/0");
  }
  if (what == "held" || what == "refused") shop.reserved(what == "held");
  if (what == "payment.completed") shop.pay(2);
  if (what == "payment.failed") shop.decline(2, "insufficient_funds");
  if (what == "deadline") shop.bench.advance(16min);
  if (what == "cancel") return refusal(shop.cancel());
  if (what == "ship") return refusal(shop.ship());
  return 0;
}

std::string name_of(Status status) {
  return std::string(actors::json::Codec<Status>::name(status));
}

TEST(OrderStates, every_trigger_in_every_state_does_what_the_contract_says) {
  int cells = 0;
  for (const auto& [state, row] : contract()) {
    for (const auto& [what, cell] : row) {
      SCOPED_TRACE(what + " in state " + state);
      Shop shop;
      bring_to(shop, state);
      ASSERT_EQ(name_of(shop.status()), state == "asked" ? "none" : state);
      const auto before = shop.event_types().size();
      EXPECT_EQ(trigger(shop, what), cell.answer);
      EXPECT_EQ(name_of(shop.status()), cell.state);
      auto events = shop.event_types();
      events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(before));
      EXPECT_EQ(events, cell.events);
      if (cell.state == state && state != "none" && !(state == "payment_failed" && what == "payment.failed")) {
        Shop untouched;
        bring_to(untouched, state);
        EXPECT_EQ(shop.view()->version, untouched.view()->version) << "what changes nothing shows nothing";
      }
      ++cells;
    }
  }
  EXPECT_EQ(cells, 7 * 8 + 2);
}

// --- what an order is ---

TEST(Order, shows_what_was_checked_out) {
  Shop shop;
  shop.check_out();
  const auto order = *shop.view();
  EXPECT_EQ(order.id, OrderId("o-1"));
  EXPECT_EQ(order.cart_id, CartId("c-1"));
  EXPECT_EQ(order.customer_id, CustomerId("ann@example.org"));
  EXPECT_EQ(order.lines, checkout().lines);
  EXPECT_EQ(order.total, samples::total);
  EXPECT_EQ(order.payment_id, std::nullopt);
  EXPECT_EQ(order.version, 1);
  EXPECT_THAT(order.history, ElementsAre(Change{Status::Created, shop.bench.clock.now(), {}}));
}

TEST(Order, keeps_no_payment_token) {
  Shop shop;
  shop.check_out();
  shop.bench.advance(1min);
  EXPECT_THAT(shop.document(), ::testing::Not(::testing::HasSubstr("tok_approve")));
}

TEST(Order, remembers_a_payment_that_comes_before_it) {
  Shop shop;
  shop.decline(1);
  shop.pay(2);
  shop.decline(3);
  EXPECT_FALSE(shop.view());
  shop.check_out();
  EXPECT_EQ(shop.status(), Status::Confirmed);
  EXPECT_THAT(shop.event_types(), ElementsAre("order.created", "order.confirmed"));
  EXPECT_THAT(shop.view()->history, SizeIs(2));
  EXPECT_EQ(shop.view()->payment_id, samples::payment_id);
}

TEST(Order, remembers_of_failures_that_come_before_it_the_newest) {
  Shop shop;
  shop.decline(2, "insufficient_funds");
  shop.decline(1, "card_declined");
  shop.check_out();
  EXPECT_EQ(shop.status(), Status::PaymentFailed);
  EXPECT_EQ(shop.view()->failure_reason, "insufficient_funds");
}

TEST(Order, keeps_the_reason_of_the_newest_attempt) {
  Shop shop;
  shop.check_out();
  shop.decline(2, "insufficient_funds");
  shop.decline(1, "card_declined");
  EXPECT_EQ(shop.view()->failure_reason, "insufficient_funds");
  shop.decline(3, "card_declined");
  EXPECT_EQ(shop.view()->failure_reason, "card_declined");
  EXPECT_THAT(shop.view()->history, SizeIs(2));
  shop.pay(4);
  EXPECT_EQ(shop.view()->failure_reason, std::nullopt);
}

TEST(Order, says_at_its_cancellation_whether_stock_was_taken) {
  for (const bool paid : {false, true}) {
    Shop shop;
    shop.check_out();
    if (paid) shop.pay();
    const auto order = shop.cancel("changed my mind");
    EXPECT_EQ(order->history.back().reason, "changed my mind");
    const auto cancelled = shop.bench.published<Cancelled>();
    ASSERT_THAT(cancelled, SizeIs(1));
    EXPECT_EQ(cancelled[0].stock_taken, paid);
    EXPECT_EQ(cancelled[0].reason, "changed my mind");
    EXPECT_EQ(cancelled[0].lines, checkout().lines);
  }
}

TEST(Order, is_cancelled_once_for_the_first_reason) {
  Shop shop;
  shop.check_out();
  const auto first = shop.cancel("first");
  EXPECT_EQ(shop.cancel("second"), first);
  EXPECT_THAT(shop.bench.published<Cancelled>(), SizeIs(1));
}

TEST(Order, tells_the_tracking_number_when_it_ships) {
  Shop shop;
  shop.check_out();
  shop.pay();
  EXPECT_EQ(shop.view()->tracking_number, std::nullopt);
  shop.ship();
  EXPECT_THAT(shop.bench.published<Shipped>(), ElementsAre(Shipped{OrderId("o-1"), ann.customer_id, "track-1"}));
  EXPECT_EQ(shop.view()->tracking_number, "track-1") << "and it stays to be read";
}

TEST(Order, does_not_change_when_its_money_went_back) {
  Shop shop;
  shop.event<&Order::payment_refunded>(refunded(), "Payment/p-1/8/0");
  EXPECT_EQ(shop.document(), "");
  shop.check_out();
  shop.pay();
  const auto cancelled = shop.cancel();
  shop.event<&Order::payment_refunded>(refunded(), "Payment/p-1/9/0");
  EXPECT_EQ(shop.view(), cancelled);
}

TEST(Order, is_shown_to_its_customer_and_to_admins_only) {
  Shop shop;
  shop.check_out();
  EXPECT_TRUE(shop.view(ann));
  EXPECT_TRUE(shop.view(admin));
  for (const Party& other : {guest, Party{CustomerId("bob"), false}}) {
    EXPECT_EQ(shop.view(other).error().code, "unknown_order");
    EXPECT_EQ(shop.bench.call<&Order::cancel>("o-1", Cancel{other, {}}).error().reason, Reason::NotFound);
  }
  EXPECT_EQ(shop.status(), Status::Created);
}

TEST(Order, of_a_guest_is_for_whoever_knows_its_id_and_in_no_customers_list) {
  Shop shop;
  shop.event<&Order::checkout_completed>(checkout(std::nullopt), "Cart/c-1/1/0");
  EXPECT_TRUE(shop.view(guest));
  EXPECT_TRUE(shop.view(ann));
  EXPECT_EQ(shop.view()->customer_id, std::nullopt);
  shop.pay();
  EXPECT_EQ(shop.demand("tea").orders_confirmed, 1);
  EXPECT_EQ(shop.bench.sidecar.stored({"CustomerOrders", actor_id_of(CustomerId(""))}, "state"), std::nullopt);
}

// --- the pieces ---

TEST(Order, asks_for_all_its_pieces_at_once_and_for_each_product_once) {
  Shop shop;
  auto event = checkout();
  event.lines.push_back(event.lines.front());
  shop.event<&Order::checkout_completed>(event, "Cart/c-1/1/0");
  EXPECT_EQ(shop.stock.asked, 1);
  EXPECT_THAT(shop.stock.asked_for["o-1"].lines, ElementsAre(product::Reserve::Wanted{ProductId("tea"), 4},
                                                             product::Reserve::Wanted{ProductId("cup"), 1}));
}

TEST(Order, whose_pieces_cannot_be_had_is_cancelled_and_nobody_is_to_pay_stop_or_give_back) {
  Shop shop;
  shop.stock.few = {{ProductId("tea"), 1}};
  shop.check_out();
  const auto order = *shop.view(ann);
  EXPECT_EQ(order.status, Status::Cancelled);
  EXPECT_EQ(order.failure_reason, "out_of_stock");
  EXPECT_EQ(order.lines, checkout().lines);
  EXPECT_EQ(order.version, 1);
  EXPECT_THAT(order.history, ElementsAre(Change{Status::Cancelled, shop.bench.clock.now(), "out_of_stock"}));
  EXPECT_THAT(shop.events(), IsEmpty());
  EXPECT_THAT(shop.listed(Status::Cancelled).orders, ElementsAre(OrderId("o-1")));
  EXPECT_THAT(shop.document(), ::testing::Not(::testing::HasSubstr("tok_approve")));
  EXPECT_EQ(shop.cancel("too late"), order);
  shop.bench.advance(1h);
  EXPECT_EQ(shop.view(), order);
  EXPECT_EQ(shop.stock.asked, 1);
  EXPECT_THAT(shop.events(), IsEmpty());
  EXPECT_FALSE(shop.bench.tended({"Order", "o-1"}));
}

TEST(Order, whose_pieces_nobody_could_ever_have_is_cancelled) {
  Shop shop;
  shop.stock.failure = 400;
  shop.check_out();
  EXPECT_EQ(shop.view()->failure_reason, "out_of_stock");
}

TEST(Order, that_could_not_have_its_pieces_forgets_a_payment_that_came_before_it) {
  Shop shop;
  shop.pay();
  shop.stock.few = {{ProductId("tea"), 0}};
  shop.check_out();
  EXPECT_EQ(shop.status(), Status::Cancelled);
  EXPECT_EQ(shop.view()->payment_id, std::nullopt);
}

TEST(Order, is_there_for_nobody_while_its_pieces_are_asked_for) {
  for (const int failure : {403, 404, 429, 500, 502, 503, 504}) {
    Shop shop;
    shop.stock.failure = failure;
    shop.check_out();
    EXPECT_EQ(shop.view(ann).error().code, "unknown_order") << failure;
    EXPECT_EQ(shop.view(admin).error().code, "unknown_order") << failure;
    EXPECT_THAT(shop.listed().orders, IsEmpty()) << failure;
    EXPECT_THAT(shop.events(), IsEmpty()) << failure;
    EXPECT_TRUE(shop.bench.tended({"Order", "o-1"})) << failure;
  }
}

TEST(Order, is_not_cancelled_for_what_a_sidecar_refuses) {
  Shop shop;
  shop.stock.failure = 400;
  shop.stock.failure_type = "application/json";
  shop.check_out();
  EXPECT_EQ(shop.view(admin).error().code, "unknown_order");
  shop.stock.failure.reset();
  shop.bench.advance(10s);
  EXPECT_EQ(shop.status(), Status::Created);
}

TEST(Order, asks_again_ever_more_seldom_for_as_long_as_it_takes) {
  Shop shop;
  shop.stock.failure = 503;
  shop.check_out();
  const auto asked_in = [&shop](std::chrono::seconds span) {
    const auto before = shop.stock.asked;
    shop.bench.advance(span);
    return shop.stock.asked - before;
  };
  EXPECT_EQ(shop.stock.asked, 1);
  EXPECT_EQ(asked_in(5s), 1);
  EXPECT_EQ(asked_in(9s), 0);
  EXPECT_EQ(asked_in(1s), 1) << "after ten";
  EXPECT_EQ(asked_in(60s), 2) << "after twenty, and thirty";
  EXPECT_EQ(asked_in(30s * 90), 90) << "every thirty";
  EXPECT_EQ(shop.status(), Status::None);
  shop.bench.restart();
  shop.stock.failure.reset();
  shop.bench.advance(30s);
  const auto order = *shop.view();
  EXPECT_EQ(order.status, Status::Created) << "the deadline begins with the order";
  EXPECT_THAT(order.history, SizeIs(1));
  EXPECT_THAT(shop.event_types(), ElementsAre("order.created"));
}

TEST(Order, takes_an_answer_it_cannot_read_for_none) {
  Shop shop;
  shop.bench.sidecar.applications["product-service"] = [](const auto&) {
    return actors::HttpAnswer{200, "<html>", "text/html"};
  };
  shop.check_out();
  EXPECT_EQ(shop.status(), Status::None);
  EXPECT_TRUE(shop.bench.tended({"Order", "o-1"}));
}

TEST(Order, asks_once_however_often_the_checkout_comes) {
  Shop shop;
  shop.stock.failure = 503;
  shop.check_out("Cart/c-1/1/0");
  shop.check_out("Cart/c-1/1/0");
  shop.check_out("Cart/c-1/2/0");
  EXPECT_EQ(shop.stock.asked, 1);
}

TEST(Order, does_not_ask_again_while_it_is_being_answered) {
  Shop shop;
  bool slow = true;
  shop.bench.sidecar.applications["product-service"] = [&](const auto&) {
    if (std::exchange(slow, false)) shop.bench.advance(1min);  // meanwhile
    return actors::HttpAnswer{200, R"({"held":true})", "application/json"};
  };
  shop.check_out();
  EXPECT_EQ(shop.bench.sidecar.counts["invoke"], 1);
  EXPECT_EQ(shop.status(), Status::Created);
}

TEST(Order, keeps_the_first_word_on_its_pieces) {
  Shop shop;
  shop.check_out();
  const auto created = *shop.view();
  shop.reserved(false);
  EXPECT_EQ(shop.view(), created);
  Shop refused;
  refused.stock.few = {{ProductId("cup"), 0}};
  refused.check_out();
  const auto cancelled = *refused.view();
  refused.reserved(true);
  EXPECT_EQ(refused.view(), cancelled);
  EXPECT_THAT(refused.events(), IsEmpty());
}

TEST(Order, of_the_version_before_goes_on_without_asking_for_pieces) {
  // As it was written when an order was created with its checkout.
  Shop shop;
  shop.bench.sidecar.put(
      {"Order", "o-1"}, "state",
      R"({"version":2,"revision":3,"data":{"status":"created","version":1,"purchase":{"cartId":"c-1",)"
      R"("customerId":"ann@example.org","lines":[{"productId":"tea","name":"Tea","quantity":2,)"
      R"("unitPrice":{"amount":1000,"currency":"EUR"}}],"total":{"amount":2000,"currency":"EUR"},)"
      R"("shippingAddress":{"name":"Ann","line1":"Main Street 1","city":"Lisbon","postalCode":"1100-148","country":"PT"}},)"
      R"("payBy":"2026-01-01T00:15:00.000Z","history":[{"status":"created","at":"2026-01-01T00:00:00.000Z"}],)"
      R"("told":1,"toldAgain":0},"outbox":[],"handled":[{"key":"CheckoutCompleted|call-1","fingerprint":"1","answer":null}],)"
      R"("tend":{"at":"2026-01-01T00:15:00.000Z","name":"tend-1"}})",
      3);
  EXPECT_EQ(shop.status(), Status::Created);
  shop.check_out("Cart/c-1/7/0");
  shop.reserved(false);
  shop.pay();
  EXPECT_EQ(shop.status(), Status::Confirmed);
  shop.bench.advance(1h);
  EXPECT_EQ(shop.stock.asked, 0);
  EXPECT_THAT(shop.event_types(), ElementsAre("order.confirmed"));
}

TEST(Order, that_is_asked_for_pieces_is_kept_as_this) {
  // A document that waits for the product service, as it lies in the store: it must be read for ever.
  Shop shop;
  shop.bench.sidecar.put(
      {"Order", "o-1"}, "state",
      R"({"version":1,"revision":1,"data":{"status":"asked","version":0,"history":[],"told":0,"toldAgain":0,)"
      R"("wanted":)" +
          actors::json::to_string(checkout()) +
          R"(,"askAt":"2026-01-01T00:00:05.000Z","askedAgain":0},"outbox":[],"handled":[],)"
          R"("tend":{"at":"2026-01-01T00:00:05.000Z","name":"tend-1"}})",
      1);
  EXPECT_EQ(shop.status(), Status::None);
  shop.reserved(true);
  EXPECT_EQ(shop.status(), Status::Created);
  EXPECT_EQ(shop.bench.published<Created>().at(0).payment_method, checkout().payment_method);
}

// --- the deadline ---

TEST(Order, is_cancelled_when_the_deadline_passes_even_through_downtime) {
  Shop shop;
  shop.check_out();
  shop.bench.advance(14min + 59s);
  EXPECT_EQ(shop.status(), Status::Created);
  shop.bench.restart();
  shop.bench.advance(1min);
  const auto order = *shop.view();
  EXPECT_EQ(order.status, Status::Cancelled);
  EXPECT_EQ(order.failure_reason, "payment_deadline_passed");
  EXPECT_EQ(order.history.back().reason, "payment_deadline_passed");
  EXPECT_FALSE(shop.bench.published<Cancelled>().at(0).stock_taken);
  shop.bench.advance(1min);
  EXPECT_FALSE(shop.bench.tended({"Order", "o-1"}));
}

TEST(Order, has_the_deadline_it_is_made_with) {
  Bench bench;
  bench.add<Order>([] { return std::make_unique<Order>(5s); });
  bench.add<CustomerOrders>().add<AllOrders>();
  const samples::Stock stock(bench);
  bench.call<&Order::checkout_completed>("o-1", checkout());
  bench.advance(4s);
  EXPECT_EQ(bench.call<&Order::view>("o-1", admin)->status, Status::Created);
  bench.advance(2s);
  EXPECT_EQ(bench.call<&Order::view>("o-1", admin)->status, Status::Cancelled);
}

TEST(Order, that_is_paid_leaves_no_reminder_behind) {
  Shop shop;
  shop.check_out();
  shop.pay();
  EXPECT_TRUE(shop.bench.tended({"Order", "o-1"}));
  shop.bench.advance(1h);
  EXPECT_FALSE(shop.bench.tended({"Order", "o-1"}));
  EXPECT_EQ(shop.status(), Status::Confirmed);
}

// --- what others are told ---

TEST(Order, tells_the_customers_list_of_every_change) {
  Shop shop;
  shop.check_out();
  EXPECT_THAT(shop.listed(Status::Created).orders, ElementsAre(OrderId("o-1")));
  shop.pay();
  EXPECT_THAT(shop.listed(Status::Created).orders, IsEmpty());
  EXPECT_THAT(shop.listed(Status::Confirmed).orders, ElementsAre(OrderId("o-1")));
  shop.ship();
  EXPECT_THAT(shop.listed(Status::Shipped).orders, ElementsAre(OrderId("o-1")));
  EXPECT_THAT(shop.listed().orders, SizeIs(1));
}

TEST(Order, tells_the_list_of_all_orders_of_every_change_a_guests_too) {
  for (const auto& customer : {ann.customer_id, guest.customer_id}) {
    Shop shop;
    shop.event<&Order::checkout_completed>(checkout(customer), "Cart/c-1/1/0");
    EXPECT_THAT(shop.everybodys(Status::Created), ElementsAre(OrderId("o-1")));
    shop.pay();
    EXPECT_THAT(shop.everybodys(Status::Created), IsEmpty());
    EXPECT_THAT(shop.everybodys(Status::Confirmed), ElementsAre(OrderId("o-1")));
    shop.ship();
    EXPECT_THAT(shop.everybodys(Status::Shipped), ElementsAre(OrderId("o-1")));
    EXPECT_THAT(shop.everybodys(), SizeIs(1));
  }
}

TEST(Order, of_the_version_before_is_told_to_the_list_of_all_orders_once_somebody_asks_for_it) {
  Shop shop;
  shop.bench.sidecar.put(
      {"Order", "o-1"}, "state",
      R"({"version":2,"revision":3,"data":{"status":"cancelled","version":2,"purchase":{"cartId":"c-1",)"
      R"("lines":[{"productId":"tea","name":"Tea","quantity":2,"unitPrice":{"amount":1000,"currency":"EUR"}}],)"
      R"("total":{"amount":2000,"currency":"EUR"},"shippingAddress":{"name":"Ann","line1":"Main Street 1",)"
      R"("city":"Lisbon","postalCode":"1100-148","country":"PT"}},"history":[{"status":"created",)"
      R"("at":"2026-01-01T00:00:00.000Z"},{"status":"cancelled","at":"2026-01-01T00:01:00.000Z"}],)"
      R"("told":2,"toldAgain":0,"askedAgain":0},"outbox":[],"handled":[]})",
      3);
  EXPECT_EQ(shop.view()->unlisted, true);
  EXPECT_THAT(shop.everybodys(), IsEmpty());
  shop.bench.call<&Order::list>("o-1");
  EXPECT_EQ(shop.view()->unlisted, std::nullopt);
  EXPECT_THAT(shop.everybodys(Status::Cancelled), ElementsAre(OrderId("o-1")));
  const auto known = shop.document();
  shop.bench.call<&Order::list>("o-1");
  EXPECT_EQ(shop.document(), known) << "once";
  shop.bench.advance(1min);
  EXPECT_FALSE(shop.bench.tended({"Order", "o-1"}));
  EXPECT_THAT(shop.events(), IsEmpty());
}

TEST(Order, that_does_not_exist_is_told_to_nobody) {
  Shop shop;
  shop.bench.call<&Order::list>("o-1");
  EXPECT_EQ(shop.document(), "");
  shop.stock.failure = 503;
  shop.check_out();
  shop.bench.call<&Order::list>("o-1");
  EXPECT_THAT(shop.everybodys(), IsEmpty());
}

TEST(Order, is_not_written_for_having_told_of_a_change_that_others_have_followed) {
  Shop shop;
  shop.check_out();
  shop.pay();
  const auto document = shop.document();
  shop.bench.call<&Order::told>("o-1", Told{1, true});
  EXPECT_EQ(shop.document(), document);
}

TEST(Order, counts_as_sold_once_it_is_confirmed) {
  Shop shop;
  shop.check_out();
  shop.pay();
  shop.pay(2);
  shop.ship();
  EXPECT_EQ(shop.demand("tea"), (DemandView{ProductId("tea"), 0, 0, 1, 2}));
  EXPECT_EQ(shop.demand("cup"), (DemandView{ProductId("cup"), 0, 0, 1, 1}));
}

TEST(Order, tells_again_ever_more_seldom_until_it_is_heard) {
  Bench bench("order-service");
  bench.add<Order>().add<ProductDemand>().add<AllOrders>();  // and nobody who keeps the list
  const samples::Stock stock(bench);
  bench.call_as<&Order::checkout_completed>(Origin{"source/Cart/c-1/1/0", Cause::Event, {}}, "o-1", checkout());
  const auto told_in = [&bench](std::chrono::minutes span) {
    const auto before = bench.turns(actors::TurnOutcome::Committed);
    bench.advance(span);
    return bench.turns(actors::TurnOutcome::Committed) - before;
  };
  EXPECT_EQ(told_in(4min), 3) << "after half a minute, one, and two";
  EXPECT_EQ(told_in(8min), 2) << "every four";
  bench.add<CustomerOrders>();
  EXPECT_GE(told_in(3min), 1);
  const auto anns = actor_id_of(CustomerId("ann@example.org"));
  EXPECT_THAT(bench.call<&CustomerOrders::list>(anns, ListOrders{{}, 20, {}})->orders, ElementsAre(OrderId("o-1")));
}

TEST(Order, awaits_nobody_in_its_turns) {
  Shop shop;
  shop.check_out();
  shop.decline();
  shop.pay(2);
  shop.cancel();
  shop.bench.advance(1h);
  EXPECT_THAT(shop.bench.sidecar.awaited, IsEmpty());
}

// --- everything twice, late, and interrupted ---

/// One way through an order's life; a step done again is the same event or the same call.
using Script = std::vector<std::function<void(Shop&)>>;

template <auto Method, class C>
void call_once(Shop& shop, const char* id, C command) {
  static_cast<void>(shop.bench.call_as<Method>(Origin{id, Cause::Call, {}}, "o-1", std::move(command)));
}

const std::vector<Script>& scripts() {
  static const std::vector<Script> all{
      {[](Shop& s) { s.check_out(); }, [](Shop& s) { s.decline(1); }, [](Shop& s) { s.pay(2); },
       [](Shop& s) { call_once<&Order::ship>(s, "ship-1", Ship{"track-1"}); }},
      {[](Shop& s) { s.pay(); }, [](Shop& s) { s.check_out(); },
       [](Shop& s) {
         call_once<&Order::cancel>(s, "cancel-1", Cancel{ann, "no"});
       },
       [](Shop& s) { s.event<&Order::payment_refunded>(refunded(), "Payment/p-1/9/0"); }},
      {[](Shop& s) { s.check_out(); }, [](Shop& s) { s.bench.advance(16min); }, [](Shop& s) { s.pay(); }},
      {[](Shop& s) {
        s.stock.few = {{ProductId("tea"), 1}};
        s.check_out();
      }},
      {[](Shop& s) {
         s.stock.failure = 503;
         s.check_out();
       },
       [](Shop& s) {
         s.stock.failure.reset();
         s.bench.advance(1min);
       },
       [](Shop& s) { s.pay(); }},
  };
  return all;
}

/// Where a script ends: what the order says but for its times, what left, the list, the demand.
std::string outcome(Shop& shop) {
  shop.bench.advance(20min);
  auto order = *shop.view();
  for (auto& change : order.history) change.at = {};
  std::string text = actors::json::to_string(order) + "\n";
  for (const auto& [type, data] : shop.events()) text += type + " " + data + "\n";
  text += actors::json::to_string(shop.listed(order.status)) + actors::json::to_string(shop.listed());
  for (const auto& status : {std::optional(order.status), std::optional<Status>()})
    for (const auto& listed : shop.everybodys(status)) text += "\n" + listed.value;
  for (const auto* product : {"tea", "cup"}) {
    const auto demand = shop.bench.call<&ProductDemand::view>(product);
    text += "\n" + (demand ? actors::json::to_string(*demand) : demand.error().code);
  }
  for (const auto& [id, decided] : shop.stock.decided) text += "\n" + id + actors::json::to_string(decided);
  EXPECT_FALSE(shop.bench.tended({"Order", "o-1"}));
  return text;
}

/// Whoever orders waits until the order is there: it asks for its pieces again when the process that asked has died.
constexpr auto asked_again = 6s;

/// Does a step until it was done, as a broker and a client with an idempotency key would.
void insist(Shop& shop, const std::function<void(Shop&)>& step) {
  for (int tries = 0; tries < 10; ++tries) {
    bool done = true;
    try {
      step(shop);
    } catch (const SidecarError&) {
      done = false;
    }
    if (shop.bench.sidecar.crashed()) {
      shop.bench.restart();
      done = false;
    }
    if (!done) continue;
    if (tries > 0) shop.bench.advance(asked_again);
    return;
  }
  FAIL() << "never done";
}

std::string undisturbed(const Script& script) {
  Shop shop;
  for (const auto& step : script) step(shop);
  return outcome(shop);
}

TEST(Order, ends_the_same_when_everything_comes_three_times) {
  for (const auto& script : scripts()) {
    Shop shop;
    for (const auto& step : script)
      for (int i = 0; i < 3; ++i) step(shop);
    for (const auto& step : script) step(shop);
    EXPECT_EQ(outcome(shop), undisturbed(script));
  }
}

TEST(Order, ends_the_same_wherever_the_process_dies) {
  for (const auto& script : scripts()) {
    const auto expected = undisturbed(script);
    std::size_t crashes = 0;
    for (std::size_t step = 0; step < script.size(); ++step) {
      for (std::size_t n = 1;; ++n) {
        SCOPED_TRACE("dies in step " + std::to_string(step) + " after operation " + std::to_string(n));
        Shop shop;
        for (std::size_t i = 0; i < step; ++i) script[i](shop);
        const auto before = shop.bench.sidecar.operations();
        shop.bench.sidecar.crash_after(n);
        insist(shop, script[step]);
        const bool died = shop.bench.sidecar.operations() - before >= n && !shop.bench.sidecar.crashed();
        shop.bench.restart();
        shop.bench.advance(asked_again);
        for (std::size_t i = step; i < script.size(); ++i) insist(shop, script[i]);
        EXPECT_EQ(outcome(shop), expected);
        if (!died || n > 100) break;
        ++crashes;
      }
    }
    EXPECT_GE(crashes, 6u);
  }
}

TEST(Order, ends_the_same_when_commits_or_publishes_fail) {
  for (const auto& script : scripts()) {
    const auto expected = undisturbed(script);
    for (std::size_t step = 0; step < script.size(); ++step) {
      for (int fault = 0; fault < 4; ++fault) {
        SCOPED_TRACE("fault " + std::to_string(fault) + " in step " + std::to_string(step));
        Shop shop;
        for (std::size_t i = 0; i < script.size(); ++i) {
          if (i == step && fault < 2)
            shop.bench.sidecar.fail_next_commit(fault == 0 ? CommitFailure::NotStored
                                                           : CommitFailure::StoredButUnanswered);
          if (i == step && fault >= 2) shop.bench.sidecar.fail_publishes(fault - 1);
          insist(shop, script[i]);
        }
        shop.bench.advance(1min);  // what could not leave
        EXPECT_EQ(outcome(shop), expected);
      }
    }
  }
}

TEST(Order, whose_document_contradicts_itself_is_refused_and_its_document_kept) {
  Shop shop;
  shop.check_out();
  const auto good = actors::json::parse<OrderState>([&] {
    const actors::json::Document document(shop.document());
    return document.root().find("data").value().text();
  }());
  std::vector<OrderState> contradictions(9, good);
  contradictions[0].purchase.reset();
  contradictions[1].history.clear();
  contradictions[2].told = 2;
  contradictions[3].status = Status::None;
  contradictions[4].wanted = checkout();  // of an order that exists
  contradictions[5].ask_at = shop.bench.clock.now();
  contradictions[6].asked_again = -1;
  contradictions[7] = OrderState{};
  contradictions[7].status = Status::Asked;  // for what?
  contradictions[8] = contradictions[7];
  contradictions[8].wanted = checkout();  // and nobody would ask again
  for (const auto& state : contradictions) {
    Shop broken;
    const auto text = R"({"version":1,"data":)" + actors::json::to_string(state) + R"(,"outbox":[],"handled":[]})";
    broken.bench.sidecar.put({"Order", "o-1"}, "state", text);
    EXPECT_THROW(broken.view(), SidecarError) << text;
    EXPECT_THROW(broken.pay(), SidecarError) << text;
    EXPECT_EQ(broken.document(), text);
    EXPECT_THAT(broken.events(), IsEmpty());
  }
}

}  // namespace
}  // namespace shop::order
