/// The parts of the catalog, put together over one sidecar.
#pragma once

#include <utility>

#include "actors/product/catalog.hpp"
#include "actors/shared/library.hpp"

namespace shop::product {

/// What it is given must outlive it, and so must it whatever works on it. Thread-safe.
struct Components {
  Components(actors::StateStore& store, actors::Sidecar& sidecar, const actors::Clock& clock,
             actors::Observer& observer, Pause pause, Oversold oversold, ReadModel& model)
      : commit(store, std::move(pause)),
        index(store, sidecar, clock, observer, commit, model),
        stock(store, sidecar, clock, observer, commit, index, std::move(oversold)),
        catalog(store, clock, commit, index, stock) {}
  Components(const Components&) = delete;

  GroupCommit commit;
  Index index;
  Stock stock;
  Catalog catalog;
};

}  // namespace shop::product
