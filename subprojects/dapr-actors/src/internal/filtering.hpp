/// The filters of a host, and their way around one turn. Internal to the library.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dapr/actors/filters.hpp"

namespace dapr::actors {

/// In their order, each with the type whose turns it sees; empty: of all.
using Filters = std::vector<std::pair<std::string, std::shared_ptr<TurnFilter>>>;

/// Of one turn.
class Filtering {
 public:
  /// Null if no filter is for the type.
  static std::unique_ptr<Filtering> of(const Filters& all, const ActorId& actor);
  void ahead(TurnAhead turn) { turn_.emplace(std::move(turn)); }

  /// The first refusal, or none; throws what a filter throws.
  Task<std::optional<Refusal>> before();
  void after(const TurnResult& result, Observer& observer) const;
  void error(const std::exception_ptr& error, Observer& observer) const;

 private:
  template <class Tell>
  void inside_out(Observer& observer, const char* hook, Tell tell) const;

  std::vector<TurnFilter*> filters_;
  std::size_t passed_ = 0;
  std::optional<TurnAhead> turn_;
};

}  // namespace dapr::actors
