/// How long something is waited for before it is tried again: each time twice as long, since whoever is late may have
/// more to do than can be done.
#pragma once

#include <dapr/actors/time.hpp>

#include <algorithm>

#include "actors/shared/library.hpp"

namespace shop {

struct Patience {
  actors::Duration first;
  actors::Duration most;
  /// `tries`: how often it was tried again already; of a stored number, which may be any.
  constexpr actors::Duration after(int tries) const { return std::min(first * (1 << std::clamp(tries, 0, 10)), most); }
  constexpr actors::Time until(actors::Time now, int tries) const { return now + after(tries); }
};

}  // namespace shop
