/// What the tests of services/common share: a runner without a host, a client that speaks exact bytes, signed tokens,
/// and a log that can be read.
#pragma once

#include <dapr/actors/time.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "actors/shared/library.hpp"
#include "services/common/facade.hpp"
#include "services/common/log.hpp"

namespace shop::services::testing {

inline const std::string key = "0123456789abcdef0123456789abcdef";

class FixedClock final : public actors::Clock {
 public:
  actors::Time now() const override { return time; }
  actors::Time time = *actors::from_rfc3339("2026-05-04T10:11:12.013Z");
};

/// Runs handlers on one thread of its own, as a host would.
class ThreadRunner final : public Runner {
 public:
  ThreadRunner();
  ~ThreadRunner() override;
  void post(std::function<void()> work) override;
  actors::Task<std::optional<std::string>> not_ready() override { co_return why; }
  std::optional<std::string> why;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  bool ending_ = false;
  std::thread thread_;
};

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// A TCP connection to loopback.
class Connection {
 public:
  explicit Connection(unsigned short port);
  ~Connection();
  Connection(const Connection&) = delete;
  void send(const std::string& bytes);
  /// The next answer, by its Content-Length; after HEAD, 204 and 304 without a body. None when the peer closed.
  std::optional<Answer> read(bool bodiless = false);
  /// Whatever comes next; none when the peer closed.
  std::optional<std::string> read_some();
  /// Nothing more is sent; what comes can still be read.
  void finish();

 private:
  bool more();
  int socket_;
  std::string pending_;
};

/// One request on a connection of its own. `headers` are whole lines.
Answer ask(unsigned short port, const std::string& verb, const std::string& target,
           const std::vector<std::string>& headers = {}, const std::string& body = {});

/// A token as anybody could make one: header and claims as they are given, signed with HMAC-SHA-`bits` under `with`.
std::string signed_token(const std::string& header, const std::string& claims, const std::string& with = key,
                         int bits = 256);
/// A valid one.
std::string token(const std::string& sub, const std::string& role = "customer");

/// Takes the log's lines while it lives.
class CapturedLog {
 public:
  explicit CapturedLog(log::Level level = log::Level::Debug);
  ~CapturedLog();
  std::vector<std::string> lines() const;

 private:
  struct Shared {
    std::mutex mutex;
    std::vector<std::string> lines;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

/// Waits until `condition` holds; fails the test after ten seconds.
template <class Condition>
void eventually(Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), limit) << "it never came to be";
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace shop::services::testing
