/// The catalog's former form: what the list shows lay in 64 shards, each with a small head. It is read once, by the
/// first start of this version, and left as it is, so that the version before can be gone back to; only the events that
/// wait there move.
///
/// While replicas of both versions run, in a rolling upgrade, the former ones go on writing their shards: what they
/// write is taken over too, some seconds later, for as long as it may happen.
#pragma once

#include "actors/product/change_log.hpp"
#include "actors/shared/library.hpp"

namespace shop::product {

/// Takes over what the log does not have yet of the former shards; answers whether there are any. Repeated, or done by
/// two replicas at once, it changes nothing.
actors::Task<bool> take_over(actors::StateStore& store, GroupCommit& commit);

}  // namespace shop::product
