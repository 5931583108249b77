/// One place to ask the same questions of the fake and of a real sidecar. Each test has actors of its own.
#pragma once

#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "dapr/actors/actor.hpp"
#include "dapr/actors/testing/fake_sidecar.hpp"
#include "tests/conformance/probe.hpp"

namespace dapr::actors::conformance {

using testing::CommitFailure;

class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual Calls calls(Origin origin) = 0;
  virtual Sidecar& sidecar() = 0;
  virtual StateStore& state() = 0;

  /// Begins work where actors run; it is complete, or going on, when this returns.
  virtual void post(std::function<void()> work) = 0;
  /// Lets time pass in small steps until the condition holds; false if it does not within `limit`.
  virtual bool within(Duration limit, const std::function<bool()>& condition) = 0;

  /// The application dies without a word and is started again.
  virtual void restart() = 0;
  /// The sidecar deactivates the actor.
  virtual void deactivate(const ActorId& actor) = 0;
  virtual void fail_next_commit(CommitFailure how) = 0;
  virtual void fail_publishes(int times) = 0;
  /// Operations of this name that the sidecar was asked for so far (`state_commit`, `actor_call`, …).
  virtual int asked(const std::string& operation) = 0;
  /// Events of this type that left.
  virtual std::vector<CloudEvent> published(const std::string& type) = 0;

  template <class T>
  T run(Task<T> task) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    auto shared = std::make_shared<Task<T>>(std::move(task));
    post([promise, shared] {
      spawn(std::move(*shared), [promise](Outcome<T> outcome) {
        if (outcome.failed())
          promise->set_exception(outcome.error());
        else if constexpr (std::is_void_v<T>)
          promise->set_value();
        else
          promise->set_value(std::move(outcome.get()));
      });
    });
    if (future.wait_for(std::chrono::seconds(40)) != std::future_status::ready)
      throw std::logic_error("the task never ended: two turns wait for each other");
    return future.get();
  }
};

/// `fake`, `fake_out_of_order_N` (N is the seed, one digit) or `dapr`; none where there is no such runtime on this
/// machine.
std::shared_ptr<Runtime> runtime(const std::string& name);
/// Ends the real one.
void end_runtimes();

}  // namespace dapr::actors::conformance
