#include "actors/payment/payment.hpp"

#include <algorithm>

#include "actors/shared/patience.hpp"

namespace shop::payment {

using namespace std::chrono_literals;
using actors::Calls;
using actors::Duration;
using actors::Reason;
using actors::Result;
using actors::Task;

namespace {

/// Before a charge that was not answered is repeated, each time longer; after the last time the attempt has failed.
constexpr std::array<Duration, 6> pauses{1s, 2s, 4s, 8s, 15s, 30s};
/// When a charge has to be answered: the gateway's limit, and the way back.
constexpr Duration answer_limit = gateway_limit + 1s;
/// Each is kept, and each is a question to the gateway (docs/contracts.md).
constexpr int most_attempts = 20;
constexpr auto unavailable_reason = "gateway_unavailable";

/// For what is owed until it is done.
constexpr Patience doubt{1min, 1h};
constexpr Patience refunding{answer_limit, 1h};

tl::unexpected<actors::Refusal> unknown_payment(const std::string& id) {
  return actors::refuse(Reason::NotFound, "unknown_payment", "there is no payment " + id);
}

// Work after the commit. What it throws is left to `tend`.

Task<void> charge_at(Gateway* gateway, Calls calls, Charge charge, Charged answer) {
  const auto payment = calls.proxy<Payment>(charge.payment_id.value);
  try {
    answer.verdict = co_await gateway->charge(std::move(charge));
  } catch (const std::exception&) {
    answer.verdict.reset();  // whether it was charged is unknown
  }
  co_await actors::deliver(payment.call<&Payment::charged>(answer));
}

Task<void> ask_at(Gateway* gateway, Calls calls, PaymentId id, Charged answer) {
  const auto payment = calls.proxy<Payment>(id.value);
  answer.verdict = co_await gateway->find(std::move(id), answer.key);
  co_await actors::deliver(payment.call<&Payment::charged>(answer));
}

Task<void> refund_at(Gateway* gateway, Calls calls, Refund refund) {
  const auto payment = calls.proxy<Payment>(refund.payment_id.value);
  GaveBack answer;
  answer.reference = co_await gateway->refund(std::move(refund));
  co_await actors::deliver(payment.call<&Payment::gave_back>(answer));
}

}  // namespace

Result<PaymentView> Payment::view(const Party& to) const {
  if (!visible_to(to)) return unknown_payment(id());
  return shown();
}

Result<PaymentView> Payment::retry(const Retry& command) {
  if (!visible_to(command.by)) return unknown_payment(id());
  if (!Machine::next(state().status, Trigger::Retry))
    return actors::refuse(Reason::Conflict, "not_failed", "only a payment that has failed can be retried");
  if (attempt() >= most_attempts)
    return actors::refuse(Reason::Conflict, "no_attempts_left",
                          "a payment has " + std::to_string(most_attempts) + " attempts, and all of them have failed");
  open(command.payment_method.token);
  return shown();
}

void Payment::order_created(const order::Created& event) {
  tag("orderId", event.order_id.value);
  if (!Machine::next(state().status, Trigger::OrderCreated)) return;
  state().order_id = event.order_id;
  state().customer_id = event.customer_id;
  state().amount = event.total;
  open(event.payment_method.token);
}

void Payment::order_cancelled(const order::Cancelled& event) {
  tag("orderId", event.order_id.value);
  const auto next = Machine::next(state().status, Trigger::OrderCancelled);
  if (next == Status::Cancelling) state().status = *next;
  if (next == Status::Refunding) refund();
  if (next != Status::Cancelled) return;
  if (state().status == Status::None) {  // before its creation was heard of, which then changes nothing
    state().order_id = event.order_id;
    state().customer_id = event.customer_id;
    state().amount = event.total;
  }
  if (state().status == Status::Requested) conclude(Outcome::Cancelled, "order_cancelled");
  cancel();
}

void Payment::requested(const Requested& event) {
  tag("orderId", event.order_id.value);
  if (state().status == Status::None) throw std::runtime_error("the payment " + id() + " is not there yet");
  const auto next = Machine::next(state().status, Trigger::Requested);
  if (!next || event.attempt != attempt()) return;
  state().status = *next;
  charge();
}

void Payment::open(const std::string& token) {
  auto& payment = state();
  payment.status = Status::Requested;
  payment.attempts.push_back({attempt() + 1, now(), Outcome::Pending, std::nullopt, std::nullopt});
  payment.token = token;
  payment.tries = 0;
  payment.ask_at.reset();  // a doubt is settled by the charge to come, under the same key
  publish(Requested{PaymentId(id()), payment.order_id, attempt(), payment.amount});
}

void Payment::charge() {
  auto& payment = state();
  payment.tries += 1;
  payment.in_doubt = true;
  payment.ask_at = now() + answer_limit;
  const Charge charge{key(), PaymentId(id()), payment.order_id, payment.amount, payment.token};
  const Charged answer{key(), attempt(), payment.tries, std::nullopt};
  after_commit([gateway = &gateway_, charge, answer](Calls calls) {
    return charge_at(gateway, std::move(calls), charge, answer);
  });
}

void Payment::charged(const Charged& answer) {
  tag("orderId", state().order_id.value);
  if (answer.verdict && answer.verdict->approved) return approved(answer);
  if (answer.key != key() || answer.attempt != attempt()) return;  // of an attempt that is over
  if (answer.verdict) return declined(*answer.verdict);
  if (answer.tries == state().tries) unanswered();
}

void Payment::approved(const Charged& answer) {
  auto& payment = state();
  const auto next = Machine::next(payment.status, Trigger::Approved);
  if (!next || (payment.taken && payment.taken->key == answer.key)) return;
  auto& attempt = payment.attempts.at(static_cast<std::size_t>(answer.attempt) - 1);
  attempt.outcome = Outcome::Approved;
  attempt.reason.reset();
  attempt.gateway_reference = answer.verdict->reference;
  payment.taken = Taken{answer.key, answer.attempt, answer.verdict->reference};
  payment.in_doubt = false;
  payment.token.clear();
  payment.ask_at.reset();
  if (next == Status::Refunding) return refund();
  payment.status = *next;
  publish(Completed{PaymentId(id()), payment.order_id, answer.attempt, payment.amount, answer.verdict->reference});
}

void Payment::declined(const Verdict& verdict) {
  state().in_doubt = false;
  state().key_number += 1;
  const auto next = Machine::next(state().status, Trigger::Declined);
  if (!next) return state().ask_at.reset();
  conclude(Outcome::Declined, verdict.reason);
  next == Status::Cancelled ? cancel() : fail(verdict.reason, verdict.retryable);
}

void Payment::unanswered() {
  auto& payment = state();
  if (Machine::next(payment.status, Trigger::GivenUp)) {
    const auto repeats = static_cast<std::size_t>(payment.tries);
    if (repeats > pauses.size()) return give_up();
    payment.ask_at = now() + pauses[repeats - 1];
  } else if (payment.in_doubt) {  // asked about: the gateway has heard nothing of it
    payment.in_doubt = false;
    payment.ask_at.reset();
  }
}

void Payment::give_up() {
  const auto next = Machine::next(state().status, Trigger::GivenUp);
  conclude(Outcome::Unavailable, unavailable_reason);
  next == Status::Cancelled ? cancel() : fail(unavailable_reason, true);
}

void Payment::conclude(Outcome outcome, const std::string& reason) {
  auto& attempt = state().attempts.back();
  attempt.outcome = outcome;
  attempt.reason = reason;
}

void Payment::fail(const std::string& reason, bool retryable) {
  auto& payment = state();
  payment.status = Status::Failed;
  payment.token.clear();
  payment.ask_at = payment.in_doubt ? std::optional(doubt.until(now(), 0)) : std::nullopt;
  publish(Failed{PaymentId(id()), payment.order_id, attempt(), payment.amount, reason,
                 retryable && attempt() < most_attempts});
}

void Payment::cancel() {
  auto& payment = state();
  payment.status = Status::Cancelled;
  payment.token.clear();
  payment.ask_at = payment.in_doubt ? std::optional(doubt.until(now(), 0)) : std::nullopt;
}

void Payment::ask() {
  auto& payment = state();
  payment.tries += 1;
  payment.ask_at =
      doubt.until(now(), payment.tries - static_cast<int>(pauses.size()) - 1);  // counted on from the charges
  const Charged answer{key(), attempt(), payment.tries, std::nullopt};
  after_commit([gateway = &gateway_, id = PaymentId(id()), answer](Calls calls) {
    return ask_at(gateway, std::move(calls), id, answer);
  });
}

void Payment::refund() {
  auto& payment = state();
  payment.tries = payment.status == Status::Refunding ? payment.tries + 1 : 0;
  payment.status = Status::Refunding;
  payment.ask_at = refunding.until(now(), payment.tries);
  const Refund refund{payment.taken->key + "-refund", PaymentId(id()), payment.taken->key};
  after_commit([gateway = &gateway_, refund](Calls calls) { return refund_at(gateway, std::move(calls), refund); });
}

void Payment::gave_back(const GaveBack& answer) {
  tag("orderId", state().order_id.value);
  auto& payment = state();
  const auto next = Machine::next(payment.status, Trigger::GaveBack);
  if (!next) return;
  payment.status = *next;
  payment.ask_at.reset();
  publish(Refunded{PaymentId(id()), payment.order_id, payment.taken->attempt, payment.amount, answer.reference});
}

Task<void> Payment::on_activate() {
  const auto& payment = state();
  const auto is = [&](std::initializer_list<Status> any) {
    return std::find(any.begin(), any.end(), payment.status) != any.end();
  };
  const bool was_tried = !is({Status::None, Status::Cancelled});
  const bool was_taken = is({Status::Completed, Status::Refunding, Status::Refunded});
  const bool is_asked = is({Status::Processing, Status::Cancelling});
  if ((was_tried && payment.attempts.empty()) || (was_taken && !payment.taken) || payment.tries < (is_asked ? 1 : 0))
    throw std::runtime_error("the stored payment " + id() + " contradicts itself: status, attempts, taken, tries");
  co_return;
}

Task<void> Payment::tend() {
  tag("orderId", state().order_id.value);
  switch (state().status) {
    case Status::Processing:
    case Status::Cancelling: static_cast<std::size_t>(state().tries) <= pauses.size() ? charge() : give_up(); break;
    case Status::Refunding: refund(); break;
    default: ask();
  }
  co_return;
}

std::string Payment::key() const {
  return id() + "-" + std::to_string(state().key_number);
}

bool Payment::visible_to(const Party& party) const {
  return state().status != Status::None && party.may_access(state().customer_id);
}

PaymentView Payment::shown() const {
  const auto& payment = state();
  tag("orderId", payment.order_id.value);
  const auto status = payment.status == Status::Cancelling ? Status::Processing : payment.status;
  return {PaymentId(id()), payment.order_id, status, payment.amount, payment.attempts, version()};
}

}  // namespace shop::payment
