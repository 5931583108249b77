/// A gateway that does what a test tells it to. Its books live as long as it does: longer than the process a bench
/// ends.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "actors/payment/gateway.hpp"
#include "actors/shared/library.hpp"

namespace shop::payment {

class ScriptedGateway final : public Gateway {
 public:
  enum class Act {
    Approve,
    Decline,         ///< may be retried
    Refuse,          ///< declined for good
    Fail,            ///< unavailable, nothing happened
    ApproveAndFail,  ///< charged, but the answer is lost
    Hold,            ///< answers when the test says so
  };

  /// What the next operations that reach the gateway do; after the last, it approves.
  void script(std::vector<Act> acts) { script_.assign(acts.begin(), acts.end()); }
  void refuse_refunds(int times) { refund_failures_ = times; }
  /// The charges on hold are answered now.
  void answer(Act act) {
    for (auto& [charge, done] : std::exchange(held_, {})) {
      if (act == Act::Fail)
        done.fail(std::make_exception_ptr(std::runtime_error("timed out")));
      else
        done(decide(charge, act));
    }
  }
  /// Runs when a charge arrives.
  std::function<void(const Charge&)> on_charge;

  std::vector<Charge> charges;       ///< as they were asked for
  std::vector<std::string> asked;    ///< keys
  std::vector<std::string> refunds;  ///< as they were asked for, by key
  /// Money: of all keys together, what was taken and not given back.
  std::int64_t held_money() const {
    std::int64_t sum = 0;
    for (const auto& [key, amount] : taken_) sum += amount;
    for (const auto& [key, amount] : returned_) sum -= amount;
    return sum;
  }
  std::size_t times_taken() const { return taken_.size(); }
  std::size_t times_returned() const { return returned_.size(); }

  actors::Task<Verdict> charge(Charge charge) override {
    charges.push_back(charge);
    if (on_charge) on_charge(charge);
    if (const auto known = decided_.find(charge.key); known != decided_.end()) co_return known->second;
    const auto act = next();
    if (act == Act::Fail) throw std::runtime_error("unavailable");
    if (act == Act::Hold) {
      const auto hold = [this, charge](actors::Completion<Verdict> done) { held_.emplace_back(charge, done); };
      co_return co_await actors::suspend<Verdict>(hold);
    }
    const auto verdict = decide(charge, act);
    if (act == Act::ApproveAndFail) throw std::runtime_error("the answer is lost");
    co_return verdict;
  }
  actors::Task<std::optional<Verdict>> find(PaymentId, std::string key) override {
    asked.push_back(key);
    if (!script_.empty() && next() == Act::Fail) throw std::runtime_error("unavailable");
    const auto known = decided_.find(key);
    co_return known == decided_.end() ? std::nullopt : std::optional(known->second);
  }
  actors::Task<std::string> refund(Refund refund) override {
    refunds.push_back(refund.key);
    if (refund_failures_ > 0) {
      --refund_failures_;
      throw std::runtime_error("unavailable");
    }
    returned_[refund.key] = taken_[refund.charge_key];
    co_return "ref-" + refund.key;
  }
  actors::Task<actors::Result<LedgerPage>> ledger(std::string, std::size_t) override { co_return LedgerPage{}; }

 private:
  Act next() {
    if (script_.empty()) return Act::Approve;
    const auto act = script_.front();
    script_.pop_front();
    return act;
  }
  Verdict decide(const Charge& charge, Act act) {
    if (const auto known = decided_.find(charge.key); known != decided_.end()) return known->second;
    Verdict verdict;
    if (act == Act::Decline) verdict = {false, "", "insufficient_funds", true};
    if (act == Act::Refuse) verdict = {false, "", "card_declined", false};
    if (act == Act::Approve || act == Act::ApproveAndFail) {
      verdict = {true, "ref-" + charge.key, "", false};
      taken_[charge.key] = charge.amount.amount;
    }
    return decided_[charge.key] = verdict;
  }

  std::deque<Act> script_;
  int refund_failures_ = 0;
  std::vector<std::pair<Charge, actors::Completion<Verdict>>> held_;
  std::map<std::string, Verdict> decided_;
  std::map<std::string, std::int64_t> taken_;
  std::map<std::string, std::int64_t> returned_;
};

}  // namespace shop::payment
