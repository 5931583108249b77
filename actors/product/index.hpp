/// The list of all products, in a fixed number of shards by a hash of the id, and the events that wait in them.
///
/// Each replica keeps all shards in memory and reads again those that changed: it looks at the small heads, at most
/// once a second. What it wrote itself it sees at once. An event is committed in the head of its product's shard, in
/// the transaction that makes it true, published after it, and taken off the head with the next write of it. An event
/// that a replica left behind (it died between the two) is published by whichever replica finds it some seconds later;
/// it has the same id.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/runtime/observer.hpp"
#include "actors/product/documents.hpp"
#include "actors/runtime/records/lanes.hpp"
#include "actors/runtime/records/transaction.hpp"

namespace shop::product {

inline constexpr std::size_t shard_count = 64;  // never to be changed: it decides where a product is
/// At most as old is the list that a client sees.
inline constexpr actors::Duration list_age = std::chrono::seconds(1);
/// How often a replica without visitors looks at the heads.
inline constexpr actors::Duration idle_age = std::chrono::seconds(3);
/// An event that a replica has seen waiting for so long was left behind: until then it is the business of who committed
/// it.
inline constexpr actors::Duration left_behind = std::chrono::seconds(6);

std::size_t shard_of(const ProductId& id);
std::string head_key(std::size_t shard);
std::string shard_key(std::size_t shard);

/// One shard and its head, in a transaction.
struct Slice {
  std::size_t number = 0;
  Head head;
  Shard shard;

  const Entry* find(const ProductId& id) const;
  void put(Entry entry);
  void erase(const ProductId& id);
};

/// All products, in the order of their names (by code point), then ids. Never changes.
struct ProductList {
  std::vector<std::shared_ptr<const Shard>> shards;
  std::vector<const Entry*> by_name;
};

/// Thread-safe.
class Index {
 public:
  Index(actors::StateStore& store, actors::Sidecar& sidecar, const actors::Clock& clock, actors::Observer& observer,
        Transactions& transactions, Lanes& lanes);

  // In a transaction that reads the head's and the shard's key.
  Slice slice(const Items& items, std::size_t number) const;
  /// Writes the slice as its next version; `event` waits in it. Throws ItemTooLarge, and SidecarError while so many
  /// events wait that the broker must be down.
  void save(Items& items, Slice& slice, std::optional<PendingEvent> event) const;

  /// What this replica wrote, after the transaction.
  void learn(const Slice& slice);
  /// Publishes an event that `learn` has seen. A failure is reported, not thrown: the event stays where it is.
  actors::Task<void> publish(std::size_t shard, PendingEvent event);

  /// Reads what changed, unless that was done less than `age` ago.
  actors::Task<void> refresh(actors::Duration age = list_age);
  std::shared_ptr<const ProductList> list();
  /// What the list says of a product; none if it does not know it.
  std::optional<bool> in_stock(const ProductId& id) const;
  /// Has the list follow the product's stock.
  actors::Task<void> follow_stock(ProductId id);
  /// The same with the next `tend`.
  void follow_stock_later(const ProductId& id);

  /// To be called about once a second: refreshes, publishes what was left behind, takes off the heads what has left,
  /// and has the list follow the stock.
  actors::Task<void> tend();

 private:
  struct Known {
    Head head;
    std::shared_ptr<const Shard> shard = std::make_shared<Shard>();
    // Of events in the head, by id.
    std::map<std::string, Time> seen;  ///< since when
    std::set<std::string> leaving;     ///< being published by this replica right now
    std::set<std::string> left;
  };
  static int waiting(const Known& known);
  void learn_locked(std::size_t number, const Head& head, std::shared_ptr<const Shard> shard);
  std::vector<std::pair<std::size_t, PendingEvent>> overdue() const;
  actors::Task<void> take_off(std::vector<std::size_t> numbers);

  actors::StateStore& store_;
  actors::Sidecar& sidecar_;
  const actors::Clock& clock_;
  actors::Observer& observer_;
  Transactions& transactions_;
  Lanes& lanes_;

  mutable std::mutex mutex_;
  std::array<Known, shard_count> known_;
  std::shared_ptr<const ProductList> list_;
  std::optional<Time> refreshed_;
  std::set<ProductId> to_follow_;
};

}  // namespace shop::product
