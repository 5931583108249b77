/// Peers for tests of the HTTP edge, on plain sockets of their own: what they send and see is what is on the wire.
#pragma once

#include <utility>  // first: Boost 1.74 forgets it under g++ 12

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "dapr/actors/task.hpp"

namespace dapr::actors::http::testing {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr auto patience = std::chrono::seconds(60);  // they run several times slower
#else
inline constexpr auto patience = std::chrono::seconds(10);
#endif

/// Waits until `condition` holds; false when it does not in time.
template <class Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// An io_context with threads of its own.
class IoThreads {
 public:
  explicit IoThreads(int count = 1) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this] { io.run(); });
  }
  ~IoThreads() { stop(); }
  /// For a fixture whose members are still worked on after the answer a test waited for.
  void stop() {
    io.stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  /// Runs the task there and waits for it; throws what it throws.
  template <class T>
  T run(Task<T> task) {
    auto future = start(std::move(task));
    if (future.wait_for(patience) != std::future_status::ready)
      throw std::runtime_error("the task did not end in time");
    return future.get();
  }
  template <class T>
  std::future<T> start(Task<T> task) {
    auto promise = std::make_shared<std::promise<T>>();
    auto shared = std::make_shared<Task<T>>(std::move(task));
    boost::asio::post(io, [promise, shared] {
      spawn(std::move(*shared), [promise](Outcome<T> outcome) {
        if (outcome.failed())
          promise->set_exception(outcome.error());
        else if constexpr (std::is_void_v<T>)
          promise->set_value();
        else
          promise->set_value(std::move(outcome.get()));
      });
    });
    return promise->get_future();
  }

  boost::asio::io_context io;

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io.get_executor()};
  std::vector<std::thread> threads_;
};

/// One end of a TCP connection.
class Wire {
 public:
  explicit Wire(int descriptor) : descriptor_(descriptor) { limit_waiting(); }
  explicit Wire(unsigned short port) : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int small = 64 * 1024;  // so that a large answer does not fit into it
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("nobody listens on port " + std::to_string(port));
    limit_waiting();
  }
  Wire(Wire&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), read_(std::move(other.read_)) {}
  ~Wire() { close(); }

  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  /// Wakes whoever reads from it.
  void shut() const {
    if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
  }
  /// Closes so that the peer's next write fails at once (RST).
  void abort() {
    const linger now{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  /// False when the peer has closed.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// One message with a Content-Length body or none; what there was when the peer closed before its end.
  std::string message() {
    for (;;) {
      const auto head_end = read_.find("\r\n\r\n");
      if (head_end != std::string::npos) {
        const auto length_at = read_.find("Content-Length: ");
        const std::size_t length = length_at < head_end ? std::stoul(read_.substr(length_at + 16)) : 0;
        const auto size = head_end + 4 + length;
        if (read_.size() >= size) {
          auto text = read_.substr(0, size);
          read_.erase(0, size);
          return text;
        }
      }
      if (!more()) return std::exchange(read_, {});
    }
  }
  /// Everything until the peer closes.
  std::string rest() {
    while (more()) {
    }
    return std::exchange(read_, {});
  }
  std::string ask(std::string_view request) {
    send(request);
    return message();
  }

 private:
  void limit_waiting() const {
    const timeval limit{10, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  bool more() {
    char bytes[16384];
    const auto got = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    read_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  int descriptor_;
  std::string read_;
};

/// Gives the first request that comes the first answer of a script, the second the second, whatever connections they
/// come on, and keeps what it was asked.
class ScriptedServer {
 public:
  struct Step {
    std::string answer = {};
    bool close_before = false;  ///< without an answer
    bool close_after = false;   ///< without saying so
  };

  ScriptedServer(const ScriptedServer&) = delete;
  explicit ScriptedServer(std::vector<Step> script = {}) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener_, 64) != 0)
      throw std::runtime_error("no port is free");
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept(); });
  }
  ~ScriptedServer() { stop(); }
  /// Nobody listens any more, and every connection is closed.
  void stop() {
    if (!acceptor_.joinable()) return;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (const auto& wire : wires_) wire->shut();
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  unsigned short port() const { return port_; }
  void add(Step step) {
    {
      const std::lock_guard lock(mutex_);
      script_.push_back(std::move(step));
    }
    changed_.notify_all();
  }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  /// Whether the script has come to its end.
  bool said_all() const {
    const std::lock_guard lock(mutex_);
    return said_ == script_.size();
  }
  /// Connections accepted so far.
  int connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
  }
  /// Connections that have ended, by whichever side.
  int closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  void accept() {
    for (;;) {
      const int descriptor = ::accept(listener_, nullptr, nullptr);
      if (descriptor < 0) return;
      const std::lock_guard lock(mutex_);
      ++connections_;
      wires_.push_back(std::make_shared<Wire>(descriptor));
      threads_.emplace_back([this, wire = wires_.back()] { serve(*wire); });
    }
  }
  void serve(Wire& wire) {
    for (bool open = true; open;) {
      const auto request = wire.message();
      if (request.empty()) break;
      Step step;
      {
        std::unique_lock lock(mutex_);
        const auto turn = requests_.size();
        requests_.push_back(request);
        if (!changed_.wait_for(lock, patience, [&] { return stopping_ || turn < script_.size(); }) || stopping_) return;
        step = script_[turn];
        ++said_;
      }
      if (!step.close_before) wire.send(step.answer);
      open = !step.close_before && !step.close_after;
    }
    const std::lock_guard lock(mutex_);
    wire.close();
    ++closed_;
  }

  int listener_ = -1;
  unsigned short port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Step> script_;
  std::size_t said_ = 0;
  std::vector<std::string> requests_;
  std::vector<std::shared_ptr<Wire>> wires_;
  int connections_ = 0;
  int closed_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

inline std::string ok(std::string_view body = "", std::string_view further_lines = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(further_lines) +
         "\r\n" + std::string(body);
}

}  // namespace dapr::actors::http::testing
