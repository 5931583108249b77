// Money moves from one account to another: a saga. No transaction spans two actors, so the transfer is an actor itself,
// which keeps what it intends in its state, does one step after the other, and takes the first step back if the second
// cannot be done. Each step may come twice: an account knows the transfers it has carried out.
#pragma once

#include <dapr/actors/actor.hpp>
#include <dapr/actors/filters.hpp>
#include <dapr/actors/state_machine.hpp>

#include <array>

namespace bank {

namespace actors = dapr::actors;
namespace json = dapr::actors::json;

// --- an account

/// Takes or gives: `amount` in minor units, below zero for what is taken.
struct Entry {
  std::string transfer;
  std::int64_t amount = 0;
  bool operator==(const Entry&) const = default;
  DAPR_ACTORS_JSON(transfer, amount)
};

/// As it was first stored: in whole euros.
struct AccountV1 {
  std::int64_t balance = 0;
  bool closed = false;
  DAPR_ACTORS_JSON(balance, closed)
};

struct AccountState {
  std::int64_t balance = 0;  ///< in cents
  bool closed = false;
  bool operator==(const AccountState&) const = default;
  DAPR_ACTORS_JSON(balance, closed)

  static constexpr int stored_form = 2;
  static AccountState upcast(AccountV1 older) { return {older.balance * 100, older.closed}; }
};

class Account final : public actors::Actor<AccountState> {
 public:
  /// The balance after it. An entry is booked once: it has a key of its own, in the same transaction as the balance.
  actors::Task<actors::Result<std::int64_t>> book(Entry entry) {
    const auto& account = std::as_const(*this).state();
    const auto key = "entry/" + entry.transfer;
    if (co_await read<Entry>(key)) co_return account.balance;
    if (account.closed) co_return actors::refuse(actors::Reason::Conflict, "closed", "the account is closed");
    if (account.balance + entry.amount < 0)
      co_return actors::refuse(actors::Reason::Conflict, "not_enough", "there is not so much on the account");
    state().balance += entry.amount;
    write(key, entry);
    co_return state().balance;
  }
  std::int64_t balance() const { return state().balance; }
  void close() { state().closed = true; }
};

// --- a transfer

struct Order {
  std::string from;
  std::string to;
  std::int64_t amount = 0;
  bool operator==(const Order&) const = default;
  DAPR_ACTORS_JSON(from, to, amount)
};

/// Where a transfer is. From `Taking` on it goes on by itself, until it is `Done` or `Refused`.
enum class Step { None, Taking, Giving, GivingBack, Done, Refused };
inline constexpr std::array step_names{std::pair{Step::None, "none"},     std::pair{Step::Taking, "taking"},
                                       std::pair{Step::Giving, "giving"}, std::pair{Step::GivingBack, "giving_back"},
                                       std::pair{Step::Done, "done"},     std::pair{Step::Refused, "refused"}};

/// What a step hears: the customer's order, or an account's answer.
enum class Word { Ordered, Booked, Refused };
inline constexpr actors::Transition<Step, Word> steps[] = {
    // clang-format off
    {Step::None,       Word::Ordered, Step::Taking},
    {Step::Taking,     Word::Booked,  Step::Giving},
    {Step::Taking,     Word::Refused, Step::Refused},
    {Step::Giving,     Word::Booked,  Step::Done},
    {Step::Giving,     Word::Refused, Step::GivingBack},
    {Step::GivingBack, Word::Booked,  Step::Refused},
    // clang-format on
};
using Saga = actors::StateMachine<steps, Step::None, Step::Done, Step::Refused>;
static_assert(Saga::reaches_each(step_names));

}  // namespace bank

template <>
struct dapr::actors::json::Codec<bank::Step> : EnumCodec<bank::Step, bank::step_names> {};

