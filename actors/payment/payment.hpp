/// The payment of an order. What may happen when stands in payment_states.hpp.
///
/// The actor's id is `payment_of` the order's. Money moves outside the turns: a turn commits what is wanted and its
/// idempotency key, the gateway is asked after the commit without the actor's lock, and its answer comes back as a call
/// of its own; `tend` asks again when none came. The key changes only after a definite decline, so that a charge whose
/// outcome is unknown can be asked about, or repeated, without being made twice.
#pragma once

#include <dapr/actors/actor.hpp>

#include <optional>
#include <string>
#include <vector>

#include "actors/order/contract.hpp"
#include "actors/payment/contract.hpp"
#include "actors/payment/gateway.hpp"
#include "actors/payment/payment_states.hpp"
#include "actors/shared/library.hpp"
#include "actors/shared/party.hpp"

namespace shop::payment {

struct Retry {
  Party by;
  PaymentMethod payment_method;
  DAPR_ACTORS_JSON(by, payment_method)
};

/// What the gateway said of a charge, or was found to have said. Without a verdict: nothing, yet.
struct Charged {
  std::string key;
  int attempt = 0;
  int tries = 0;  ///< which of the attempt's charges
  std::optional<Verdict> verdict;
  DAPR_ACTORS_JSON(key, attempt, tries, verdict)
};

struct GaveBack {
  std::string reference;
  DAPR_ACTORS_JSON(reference)
};

struct Attempt {
  int number = 0;
  actors::Time at;
  Outcome outcome = Outcome::Pending;
  std::optional<std::string> reason;
  std::optional<std::string> gateway_reference;
  bool operator==(const Attempt&) const = default;
  DAPR_ACTORS_JSON(number, at, outcome, reason, gateway_reference)
};

/// A charge that was made.
struct Taken {
  std::string key;
  int attempt = 0;
  std::string reference;
  bool operator==(const Taken&) const = default;
  DAPR_ACTORS_JSON(key, attempt, reference)
};

struct PaymentState {
  Status status = Status::None;
  OrderId order_id;
  std::optional<CustomerId> customer_id;
  Money amount;
  std::vector<Attempt> attempts;
  std::string token;                   ///< of the attempt in hand, and no longer
  int key_number = 1;                  ///< of the idempotency key in use
  bool in_doubt = false;               ///< something was asked under that key, and there is no definite answer yet
  int tries = 0;                       ///< how often the gateway was asked for what is in hand
  std::optional<actors::Time> ask_at;  ///< when it is asked again
  std::optional<Taken> taken;
  bool operator==(const PaymentState&) const = default;
  DAPR_ACTORS_JSON(status, order_id, customer_id, amount, attempts, token, key_number, in_doubt, tries, ask_at, taken)
};

/// The payment as its customer sees it.
struct PaymentView {
  PaymentId id;
  OrderId order_id;
  Status status = Status::None;
  Money amount;
  std::vector<Attempt> attempts;
  std::int64_t version = 0;
  bool operator==(const PaymentView&) const = default;
  DAPR_ACTORS_JSON(id, order_id, status, amount, attempts, version)
};

class Payment final : public actors::Actor<PaymentState> {
 public:
  /// `gateway` outlives the actor and its work.
  explicit Payment(Gateway& gateway) : gateway_(gateway) {}

  /// A payment of somebody else's is refused like one that does not exist: NotFound `unknown_payment`.
  actors::Result<PaymentView> view(const Party& to) const;
  /// Another attempt, with these means. Conflict `not_failed`.
  actors::Result<PaymentView> retry(const Retry& command);

  void order_created(const order::Created& event);
  void order_cancelled(const order::Cancelled& event);
  /// Throws, to be delivered again, if the payment is not there yet.
  void requested(const Requested& event);

  void charged(const Charged& answer);
  void gave_back(const GaveBack& answer);

  /// Refuses a document whose parts contradict one another: what the turns rely on.
  actors::Task<void> on_activate() override;
  std::optional<actors::Time> due() const override { return state().ask_at; }
  actors::Task<void> tend() override;

 private:
  bool visible_to(const Party& party) const;
  PaymentView shown() const;
  std::string key() const;
  int attempt() const { return static_cast<int>(state().attempts.size()); }

  void open(const std::string& token);
  void charge();
  void approved(const Charged& answer);
  void declined(const Verdict& verdict);
  void unanswered();
  void give_up();
  void conclude(Outcome outcome, const std::string& reason);
  void fail(const std::string& reason, bool retryable);
  void cancel();
  void ask();
  void refund();

  Gateway& gateway_;
};

}  // namespace shop::payment

template <>
struct actors::Describe<shop::payment::Payment> {
  using Payment = shop::payment::Payment;
  static constexpr auto table = actors::type<Payment>("Payment")
                                    .method<&Payment::view>("View")
                                    .method<&Payment::retry>("Retry")
                                    .method<&Payment::order_created>("OrderCreated")
                                    .method<&Payment::order_cancelled>("OrderCancelled")
                                    .method<&Payment::requested>("Requested")
                                    .method<&Payment::charged>("Charged")
                                    .method<&Payment::gave_back>("GaveBack")
                                    .settings({.tend_period = std::chrono::seconds(10)});
};
