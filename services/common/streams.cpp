#include "services/common/streams.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/system/system_error.hpp>
#include <dapr/actors/http_status.hpp>

#include <atomic>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <vector>

#include "services/common/exchange.hpp"
#include "services/common/spool.hpp"

namespace shop::services {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using Error = boost::system::error_code;
using Text = boost::beast::string_view;

constexpr std::uint32_t most_head = 32 * 1024;
constexpr std::size_t most_piece = 64 * 1024;
/// What is read at once: of a head, of a body, and of what nobody should send any more.
constexpr std::size_t head_piece = 4 * 1024;
constexpr std::size_t body_piece = 16 * 1024;
constexpr std::size_t excess_piece = 256;
/// What still comes after an answer is read, so that the peer can read the answer; so much of it, and so long.
constexpr std::size_t most_lingered = 16 * 1024 * 1024;
constexpr std::chrono::seconds linger_time{2};

/// A request's head, and the body's bytes as they are parsed.
class Parser final : public http::basic_parser<true> {
 public:
  Parser() {
    header_limit(most_head);
    // The route's limit is counted where the bytes are kept. `boost::none` would refuse every length in Boost 1.74.
    body_limit(std::numeric_limits<std::uint64_t>::max());
  }
  std::string verb, target;
  bool http_1_1 = true;
  std::map<std::string, std::string, std::less<>> headers;
  std::string body;

 private:
  void on_request_impl(http::verb, Text given_verb, Text given_target, int version, Error&) override {
    verb.assign(given_verb.data(), given_verb.size());
    target.assign(given_target.data(), given_target.size());
    http_1_1 = version == 11;
  }
  void on_response_impl(int, Text, int, Error&) override {}
  void on_field_impl(http::field known, Text name, Text value, Error& error) override {
    if (in_trailer_) return;
    // Beast passes over codings it does not know, and a body whose end nobody sees must not be taken for whole.
    if (known == http::field::transfer_encoding && lower(std::string(value.data(), value.size())) != "chunked")
      error = http::error::bad_transfer_encoding;
    headers.emplace(lower(std::string(name.data(), name.size())), std::string(value.data(), value.size()));
  }
  void on_header_impl(Error&) override { in_trailer_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(Text part, Error&) override {
    body.append(part.data(), part.size());
    return part.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text part, Error&) override {
    body.append(part.data(), part.size());
    return part.size();
  }
  void on_finish_impl(Error&) override {}

  bool in_trailer_ = false;
};

}  // namespace

class Streams::Parts : public std::enable_shared_from_this<Streams::Parts> {
 public:
  Parts(StreamsSettings given, Runner& runner_, const Tokens& tokens_, Metrics& metrics_)
      : settings(std::move(given)), runner(runner_), tokens(tokens_), metrics(metrics_), acceptor(io) {}

  void listen();
  void accept();
  std::vector<std::shared_ptr<Connection>> all();

  struct Target {
    StreamRoute route;
    Handler handler;
  };

  const StreamsSettings settings;
  Runner& runner;
  const Tokens& tokens;
  Metrics& metrics;
  Routes routes;
  std::map<std::pair<std::string, std::string>, Target> targets;  ///< by verb and pattern

  asio::io_context io{1};
  Tcp::acceptor acceptor;
  std::thread thread;
  unsigned short port = 0;
  std::unordered_map<Connection*, std::weak_ptr<Connection>> connections;  // of the listener's thread
  std::size_t bodies = 0;                                                  // of the listener's thread

  std::atomic<bool> draining = false;
  std::mutex mutex;  // of what follows
  std::condition_variable changed;
  int in_flight = 0;
};

/// One connection with one request. Everything happens on the listener's thread but what `Stream` says, which only
/// hands over to it.
class Streams::Connection final : public Stream, public std::enable_shared_from_this<Streams::Connection> {
 public:
  Connection(Tcp::socket socket, std::shared_ptr<Streams::Parts> parts)
      : parts_(std::move(parts)),
        socket_(std::move(socket)),
        input_time_(parts_->io),
        output_time_(parts_->io),
        quiet_time_(parts_->io),
        spool_(parts_->settings.spool) {}

