#include "actors/order/order.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "actors/order/customer_orders.hpp"
#include "actors/order/product_demand.hpp"
#include "actors/shared/patience.hpp"

namespace shop::order {

using actors::Calls;
using actors::Reason;
using actors::Result;
using actors::Task;
using actors::Time;

namespace {

constexpr auto deadline_passed = "payment_deadline_passed";
constexpr auto cancelled_by_customer = "cancelled_by_customer";
/// How long somebody has to do what an order wants of him, before he is asked again.
constexpr Patience telling{std::chrono::seconds(30), std::chrono::minutes(4)};
constexpr Patience asking{std::chrono::seconds(5), std::chrono::seconds(30)};
constexpr auto out_of_stock = "out_of_stock";

tl::unexpected<actors::Refusal> unknown_order(const std::string& id) {
  return actors::refuse(Reason::NotFound, "unknown_order", "there is no order " + id);
}

/// What others are to know of an order's changes.
struct News {
  OrderId order_id;
  std::optional<CustomerId> customer_id;
  ListedOrder listed;
  std::map<ProductId, std::int64_t> sold;
  int changes = 0;
};

Task<void> spread(Calls calls, News news, std::shared_ptr<AllOrdersDesk> desk) {
  if (news.customer_id) {
    const auto list = calls.proxy<CustomerOrders>(actor_id_of(*news.customer_id));
    co_await actors::deliver(list.call<&CustomerOrders::note>(news.listed));
  }
  co_await desk->tell(calls, news.listed);
  for (const auto& [product, quantity] : news.sold) {
    const auto demand = calls.proxy<ProductDemand>(product.value);
    const CountSale sale{news.order_id, quantity};
    co_await actors::deliver(demand.call<&ProductDemand::count_sale>(sale));
  }
  const auto order = calls.proxy<Order>(news.order_id.value);
  const Told told{news.changes, true};
  co_await actors::deliver(order.call<&Order::told>(told));
}

/// All of a product in one line, whatever the checkout says.
product::Reserve pieces_of(const std::vector<Line>& lines) {
  product::Reserve pieces;
  for (const auto& line : lines) {
    const auto same = std::find_if(pieces.lines.begin(), pieces.lines.end(),
                                   [&](const auto& wanted) { return wanted.product_id == line.product_id; });
    if (same == pieces.lines.end())
      pieces.lines.push_back({line.product_id, line.quantity});
    else
      same->quantity += line.quantity;
  }
  return pieces;
}

/// Services answer errors as problems (RFC 9457), a sidecar as plain JSON.
bool is_problem(const actors::HttpAnswer& answer) {
  constexpr std::string_view media_type = "application/problem+json";
  return answer.content_type.compare(0, media_type.size(), media_type) == 0;
}

Task<void> reserve(Calls calls, OrderId order_id, product::Reserve pieces) {
  actors::HttpRequest request;
  request.verb = "PUT";
  request.path = "/internal/reservations/" + order_id.value;  // ids need no escaping
  request.body = actors::json::to_string(pieces);
  const auto answer = co_await calls.invoke("product-service", std::move(request));
  // 400: nobody can have such pieces, and nobody ever will, if it is the service that says so: a sidecar's 400 says
  // nothing about pieces. Whatever else is not an answer comes later.
  const bool is_refused = answer.status == 400 && is_problem(answer);
  if (answer.status != 200 && !is_refused)
    throw actors::SidecarError(answer.status, "RESERVATION",
                               "the product service answered " + std::to_string(answer.status));
  const auto outcome = answer.status == 200 ? actors::json::parse<product::Reserved>(answer.body) : product::Reserved{};
  const auto order = calls.proxy<Order>(order_id.value);
  co_await actors::deliver(order.call<&Order::reserved>(outcome));
}

OrderEvent event_of(const OrderView& view) {
  return {view.version, Machine::is_final(view.status), {actors::json::to_string(view)}};
}

}  // namespace

std::vector<OrderView> changes_after(std::int64_t after, const OrderView& now,
                                     const std::vector<std::string>& later_failures) {
  std::vector<OrderView> changes;
  const auto add = [&](OrderView view) {
    if (view.version > after && view.version < now.version) changes.push_back(std::move(view));
  };
  // A version for each entry of the history, and one for each further failure, which come together: a payment that has
  // failed is where an order is only once.
  const auto further = std::max<std::int64_t>(now.version - static_cast<std::int64_t>(now.history.size()), 0);
  OrderView view = now;
  view.history.clear();
  view.version = 0;
  view.payment_id.reset();
  for (const auto& change : now.history) {
    view.history.push_back(change);
    view.status = change.status;
    view.version += 1;
    if (change.status != Status::Created) view.payment_id = now.payment_id;
    view.failure_reason = change.status == Status::PaymentFailed ? change.reason : std::nullopt;
    view.tracking_number = change.status == Status::Shipped ? now.tracking_number : std::nullopt;
    add(view);
    if (change.status != Status::PaymentFailed) continue;
    // Of an order from before they were kept, the first ones are not known any more.
    const auto known = static_cast<std::int64_t>(later_failures.size());
    for (std::int64_t i = known - further; i < known; ++i) {
      if (i >= 0) view.failure_reason = later_failures[static_cast<std::size_t>(i)];
      view.version += 1;
      add(view);
    }
  }
  if (now.version > after) changes.push_back(now);
  return changes;
}

Order::~Order() {
  if (watched_as_) watchers_->left(*watched_as_);
}

Result<OrderView> Order::view(const Party& to) const {
  if (!exists_for(to)) return unknown_order(id());
  return shown();
}

Result<Watched> Order::watch(const Watch& request) const {
  if (!exists_for(request.by)) return unknown_order(id());
  const auto newest = state().version;
  // Versions that this order never had tell nothing of what the client has seen.
  const bool follows = request.after && *request.after >= 0 && *request.after <= newest;
  Watched watched{{}, newest, Machine::is_final(state().status), events_after(follows ? *request.after : newest - 1)};
  if (watchers_ && request.watcher && !watched.last)
    watched.teller = watchers_->watch(OrderId(id()), *request.watcher, newest);
  return watched;
}

std::vector<OrderEvent> Order::events_after(std::int64_t version) const {
  std::vector<OrderEvent> events;
  static const std::vector<std::string> none;
  auto now = shown();
  now.unlisted.reset();  // nobody's business outside
  for (const auto& view : changes_after(version, now, state().later_failures ? *state().later_failures : none))
    events.push_back(event_of(view));
  return events;
}

void Order::on_committed() {
  if (!watchers_ || !state().purchase) return;
  watchers_->changed(OrderId(id()), state().version, [this](std::int64_t version) { return events_after(version); });
}

Result<OrderView> Order::cancel(const Cancel& command) {
  if (!exists_for(command.by)) return unknown_order(id());
  return decide(Trigger::Cancel, command.reason.value_or(cancelled_by_customer));
}

Result<OrderView> Order::ship(const Ship& command) {
  return decide(Trigger::Ship, std::nullopt, command.tracking_number);
}

void Order::checkout_completed(const cart::CheckoutCompleted& event) {
  tag("cartId", event.cart_id.value);
  const auto next = Machine::next(state().status, Trigger::CheckoutCompleted);
  if (!next) return;
  state().status = *next;
  state().wanted = event;
  ask();
}

/// The intention is in the document before anybody is asked: whatever dies now, pieces that are reserved for this order
/// are found by it (docs/decisions/0025).
void Order::ask() {
  auto& order = state();
  order.ask_at = asking.until(now(), order.asked_again);
  if (asking_.lock()) return;  // who asks here has not got the answer yet
  const auto in_hand = std::make_shared<const bool>();
  asking_ = in_hand;
  after_commit([id = OrderId(id()), pieces = pieces_of(order.wanted->lines), in_hand](Calls calls) {
    return reserve(std::move(calls), id, pieces);
  });
}

void Order::reserved(const product::Reserved& outcome) {
  const auto next = Machine::next(state().status, outcome.held ? Trigger::Held : Trigger::Refused);
  if (!next) return;
  const auto wanted = *std::exchange(state().wanted, {});
  const auto early = std::exchange(state().payment, {});
  tag("cartId", wanted.cart_id.value);
  state().ask_at.reset();
  state().asked_again = 0;
  state().purchase = Purchase{wanted.cart_id, wanted.customer_id, wanted.lines, wanted.total, wanted.shipping_address};
  if (!outcome.held) {
    std::string missing;
    for (const auto& [product, available] : outcome.shortages)
      missing += (missing.empty() ? "" : ", ") + product.value + ": " + std::to_string(available);
    if (!missing.empty()) tag("available", missing);
    state().failure_reason = out_of_stock;
    return enter(*next, out_of_stock);
  }
  state().pay_by = now() + payment_deadline_;
  publish(Created{OrderId(id()), wanted.customer_id, wanted.total,
                  wanted.payment_method});  // the only one to see the token
  enter(*next, std::nullopt);
  if (early) hear(*early);
}

void Order::payment_completed(const payment::Completed& event) {
  hear({event.payment_id, event.attempt, std::nullopt});
}

void Order::payment_failed(const payment::Failed& event) {
  hear({event.payment_id, event.attempt, event.reason});
}

void Order::payment_refunded(const payment::Refunded& event) {
  tag("paymentId", event.payment_id.value);
  if (state().purchase && !state().refunded_at) state().refunded_at = now();
}

void Order::hear(PaymentOutcome outcome) {
  tag("paymentId", outcome.payment_id.value);
  const auto known = state().payment;
  const bool newer = !known || outcome.attempt > known->attempt;
  if (!exists(state().status)) {  // remembered until it does: a success is final, of failures the newest counts
    if (!outcome.failure || (newer && (!known || known->failure))) state().payment = outcome;
  } else if (state().status == Status::PaymentFailed && outcome.failure) {
    if (!newer) return;
    state().payment = outcome;
    state().failure_reason = outcome.failure;
    state().version += 1;
    if (!state().later_failures) state().later_failures.emplace();
    state().later_failures->push_back(*outcome.failure);
  } else if (const auto next =
                 Machine::next(state().status, outcome.failure ? Trigger::PaymentFailed : Trigger::PaymentCompleted)) {
    state().payment = outcome;
    state().failure_reason = outcome.failure;
    enter(*next, outcome.failure);
  }
}

Result<OrderView> Order::decide(Trigger trigger, std::optional<std::string> reason,
                                std::optional<std::string> tracking) {
  if (!exists(state().status)) return unknown_order(id());
  const auto next = Machine::next(state().status, trigger);
  const auto wanted = trigger == Trigger::Ship ? Status::Shipped : Status::Cancelled;
  if (next)
    enter(*next, std::move(reason), std::move(tracking));
  else if (state().status != wanted)
    return trigger == Trigger::Ship
               ? actors::refuse(Reason::Conflict, "not_confirmed", "only an order that is confirmed can be shipped")
               : actors::refuse(Reason::Conflict, "already_shipped",
                                "the order is on its way and cannot be cancelled any more");
  return shown();
}

/// Every change of status goes through here.
void Order::enter(Status status, std::optional<std::string> reason, std::optional<std::string> tracking) {
  auto& order = state();
  const auto& purchase = *order.purchase;
  const auto before = order.status;
  order.status = status;
  order.version += 1;
  order.history.push_back({status, now(), reason});
  if (!awaits_payment(status)) order.pay_by.reset();
  if (status == Status::Confirmed)
    publish(Confirmed{OrderId(id()), purchase.customer_id, purchase.lines, purchase.total, order.payment->payment_id});
  if (status == Status::Cancelled && exists(before))  // of one that never was there is nothing to stop or to give back
    publish(Cancelled{OrderId(id()), purchase.customer_id, purchase.lines, purchase.total, *reason,
                      before == Status::Confirmed});
  if (status == Status::Shipped) {
    order.tracking_number = tracking;
    publish(Shipped{OrderId(id()), purchase.customer_id, std::move(tracking)});
  }
  tell();
}

void Order::tell() {
  const auto& order = state();
  const auto& purchase = *order.purchase;
  News news{OrderId(id()), purchase.customer_id, {}, {}, static_cast<int>(order.history.size())};
  news.listed = {news.order_id, order.history.front().at, order.status, news.changes};
  const auto sold = std::find_if(order.history.begin() + order.told, order.history.end(),
                                 [](const auto& change) { return change.status == Status::Confirmed; });
  if (sold != order.history.end())
    for (const auto& line : purchase.lines) news.sold[line.product_id] += line.quantity;
  state().tell_at = telling.until(now(), order.told_again);
  after_commit([news, desk = desk_](Calls calls) { return spread(std::move(calls), news, desk); }, actors::Work::News);
}

void Order::told(const Told& news) {
  auto& order = state();
  const auto changes = static_cast<int>(order.history.size());
  if (news.changes < changes) return;  // who tells of the others tells of these too: that is one write less
  order.told = changes;
  order.listed = order.listed || news.listed;
  order.tell_at.reset();
  order.told_again = 0;
}

Task<void> Order::on_activate() {
  const auto& order = state();
  const bool is_there = exists(order.status), asks = order.status == Status::Asked;
  if (order.purchase.has_value() != is_there || order.history.empty() == is_there || order.told < 0 ||
      static_cast<std::size_t>(order.told) > order.history.size() || order.told_again < 0 ||
      order.wanted.has_value() != asks || order.ask_at.has_value() != asks || order.asked_again < 0)
    throw std::runtime_error(
        "the stored order " + id() +
        " contradicts itself: status, purchase, history, told, toldAgain, wanted, askAt, askedAgain");
  if (watchers_) {
    watched_as_ = OrderId(id());
    on_committed();  // another process may have gone on with the order meanwhile
  }
  co_return;
}

std::optional<Time> Order::due() const {
  std::optional<Time> first;
  for (const auto& time : {state().ask_at, state().pay_by, state().tell_at})
    if (time && (!first || *time < *first)) first = time;
  return first;
}

Task<void> Order::tend() {
  const auto next = Machine::next(state().status, Trigger::Deadline);
  if (state().ask_at && *state().ask_at <= now()) {
    ++state().asked_again;
    ask();
  } else if (state().pay_by && *state().pay_by <= now() && next) {
    state().failure_reason = deadline_passed;
    enter(*next, deadline_passed);
  } else if (state().tell_at && *state().tell_at <= now()) {
    ++state().told_again;
    tell();
  }
  co_return;
}

bool Order::unlisted() const {
  return exists(state().status) && !state().listed && !state().tell_at;
}

void Order::list() {
  if (unlisted()) tell();
}

bool Order::exists_for(const Party& party) const {
  return state().purchase && party.may_access(state().purchase->customer_id);
}

OrderView Order::shown() const {
  const auto& order = state();
  const auto& purchase = *order.purchase;
  tag("cartId", purchase.cart_id.value);
  return {OrderId(id()),
          purchase.cart_id,
          purchase.customer_id,
          order.status,
          purchase.lines,
          purchase.total,
          order.payment ? std::optional(order.payment->payment_id) : std::nullopt,
          order.failure_reason,
          order.tracking_number,
          order.history,
          order.version,
          unlisted() ? std::optional(true) : std::nullopt};
}

}  // namespace shop::order
