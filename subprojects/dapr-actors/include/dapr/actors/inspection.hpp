/// Which actors a host has in memory, for people who look into it: `Host::active_actors`, and the route
/// `GET /actors/active` where `HostSettings::lists_actors` is set.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dapr/actors/json.hpp"
#include "dapr/actors/time.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

/// An actor as it is at the moment; a moment later it may be otherwise.
struct ActiveActor {
  std::string type;
  std::string id;
  std::optional<Time> since;  ///< when its state was loaded; none while it is not in memory, but being called
  bool busy = false;          ///< somebody is inside, or on the way in: a turn, a deactivation
  std::int64_t waiting = 0;   ///< who comes after that one
  std::int64_t version = 0;   ///< of its state
  std::int64_t unsent = 0;    ///< events that are committed and have not left
  bool operator==(const ActiveActor&) const = default;
  DAPR_ACTORS_JSON(type, id, since, busy, waiting, version, unsent)
};

struct ActiveActors {
  std::vector<ActiveActor> actors;  ///< by type and id
  bool more = false;                ///< there are more than was asked for
  DAPR_ACTORS_JSON(actors, more)
};

}  // namespace dapr::actors

#pragma GCC visibility pop