  void start() {
    Error ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    input_within(parts_->settings.head_time);
    read_socket();
  }
  void drain() {
    if (phase_ == Phase::Head) return close();
    tell_end();
    if (phase_ == Phase::Open) body_ends(BodyEnd::Stopping);
  }
  void close();

  // --- Stream, on the handler's thread

  const Request& request() const override { return *request_; }

  actors::Task<Piece> read() override {
    return actors::suspend<Piece>([self = shared_from_this()](actors::Completion<Piece> done) {
      asio::post(self->parts_->io, [self, done] {
        self->reader_ = done;
        self->serve_reader();
      });
    });
  }

  void begin(Response head) override {
    asio::post(parts_->io, [self = shared_from_this(), head = std::move(head)] {
      if (self->phase_ != Phase::Open || self->status_ != 0) return;
      self->queue_head(head, self->parser_.http_1_1 ? "Transfer-Encoding: chunked\r\n" : "");
      self->send();
    });
  }

  actors::Task<bool> write(std::string bytes) override {
    auto shared = std::make_shared<std::string>(std::move(bytes));
    return actors::suspend<bool>([self = shared_from_this(), shared](actors::Completion<bool> done) {
      asio::post(self->parts_->io, [self, shared, done] {
        self->writer_ = done;
        self->queue(*shared);
        self->send();
        self->serve_writer();
      });
    });
  }

  bool gone() const override { return gone_; }
  bool stopping() const override { return parts_->draining; }

  void on_end(std::function<void()> tell) override {
    asio::post(parts_->io, [self = shared_from_this(), tell = std::move(tell)]() mutable {
      self->tell_end_ = std::move(tell);
      if (self->gone_ || self->parts_->draining) self->tell_end();
    });
  }

 private:
  enum class Phase {
    Head,       ///< waiting for a request's head
    Open,       ///< a handler is at work
    Ending,     ///< the rest of the answer is on its way
    Lingering,  ///< it is sent; what still comes is thrown away
    Closed,
  };

  // --- what comes in

  void tell_end() {
    if (tell_end_) parts_->runner.post(std::exchange(tell_end_, nullptr));
  }

  void input_within(std::chrono::milliseconds limit) {
    input_time_.expires_after(limit);
    input_time_.async_wait([weak = weak_from_this()](Error error) {
      const auto self = weak.lock();
      if (error || !self || self->input_time_.expiry() > std::chrono::steady_clock::now()) return;
      if (self->phase_ == Phase::Head && !self->pending_.empty())
        return self->refuse(refusal(408, "The request took too long to arrive."));
      if (self->phase_ == Phase::Open && self->end_ == BodyEnd::NotYet) return self->body_ends(BodyEnd::Idle);
      if (self->phase_ == Phase::Head || self->phase_ == Phase::Lingering) self->close();
    });
  }

  /// One read is always pending. It takes what comes even if the handler is not that far: nginx stops sending a body
  /// for good when a service that has begun its answer does not take it at once (docs/decisions/0026).
  void read_socket() {
    if (reading_ || phase_ == Phase::Closed) return;
    reading_ = true;
    socket_.async_read_some(asio::buffer(in_), [self = shared_from_this()](Error error, std::size_t count) {
      self->reading_ = false;
      self->got(error, count);
    });
  }

  void got(Error error, std::size_t count) {
    if (phase_ == Phase::Closed) return;
    if (error) {
      if (phase_ != Phase::Open && phase_ != Phase::Ending) return close();
      const bool whole = end_ == BodyEnd::Complete;
      body_ends(BodyEnd::CutOff);
      // Who sent a whole body may close its half of the connection, and read on.
      if (error != asio::error::eof || (whole && !has_body_)) lost();
      return;
    }
    if (phase_ == Phase::Lingering) {
      if ((lingered_ += count) > most_lingered) return close();
    } else if (phase_ == Phase::Head || (phase_ == Phase::Open && end_ == BodyEnd::NotYet)) {
      pending_.append(in_.data(), count);
      parse();
    } else if (end_ == BodyEnd::Complete && (excess_ += count) > most_piece) {
      return;  // one request a connection: nobody has a reason to send more
    }
    read_socket();
  }

