#include "internal/http/client.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include <sys/socket.h>

#include "internal/http/asio.hpp"
#include "internal/http/parser.hpp"
#include "internal/http/read_buffer.hpp"

namespace dapr::actors::http {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::uint64_t answer_body_limit = 64 * 1024 * 1024;

std::exception_ptr no_answer(const std::string& text, NoAnswer::Why why = NoAnswer::Why::Unreached) {
  return std::make_exception_ptr(NoAnswer(text, why));
}

}  // namespace

OutgoingRequest::OutgoingRequest(std::string_view verb, std::string_view target) {
  if (!is_header_value(verb) || !is_header_value(target) || target.find(' ') != std::string_view::npos)
    throw std::invalid_argument("a request line cannot hold this target");
  answer_without_body_ = verb == "HEAD";
  head_.reserve(512);
  head_.append(verb).append(" ").append(target).append(" HTTP/1.1\r\n");
}

OutgoingRequest& OutgoingRequest::header(std::string_view name, std::string_view value) {
  if (value.empty()) return *this;
  if (!is_header_value(value))
    throw std::invalid_argument("a header line cannot hold this value: " + std::string(name));
  head_.append(name).append(": ").append(value).append("\r\n");
  return *this;
}

OutgoingRequest& OutgoingRequest::body(std::string_view content_type, std::string body) {
  header("Content-Type", content_type);
  head_.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  body_ = std::move(body);
  return *this;
}

namespace {
/// A request that waits for its answer.
struct Pending {
  OutgoingRequest request;
  Completion<Answer> done;
  Steady::time_point give_up;   // while it waits for a connection
  Steady::time_point deadline;  // whatever it waits for
};
}  // namespace

class Client::Pool : public std::enable_shared_from_this<Client::Pool> {
 public:
  Pool(asio::io_context& io, ClientSettings settings)
      : io(io),
        settings(std::move(settings)),
        endpoint(asio::ip::make_address(this->settings.address), this->settings.port),
        timer_(io) {
    common_headers = "Host: " + this->settings.address + ":" + std::to_string(this->settings.port) + "\r\n";
    if (!this->settings.token.empty()) {
      if (!is_header_value(this->settings.token))
        throw std::invalid_argument("the sidecar's token cannot be sent in a header");
      common_headers += "dapr-api-token: " + this->settings.token + "\r\n";
    }
    common_headers += "\r\n";
  }

  void start(OutgoingRequest request, Completion<Answer> done);
  void begin_sweeping();
  /// The connection has nothing in hand: the next request that waits goes over it.
  void released(const std::shared_ptr<ClientConnection>& connection);
  void lost(const std::shared_ptr<ClientConnection>& connection);
  void close();
  bool is_closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  asio::io_context& io;
  const ClientSettings settings;
  const Tcp::endpoint endpoint;
  std::string common_headers;

 private:
  void sweep();
  void sweep_at(Steady::time_point time);

  std::mutex mutex_;
  asio::steady_timer timer_;
  Steady::time_point next_sweep_;
  std::unordered_map<ClientConnection*, std::shared_ptr<ClientConnection>> all_;
  std::vector<std::shared_ptr<ClientConnection>> idle_;  // the last one used is used next
  std::deque<Pending> waiting_;
  bool closed_ = false;
};

