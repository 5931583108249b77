#include "tests/conformance/runtime.hpp"

#include <iostream>

#include "dapr/actors/host.hpp"
#include "dapr/actors/testing/bench.hpp"
#include "dapr/actors/testing/fake_state_store.hpp"
#include "tests/dapr_runtime.hpp"

namespace dapr::actors::conformance {
namespace {

/// Every event goes to the actor that it names.
Subscriptions subscriptions() {
  return std::move(Subscriptions().forward<&Probe::heard>(&ThingHappened::what));
}

class FakeRuntime final : public Runtime {
 public:
  /// In order with `seed` 0.
  explicit FakeRuntime(unsigned seed) {
    if (seed != 0) bench_.sidecar.complete_later(seed);
    bench_.add<Probe>();
    bench_.filter<Probe>(std::make_shared<ProbeFilter>());
    bench_.subscribe(subscriptions());
  }
  Calls calls(Origin origin) override { return Calls(bench_.sidecar, std::move(origin)); }
  Sidecar& sidecar() override { return bench_.sidecar; }
  StateStore& state() override { return store_; }
  void post(std::function<void()> work) override {
    work();
    bench_.settle();
  }
  bool within(Duration limit, const std::function<bool()>& condition) override {
    for (const auto until = bench_.clock.now() + limit; !condition();) {
      if (bench_.clock.now() > until) return false;
      bench_.advance(100ms);
      deliver();
    }
    return true;
  }
  void restart() override { bench_.restart(false); }
  void deactivate(const ActorId& actor) override { bench_.deactivate(actor); }
  void fail_next_commit(CommitFailure how) override { bench_.sidecar.fail_next_commit(how); }
  void fail_publishes(int times) override { bench_.sidecar.fail_publishes(times); }
  int asked(const std::string& operation) override { return bench_.sidecar.counts[operation]; }
  std::vector<CloudEvent> published(const std::string& type) override {
    std::vector<CloudEvent> found;
    for (const auto& event : bench_.sidecar.published)
      if (event.type == type) found.push_back(event);
    return found;
  }

 private:
  /// As a broker does: what was not dealt with comes again.
  void deliver() {
    const auto& published = bench_.sidecar.published;
    for (; delivered_ < published.size(); ++delivered_) left_.push_back(published[delivered_]);
    std::erase_if(left_, [this](const auto& event) { return bench_.deliver(event) == Delivery::Done; });
  }

  testing::Bench bench_{"conformance"};
  testing::FakeStateStore store_{bench_.clock};
  std::size_t delivered_ = 0;
  std::vector<CloudEvent> left_;
};

/// Spoils what a test asks to be spoilt, on the way to the real sidecar.
class Spoiler final : public Intermediary, public Sidecar {
 public:
  Sidecar& between(Sidecar& real) override {
    real_ = &real;
    return *this;
  }
  StateStore& between(StateStore& real) override { return real; }
  void answering(const LeavingAnswer&) override {}

  Task<std::optional<std::string>> read_state(ActorId actor, std::string key) override {
    count("state_get");
    return real_->read_state(std::move(actor), std::move(key));
  }
  Task<void> commit_state(ActorId actor, std::vector<StateOperation> operations) override {
    count("state_commit");
    const auto failure = take(commit_failure);
    if (failure == CommitFailure::NotStored) throw SidecarError(500, "ERR_ACTOR_STATE_TRANSACTION_SAVE", "not stored");
    if (failure == CommitFailure::Moved) throw SidecarError(400, "ERR_ACTOR_INSTANCE_MISSING", "moved");
    co_await real_->commit_state(std::move(actor), std::move(operations));
    if (failure) throw SidecarError(0, "TIMED_OUT", "stored, but the answer is lost");
  }
  Task<void> register_reminder(ActorId actor, Alarm alarm) override {
    count("reminder_register");
    return real_->register_reminder(std::move(actor), std::move(alarm));
  }
  Task<void> unregister_reminder(ActorId actor, std::string name) override {
    count("reminder_unregister");
    return real_->unregister_reminder(std::move(actor), std::move(name));
  }
  Task<void> register_timer(ActorId actor, Alarm alarm) override {
    return real_->register_timer(std::move(actor), std::move(alarm));
  }
  Task<void> unregister_timer(ActorId actor, std::string name) override {
    return real_->unregister_timer(std::move(actor), std::move(name));
  }
  Task<Reply> call_actor(ActorId actor, Call call) override {
    count("actor_call");
    return real_->call_actor(std::move(actor), std::move(call));
  }
  Task<void> publish(CloudEvent event) override {
    {
      const std::lock_guard lock(mutex);
      if (publish_failures > 0) {
        --publish_failures;
        throw SidecarError(500, "ERR_PUBSUB_PUBLISH_MESSAGE", "the broker is down");
      }
    }
    co_await real_->publish(event);
    const std::lock_guard lock(mutex);
    published.push_back(std::move(event));
  }
  Task<HttpAnswer> invoke(std::string app_id, HttpRequest request) override {
    return real_->invoke(std::move(app_id), std::move(request));
  }