  void parse() {
    std::size_t used = 0;
    Error error;
    while (used < pending_.size() && !parser_.is_done()) {
      used += parser_.put(asio::buffer(pending_.data() + used, pending_.size() - used), error);
      if (error == http::error::need_more) {
        error = {};
        break;
      }
      if (error) break;
      if (phase_ == Phase::Head && parser_.is_header_done()) {
        head_came();
        if (phase_ != Phase::Open) return;
      }
    }
    pending_.erase(0, used);
    if (phase_ == Phase::Head) {
      if (error == http::error::header_limit || pending_.size() > most_head)
        return refuse(refusal(431, "A request's head may have up to 32 KiB."));
      if (error) return refuse(refusal(400, "The request is malformed."));
      return;
    }
    keep_body();
    if (end_ != BodyEnd::NotYet) return;
    if (error || pending_.size() > most_piece) return body_ends(BodyEnd::CutOff);  // its framing is broken
    if (parser_.is_done()) body_ends(BodyEnd::Complete);
  }

  void keep_body() {
    if (parser_.body.empty()) return;
    input_within(parts_->settings.idle_time);
    last_input_ = std::chrono::steady_clock::now();
    std::string_view bytes = parser_.body;
    const bool too_long = bytes.size() > left_;
    bytes = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_)));
    left_ -= bytes.size();
    const bool kept = spool_.put(bytes);
    parser_.body.clear();
    if (!kept)
      body_ends(BodyEnd::NoRoom);
    else if (too_long)
      body_ends(BodyEnd::TooLong);
    else
      serve_reader();
  }

  void body_ends(BodyEnd why) {
    if (why == BodyEnd::Stopping) {
      if (end_ != BodyEnd::Complete || !spool_.empty()) end_ = why;
      spool_.clear();
    } else if (end_ == BodyEnd::NotYet) {
      end_ = why;
    }
    if (!out_.empty()) send();
    serve_reader();
  }

  void serve_reader() {
    if (!reader_ || (spool_.empty() && end_ == BodyEnd::NotYet)) return;
    Piece piece;
    try {
      piece.bytes = spool_.take(most_piece);
    } catch (const std::exception&) {
      spool_.clear();
      end_ = BodyEnd::NoRoom;
    }
    if (piece.bytes.empty()) piece.end = end_;
    resume(reader_, std::move(piece));
  }

  template <class T>
  void resume(std::optional<actors::Completion<T>>& waiting, T value) {
    const auto done = *std::exchange(waiting, std::nullopt);
    parts_->runner.post([done, value = std::move(value)] { done(value); });
  }

  // --- the request

  void count();
  void head_came();
  void take();
  actors::Task<void> handle(const Streams::Handler& handler);
  void handled(const std::exception_ptr& error);
  void refuse(Problem problem);
  void ended();

  bool is_head() const { return parser_.verb == "HEAD"; }

  // --- what goes out

  void queue_head(const Response& head, std::string_view framing) {
    status_ = head.status;
    out_ += "HTTP/1.1 " + std::to_string(head.status) + ' ' + std::string(actors::reason_phrase(head.status)) + "\r\n";
    const auto add = [this](std::string_view name, std::string_view value) {
      if (value.find_first_of("\r\n") != std::string_view::npos) return;  // it would begin a header of its own
      out_.append(name).append(": ").append(value).append("\r\n");
    };
    if (head.status != 204) add("Content-Type", head.content_type);
    out_ += framing;
    bool says_how_to_keep = false;
    for (const auto& [name, value] : head.headers) {
      says_how_to_keep = says_how_to_keep || name == "Cache-Control";
      add(name, value);
    }
    if (!says_how_to_keep) add("Cache-Control", "no-store");
    add("Vary", "Authorization");
    add("X-Content-Type-Options", "nosniff");
    out_ += "Connection: close\r\n\r\n";
  }

  void queue(std::string_view bytes) {
    if (phase_ != Phase::Open || bytes.empty() || gone_ || is_head()) return;
    if (!parser_.http_1_1) {  // its answer ends where the connection does
      out_ += bytes;
      return;
    }
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string size;
    for (auto left = bytes.size(); left > 0; left >>= 4) size.insert(size.begin(), digits[left & 15]);
    out_.append(size).append("\r\n").append(bytes).append("\r\n");
  }

  void send() {
    if (sending_ || phase_ == Phase::Closed) return;
    if (out_.empty()) {
      if (phase_ == Phase::Ending) linger();
      return;
    }
    if (waits_for_quiet()) return;
    sending_ = true;
    unsent_.swap(out_);
    out_.clear();
    output_time_.expires_after(parts_->settings.write_time);
    output_time_.async_wait([weak = weak_from_this()](Error error) {
      if (const auto self = weak.lock(); self && !error && self->sending_) self->lost();
    });
    asio::async_write(socket_, asio::buffer(unsent_), [self = shared_from_this()](Error error, std::size_t) {
      self->sending_ = false;
      self->output_time_.cancel();
      if (error) return self->lost();
      self->unsent_.clear();
      self->serve_writer();
      self->send();
    });
  }

  /// nginx never sends the rest of a body once the answer has begun and the socket to us was full for a moment, as it
  /// is again and again while a large one comes (docs/decisions/0026). So an answer begins with the end of the body, or
  /// when the client makes a pause: then there is no rest.
  bool waits_for_quiet() {
    if (answer_began_ || status_ == 0) return false;
    const auto quiet_at = last_input_ + parts_->settings.quiet_time;
    const auto now = std::chrono::steady_clock::now();
    if (phase_ != Phase::Open || !has_body_ || end_ != BodyEnd::NotYet || now >= quiet_at) {
      answer_began_ = true;
      return false;
    }
    quiet_time_.expires_at(quiet_at);
    quiet_time_.async_wait([weak = weak_from_this()](Error error) {
      if (const auto self = weak.lock(); self && !error) self->send();
    });
    return true;
  }

  void serve_writer() {
    if (!writer_) return;
    if (gone_ || phase_ != Phase::Open || is_head())
      resume(writer_, false);
    else if (out_.size() + unsent_.size() <= most_unsent_)
      resume(writer_, true);
  }

  /// The client does not hear any more. The handler notices, and ends.
  void lost() {
    if (gone_.exchange(true)) return;
    Error ignored;
    socket_.close(ignored);
    out_.clear();
    if (phase_ == Phase::Ending || phase_ == Phase::Lingering) return close();
    body_ends(BodyEnd::CutOff);
    serve_writer();
    tell_end();
  }

  void linger() {
    phase_ = Phase::Lingering;
    ended();
    Error ignored;
    socket_.shutdown(Tcp::socket::shutdown_send, ignored);
    input_within(linger_time);
    read_socket();
  }

  const std::shared_ptr<Streams::Parts> parts_;
  Tcp::socket socket_;
  asio::steady_timer input_time_;
  asio::steady_timer output_time_;
  asio::steady_timer quiet_time_;
  std::chrono::steady_clock::time_point last_input_{};  ///< of the body
  bool answer_began_ = false;
  std::vector<char> in_ = std::vector<char>(head_piece);
  std::string pending_;  ///< came and is not parsed
  Parser parser_;
  Spool spool_;
  Phase phase_ = Phase::Head;
  BodyEnd end_ = BodyEnd::NotYet;
  std::uint64_t left_ = 0;  ///< bytes of the body that the route still takes
  std::size_t excess_ = 0;
  std::size_t lingered_ = 0;
  bool reading_ = false;
  bool has_body_ = false;
  bool handling_ = false;
  bool counted_ = false;  ///< among the requests in hand
  std::string out_, unsent_;
  std::size_t most_unsent_ = 0;
  std::function<void()> tell_end_;
  bool sending_ = false;
  std::atomic<bool> gone_ = false;
  int status_ = 0;  ///< of the answer, once it has begun
  std::optional<actors::Completion<Piece>> reader_;
  std::optional<actors::Completion<bool>> writer_;
  Seen seen_;
  std::optional<Request> request_;
};