/// One connection. It has at most one request in hand, and whoever started that owns it until it is released, so
/// nothing here needs a lock but what the pool's sweep touches: the deadline and the descriptor.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  explicit ClientConnection(Client::Pool& pool) : pool_(pool.shared_from_this()), socket_(pool.io) {}

  void begin(Pending pending) {
    pending_.emplace(std::move(pending));
    deadline_ = ticks(std::min(Steady::now() + pool_->settings.timeout, pending_->deadline));
    got_bytes_ = false;
    kept_ = connected_;
    if (!connected_) return connect();
    if (!pending_->request.repeatable_ && is_stale()) return reconnect();
    write();
  }

  /// From the sweep: wakes the operation in hand with an error when it has taken too long. Another request may be in
  /// hand by now, which has another deadline.
  void expire(Steady::time_point now) {
    auto deadline = deadline_.load();
    if (deadline <= ticks(now) && deadline != expired && deadline_.compare_exchange_strong(deadline, expired)) cut();
  }
  void cut() {
    const std::lock_guard lock(descriptor_);
    if (socket_.is_open()) ::shutdown(socket_.native_handle(), SHUT_RDWR);
  }
  bool unused_since(Steady::time_point time) const { return last_used_ < time; }
  /// Of what is in hand.
  Steady::time_point deadline() const {
    const auto deadline = deadline_.load();
    return deadline == expired ? Steady::time_point::max() : Steady::time_point(Steady::duration(deadline));
  }

 private:
  void connect() {
    {
      const std::lock_guard lock(descriptor_);
      ErrorCode error;
      socket_.open(pool_->endpoint.protocol(), error);
      if (error) return asio::post(pool_->io, [self = shared_from_this(), error] { self->failed(error); });
    }
    socket_.async_connect(pool_->endpoint, [self = shared_from_this()](ErrorCode error) {
      if (error) return self->failed(error);
      self->socket_.set_option(Tcp::no_delay(true), error);
      self->socket_.non_blocking(true, error);
      self->connected_ = true;
      self->write();
    });
  }

  void reconnect() {
    kept_ = false;
    disconnect();
    connect();
  }

  void disconnect() {
    const std::lock_guard lock(descriptor_);
    ErrorCode ignored;
    socket_.close(ignored);
    connected_ = false;
    buffer_ = {};
  }

  bool is_stale() {
    char byte;
    const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }

  void write() {
    const auto& request = pending_->request;
    const std::array<asio::const_buffer, 2> bytes{asio::buffer(request.head_), asio::buffer(request.body_)};
    ErrorCode error;
    const auto written = socket_.write_some(bytes, error);  // mostly all of it, without a round through the reactor
    if (error == asio::error::would_block) error = {};
    if (error) return asio::post(pool_->io, [self = shared_from_this(), error] { self->failed(error); });
    if (written == request.head_.size() + request.body_.size()) return read();
    write_rest(written);
  }

  void write_rest(std::size_t written) {
    const auto& request = pending_->request;
    std::array<asio::const_buffer, 2> rest{asio::buffer(request.head_), asio::buffer(request.body_)};
    for (auto& part : rest) {
      const auto skipped = std::min(written, part.size());
      part += skipped;
      written -= skipped;
    }
    asio::async_write(socket_, rest, [self = shared_from_this()](ErrorCode error, std::size_t) {
      if (error) return self->failed(error);
      self->read();
    });
  }

  void read() {
    answer_ = {};
    begin_parsing();
    read_more();
  }

  void begin_parsing() {
    parser_.emplace(answer_);
    parser_->eager(true);
    parser_->header_limit(8 * 1024);
    parser_->body_limit(answer_body_limit);
    if (pending_->request.answer_without_body_) parser_->skip(true);
  }

  void read_more() {
    buffer_.make_room();
    if (buffer_.room_size() == 0) return failed(asio::error::message_size);
    socket_.async_read_some(
        asio::buffer(buffer_.room(), buffer_.room_size()),
        [self = shared_from_this()](ErrorCode error, std::size_t count) { self->got(error, count); });
  }

  void got(ErrorCode error, std::size_t count) {
    if (error == asio::error::eof && deadline_ != expired && parser_->got_some()) {
      ParseError incomplete;
      parser_->put_eof(incomplete);
      if (!incomplete && parser_->is_done()) return answered();
    }
    if (error) return failed(error);
    got_bytes_ = true;
    buffer_.commit(count);
    for (;;) {
      ParseError problem;
      const auto used = parser_->put(asio::const_buffer(buffer_.data(), buffer_.size()), problem);
      buffer_.consume(used);
      if (problem == beast::http::error::need_more) return read_more();
      if (problem) return failed(problem);
      if (!parser_->is_done()) {
        if (buffer_.size() == 0) return read_more();
        continue;
      }
      if (answer_.status / 100 != 1) return answered();
      begin_parsing();  // an interim answer (RFC 9110, section 15.2): the real one follows
      if (buffer_.size() == 0) return read_more();
    }
  }

  void answered() {
    const bool usable = parser_->keep_alive() && buffer_.size() == 0;
    const bool keep = deadline_.exchange(no_deadline) != expired && usable;
    const auto done = finished();
    auto answer = std::move(answer_);
    if (keep) {
      pool_->released(shared_from_this());
    } else {
      disconnect();
      pool_->lost(shared_from_this());
    }
    done(std::move(answer));
  }

  void failed(const boost::system::error_code& error) {
    const bool again = kept_ && !got_bytes_ && deadline_ != expired && pending_->request.repeatable_;
    if (again && !pool_->is_closed()) return reconnect();
    const bool timed_out = deadline_.exchange(no_deadline) == expired;
    const auto done = finished();
    disconnect();
    pool_->lost(shared_from_this());
    done.fail(timed_out ? no_answer("no answer in time", NoAnswer::Why::TimedOut) : no_answer(error.message()));
  }

  Completion<Answer> finished() {
    const auto done = pending_->done;
    pending_.reset();
    parser_.reset();
    last_used_ = Steady::now();
    return done;
  }

  static Steady::rep ticks(Steady::time_point time) { return time.time_since_epoch().count(); }
  static constexpr auto no_deadline = std::numeric_limits<Steady::rep>::max();
  static constexpr auto expired = std::numeric_limits<Steady::rep>::min();

  const std::shared_ptr<Client::Pool> pool_;
  std::mutex descriptor_;
  asio::basic_stream_socket<Tcp, asio::io_context::executor_type> socket_;
  ReadBuffer buffer_;
  std::optional<Pending> pending_;
  std::optional<AnswerParser> parser_;
  Answer answer_;
  std::atomic<Steady::rep> deadline_ = no_deadline;
  Steady::time_point last_used_;
  bool connected_ = false;
  bool kept_ = false;       // the connection served a request before this one
  bool got_bytes_ = false;  // of an answer
};

