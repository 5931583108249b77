/// What the streams of this process hear of the orders they show (see watch.hpp): it watches each order that has a
/// stream here, once for all of its streams, and looks again whenever something may have been missed.
///
///     auto reader = feed.open(order, party, last_event_id);      // none: as many as there may be
///     auto first = co_await reader->first();                     // a refusal, or what is new to him
///     for (;;) {
///       auto next = co_await reader->next();                     // waits
///       …                                                        // News: its events · Quiet: a comment · End
///     }
///
/// Nothing is kept for a reader but the version that he has: what he was too slow for is gone, and so is he (`End`). A
/// look costs a call of the actor, so where nothing seems to be missing there is one every few minutes. Thread-safe;
/// outlives its readers.
#pragma once

#include <dapr/actors/result.hpp>
#include <dapr/actors/task.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/order/watch.hpp"
#include "actors/shared/library.hpp"

namespace shop::order {

struct FeedSettings {
  std::size_t readers = 4096;
  std::size_t looks_at_once = 16;
  std::size_t kept = 16;                     ///< events of an order that its slowest reader may lag behind
  std::chrono::milliseconds quiet{15'000};   ///< after so long without news a reader gets a sign of life
  std::chrono::milliseconds silence{6'000};  ///< a teller that is not heard for so long tells nothing any more
  std::chrono::milliseconds retry{500};  ///< to the next look, if one failed or nobody tells; at most 16 times as long
  /// Between two looks where nothing seems to be missing: each order has a time of its own, half as long at least.
  /// Shorter than actors stay in memory without being called.
  std::chrono::milliseconds look{240'000};
};

class Feed {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Now = std::function<Time()>;
  using Look = std::function<actors::Task<actors::Result<Watched>>(OrderId order, Watch request)>;
  /// Runs something soon, on a thread of the process.
  using Post = std::function<void(std::function<void()>)>;

  class Reader;
  struct Next {
    enum class Kind {
      News,
      Quiet,
      End,  ///< nothing can follow, he was too slow, has been told to end, or may see it no more
    };
    Kind kind = Kind::End;
    std::vector<OrderEvent> events = {};
  };

  /// `name`: under which tellers reach this process.
  Feed(std::string name, Look look, Post post, FeedSettings settings = {}, Now now = std::chrono::steady_clock::now);

  /// `after`: the version he has.
  std::shared_ptr<Reader> open(OrderId order, Party party, std::optional<std::int64_t> after);
  /// What a teller tells.
  Heard hear(const WatchNews& news);
  /// To be called several times a second.
  void tick();
  /// All readers end, and new ones end at once.
  void stop();
  std::size_t readers() const;

 private:
  friend class Reader;
  struct Followed;
  using Wakes = std::vector<actors::Completion<void>>;

  void close(Reader& reader);
  void note(Followed& followed, const OrderEvent& event);
  void settle(Followed& followed, const Watched& watched);
  void look_at(Followed& followed, Time when);
  void look_again(Followed& followed);
  void look_later(Followed& followed);
  void start_look(const std::shared_ptr<Followed>& followed);
  actors::Task<void> look(std::shared_ptr<Followed> followed, Watch request);
  void wake(Followed& followed, Wakes& wakes);
  void resume(Wakes wakes);

  const std::string name_;
  const Look look_;
  const Post post_;
  const FeedSettings settings_;
  const Now now_;

  mutable std::mutex mutex_;  // of what follows, and of all that readers and orders hold
  std::map<OrderId, std::shared_ptr<Followed>> orders_;
  struct Told {
    std::int64_t term = 0;
    Time at{};
  };
  std::map<std::string, Told> tellers_;
  std::size_t readers_ = 0;
  std::size_t looks_ = 0;  ///< under way
  bool stopped_ = false;
};

/// One who reads an order's events. `first` once, then `next`, one at a time; `end` at any time, from any thread.
class Feed::Reader {
 public:
  Reader(Feed& feed, std::shared_ptr<Followed> followed, Party party, std::optional<std::int64_t> after);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  actors::Task<actors::Result<std::vector<OrderEvent>>> first();
  actors::Task<Next> next();
  void end();
  /// He has all there will ever be.
  bool complete() const;

 private:
  friend class Feed;
  enum class Ready { No, News, Quiet, End };
  Ready ready() const;
  Next take();

  Feed& feed_;
  const std::shared_ptr<Followed> followed_;
  const Party party_;
  const std::optional<std::int64_t> after_;
  // Under the feed's mutex.
  std::int64_t has_ = -1;  ///< the version handed out; -1: none yet
  bool ended_ = false;
  Time quiet_at_{};
  std::optional<actors::Completion<void>> waiting_;
};

}  // namespace shop::order