void Streams::Connection::count() {
  if (std::exchange(counted_, true)) return;
  {
    const std::lock_guard lock(parts_->mutex);
    ++parts_->in_flight;
  }
  parts_->metrics.http_in_flight(1);
}

void Streams::Connection::head_came() {
  count();
  std::optional<Problem> problem;
  try {
    take();
  } catch (...) {
    problem = problem_of(std::current_exception());
  }
  if (problem) refuse(*std::move(problem));
}

void Streams::Connection::take() {
  const auto& settings = parts_->settings;
  const auto question = parser_.target.find('?');
  const auto path = parser_.target.substr(0, question);
  if (path.starts_with('/')) seen_.instance = uri_of(path);
  auto match = parts_->routes.find(parser_.verb, path);
  if (match.pattern) seen_.route = *match.pattern;
  if (match.endpoint || parser_.verb == "OPTIONS") seen_.verb = parser_.verb;
  if (parser_.verb == "OPTIONS" && match.pattern) {
    phase_ = Phase::Ending;
    queue_head(Response{204, {}, {}, {{"Allow", match.allow}}}, "");
    return send();
  }
  if (auto problem = refuse_by_route(match)) return refuse(*std::move(problem));
  if (parts_->draining)
    return refuse(refusal(503, "This process is shutting down. Try again.", {{"Retry-After", "1"}}));

  const auto& target = parts_->targets.at({parser_.verb == "HEAD" ? "GET" : parser_.verb, *match.pattern});
  Request::Parts head;
  head.verb = parser_.verb;
  head.path = seen_.instance;
  head.headers = std::move(parser_.headers);
  read_head(head, match, parts_->tokens, seen_);
  if (question != std::string::npos) {
    for (std::string_view rest = std::string_view(parser_.target).substr(question + 1); !rest.empty();) {
      const auto pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      const auto equals = std::min(pair.find('='), pair.size());
      auto name = percent_decoded(pair.substr(0, equals), true);
      auto text = percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
      if (!name || !text) throw ProblemError(400, "", "The query is not percent-encoded UTF-8.");
      head.query.emplace(*std::move(name), *std::move(text));
    }
  }
  name_work(head);

  has_body_ = parser_.chunked() || parser_.content_length().value_or(0) > 0;
  left_ = target.route.most_body;
  most_unsent_ = target.route.most_unsent;
  if (parser_.content_length().value_or(0) > left_)
    return refuse(refusal(
        413, left_ == 0 ? "This takes no request body."
                        : "A request body may have up to " + std::to_string(left_ / 1024 / 1024) + " MiB here."));
  if (has_body_ && parts_->bodies >= settings.bodies)
    return refuse(
        refusal(503, "As many uploads as are taken at a time are in hand. Try again.", {{"Retry-After", "5"}}));
  if (has_body_) ++parts_->bodies;
  phase_ = Phase::Open;
  if (!has_body_) end_ = BodyEnd::Complete;
  // No read is pending: this is called with what one brought. Thousands of answers may be open that nothing follows.
  in_ = std::vector<char>(has_body_ ? body_piece : excess_piece);
  input_within(settings.idle_time);
  const auto expect = head.headers.find("expect");
  if (has_body_ && expect != head.headers.end() && lower(expect->second) == "100-continue") {
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    send();
  }
  request_.emplace(std::move(head));
  handling_ = true;
  parts_->runner.post([self = shared_from_this(), &handler = target.handler] {
    actors::spawn(self->handle(handler), [self](const actors::Outcome<void>& outcome) {
      asio::post(self->parts_->io, [self, error = outcome.error()] { self->handled(error); });
    });
  });
}

