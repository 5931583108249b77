/// What stands between a host and its sidecar where a test put something there: it sees every effect and may delay it,
/// spoil it or end the process. Production has none, and no switch that could bring one in.
#pragma once

#include <string_view>

#include "dapr/actors/sidecar.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

/// An answer that is about to leave the app channel. `idempotency_key` is the request's, empty for a read.
struct LeavingAnswer {
  std::string_view verb;
  std::string_view target;
  std::string_view idempotency_key;
  int status = 0;
};

/// Outlives its host. Called from any thread of the host.
class Intermediary {
 public:
  virtual ~Intermediary() = default;
  /// What the host's actors work with in place of `real`, which outlives it. Asked for before the host starts, once for
  /// the sidecar and for each store.
  virtual Sidecar& between(Sidecar& real) = 0;
  virtual StateStore& between(StateStore& real) = 0;
  virtual void answering(const LeavingAnswer& answer) = 0;
};

}  // namespace dapr::actors

#pragma GCC visibility pop
