/// An order, from checkout to shipment. What may happen when stands in order_states.hpp.
///
/// The order's id is chosen by the cart at checkout; the actor's id is the order's. What it wants of others it keeps in
/// its document first, asks for after the commit, and asks for again from `tend` until it has the answer, so that a
/// crash in between loses nothing: the product service for the pieces that were checked out (before that the order is
/// there for nobody), and the lists of orders and the products' demand to hear of its changes.
#pragma once

#include <dapr/actors/actor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/cart/contract.hpp"
#include "actors/order/all_orders.hpp"
#include "actors/order/contract.hpp"
#include "actors/order/order_states.hpp"
#include "actors/order/watch.hpp"
#include "actors/payment/contract.hpp"
#include "actors/product/contract.hpp"
#include "actors/shared/library.hpp"
#include "actors/shared/party.hpp"

namespace shop::order {

struct Cancel {
  Party by;
  std::optional<std::string> reason;
  DAPR_ACTORS_JSON(by, reason)
};

struct Ship {
  std::optional<std::string> tracking_number;
  DAPR_ACTORS_JSON(tracking_number)
};

/// The customer's list and the products' demand know the order's first `changes` changes of status, and so does the
/// list of all orders (`listed`), unless a version told them that does not know it.
struct Told {
  int changes = 0;
  bool listed = false;
  DAPR_ACTORS_JSON(changes, listed)
  DAPR_ACTORS_JSON_DEFAULTED(listed)
};

struct Change {
  Status status = Status::None;
  actors::Time at;
  std::optional<std::string> reason;
  bool operator==(const Change&) const = default;
  DAPR_ACTORS_JSON(status, at, reason)
};

/// What is bought by whom; it never changes.
struct Purchase {
  CartId cart_id;
  std::optional<CustomerId> customer_id;
  std::vector<Line> lines;
  Money total;
  Address shipping_address;
  bool operator==(const Purchase&) const = default;
  DAPR_ACTORS_JSON(cart_id, customer_id, lines, total, shipping_address)
};

/// What became of an attempt to pay; without `failure` it succeeded.
struct PaymentOutcome {
  PaymentId payment_id;
  int attempt = 0;
  std::optional<std::string> failure;
  bool operator==(const PaymentOutcome&) const = default;
  DAPR_ACTORS_JSON(payment_id, attempt, failure)
};

struct OrderState {
  Status status = Status::None;
  std::int64_t version = 0;               ///< grows with what a reader sees, unlike the document's
  std::optional<Purchase> purchase;       ///< of every order that exists
  std::optional<PaymentOutcome> payment;  ///< the last one; of an order that does not exist yet, remembered for it
  std::optional<std::string> failure_reason;
  std::optional<actors::Time> pay_by;  ///< while it is not paid
  std::optional<actors::Time> refunded_at;
  std::vector<Change> history;
  int told = 0;                         ///< how many of these the list and the demand know
  std::optional<actors::Time> tell_at;  ///< when they are told again, unless they know all
  int told_again = 0;                   ///< how often they had to be
  bool listed = false;                  ///< the list of all orders has it: not of an order from before that list
  /// What was checked out, until it is known whether its pieces can be had; it holds the payment token.
  std::optional<cart::CheckoutCompleted> wanted;
  std::optional<actors::Time> ask_at;  ///< when they are asked for again
  int asked_again = 0;                 ///< how often they had to be
  /// Why payments failed after the first that did: each was a version of its own, and the history has the first alone.
  std::optional<std::vector<std::string>> later_failures;
  std::optional<std::string> tracking_number;  ///< of an order that was shipped with one
  bool operator==(const OrderState&) const = default;
  DAPR_ACTORS_JSON(status, version, purchase, payment, failure_reason, pay_by, refunded_at, history, told, tell_at,
                   told_again, listed, wanted, ask_at, asked_again, later_failures, tracking_number)
  DAPR_ACTORS_JSON_DEFAULTED(told_again, listed, asked_again)
};

/// The order as its customer sees it. A guest's has no `customerId`.
struct OrderView {
  OrderId id;
  CartId cart_id;
  std::optional<CustomerId> customer_id;
  Status status = Status::None;
  std::vector<Line> lines;
  Money total;
  std::optional<PaymentId> payment_id;
  std::optional<std::string> failure_reason;
  std::optional<std::string> tracking_number;  ///< once it is shipped, if there is one
  std::vector<Change> history;
  std::int64_t version = 0;
  /// Between services only: the list of all orders does not have it yet, and nobody is telling it (`Order::list`).
  std::optional<bool> unlisted = {};
  bool operator==(const OrderView&) const = default;
  DAPR_ACTORS_JSON(id, cart_id, customer_id, status, lines, total, payment_id, failure_reason, tracking_number, history,
                   version, unlisted)
};

/// What a reader saw of the order after each change of it that is newer than version `after`, up to `now`.
std::vector<OrderView> changes_after(std::int64_t after, const OrderView& now,
                                     const std::vector<std::string>& later_failures);

class Order final : public actors::Actor<OrderState> {
 public:
  /// An order that is not paid after `payment_deadline` is cancelled. `desk` tells the list of all orders for all
  /// orders of a process. `watchers` are told of what is committed here; they outlive the host.
  explicit Order(actors::Duration payment_deadline = std::chrono::minutes(15),
                 std::shared_ptr<AllOrdersDesk> desk = std::make_shared<AllOrdersDesk>(), Watchers* watchers = nullptr)
      : payment_deadline_(payment_deadline), desk_(std::move(desk)), watchers_(watchers) {}
  ~Order() override;