void Client::Pool::start(OutgoingRequest request, Completion<Answer> done) {
  const auto now = Steady::now();
  const auto deadline = request.patience_ > Duration{} ? now + request.patience_ : Steady::time_point::max();
  Pending pending{std::move(request), done, std::min(now + settings.wait_timeout, deadline), deadline};
  std::shared_ptr<ClientConnection> connection;
  {
    const std::lock_guard lock(mutex_);
    if (deadline < next_sweep_ && !closed_) sweep_at(deadline);
    if (closed_) {
      asio::post(io, [done] { done.fail(no_answer("the client is closed")); });
      return;
    }
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    } else if (all_.size() < settings.connections) {
      connection = std::make_shared<ClientConnection>(*this);
      all_.emplace(connection.get(), connection);
    } else if (waiting_.size() < settings.waiting) {
      waiting_.push_back(std::move(pending));
      return;
    } else {
      asio::post(io, [done] { done.fail(no_answer("too many requests wait already", NoAnswer::Why::Busy)); });
      return;
    }
  }
  connection->begin(std::move(pending));
}

void Client::Pool::released(const std::shared_ptr<ClientConnection>& connection) {
  std::optional<Pending> next;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      all_.erase(connection.get());
    } else if (waiting_.empty()) {
      idle_.push_back(connection);
    } else {
      next.emplace(std::move(waiting_.front()));
      waiting_.pop_front();
    }
  }
  if (next) connection->begin(std::move(*next));
}

void Client::Pool::lost(const std::shared_ptr<ClientConnection>& connection) {
  std::shared_ptr<ClientConnection> fresh;
  std::optional<Pending> next;
  {
    const std::lock_guard lock(mutex_);
    all_.erase(connection.get());
    if (!closed_ && !waiting_.empty()) {
      next.emplace(std::move(waiting_.front()));
      waiting_.pop_front();
      fresh = std::make_shared<ClientConnection>(*this);
      all_.emplace(fresh.get(), fresh);
    }
  }
  if (next) fresh->begin(std::move(*next));
}

void Client::Pool::begin_sweeping() {
  const auto now = Steady::now();
  const auto shortest = std::min({settings.timeout, settings.wait_timeout, Duration(2000)});
  auto next = now + std::max(shortest / 4, Duration(10));
  for (const auto& [_, connection] : all_) next = std::min(next, connection->deadline());
  for (const auto& pending : waiting_) next = std::min(next, pending.give_up);
  sweep_at(std::max(next, now + std::chrono::milliseconds(1)));
}

void Client::Pool::sweep_at(Steady::time_point time) {
  next_sweep_ = time;
  timer_.expires_at(time);
  timer_.async_wait([weak = weak_from_this()](ErrorCode error) {
    const auto self = weak.lock();
    if (!error && self) self->sweep();
  });
}

void Client::Pool::sweep() {
  std::vector<Pending> overdue;
  std::vector<std::shared_ptr<ClientConnection>> unused;
  const auto now = Steady::now();
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      if (all_.empty()) return;
      for (const auto& [_, connection] : all_) connection->cut();
    }
    const auto first_overdue = std::stable_partition(waiting_.begin(), waiting_.end(),
                                                     [now](const Pending& pending) { return pending.give_up > now; });
    std::move(first_overdue, waiting_.end(), std::back_inserter(overdue));
    waiting_.erase(first_overdue, waiting_.end());
    for (const auto& [_, connection] : all_) connection->expire(now);
    std::erase_if(idle_, [&](auto& connection) {
      if (!connection->unused_since(now - settings.idle_timeout)) return false;
      all_.erase(connection.get());
      unused.push_back(std::move(connection));
      return true;
    });
    begin_sweeping();
  }
  for (auto& pending : overdue) pending.done.fail(no_answer("no connection was free in time", NoAnswer::Why::Busy));
}

void Client::Pool::close() {
  std::deque<Pending> waiting;
  std::vector<std::shared_ptr<ClientConnection>> idle;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting.swap(waiting_);
    idle.swap(idle_);
    for (const auto& connection : idle) all_.erase(connection.get());
    for (const auto& [_, connection] : all_) connection->cut();
  }
  for (auto& pending : waiting) asio::post(io, [done = pending.done] { done.fail(no_answer("the client is closed")); });
}

Client::Client(asio::io_context& io, ClientSettings settings) : pool_(std::make_shared<Pool>(io, std::move(settings))) {
  pool_->begin_sweeping();
}

Client::~Client() {
  close();
}

Task<Answer> Client::send(OutgoingRequest request) {
  request.head_ += pool_->common_headers;
  return suspend<Answer>([pool = pool_, request = std::move(request)](Completion<Answer> done) mutable {
    pool->start(std::move(request), done);
  });
}

void Client::close() {
  pool_->close();
}

}  // namespace dapr::actors::http