  std::mutex mutex;  // of what follows
  std::optional<CommitFailure> commit_failure;
  int publish_failures = 0;
  std::map<std::string, int> counts;
  std::vector<CloudEvent> published;

 private:
  void count(const char* operation) {
    const std::lock_guard lock(mutex);
    ++counts[operation];
  }
  std::optional<CommitFailure> take(std::optional<CommitFailure>& failure) {
    const std::lock_guard lock(mutex);
    return std::exchange(failure, {});
  }
  Sidecar* real_ = nullptr;
};

class RealRuntime final : public Runtime {
 public:
  RealRuntime() : channel_port_(http::testing::free_port()), dapr_("conformance", channel_port_) {
    start();
    if (!within(90s, [this] { return !run(host_->not_ready()); }))
      throw std::runtime_error("the runtime did not start: " + run(host_->not_ready()).value_or("") + "\n" +
                               dapr_.logs());
  }
  ~RealRuntime() override {
    if (!host_->drain(10s)) std::cerr << "the host did not drain\n";
  }

  Calls calls(Origin origin) override { return host_->calls(std::move(origin)); }
  Sidecar& sidecar() override { return host_->sidecar(); }
  StateStore& state() override { return host_->state(); }
  void post(std::function<void()> work) override { host_->post(std::move(work)); }
  bool within(Duration limit, const std::function<bool()>& condition) override {
    // The limits are the fake's; a busy machine gets more.
    const auto until = std::chrono::steady_clock::now() + limit + 30s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(20ms);
    }
    return true;
  }
  void restart() override {
    host_.reset();
    start();
  }
  void deactivate(const ActorId& actor) override {
    // As the sidecar asks for it.
    http::testing::tell(channel_port_, "DELETE /actors/" + actor.type + "/" + actor.id +
                                           " HTTP/1.1\r\nHost: x\r\ndapr-api-token: app-token\r\n\r\n");
  }
  void fail_next_commit(CommitFailure how) override {
    const std::lock_guard lock(spoiler_.mutex);
    spoiler_.commit_failure = how;
  }
  void fail_publishes(int times) override {
    const std::lock_guard lock(spoiler_.mutex);
    spoiler_.publish_failures = times;
  }
  int asked(const std::string& operation) override {
    const std::lock_guard lock(spoiler_.mutex);
    return spoiler_.counts[operation];
  }
  std::vector<CloudEvent> published(const std::string& type) override {
    const std::lock_guard lock(spoiler_.mutex);
    std::vector<CloudEvent> found;
    for (const auto& event : spoiler_.published)
      if (event.type == type) found.push_back(event);
    return found;
  }

 private:
  void start() {
    HostSettings settings;
    settings.app_id = "conformance";
    settings.channel_port = channel_port_;
    settings.sidecar_port = dapr_.sidecar_port();
    settings.app_token = "app-token";
    settings.sidecar_token = "sidecar-token";
    settings.intermediary = &spoiler_;
    host_ = std::make_unique<Host>(settings, observer_, clock_);
    host_->add<Probe>();
    host_->filter<Probe>(std::make_shared<ProbeFilter>());
    host_->subscribe(subscriptions());
    host_->start();
  }

  const unsigned short channel_port_;
  http::testing::DaprRuntime dapr_;
  SystemClock clock_;
  Observer observer_;
  Spoiler spoiler_;
  std::unique_ptr<Host> host_;
};

std::shared_ptr<Runtime> real;  // takes seconds to start: one for all tests

}  // namespace

std::shared_ptr<Runtime> runtime(const std::string& name) {
  if (name == "fake") return std::make_shared<FakeRuntime>(0);
  if (name != "dapr") return std::make_shared<FakeRuntime>(static_cast<unsigned>(name.back() - '0'));
  if (!http::testing::DaprRuntime::available()) return nullptr;
  static bool failed = false;  // to start: it would not the next time either
  if (failed) throw std::runtime_error("the runtime did not start");
  if (!real) {
    failed = true;
    real = std::make_shared<RealRuntime>();
    failed = false;
  }
  return real;
}

void end_runtimes() {
  real.reset();
}

}  // namespace dapr::actors::conformance
