#include "actors/payment/simulated_gateway.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <random>

namespace shop::payment {

/// An amount as it is stored: Dapr's state transactions read numbers as fractions, which are exact to 2^53 alone. What
/// is beyond is written as text.
struct StoredMoney {
  Money money;
};

struct StoredEntry {
  PaymentId payment_id;
  OrderId order_id;
  std::string key;
  std::string kind;
  StoredMoney amount;
  actors::Time at;
  DAPR_ACTORS_JSON(payment_id, order_id, key, kind, amount, at)

  StoredEntry() = default;
  explicit StoredEntry(LedgerEntry entry)
      : payment_id(std::move(entry.payment_id)),
        order_id(std::move(entry.order_id)),
        key(std::move(entry.key)),
        kind(std::move(entry.kind)),
        amount{std::move(entry.amount)},
        at(entry.at) {}
  LedgerEntry entry() const { return {payment_id, order_id, key, kind, amount.money, at}; }
};

}  // namespace shop::payment

namespace dapr::actors::json {
template <>
struct Codec<shop::payment::StoredMoney> {
  static constexpr std::int64_t most_exact = std::int64_t{1} << 53;
  struct AsText {
    std::string amount;
    std::string currency;
    DAPR_ACTORS_JSON(amount, currency)
  };
  static void write(Writer& writer, const shop::payment::StoredMoney& stored) {
    const auto& money = stored.money;
    if (money.amount > most_exact || money.amount < -most_exact)
      json::write(writer, AsText{std::to_string(money.amount), money.currency});
    else
      json::write(writer, money);
  }
  static void read(const Value& from, shop::payment::StoredMoney& stored, Reading& reading) {
    const auto amount = from.find("amount");
    if (!amount || !amount->is_string()) return json::read(from, stored.money, reading);
    AsText text;
    json::read(from, text, reading);
    stored.money.currency = text.currency;
    const auto* const end = text.amount.data() + text.amount.size();
    const auto [rest, error] = std::from_chars(text.amount.data(), end, stored.money.amount);
    if (error != std::errc{} || rest != end) reading.fail("must be an amount");
  }
};
}  // namespace dapr::actors::json

namespace shop::payment {

using namespace std::chrono_literals;
using actors::Duration;
using actors::Reason;
using actors::Result;
using actors::StateChange;
using actors::StateItem;
using actors::Task;

namespace {

constexpr std::size_t shards = 16;
/// A transaction that lost a race is made anew this often.
constexpr int rounds = 20;
constexpr int flaky_refusals = 2;
constexpr Duration slow_answer = 5s;

struct Decision {
  std::string key;
  int refusals = 0;  ///< how often the gateway was "unavailable" for this key
  std::optional<Verdict> verdict;
  DAPR_ACTORS_JSON(key, refusals, verdict)
};

/// The charge that succeeded, and what gave it back.
struct Success {
  std::string key;
  OrderId order_id;
  StoredMoney amount;
  std::optional<std::string> refund_reference;
  DAPR_ACTORS_JSON(key, order_id, amount, refund_reference)
};

std::string account_key(const PaymentId& payment) {
  return "gateway-account-" + payment.value;
}

/// FNV-1a: the same on every build and host.
std::size_t shard_of(const PaymentId& payment) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : payment.value) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return (hash >> 32) % shards;
}
std::string shard_key(std::size_t shard) {
  return "gateway-ledger-" + std::to_string(shard);
}
std::string page_key(const std::string& shard, std::size_t page) {
  return shard + "-" + std::to_string(page);
}

std::string etag_of(const std::optional<StateItem>& item) {
  return item ? item->etag : "";
}

template <class T>
T content(const std::optional<StateItem>& item) {
  return item ? actors::json::parse<T>(item->value) : T{};
}

StateChange written(std::string key, std::string value, const std::optional<StateItem>& before) {
  return {std::move(key), std::move(value), etag_of(before), {}, !before};
}

Duration jitter(int round) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return Duration(std::uniform_int_distribution<int>(1, 10 * (round + 1))(random));
}

Verdict approve(const std::string& key) {
  return {true, "sim-" + key, "", false};
}
Verdict decline(std::string reason, bool retryable) {
  return {false, "", std::move(reason), retryable};
}

