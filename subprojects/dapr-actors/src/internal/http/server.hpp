/// A small HTTP/1.1 server for the app channel: bounded in everything a peer can send, and quick to notice that a peer
/// has gone.
///
/// Requests of one connection are served one after the other, in order. Bounds: head 8 KiB (431), body 4 MiB (413),
/// time to receive a request (408), connections. A request that breaks HTTP (RFC 9112) is answered 400 and its
/// connection closed. All functions may be called from any thread. Internal to the library.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "dapr/actors/task.hpp"
#include "dapr/actors/time.hpp"

namespace boost::asio {
class io_context;
}

namespace dapr::actors::http {

class ServerConnection;

/// What the app channel needs of a request. `target` as it came: percent-encoded, with its query.
struct Request {
  std::string verb;
  std::string target;
  std::string body;
  std::string token;  ///< header `dapr-api-token`
  std::string idempotency_key;
  std::string turn_cause;
  std::string traceparent;
  std::string tracestate;
  std::string awaited_by = {};  ///< header `Awaited-By`
  std::string time_left = {};   ///< header `Time-Left`
  /// Of whoever serves the request: told when the peer has gone. On the connection's strand, until it is handed on.
  std::shared_ptr<std::atomic<bool>> peer_is_gone = {};
  std::string caller = {};  ///< header `Turn-Caller`
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::string header_lines;  ///< further ones, each ended by CR LF
};

struct ServerSettings {
  std::string address = "127.0.0.1";
  unsigned short port = 0;  ///< 0: any free one
  std::size_t connections = 1024;
  std::size_t body_limit = 4 * 1024 * 1024;
  Duration receive_timeout =
      std::chrono::seconds(10);  ///< from a request's first byte to its last, and for writing the answer
  Duration idle_timeout = std::chrono::minutes(5);  ///< between requests
};

class Server {
 public:
  /// Answers a request. The reference is valid until the answer is given; the body may be moved out.
  using Serve = std::function<Task<Response>(Request&)>;
  /// The peer has gone while its request was in hand: it never learns the answer.
  using Abandoned = std::function<void(const Request&)>;

  Server(boost::asio::io_context& io, ServerSettings settings, Serve serve, Abandoned abandoned);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Throws `std::system_error` when the port is taken.
  void listen();
  unsigned short port() const;
  /// Takes no more connections, closes the idle ones, and the others after their answer.
  void stop();
  std::size_t connections() const;

 private:
  friend class ServerConnection;
  class Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace dapr::actors::http
