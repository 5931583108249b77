#include "dapr/actors/task.hpp"

namespace dapr::actors {

Task<void> when_all(std::vector<Task<void>> tasks) {
  const auto outcomes = co_await detail::all_outcomes(std::move(tasks));
  for (const auto& outcome : outcomes) outcome->get();
}

}  // namespace dapr::actors
