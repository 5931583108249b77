/// An HTTP/1.1 client for one server beside us, with a pool of connections that are kept.
///
/// A request whose kept connection turns out to be closed, before any byte of an answer, is sent once more on a fresh
/// one if it may be repeated. More requests than connections wait for one in order, for a limited time; more than may
/// wait are refused at once, so that a server that hangs costs a bounded amount of memory.
/// All functions may be called from any thread; a task resumes on a thread of the `io_context`. Internal to the
/// library.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "dapr/actors/task.hpp"
#include "dapr/actors/time.hpp"

namespace boost::asio {
class io_context;
}

namespace dapr::actors::http {

class ClientConnection;

struct Answer {
  int status = 0;
  std::string body;
  std::string content_type;
  std::string etag;
  bool is_refusal = false;  ///< header `X-DaprErrorResponseHeader`
};

/// No answer came: the server was not reached, closed the connection, sent what is not HTTP, or took too long.
class NoAnswer : public std::runtime_error {
 public:
  enum class Why {
    Unreached,  ///< or cut off in the middle
    TimedOut,
    Busy,  ///< not sent: too many wait already
  };
  NoAnswer(const std::string& text, Why why) : std::runtime_error(text), why_(why) {}
  Why why() const { return why_; }

 private:
  Why why_;
};

struct ClientSettings {
  std::string address = "127.0.0.1";
  unsigned short port = 0;
  std::string token = {};  ///< header `dapr-api-token` of every request, when not empty
  std::size_t connections = 256;
  std::size_t waiting = 1024;                        ///< requests without a connection
  Duration timeout = std::chrono::seconds(30);       ///< of a request, once it has a connection
  Duration wait_timeout = std::chrono::seconds(10);  ///< for a connection
  Duration idle_timeout = std::chrono::seconds(60);  ///< a kept connection is closed after
};

/// A request as it goes over the wire.
class OutgoingRequest {
 public:
  /// `target` is percent-encoded. Throws `std::invalid_argument` for what would break the request line.
  OutgoingRequest(std::string_view verb, std::string_view target);
  /// Leaves the field out when `value` is empty. Throws `std::invalid_argument` for what would break the line.
  OutgoingRequest& header(std::string_view name, std::string_view value);
  OutgoingRequest& body(std::string_view content_type, std::string body);
  /// Must not be sent twice: it is not tried again even when a kept connection turned out to be closed.
  OutgoingRequest& only_once() {
    repeatable_ = false;
    return *this;
  }
  /// Shorter than the client's `timeout`, waiting for a connection included; zero: as the client's settings say.
  OutgoingRequest& patience(Duration patience) {
    patience_ = patience;
    return *this;
  }

 private:
  friend class ClientConnection;
  friend class Client;

  std::string head_;
  std::string body_;
  bool repeatable_ = true;
  bool answer_without_body_ = false;
  Duration patience_{};
};

class Client {
 public:
  Client(boost::asio::io_context& io, ClientSettings settings);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Throws NoAnswer. Any status is an answer.
  Task<Answer> send(OutgoingRequest request);
  /// Fails the requests that wait, and those in hand, and closes all connections.
  void close();

 private:
  friend class ClientConnection;
  class Pool;
  std::shared_ptr<Pool> pool_;
};

}  // namespace dapr::actors::http
