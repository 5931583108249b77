/// A payment gateway for trying things out. It decides by token:
///
/// | token | what happens |
/// |---|---|
/// | tok_approve | approved |
/// | tok_decline | declined for good |
/// | tok_insufficient_funds | declined, may be retried |
/// | tok_flaky | unavailable twice (per idempotency key), then approved |
/// | tok_slow | approved after 5 s |
/// | any other | declined as unknown |
///
/// Its books are in the state store, and so the same for every replica and after every restart. A payment's account is
/// one item, which holds what was decided under each of its keys; a decision and its ledger entry are written in one
/// transaction, under the ETags they were made from. Whoever loses a race reads again and finds the winner's decision.
///
/// The ledger is spread over shards, so that payments that have nothing to do with each other seldom meet. A shard is a
/// head item with the newest entries and numbered pages with the older ones, which never change any more.
#pragma once

#include <dapr/actors/sidecar.hpp>

#include <functional>

#include "actors/payment/gateway.hpp"
#include "actors/shared/library.hpp"

namespace shop::payment {

class SimulatedGateway final : public Gateway {
 public:
  /// Resumes after a while, without holding a thread.
  using Sleep = std::function<actors::Task<void>(actors::Duration)>;

  /// `store` and `clock` outlive the gateway. `entries_per_page` belongs to the stored form: the ledger of a store is
  /// read as it was written.
  SimulatedGateway(actors::StateStore& store, const actors::Clock& clock, Sleep sleep,
                   std::size_t entries_per_page = 50);

  actors::Task<Verdict> charge(Charge charge) override;
  actors::Task<std::optional<Verdict>> find(PaymentId payment, std::string key) override;
  actors::Task<std::string> refund(Refund refund) override;
  actors::Task<actors::Result<LedgerPage>> ledger(std::string cursor, std::size_t limit) override;

 private:
  struct Account;
  struct Shard;
  /// Changes an account and says what is to be entered into the ledger; answers false if there is nothing to write. May
  /// be asked several times.
  using Decide = std::function<bool(Account& account, std::optional<LedgerEntry>& entry)>;
  actors::Task<void> decide(PaymentId payment, Decide decide);
  void enter(Shard& shard, LedgerEntry entry, const std::string& shard_key,
             std::vector<actors::StateChange>& changes) const;

  actors::StateStore& store_;
  const actors::Clock& clock_;
  const Sleep sleep_;
  const std::size_t entries_per_page_;
};

/// The gateway did not do it, this time.
class GatewayUnavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace shop::payment
