// A host with a `main` of its own: settings, numbers, readiness and the end are in its hands.
#include <dapr/actors/run.hpp>

#include <atomic>
#include <csignal>
#include <iostream>

#include "mail.hpp"

namespace actors = dapr::actors;

/// Counts; and has written down what goes wrong.
class Numbers final : public actors::Observer {
 public:
  void turn_ended(const actors::TurnEnded& turn) override {
    turns += 1;
    if (turn.outcome == actors::TurnOutcome::Failed) failed += 1;
    log_.turn_ended(turn);
  }
  void outbox_changed(std::string_view, int delta) override { unsent += delta; }
  void event_sent(const actors::EventSent& sent) override { log_.event_sent(sent); }
  void event_received(const actors::EventReceived& received) override { log_.event_received(received); }
  void warned(std::string_view message) override { log_.warned(message); }

  std::string text() const {
    return "turns " + std::to_string(turns) + "\nturns_failed " + std::to_string(failed) + "\nevents_unsent " +
           std::to_string(unsent) + "\n";
  }

 private:
  std::atomic<std::int64_t> turns = 0, failed = 0, unsent = 0;
  actors::StandardErrorLog log_;
};

int main() {
  // Before the host's threads start: they inherit it, and one thread alone waits for the signal.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  try {
    Numbers numbers;
    const actors::SystemClock clock;
    auto settings = actors::settings_from_environment("mail-service");
    settings.threads = 2;
    settings.lists_actors = true;  // GET /actors/active
    actors::Host host(settings, numbers, clock);
    host.add<mailer::Mail>();
    host.route("GET", "/internal/numbers", [&numbers](actors::ChannelRequest) -> actors::Task<actors::ChannelAnswer> {
      co_return actors::ChannelAnswer{200, numbers.text(), "text/plain"};
    });
    host.start();
    int received = 0;
    sigwait(&signals, &received);
    return host.drain(std::chrono::seconds(20)) ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "cannot start: " << error.what() << '\n';
    return 2;
  }
}
