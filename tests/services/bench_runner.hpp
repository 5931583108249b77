/// A facade over actors on the bench: handlers run on a thread of their own, and with them the bench, which is for one
/// thread.
#pragma once

#include <dapr/actors/testing/bench.hpp>

#include <functional>
#include <future>
#include <optional>
#include <string>
#include <utility>

#include "actors/shared/library.hpp"
#include "services/common/facade.hpp"
#include "tests/services/common/support.hpp"

namespace shop::services::testing {

class BenchRunner final : public Runner {
 public:
  explicit BenchRunner(actors::testing::Bench& bench) : bench_(bench) {}
  void post(std::function<void()> work) override {
    thread_.post([this, work = std::move(work)] {
      work();
      bench_.run(nothing());
    });
  }
  actors::Task<std::optional<std::string>> not_ready() override { co_return std::nullopt; }
  /// Something that a test does to the bench.
  void run(std::function<void()> work) {
    std::promise<void> done;
    thread_.post([&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }

 private:
  static actors::Task<void> nothing() { co_return; }
  actors::testing::Bench& bench_;
  ThreadRunner thread_;
};

}  // namespace shop::services::testing