Verdict verdict_by_token(const Charge& charge) {
  const auto& token = charge.token;
  if (token == "tok_approve" || token == "tok_flaky" || token == "tok_slow") return approve(charge.key);
  if (token == "tok_decline") return decline("card_declined", false);
  if (token == "tok_insufficient_funds") return decline("insufficient_funds", true);
  return decline("unknown_token", false);
}

/// A cursor says of every shard how many of its entries were given out: numbers, with dots between them.
using Positions = std::array<std::size_t, shards>;

std::string cursor_of(const Positions& positions) {
  std::string cursor;
  for (const auto position : positions) cursor += (cursor.empty() ? "" : ".") + std::to_string(position);
  return cursor;
}

std::optional<Positions> positions_of(const std::string& cursor) {
  Positions positions{};
  if (cursor.empty()) return positions;
  const char* at = cursor.data();
  const char* const end = at + cursor.size();
  for (std::size_t i = 0; i < shards; ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return std::nullopt;
    const auto [next, error] = std::from_chars(at, end, positions[i]);
    if (error != std::errc{}) return std::nullopt;
    at = next;
  }
  return at == end ? std::optional(positions) : std::nullopt;
}

}  // namespace

struct SimulatedGateway::Account {
  std::vector<Decision> decisions;
  std::optional<Success> success;
  DAPR_ACTORS_JSON(decisions, success)

  Decision* find(const std::string& key) {
    const auto found =
        std::find_if(decisions.begin(), decisions.end(), [&](const auto& decision) { return decision.key == key; });
    return found == decisions.end() ? nullptr : &*found;
  }
};

struct SimulatedGateway::Shard {
  std::size_t pages = 0;  ///< full ones
  std::vector<StoredEntry> entries;
  actors::Time last;
  DAPR_ACTORS_JSON(pages, entries, last)
};

SimulatedGateway::SimulatedGateway(actors::StateStore& store, const actors::Clock& clock, Sleep sleep,
                                   std::size_t entries_per_page)
    : store_(store), clock_(clock), sleep_(std::move(sleep)), entries_per_page_(entries_per_page) {}

Task<Verdict> SimulatedGateway::charge(Charge charge) {
  if (charge.token == "tok_slow") co_await sleep_(slow_answer);
  std::optional<Verdict> verdict;
  Decide by_token = [&charge, &verdict](Account& account, std::optional<LedgerEntry>& entry) {
    verdict.reset();
    auto* decision = account.find(charge.key);
    if (decision && decision->verdict) {
      verdict = decision->verdict;
      return false;
    }
    if (!decision) decision = &account.decisions.emplace_back(Decision{charge.key, 0, std::nullopt});
    if (charge.token == "tok_flaky" && decision->refusals < flaky_refusals) {
      decision->refusals += 1;
      return true;
    }
    verdict = account.success ? decline("already_charged", false) : verdict_by_token(charge);
    decision->verdict = verdict;
    if (verdict->approved) {
      account.success = Success{charge.key, charge.order_id, {charge.amount}, std::nullopt};
      entry = LedgerEntry{charge.payment_id, charge.order_id, charge.key, "charge", charge.amount, {}};
    }
    return true;
  };
  co_await decide(charge.payment_id, by_token);
  if (!verdict) throw GatewayUnavailable("the gateway is unavailable");
  co_return *verdict;
}

Task<std::optional<Verdict>> SimulatedGateway::find(PaymentId payment, std::string key) {
  auto item = account_key(payment);
  auto account = content<Account>(co_await store_.get(std::move(item)));
  const auto* decision = account.find(key);
  co_return decision ? decision->verdict : std::nullopt;
}

Task<std::string> SimulatedGateway::refund(Refund refund) {
  std::string reference;
  Decide once = [&refund, &reference](Account& account, std::optional<LedgerEntry>& entry) {
    if (!account.success || account.success->key != refund.charge_key)
      throw std::logic_error("nothing was charged under " + refund.charge_key);
    auto& success = *account.success;
    const bool already = success.refund_reference.has_value();
    if (!already) {
      success.refund_reference = "sim-" + refund.key;
      entry = LedgerEntry{refund.payment_id, success.order_id, refund.key, "refund", success.amount.money, {}};
    }
    reference = *success.refund_reference;
    return !already;
  };
  co_await decide(refund.payment_id, once);
  co_return reference;
}

