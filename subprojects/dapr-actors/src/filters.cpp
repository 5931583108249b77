#include "dapr/actors/filters.hpp"

#include "internal/engine.hpp"
#include "internal/filtering.hpp"

namespace dapr::actors {

Task<Result<void>> TurnFilter::before(const TurnAhead&) {
  co_return Result<void>{};
}

std::unique_ptr<Filtering> Filtering::of(const Filters& all, const ActorId& actor) {
  std::unique_ptr<Filtering> filtering;
  for (const auto& [type, filter] : all) {
    if (!type.empty() && type != actor.type) continue;
    if (!filtering) filtering = std::make_unique<Filtering>();
    filtering->filters_.push_back(filter.get());
  }
  return filtering;
}

Task<std::optional<Refusal>> Filtering::before() {
  for (auto* filter : filters_) {
    auto let_in = co_await filter->before(*turn_);
    if (!let_in) co_return std::move(let_in.error());
    ++passed_;
  }
  co_return std::nullopt;
}

template <class Tell>
void Filtering::inside_out(Observer& observer, const char* hook, Tell tell) const {
  for (auto i = passed_; i-- > 0;) {
    try {
      tell(*filters_[i]);
    } catch (...) {  // the turn has ended: whatever this is, the others are told as well
      observer.warned(turn_->actor.type + "/" + turn_->actor.id + ": a filter's " + hook + ": " +
                      what(std::current_exception()));
    }
  }
}

void Filtering::after(const TurnResult& result, Observer& observer) const {
  inside_out(observer, "after", [&](TurnFilter& filter) { filter.after(*turn_, result); });
}

void Filtering::error(const std::exception_ptr& error, Observer& observer) const {
  inside_out(observer, "error", [&](TurnFilter& filter) { filter.error(*turn_, error); });
}

}  // namespace dapr::actors