  /// An order of somebody else's is refused like one that does not exist: NotFound `unknown_order`.
  actors::Result<OrderView> view(const Party& to) const;
  /// The same as events, and from now on what is committed is told to who asks, as long as this activation lives.
  actors::Result<Watched> watch(const Watch& request) const;
  /// Conflict `already_shipped`. What is cancelled stays cancelled, for the first reason.
  actors::Result<OrderView> cancel(const Cancel& command);
  /// Conflict `not_confirmed`.
  actors::Result<OrderView> ship(const Ship& command);

  /// Asks for the pieces.
  void checkout_completed(const cart::CheckoutCompleted& event);
  /// The product service's word on them, which the order brings itself: with it the order is created, or cancelled
  /// (`out_of_stock`). One that comes twice or late changes nothing.
  void reserved(const product::Reserved& outcome);
  void payment_completed(const payment::Completed& event);
  void payment_failed(const payment::Failed& event);
  /// Kept, and not shown: a refund follows a cancellation, which the history has.
  void payment_refunded(const payment::Refunded& event);

  void told(const Told& news);
  /// Tells the list of all orders, if it is one from before that list.
  void list();

  /// Refuses a document whose parts contradict one another: what the turns rely on.
  actors::Task<void> on_activate() override;
  void on_committed() override;
  std::optional<actors::Time> due() const override;
  actors::Task<void> tend() override;

 private:
  std::vector<OrderEvent> events_after(std::int64_t version) const;
  bool exists_for(const Party& party) const;
  bool unlisted() const;
  OrderView shown() const;
  actors::Result<OrderView> decide(Trigger trigger, std::optional<std::string> reason,
                                   std::optional<std::string> tracking = {});
  void hear(PaymentOutcome outcome);
  void enter(Status status, std::optional<std::string> reason, std::optional<std::string> tracking = {});
  void tell();
  void ask();

  std::weak_ptr<const void> asking_;  // whoever asks for the pieces owns it
  const actors::Duration payment_deadline_;
  const std::shared_ptr<AllOrdersDesk> desk_;
  Watchers* const watchers_;
  std::optional<OrderId> watched_as_;  // what the watchers know it as: a destructor belongs to no turn
};

}  // namespace shop::order

template <>
struct actors::Describe<shop::order::Order> {
  using Order = shop::order::Order;
  static constexpr auto table = actors::type<Order>("Order")
                                    .method<&Order::view>("View")
                                    .method<&Order::watch>("Watch")
                                    .method<&Order::cancel>("Cancel")
                                    .method<&Order::ship>("Ship")
                                    .method<&Order::checkout_completed>("CheckoutCompleted")
                                    .method<&Order::reserved>("Reserved")
                                    .method<&Order::payment_completed>("PaymentCompleted")
                                    .method<&Order::payment_failed>("PaymentFailed")
                                    .method<&Order::payment_refunded>("PaymentRefunded")
                                    .method<&Order::told>("Told")
                                    .method<&Order::list>("List")
                                    // Each order tells several others: were all of them told at once, the events
                                    // that make new orders, ten at a time, would wait behind them for the store.
                                    // Pieces are asked for by more: what waits together for one product is reserved
                                    // with one write, and an order that waits is there for nobody.
                                    .settings({.work_at_once = 32, .news_at_once = 16});
};
