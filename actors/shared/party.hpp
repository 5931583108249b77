/// On whose behalf a thing is looked at or changed, and whether that party may.
#pragma once

#include "actors/shared/library.hpp"
#include "actors/shared/values.hpp"

namespace shop {

/// A customer, an administrator, or (neither) a guest.
struct Party {
  std::optional<CustomerId> customer_id;
  bool admin = false;

  /// A thing without an owner may be used by whoever knows its id. To all but its owner and administrators, an owned
  /// one does not exist.
  bool may_access(const std::optional<CustomerId>& owner) const { return !owner || admin || customer_id == owner; }

  bool operator==(const Party&) const = default;
  DAPR_ACTORS_JSON(customer_id, admin)
  DAPR_ACTORS_JSON_DEFAULTED(admin)
};

}  // namespace shop
