#include "actors/order/order.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "actors/order/customer_orders.hpp"
#include "actors/order/product_demand.hpp"

namespace shop::order {

using actors::Calls;
using actors::Reason;
using actors::Result;
using actors::Task;
using actors::Time;

namespace {

constexpr auto deadline_passed = "payment_deadline_passed";
constexpr auto cancelled_by_customer = "cancelled_by_customer";
/// How long whoever is to be told has, before they are told again: each time twice as long, since they may be late
/// because there is more to do than can be done.
constexpr auto telling_takes = std::chrono::seconds(30);
constexpr int most_doublings = 3;

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

Task<void> spread(Calls calls, News news) {
  if (news.customer_id) {
    const auto list = calls.proxy<CustomerOrders>(actor_id_of(*news.customer_id));
    co_await actors::deliver(list.call<&CustomerOrders::note>(news.listed));
  }
  for (const auto& [product, quantity] : news.sold) {
    const auto demand = calls.proxy<ProductDemand>(product.value);
    const CountSale sale{news.order_id, quantity};
    co_await actors::deliver(demand.call<&ProductDemand::count_sale>(sale));
  }
  const auto order = calls.proxy<Order>(news.order_id.value);
  const Told told{news.changes};
  co_await actors::deliver(order.call<&Order::told>(told));
}

}  // namespace

Result<OrderView> Order::view(const Party& to) const {
  if (!exists_for(to)) return unknown_order(id());
  return shown();
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
  if (step(state().status, Trigger::CheckoutCompleted).kind != Step::Kind::Enter) return;
  state().purchase = Purchase{event.cart_id, event.customer_id, event.lines, event.total, event.shipping_address};
  state().pay_by = now() + payment_deadline_;
  publish(
      Created{OrderId(id()), event.customer_id, event.total, event.payment_method});  // the only one to see the token
  enter(Status::Created, std::nullopt);
  if (const auto early = std::exchange(state().payment, {})) hear(*early);
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
  const auto next = step(state().status, outcome.failure ? Trigger::PaymentFailed : Trigger::PaymentCompleted);
  switch (next.kind) {
    case Step::Kind::Remember:  // a success is final, of failures the newest counts
      if (!outcome.failure || (newer && (!known || known->failure))) state().payment = outcome;
      return;
    case Step::Kind::NewReason:
      if (!newer) return;
      state().payment = outcome;
      state().failure_reason = outcome.failure;
      state().version += 1;
      return;
    case Step::Kind::Enter:
      state().payment = outcome;
      state().failure_reason = outcome.failure;
      enter(next.to, outcome.failure);
      return;
    default: return;
  }
}

Result<OrderView> Order::decide(Trigger trigger, std::optional<std::string> reason,
                                std::optional<std::string> tracking) {
  const auto next = step(state().status, trigger);
  if (next.kind == Step::Kind::Unknown) return unknown_order(id());
  if (next.kind == Step::Kind::Conflict)
    return trigger == Trigger::Ship
               ? actors::refuse(Reason::Conflict, "not_confirmed", "only an order that is confirmed can be shipped")
               : actors::refuse(Reason::Conflict, "already_shipped",
                                "the order is on its way and cannot be cancelled any more");
  if (next.kind == Step::Kind::Enter) enter(next.to, std::move(reason), std::move(tracking));
  return shown();
}

/// Every change of status goes through here.
void Order::enter(Status status, std::optional<std::string> reason, std::optional<std::string> tracking) {
  auto& order = state();
  const auto& purchase = *order.purchase;
  const bool was_confirmed = order.status == Status::Confirmed;
  order.status = status;
  order.version += 1;
  order.history.push_back({status, now(), reason});
  if (!awaits_payment(status)) order.pay_by.reset();
  if (status == Status::Confirmed)
    publish(Confirmed{OrderId(id()), purchase.customer_id, purchase.lines, purchase.total, order.payment->payment_id});
  if (status == Status::Cancelled)
    publish(Cancelled{OrderId(id()), purchase.customer_id, purchase.lines, purchase.total, *reason, was_confirmed});
  if (status == Status::Shipped) publish(Shipped{OrderId(id()), purchase.customer_id, std::move(tracking)});
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
  if (!news.customer_id && news.sold.empty()) return told({news.changes});  // a guest's order is in no list
  state().tell_at = now() + telling_takes * (1 << std::min(order.told_again, most_doublings));
  after_commit([news](Calls calls) { return spread(std::move(calls), news); });
}

void Order::told(const Told& news) {
  auto& order = state();
  const auto changes = static_cast<int>(order.history.size());
  order.told = std::max(order.told, std::min(news.changes, changes));
  if (order.told < changes) return;
  order.tell_at.reset();
  order.told_again = 0;
}

Task<void> Order::on_activate() {
  const auto& order = state();
  const bool exists = order.status != Status::None;
  if (order.purchase.has_value() != exists || order.history.empty() == exists || order.told < 0 ||
      static_cast<std::size_t>(order.told) > order.history.size() || order.told_again < 0)
    throw std::runtime_error("the stored order " + id() +
                             " contradicts itself: status, purchase, history, told, toldAgain");
  co_return;
}

std::optional<Time> Order::due() const {
  const auto& [pay_by, tell_at] = std::tie(state().pay_by, state().tell_at);
  return pay_by && tell_at ? std::min(pay_by, tell_at) : pay_by ? pay_by : tell_at;
}

Task<void> Order::tend() {
  const auto next = step(state().status, Trigger::Deadline);
  if (state().pay_by && *state().pay_by <= now() && next.kind == Step::Kind::Enter) {
    state().failure_reason = deadline_passed;
    enter(next.to, deadline_passed);
  } else if (state().tell_at && *state().tell_at <= now()) {
    ++state().told_again;
    tell();
  }
  co_return;
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
          order.history,
          order.version};
}

}  // namespace shop::order
