#include "internal/http/server.hpp"

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "dapr/actors/http_status.hpp"
#include "internal/http/asio.hpp"
#include "internal/http/parser.hpp"
#include "internal/http/read_buffer.hpp"

namespace dapr::actors::http {
namespace {

using Steady = std::chrono::steady_clock;
using Strand = asio::strand<asio::io_context::executor_type>;
using Socket = asio::basic_stream_socket<Tcp, Strand>;
constexpr std::uint32_t head_limit = 8 * 1024;

Steady::rep ticks(Steady::time_point time) {
  return time.time_since_epoch().count();
}
constexpr auto no_deadline = std::numeric_limits<Steady::rep>::max();

}  // namespace

class Server::Shared : public std::enable_shared_from_this<Server::Shared> {
 public:
  Shared(asio::io_context& io, ServerSettings settings, Serve serve, Abandoned abandoned)
      : io(io),
        settings(std::move(settings)),
        serve(std::move(serve)),
        abandoned(std::move(abandoned)),
        acceptor_(asio::make_strand(io)),
        timer_(io) {}

  void listen() {
    const Tcp::endpoint endpoint(asio::ip::make_address(settings.address), settings.port);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(asio::socket_base::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen();
    port_ = acceptor_.local_endpoint().port();
    accept();
    sweep_later();
  }
  unsigned short port() const { return port_; }
  void stop();
  bool stopping() const { return stopping_; }
  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return connections_.size();
  }
  void closed(ServerConnection* connection) {
    const std::lock_guard lock(mutex_);
    connections_.erase(connection);
  }

  asio::io_context& io;
  const ServerSettings settings;
  const Serve serve;
  const Abandoned abandoned;

 private:
  void accept();
  void accept_later();
  void sweep_later();
  void sweep();
  std::vector<std::shared_ptr<ServerConnection>> all() const;

  mutable std::mutex mutex_;
  asio::basic_socket_acceptor<Tcp, Strand> acceptor_;
  asio::steady_timer timer_;
  std::unordered_map<ServerConnection*, std::weak_ptr<ServerConnection>> connections_;
  std::atomic<bool> stopping_ = false;
  std::atomic<unsigned short> port_ = 0;
};

/// One connection. Everything happens on its strand, except the sweep's look at the deadline.
class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(Socket socket, std::shared_ptr<Server::Shared> server)
      : server_(std::move(server)), socket_(std::move(socket)) {}
  ~ServerConnection() { server_->closed(this); }

  void start() {
    ErrorCode error;
    socket_.set_option(Tcp::no_delay(true), error);
    socket_.non_blocking(true, error);
    if (error) return;
    within(server_->settings.idle_timeout);
    read();
  }
  Strand executor() { return socket_.get_executor(); }
  bool is_overdue(Steady::time_point now) const { return deadline_ <= ticks(now); }
  /// Nothing came for too long, or the answer was not taken.
  void expire() {
    asio::dispatch(socket_.get_executor(), [self = shared_from_this()] {
      if (!self->is_overdue(Steady::now())) return;
      if (self->phase_ == Phase::Receiving && self->parser_)
        return self->refuse(408, "the request did not arrive in time");
      if (self->phase_ == Phase::Answering) self->abandon();
      self->close();
    });
  }
  /// The server stops: goodbye unless a request is in hand.
  void stop() {
    asio::dispatch(socket_.get_executor(), [self = shared_from_this()] {
      if (self->phase_ == Phase::Receiving && !self->parser_) self->close();
    });
  }

 private:
  enum class Phase {
    Receiving,  ///< waiting for a request, or in the middle of one
    Serving,    ///< a request is in hand
    Answering,  ///< its answer is on the way
    Lingering,  ///< a refusal was sent; what still comes is thrown away, so that the peer can read it
    Closed,
  };

  void within(Duration limit) { deadline_ = ticks(Steady::now() + limit); }

  /// One read is always pending while there is room, also while a request is served: it is what notices that the peer
  /// has gone.
  void read() {
    if (reading_ || peer_gone_ || phase_ == Phase::Closed) return;
    buffer_.make_room();
    if (buffer_.room_size() == 0) {
      if (phase_ == Phase::Receiving) refuse(431, "the request's head is too long");
      return;
    }
    reading_ = true;
    socket_.async_read_some(
        asio::buffer(buffer_.room(), buffer_.room_size()),
        [self = shared_from_this()](ErrorCode error, std::size_t count) { self->got(error, count); });
  }

