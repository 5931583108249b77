/// Who tells the replicas that watch of what is committed in this process (see watch.hpp).
///
/// To each of them one message is on its way at a time; what is committed meanwhile goes with the next. Who does not
/// answer for `patience` is forgotten, and asks again once it has heard nothing for as long (`FeedSettings::silence`).
/// Thread-safe.
#pragma once

#include <dapr/actors/task.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "actors/order/watch.hpp"
#include "actors/shared/library.hpp"

namespace shop::order {

class Teller final : public Watchers {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Now = std::function<Time()>;
  /// Brings news to a watcher; throws if it was not reached.
  using Send = std::function<actors::Task<Heard>(std::string watcher, WatchNews news)>;
  /// Starts a task, now or later. It may be called from a turn.
  using Spawn = std::function<void(actors::Task<void>)>;

  static constexpr std::chrono::milliseconds patience{6000};
  /// Between two messages to a watcher that has nothing to hear.
  static constexpr std::chrono::milliseconds beat{2000};
  /// A process that stood still for so long may have lost actors without being told.
  static constexpr std::chrono::milliseconds stillness{2500};

  Teller(std::string name, Send send, Spawn spawn, Now now = std::chrono::steady_clock::now);

  std::optional<TellerTerm> watch(const OrderId& order, const std::string& watcher, std::int64_t version) override;
  void changed(const OrderId& order, std::int64_t version, const EventsAfter& events) override;
  void left(const OrderId& order) override;

  /// To be called several times a second.
  void tick();
  /// The process ends: everybody is told to ask again, and nobody is noted any more.
  void stop();

 private:
  struct Noted {
    std::int64_t version = 0;  ///< that the watcher knows
    std::int64_t number = 0;   ///< of the note
  };
  struct Watcher {
    WatchNews next;
    bool sending = false;
    std::int64_t term = 0;  ///< that the last message was of
    Time heard{};           ///< its last answer
    Time told{};            ///< when the last message left
  };
  using Outgoing = std::vector<std::pair<std::string, WatchNews>>;

  void take(const std::string& name, Watcher& watcher, Outgoing& outgoing);
  void forget(const std::string& name);
  void forget_all(Outgoing& outgoing);
  void send_all(Outgoing outgoing);
  actors::Task<void> send(std::string watcher, WatchNews news, std::int64_t notes);

  const std::string name_;
  const Send send_;
  const Spawn spawn_;
  const Now now_;

  std::mutex mutex_;  // of what follows
  std::int64_t term_ = 1;
  std::int64_t notes_ = 0;  ///< that were made
  Time last_tick_;
  bool stopped_ = false;
  std::map<OrderId, std::map<std::string, Noted>> orders_;
  std::map<std::string, Watcher> watchers_;
};

}  // namespace shop::order
