/// How what changes in an order reaches those who watch it, wherever they are (docs/decisions/0031).
///
/// A replica with open streams *watches*: it asks the order, which answers with what is new and has its own process,
/// the *teller*, note the replica. After each commit the teller sends the news to the replicas that it has noted, under
/// the names of actor types that only they host. Nothing of this is stored. What can get lost with a process is asked
/// for again; versions without a gap show that nothing is missing.
#pragma once

#include <dapr/actors/json.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "actors/shared/library.hpp"
#include "actors/shared/party.hpp"

namespace shop::order {

/// An order as it was after a change.
struct OrderEvent {
  std::int64_t version = 0;
  bool last = false;        ///< nothing can follow
  actors::json::Raw order;  ///< as a reader sees it, in one line
  bool operator==(const OrderEvent&) const = default;
  DAPR_ACTORS_JSON(version, last, order)
};

struct Watch {
  Party by;
  std::optional<std::int64_t> after;   ///< the version that is known; without one, the newest state is all that counts
  std::optional<std::string> watcher;  ///< who is to be told of what follows
  DAPR_ACTORS_JSON(by, after, watcher)
};

/// A process that tells, under a name that no process had before, and its term: what it had noted in an earlier one is
/// forgotten.
struct TellerTerm {
  std::string name;
  std::int64_t term = 0;
  bool operator==(const TellerTerm&) const = default;
  DAPR_ACTORS_JSON(name, term)
};

struct Watched {
  std::optional<TellerTerm> teller;  ///< who tells of what follows; none: nobody does
  std::int64_t version = 0;          ///< the order's
  bool last = false;                 ///< nothing can follow
  std::vector<OrderEvent> events;    ///< what is new to who asked, without a gap, up to `version`
  DAPR_ACTORS_JSON(teller, version, last, events)
};

struct OrderNews {
  OrderId order_id;
  OrderEvent event;
  DAPR_ACTORS_JSON(order_id, event)
};

/// From a teller to one of those who watch; also without anything new, as a sign that it is there.
struct WatchNews {
  TellerTerm teller;
  std::vector<OrderNews> events;
  std::vector<OrderId> left;  ///< not here any more: nobody tells of them until they are asked for again
  DAPR_ACTORS_JSON(teller, events, left)
};
struct Heard {
  std::vector<OrderId> unwatched;  ///< nobody here watches these any more
  DAPR_ACTORS_JSON(unwatched)
};

/// What an order tells its own process. Called from its turns; must not throw.
class Watchers {
 public:
  using EventsAfter = std::function<std::vector<OrderEvent>(std::int64_t version)>;

  virtual ~Watchers() = default;
  /// `watcher` knows the order as of `version`, and is told of what follows.
  virtual std::optional<TellerTerm> watch(const OrderId& order, const std::string& watcher, std::int64_t version) = 0;
  /// `version` of the order is stored; `events` is called, before this returns, only if somebody watches.
  virtual void changed(const OrderId& order, std::int64_t version, const EventsAfter& events) = 0;
  /// The order is not here any more, and may go on somewhere else.
  virtual void left(const OrderId& order) = 0;
};

}  // namespace shop::order