namespace bank {

struct TransferState {
  Step step = Step::None;
  Order order;
  std::optional<std::string> reason;  ///< why it was refused
  std::optional<actors::Time> next;   ///< when the step is tried again, while there is one
  bool operator==(const TransferState&) const = default;
  DAPR_ACTORS_JSON(step, order, reason, next)
};

class Transfer final : public actors::Actor<TransferState> {
 public:
  /// Begins; what becomes of it is seen by `view`. The same order again changes nothing.
  actors::Result<TransferState> start(const Order& order);
  TransferState view() const { return state(); }
  /// Does the step that is due. An account that cannot be reached throws, and the step is tried again.
  actors::Task<void> go_on();

  /// The first try comes right after the commit; this is for when that one is lost with its process.
  std::optional<actors::Time> due() const override { return state().next; }
  actors::Task<void> tend() override { return go_on(); }

 private:
  void enter(Step step);
};

}  // namespace bank

template <>
struct dapr::actors::Describe<bank::Account> {
  static constexpr auto table = dapr::actors::type<bank::Account>("Account")
                                    .method<&bank::Account::book>("Book")
                                    .method<&bank::Account::balance>("Balance")
                                    .method<&bank::Account::close>("Close");
};

template <>
struct dapr::actors::Describe<bank::Transfer> {
  static constexpr auto table = dapr::actors::type<bank::Transfer>("Transfer")
                                    .method<&bank::Transfer::start>("Start")
                                    .method<&bank::Transfer::view>("View")
                                    .method<&bank::Transfer::go_on>("GoOn");
};

namespace bank {

inline actors::Result<TransferState> Transfer::start(const Order& order) {
  if (order.amount <= 0)
    return actors::refuse(actors::Reason::Unprocessable, "no_amount", "transfer at least one minor unit");
  if (order.from == order.to) return actors::refuse(actors::Reason::Unprocessable, "same_account", "name two accounts");
  const auto& transfer = std::as_const(*this).state();
  if (transfer.step != Step::None && transfer.order != order)
    return actors::refuse(actors::Reason::Conflict, "another_order", "this transfer has another order");
  if (const auto next = Saga::next(transfer.step, Word::Ordered)) {
    state().order = order;
    enter(*next);
  }
  return transfer;
}

namespace detail {
/// A call of its own: the turn that asks for it is over by then.
inline actors::Task<void> go_on(actors::Calls calls, std::string id) {
  auto transfer = calls.proxy<Transfer>(std::move(id));
  co_await transfer.call<&Transfer::go_on>();
}
}  // namespace detail

inline void Transfer::enter(Step step) {
  auto& transfer = state();
  transfer.step = step;
  transfer.next.reset();
  if (Saga::is_final(step)) return;
  transfer.next = now() + std::chrono::seconds(5);
  after_commit([id = id()](actors::Calls calls) { return detail::go_on(std::move(calls), id); });
}

inline actors::Task<void> Transfer::go_on() {
  const auto transfer = view();
  const auto& [from, to, amount] = transfer.order;
  if (transfer.step == Step::None || Saga::is_final(transfer.step)) co_return;  // a repeated call is late
  const bool takes = transfer.step == Step::Taking, gives = transfer.step == Step::Giving;
  const auto in_time = calls().within(std::chrono::seconds(4));  // the next try comes after five
  const auto account = in_time.proxy<Account>(gives ? to : from);
  const auto entry = id() + (takes ? "/out" : gives ? "/in" : "/back");
  const auto booked = co_await account.call<&Account::book>(entry, takes ? -amount : amount);
  const auto next = Saga::next(transfer.step, booked ? Word::Booked : Word::Refused);
  // Nobody but a person can help where the first account has been closed meanwhile: it stays, and is tried again.
  if (!next) throw std::runtime_error("the account " + from + " does not take its money back: " + booked.error().code);
  if (!booked) state().reason = booked.error().code;
  enter(*next);
}

/// Nobody puts money on an account, or takes it, but a transfer.
class TransfersAlone final : public actors::TurnFilter {
 public:
  actors::Task<actors::Result<void>> before(const actors::TurnAhead& turn) override {
    const bool books = turn.kind == actors::EntryKind::Method && turn.method == "Book";
    if (books && turn.caller != "Transfer")
      co_return actors::refuse(actors::Reason::Forbidden, "transfers_alone", "money moves by transfers");
    co_return actors::Result<void>{};
  }
};

}  // namespace bank