actors::Task<void> Streams::Connection::handle(const Streams::Handler& handler) {
  std::shared_ptr<Stream> stream = shared_from_this();
  co_await handler(std::move(stream));
}

void Streams::Connection::handled(const std::exception_ptr& error) {
  handling_ = false;
  if (has_body_) --parts_->bodies;
  if (gone_) {
    seen_.failure = "the client left";
    return close();
  }
  if (error || status_ == 0) {
    auto problem = problem_of(error ? error : std::make_exception_ptr(std::logic_error("a stream was not begun")));
    if (problem.status >= 500) seen_.failure = error ? message_of(error) : "a stream was not begun";
    if (status_ == 0) return refuse(std::move(problem));
    return close();  // broken off, as HTTP says it: without the last chunk
  }
  if (parser_.http_1_1 && !is_head()) out_ += "0\r\n\r\n";
  phase_ = Phase::Ending;
  send();
}

void Streams::Connection::refuse(Problem problem) {
  count();
  phase_ = Phase::Ending;
  problem.instance = seen_.instance;
  const auto body = problem.to_json();
  queue_head(Response{problem.status, {}, "application/problem+json", std::move(problem.headers)},
             "Content-Length: " + std::to_string(body.size()) + "\r\n");
  if (!is_head()) out_ += body;
  send();
}