Task<void> SimulatedGateway::decide(PaymentId payment, Decide decide) {
  const std::vector<std::string> keys{account_key(payment), shard_key(shard_of(payment))};
  std::exception_ptr failure;
  std::vector<std::string> etags;  // under which the last transaction was tried
  for (int round = 0; round < rounds; ++round) {
    if (failure) co_await sleep_(jitter(round));
    const auto items = co_await store_.get_all(keys);
    const std::vector<std::string> read{etag_of(items[0]), etag_of(items[1])};
    // Dapr answers a lost race like an outage: only the first has moved an ETag.
    if (failure && read == etags) std::rethrow_exception(failure);
    etags = read;

    auto account = content<Account>(items[0]);
    std::optional<LedgerEntry> entry;
    if (!decide(account, entry)) co_return;
    std::vector<StateChange> changes{written(keys[0], actors::json::to_string(account), items[0])};
    if (entry) {
      auto shard = content<Shard>(items[1]);
      enter(shard, std::move(*entry), keys[1], changes);
      changes.push_back(written(keys[1], actors::json::to_string(shard), items[1]));
    }
    failure = nullptr;
    try {
      co_await store_.transact(std::move(changes));
    } catch (const actors::SidecarError&) {
      failure = std::current_exception();
    }
    if (!failure) co_return;
  }
  std::rethrow_exception(failure);
}

void SimulatedGateway::enter(Shard& shard, LedgerEntry entry, const std::string& shard_key,
                             std::vector<StateChange>& changes) const {
  shard.last = entry.at = std::max(shard.last, clock_.now());  // in order, whichever replica's clock is behind
  if (shard.entries.size() == entries_per_page_) {
    changes.push_back({page_key(shard_key, shard.pages), actors::json::to_string(shard.entries), "", {}, true});
    shard.pages += 1;
    shard.entries.clear();
  }
  shard.entries.emplace_back(std::move(entry));
}

Task<Result<LedgerPage>> SimulatedGateway::ledger(std::string cursor, std::size_t limit) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < shards; ++i) keys.push_back(shard_key(i));
  const auto heads = co_await store_.get_all(keys);

  auto positions = positions_of(cursor);
  std::vector<Shard> books;
  for (std::size_t i = 0; i < shards; ++i) {
    books.push_back(content<Shard>(heads[i]));
    const auto entries = books[i].pages * entries_per_page_ + books[i].entries.size();
    if (positions && (*positions)[i] > entries) positions.reset();
  }
  if (!positions)
    co_return actors::refuse(Reason::Invalid, "invalid_cursor", "the cursor is none that this list has given out");

  // Of every shard the page that its position is in; the head's entries are the page after the last full one.
  std::vector<std::vector<StoredEntry>> pages(shards);
  const auto turn_to = [&](std::size_t shard) -> std::optional<std::string> {
    const auto page = (*positions)[shard] / entries_per_page_;
    if (page < books[shard].pages) return page_key(keys[shard], page);
    pages[shard] = page == books[shard].pages ? books[shard].entries : std::vector<StoredEntry>{};
    return std::nullopt;
  };
  for (std::size_t i = 0; i < shards; ++i)
    if (const auto key = turn_to(i)) pages[i] = content<std::vector<StoredEntry>>(co_await store_.get(*key));

  LedgerPage result;
  for (;;) {
    std::optional<std::size_t> oldest;
    const auto next = [&](std::size_t shard) -> const StoredEntry& {
      return pages[shard][(*positions)[shard] % entries_per_page_];
    };
    for (std::size_t i = 0; i < shards; ++i) {
      const auto entries = books[i].pages * entries_per_page_ + books[i].entries.size();
      if ((*positions)[i] < entries && (!oldest || next(i).at < next(*oldest).at)) oldest = i;
    }
    if (!oldest) co_return result;
    if (result.items.size() == limit) {
      result.next_cursor = cursor_of(*positions);
      co_return result;
    }
    result.items.push_back(next(*oldest).entry());
    (*positions)[*oldest] += 1;
    if ((*positions)[*oldest] % entries_per_page_ == 0)
      if (const auto key = turn_to(*oldest))
        pages[*oldest] = content<std::vector<StoredEntry>>(co_await store_.get(*key));
  }
}

}  // namespace shop::payment
