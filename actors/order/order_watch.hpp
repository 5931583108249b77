/// How a process is told of orders that it watches: an actor without a state, of a type that no other process hosts. So
/// a call of it reaches this process through the sidecars, which know where it is and that it is one of ours.
#pragma once

#include <dapr/actors/actor.hpp>

#include "actors/order/feed.hpp"
#include "actors/shared/library.hpp"

namespace shop::order {

struct NoState {
  bool operator==(const NoState&) const = default;
  DAPR_ACTORS_JSON()
};

/// Its id is the teller's name, so that one who is slow keeps nobody else waiting.
class OrderWatch final : public actors::Actor<NoState> {
 public:
  explicit OrderWatch(Feed& feed) : feed_(feed) {}
  Heard hear(const WatchNews& news) const { return feed_.hear(news); }

 private:
  Feed& feed_;
};

}  // namespace shop::order

template <>
struct actors::Describe<shop::order::OrderWatch> {
  using OrderWatch = shop::order::OrderWatch;
  static constexpr auto table = actors::type<OrderWatch>("OrderWatch").method<&OrderWatch::hear>("Hear");
};