void Streams::Connection::ended() {
  if (!std::exchange(counted_, false)) return;
  parts_->metrics.http_in_flight(-1);
  account(seen_, status_ == 0 ? 499 : status_, parts_->metrics);
  {
    const std::lock_guard lock(parts_->mutex);
    --parts_->in_flight;
  }
  parts_->changed.notify_all();
}

void Streams::Connection::close() {
  if (phase_ == Phase::Closed) return;
  if (handling_) return lost();  // what it reads and writes says that nobody listens, and `handled` comes back here
  phase_ = Phase::Closed;
  Error ignored;
  socket_.close(ignored);
  input_time_.cancel();
  quiet_time_.cancel();
  output_time_.cancel();
  ended();
  parts_->connections.erase(this);
}

void Streams::Parts::listen() {
  const Tcp::endpoint endpoint(asio::ip::make_address(settings.address), settings.port);
  acceptor.open(endpoint.protocol());
  acceptor.set_option(asio::socket_base::reuse_address(true));
  acceptor.bind(endpoint);
  acceptor.listen();
  port = acceptor.local_endpoint().port();
  accept();
}

void Streams::Parts::accept() {
  acceptor.async_accept([self = shared_from_this()](Error error, Tcp::socket socket) {
    if (error == asio::error::operation_aborted || !self->acceptor.is_open()) return;
    if (error) {  // out of descriptors, mostly: at once would be in vain
      auto pause = std::make_shared<asio::steady_timer>(self->io, std::chrono::milliseconds(100));
      pause->async_wait([self, pause](Error) { self->accept(); });
      return;
    }
    if (self->connections.size() < self->settings.connections) {
      auto connection = std::make_shared<Connection>(std::move(socket), self);
      self->connections.emplace(connection.get(), connection);
      connection->start();
    }
    self->accept();
  });
}

std::vector<std::shared_ptr<Streams::Connection>> Streams::Parts::all() {
  std::vector<std::shared_ptr<Connection>> live;
  for (const auto& [_, weak] : connections)
    if (auto connection = weak.lock()) live.push_back(std::move(connection));
  return live;
}

Streams::Streams(StreamsSettings settings, Runner& runner, const Tokens& tokens, Metrics& metrics)
    : parts_(std::make_shared<Parts>(std::move(settings), runner, tokens, metrics)) {}

Streams::~Streams() {
  stop();
}

void Streams::route(std::string verb, std::string pattern, Access access, StreamRoute route, Handler handler) {
  if (parts_->thread.joinable()) throw std::logic_error("routes are registered before the streams start: " + pattern);
  parts_->routes.add(verb, pattern, {access, {}});
  parts_->targets.emplace(std::pair(std::move(verb), std::move(pattern)), Parts::Target{route, std::move(handler)});
}

bool Streams::empty() const {
  return parts_->targets.empty();
}

void Streams::start() {
  try {
    parts_->listen();
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("the streams cannot be opened on " + parts_->settings.address + ":" +
                             std::to_string(parts_->settings.port) + " (" + error.what() + "): is the port taken?");
  }
  // Raw: the thread ends before the parts do (`stop`).
  parts_->thread = std::thread([parts = parts_.get()] {
    const auto work = asio::make_work_guard(parts->io);
    parts->io.run();
  });
}

unsigned short Streams::port() const {
  return parts_->port;
}

bool Streams::drain(std::chrono::milliseconds limit) {
  if (!parts_->thread.joinable()) return true;
  parts_->draining = true;
  asio::post(parts_->io, [parts = parts_] {
    for (const auto& connection : parts->all()) connection->drain();
  });
  std::unique_lock lock(parts_->mutex);
  return parts_->changed.wait_for(lock, limit, [this] { return parts_->in_flight == 0; });
}

void Streams::stop() {
  if (!parts_->thread.joinable()) return;
  asio::post(parts_->io, [parts = parts_] {
    Error ignored;
    parts->acceptor.close(ignored);
    for (const auto& connection : parts->all()) connection->close();
  });
  {
    std::unique_lock lock(parts_->mutex);
    parts_->changed.wait_for(lock, std::chrono::seconds(5), [this] { return parts_->in_flight == 0; });
  }
  parts_->io.stop();
  parts_->thread.join();
  parts_->io.restart();
  parts_->io.poll();  // what was under way holds the parts, and they it
}

}  // namespace shop::services