  void got(ErrorCode error, std::size_t count) {
    reading_ = false;
    if (phase_ == Phase::Closed) return;
    if (error) {
      peer_gone_ = true;
      if (phase_ == Phase::Serving || phase_ == Phase::Answering) return abandon();  // the answer is tried all the same
      return close();
    }
    if (phase_ == Phase::Lingering) {
      if ((lingered_ += count) > linger_limit) return close();
      return read();
    }
    buffer_.commit(count);
    if (phase_ == Phase::Receiving) receive();
  }

  void receive() {
    while (buffer_.size() > 0) {
      if (!parser_) begin_parsing();
      ParseError problem;
      const auto used = parser_->put(asio::const_buffer(buffer_.data(), buffer_.size()), problem);
      buffer_.consume(used);
      if (problem == beast::http::error::need_more) break;
      if (problem == beast::http::error::header_limit) return refuse(431, "the request's head is longer than 8 KiB");
      if (problem == beast::http::error::body_limit) return refuse(413, "the request's body is too long");
      if (problem) return refuse(400, "the request is not HTTP: " + problem.message());
      if (parser_->is_done()) return serve();
    }
    if (parser_ && parser_->expects_continue() && parser_->is_header_done()) invite_body();
    read();
  }

  void begin_parsing() {
    parser_.emplace(request_);
    parser_->eager(true);
    parser_->header_limit(head_limit);
    parser_->body_limit(server_->settings.body_limit);
    within(server_->settings.receive_timeout);
    invited_ = false;
  }

  void invite_body() {  // RFC 9110, section 10.1.1
    if (invited_) return;
    invited_ = true;
    static constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
    ErrorCode ignored;  // a peer that does not get it sends the body all the same
    socket_.write_some(asio::buffer(text), ignored);
  }

  void serve() {
    keep_alive_ = parser_->keep_alive();
    no_body_ = request_.verb == "HEAD";
    parser_.reset();
    phase_ = Phase::Serving;
    abandoned_ = false;
    deadline_ = no_deadline;
    read();
    if (phase_ != Phase::Serving) return;
    auto self = shared_from_this();
    spawn(server_->serve(request_), [self](Outcome<Response> outcome) {
      asio::dispatch(self->socket_.get_executor(), [self, outcome = std::move(outcome)]() mutable {
        if (outcome.failed())
          self->answer(
              {500, R"({"errorCode":"INTERNAL","message":"the request could not be served"})", "application/json", {}});
        else
          self->answer(std::move(outcome.get()));
      });
    });
  }

  void refuse(int status, const std::string& detail) {
    parser_.reset();
    refused_ = true;
    keep_alive_ = false;
    no_body_ = false;
    abandoned_ = true;  // nothing was begun
    answer({status, R"({"errorCode":"BAD_REQUEST","message":")" + detail + "\"}", "application/json", {}});
  }

  void answer(Response response) {
    if (phase_ == Phase::Closed) return;
    phase_ = Phase::Answering;
    keep_alive_ = keep_alive_ && !server_->stopping();
    head_.clear();
    head_.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    head_.append(reason_phrase(response.status)).append("\r\n");
    if (!response.body.empty()) head_.append("Content-Type: ").append(response.content_type).append("\r\n");
    head_.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
    head_.append(response.header_lines);
    if (!keep_alive_) head_.append("Connection: close\r\n");
    head_.append("\r\n");
    body_ = no_body_ ? std::string() : std::move(response.body);
    within(server_->settings.receive_timeout);
    write();
  }

  void write() {
    const std::array<asio::const_buffer, 2> bytes{asio::buffer(head_), asio::buffer(body_)};
    ErrorCode error;
    auto written = socket_.write_some(bytes, error);  // mostly all of it, without a round through the reactor
    if (error == asio::error::would_block) error = {};
    if (error || written == head_.size() + body_.size()) return answered(error);
    std::array<asio::const_buffer, 2> rest = bytes;
    for (auto& part : rest) {
      const auto skipped = std::min(written, part.size());
      part += skipped;
      written -= skipped;
    }
    asio::async_write(socket_, rest,
                      [self = shared_from_this()](ErrorCode failure, std::size_t) { self->answered(failure); });
  }

  void answered(ErrorCode error) {
    if (phase_ == Phase::Closed) return;
    if (error) {
      abandon();
      return close();
    }
    if (peer_gone_) return close();
    if (refused_) return linger();
    if (!keep_alive_ || server_->stopping()) return close();
    phase_ = Phase::Receiving;
    within(server_->settings.idle_timeout);
    if (buffer_.size() == 0) return read();
    asio::post(socket_.get_executor(),
               [self = shared_from_this()] {  // not from here: a pipeline must not deepen the stack
                 if (self->phase_ == Phase::Receiving) self->receive();
               });
  }

  void linger() {
    phase_ = Phase::Lingering;
    within(std::chrono::seconds(1));
    ErrorCode ignored;
    socket_.shutdown(Tcp::socket::shutdown_send, ignored);
    buffer_.consume(buffer_.size());
    read();
  }

  void abandon() {
    if (abandoned_) return;
    abandoned_ = true;
    server_->abandoned(request_);
  }

  void close() {
    if (phase_ == Phase::Closed) return;
    phase_ = Phase::Closed;
    ErrorCode ignored;
    socket_.close(ignored);
    server_->closed(this);
  }

  static constexpr std::size_t linger_limit = 1024 * 1024;

  const std::shared_ptr<Server::Shared> server_;
  Socket socket_;
  ReadBuffer buffer_;
  std::optional<RequestParser> parser_;
  Request request_;
  std::string head_;
  std::string body_;
  std::atomic<Steady::rep> deadline_ = no_deadline;
  std::size_t lingered_ = 0;
  Phase phase_ = Phase::Receiving;
  bool reading_ = false;
  bool peer_gone_ = false;
  bool refused_ = false;
  bool keep_alive_ = true;
  bool no_body_ = false;
  bool invited_ = false;
  bool abandoned_ = false;
};

