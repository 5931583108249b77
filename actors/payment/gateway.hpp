/// The port that payments are made through. `SimulatedGateway` stands behind it; another provider is another
/// implementation.
///
/// What is asked under one idempotency key happens at most once, however often it is asked. An operation that throws
/// has an unknown outcome: it may have happened, and is asked about or repeated under the same key. Operations may be
/// started from any thread, the same one twice at a time, and end within `gateway_limit`.
#pragma once

#include <dapr/actors/task.hpp>

#include <optional>
#include <string>
#include <vector>

#include "actors/shared/library.hpp"
#include "actors/shared/values.hpp"

namespace shop::payment {

/// A gateway that has not answered by then is unavailable.
inline constexpr actors::Duration gateway_limit = std::chrono::seconds(9);

/// Money to be taken from whom `token` stands for.
struct Charge {
  std::string key;
  PaymentId payment_id;
  OrderId order_id;
  Money amount;
  std::string token;
};

/// All the money that was charged under `charge_key`, to be given back.
struct Refund {
  std::string key;
  PaymentId payment_id;
  std::string charge_key;
};

/// The gateway's definite answer about a key; it never changes.
struct Verdict {
  bool approved = false;
  std::string reference;   ///< the gateway's own, of an approved charge
  std::string reason;      ///< of a declined one, snake_case
  bool retryable = false;  ///< of a declined one: might the same means of payment do later?
  bool operator==(const Verdict&) const = default;
  DAPR_ACTORS_JSON(approved, reference, reason, retryable)
  DAPR_ACTORS_JSON_DEFAULTED(reference, reason, retryable)
};

/// Money that moved.
struct LedgerEntry {
  PaymentId payment_id;
  OrderId order_id;
  std::string key;
  std::string kind;  ///< `charge` or `refund`
  Money amount;
  actors::Time at;
  bool operator==(const LedgerEntry&) const = default;
  DAPR_ACTORS_JSON(payment_id, order_id, key, kind, amount, at)
};

struct LedgerPage {
  std::vector<LedgerEntry> items;
  std::optional<std::string> next_cursor;
  DAPR_ACTORS_JSON(items, next_cursor)
};

class Gateway {
 public:
  virtual ~Gateway() = default;
  virtual actors::Task<Verdict> charge(Charge charge) = 0;
  /// What became of a key; none if the gateway never decided about it.
  virtual actors::Task<std::optional<Verdict>> find(PaymentId payment, std::string key) = 0;
  /// Answers the gateway's reference of the refund.
  virtual actors::Task<std::string> refund(Refund refund) = 0;
  /// All money that moved, oldest first, at most `limit` entries from where `cursor` (of an earlier page; empty: the
  /// beginning) ends. What is added meanwhile is on a later page. Refuses a cursor it did not give: Invalid
  /// `invalid_cursor`.
  virtual actors::Task<actors::Result<LedgerPage>> ledger(std::string cursor, std::size_t limit) = 0;
};

}  // namespace shop::payment
