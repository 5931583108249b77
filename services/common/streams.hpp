/// A second listener of a service, beside the facade, for what takes its time: a request whose body comes in pieces, or
/// an answer that goes on (docs/decisions/0026). Pistache keeps a whole body in memory and lets one slow reader hold up
/// all the others, so neither can go through the facade.
///
///     streams.route("POST", "/products/import", Access::Admin, {.most_body = 100 << 20}, [](auto stream) -> Task<void>
///     {
///       stream->begin({200, {}, "application/x-ndjson"});
///       for (;;) {
///         auto piece = co_await stream->read();          // waits until there is some
///         if (piece.end != BodyEnd::NotYet) co_return;   // ends the answer
///         if (!co_await stream->write(…)) co_return;     // waits while the client reads slowly
///       }
///     });
///
/// A handler that only answers, such as one of server-sent events, reads nothing and writes until `gone` or
/// `stopping`. A route of GET answers HEAD too: its handler's `begin` is all that is sent, and `write` says that nobody
/// listens. Routes, tokens, problems, request id, trace, log line and metrics are as those of the facade.
///
/// Handlers run on the host's threads (`Runner`). Register all routes before `start`. Everything else may be called
/// from any thread.
#pragma once

#include <dapr/actors/task.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "actors/shared/library.hpp"
#include "services/common/facade.hpp"

namespace shop::services {

/// Why a body brings no more.
enum class BodyEnd {
  NotYet,
  Complete,
  CutOff,    ///< the client left, or broke off what it had announced
  TooLong,   ///< more than the route takes; what came before can be read
  Idle,      ///< nothing came for too long
  NoRoom,    ///< the disk that holds what is not read yet is full
  Stopping,  ///< the process ends; what came and was not read yet is dropped
};

struct Piece {
  std::string bytes;              ///< not empty unless it is the end
  BodyEnd end = BodyEnd::NotYet;  ///< said in a piece of its own, after all bytes
};

/// One request and its answer. One `read` and one `write` may wait at the same time, not two of a kind. The answer is
/// complete when the handler has returned; if it throws after `begin`, the answer is broken off, so that the client
/// cannot take it for whole.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Its `body()` is empty: that is what `read` brings.
  virtual const Request& request() const = 0;
  virtual actors::Task<Piece> read() = 0;
  /// Status and headers, without the body. Until then a ProblemError becomes the answer.
  virtual void begin(Response head) = 0;
  /// Sends a piece, and waits while more than a buffer's worth is not taken. False once the client has gone.
  virtual actors::Task<bool> write(std::string bytes) = 0;
  /// The client left, or was cut off because it did not read.
  virtual bool gone() const = 0;
  /// The process ends: the handler should, too.
  virtual bool stopping() const = 0;
  /// For a handler that waits for something else: `tell` is called on one of the runner's threads as soon as the client
  /// has gone or the process ends, once; at once if that is so already.
  virtual void on_end(std::function<void()> tell) = 0;
};

struct StreamRoute {
  std::uint64_t most_body = 0;  ///< bytes; 0: the route takes no body. More that is announced is 413.
  /// Bytes of an answer that may wait for the client in this process before `write` waits too.
  std::size_t most_unsent = 64 * 1024;
};

struct StreamsSettings {
  std::string address = "127.0.0.1";
  unsigned short port = 0;                       ///< 0: any free port, see `Streams::port()`
  std::size_t connections = 8192;                ///< further ones are closed
  std::size_t bodies = 4;                        ///< requests with a body at a time; further ones are 503
  std::chrono::milliseconds head_time{10'000};   ///< for a request's head to arrive
  std::chrono::milliseconds idle_time{30'000};   ///< between two pieces of a body
  std::chrono::milliseconds write_time{30'000};  ///< for the client to take what was sent
  /// An answer begins with the end of the body, or when nothing of it has come for so long.
  std::chrono::milliseconds quiet_time{200};
  std::string spool = {};  ///< folder of what is not read yet; empty: the system's for temporary files
};

class Streams {
 public:
  using Handler = std::function<actors::Task<void>(std::shared_ptr<Stream>)>;

  Streams(StreamsSettings settings, Runner& runner, const Tokens& tokens, Metrics& metrics);
  ~Streams();

  /// `pattern` as in `Facade::route`.
  void route(std::string verb, std::string pattern, Access access, StreamRoute route, Handler handler);
  bool empty() const;

  /// Opens the listener and starts its thread; throws std::runtime_error when the port is taken.
  void start();
  unsigned short port() const;

  /// From now on new requests are answered 503 and open streams are `stopping`; waits until they have ended, at most
  /// `limit`. Answers whether all have.
  bool drain(std::chrono::milliseconds limit);
  /// Closes listener and connections, and waits for the handlers to notice. The runner must still be there.
  void stop();

 private:
  class Parts;
  class Connection;
  std::shared_ptr<Parts> parts_;
};

}  // namespace shop::services