void Server::Shared::accept() {
  acceptor_.async_accept(asio::make_strand(io), [self = shared_from_this()](ErrorCode error, Socket socket) {
    if (self->stopping_ || error == asio::error::operation_aborted) return;
    if (error) return self->accept_later();  // out of descriptors, mostly: at once would be in vain
    if (self->connections() < self->settings.connections) {
      auto connection = std::make_shared<ServerConnection>(std::move(socket), self);
      {
        const std::lock_guard lock(self->mutex_);
        self->connections_.emplace(connection.get(), connection);
      }
      asio::dispatch(connection->executor(), [connection] { connection->start(); });
    }
    self->accept();
  });
}

void Server::Shared::accept_later() {
  auto pause = std::make_shared<asio::steady_timer>(acceptor_.get_executor(), std::chrono::milliseconds(100));
  pause->async_wait([self = shared_from_this(), pause](ErrorCode) {
    if (!self->stopping_) self->accept();
  });
}

void Server::Shared::sweep_later() {
  const auto shortest = std::min({settings.receive_timeout, settings.idle_timeout, Duration(2000)});
  timer_.expires_after(std::max(shortest / 4, Duration(10)));
  timer_.async_wait([weak = weak_from_this()](ErrorCode error) {
    const auto self = weak.lock();
    if (!error && self) self->sweep();
  });
}

std::vector<std::shared_ptr<ServerConnection>> Server::Shared::all() const {
  std::vector<std::shared_ptr<ServerConnection>> live;
  const std::lock_guard lock(mutex_);
  live.reserve(connections_.size());
  for (const auto& [_, weak] : connections_)
    if (auto connection = weak.lock()) live.push_back(std::move(connection));
  return live;
}

void Server::Shared::sweep() {
  const auto now = Steady::now();
  const auto live = all();
  for (const auto& connection : live)
    if (connection->is_overdue(now)) connection->expire();
  if (!stopping_ || !live.empty()) sweep_later();
}

void Server::Shared::stop() {
  if (stopping_.exchange(true)) return;
  asio::post(acceptor_.get_executor(), [self = shared_from_this()] {
    ErrorCode ignored;
    self->acceptor_.close(ignored);
  });
  for (const auto& connection : all()) connection->stop();
}

Server::Server(asio::io_context& io, ServerSettings settings, Serve serve, Abandoned abandoned)
    : shared_(std::make_shared<Shared>(io, std::move(settings), std::move(serve), std::move(abandoned))) {}

Server::~Server() {
  stop();
}

void Server::listen() {
  try {
    shared_->listen();
  } catch (const boost::system::system_error& error) {
    throw std::system_error(
        error.code().value(), std::system_category(),
        "cannot listen on " + shared_->settings.address + ":" + std::to_string(shared_->settings.port));
  }
}

unsigned short Server::port() const {
  return shared_->port();
}
void Server::stop() {
  shared_->stop();
}
std::size_t Server::connections() const {
  return shared_->connections();
}

}  // namespace dapr::actors::http
