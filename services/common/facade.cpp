#include "services/common/facade.hpp"

#include <pistache/endpoint.h>
#include <pistache/http.h>
#include <pistache/http_headers.h>
#include <pistache/peer.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <dapr/actors/http_status.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

#include "services/common/exchange.hpp"

namespace shop::services {
namespace {

namespace web = Pistache::Http;

constexpr std::size_t max_body = 1024 * 1024;
/// Pistache counts head and body together; the door lets no head through that is longer.
constexpr std::size_t max_head = 64 * 1024;
/// Longer than any handler may take: Pistache's header timeout also runs while a handler is at work.
constexpr std::chrono::seconds pistache_timeout{120};

/// The connection an answer goes to, under a descriptor of our own. Pistache's would be a number that by then may
/// belong to another client's connection: this one left, Pistache closed it, and a new one was accepted while the
/// handler was at work.
class Line {
 public:
  /// On the thread of Pistache that serves `peer`: there it cannot be closed meanwhile.
  explicit Line(const std::shared_ptr<Pistache::Tcp::Peer>& peer) : peer_(peer), descriptor_(duplicate(peer->fd())) {}
  Line(Line&& other) noexcept : peer_(std::move(other.peer_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  Line& operator=(Line&&) = delete;
  ~Line() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  void send(std::string_view text, bool last) {
    const auto peer = peer_.lock();
    if (!peer) return;  // the client has left
    peer->setIdle(true);
    if (text.size() > large) {  // room for it all, as far as the system allows
      const int room = static_cast<int>(text.size());
      ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    }
    while (!text.empty()) {
      const auto sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno != EAGAIN) return;
      if (sent < 0) break;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    // What the system has no room for yet, Pistache writes when there is.
    if (!text.empty())
      peer->send(Pistache::RawBuffer(std::string(text), text.size()));
    else if (last)
      ::shutdown(descriptor_, SHUT_WR);  // the client closes, and Pistache sees it
  }

 private:
  static int duplicate(int descriptor) {
#ifdef __SANITIZE_THREAD__
    // It overlooks fcntl's copies, and with them that who has read an answer comes after who sent it.
    return ::dup(descriptor);
#else
    return ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
#endif
  }

  static constexpr std::size_t large = 16 * 1024;
  std::weak_ptr<Pistache::Tcp::Peer> peer_;
  int descriptor_;
};

/// A request on its way through the facade.
struct Exchange : Seen {
  explicit Exchange(Line to) : line(std::move(to)) {}
  Line line;
  bool keep_alive = false;
};

/// The verbs Pistache reads; it refuses a request with any other as malformed.
bool is_known_verb(std::string_view verb) {
  static constexpr std::array<std::string_view, 9> known{"OPTIONS", "GET",    "POST",  "HEAD",   "PUT",
                                                         "PATCH",   "DELETE", "TRACE", "CONNECT"};
  return std::find(known.begin(), known.end(), verb) != known.end();
}

}  // namespace

/// Shared with the work in hand, so that an answer that comes after the facade has gone finds something to not answer
/// to.
class Facade::Parts : public std::enable_shared_from_this<Facade::Parts> {
 public:
  Parts(FacadeSettings given, Runner& runner_, const Tokens& tokens_, Metrics& metrics_)
      : settings(std::move(given)), runner(runner_), tokens(tokens_), metrics(metrics_) {}

  void add_built_in();
  /// On a thread of Pistache.
  void take(const web::Request& request, const std::shared_ptr<Pistache::Tcp::Peer>& peer);
  void take_malformed(const std::shared_ptr<Pistache::Tcp::Peer>& peer, int status, std::string_view request_line);

  const FacadeSettings settings;
  Runner& runner;
  const Tokens& tokens;
  Metrics& metrics;
  Routes routes;

  /// Held shared while an answer is sent, and alone when Pistache starts and ends: what writes for it is gone then.
  std::shared_mutex pistache;
  std::unique_ptr<web::Endpoint> endpoint;

  std::mutex mutex;  // of what follows
  std::condition_variable changed;
  int in_flight = 0;
  bool draining = false;

 private:
  Request::Parts read(const web::Request& request, Routes::Match& match, Exchange& exchange) const;
  struct Pending {
    Exchange exchange;
    Request request;
  };
  actors::Task<void> handle(const Facade::Handler& handler, std::shared_ptr<Pending> pending);
  actors::Task<Response> readiness();
  void answer(Exchange& exchange, Response response);
  void answer(Exchange& exchange, Problem problem) {
    problem.instance = exchange.instance;
    answer(exchange,
           Response{problem.status, problem.to_json(), "application/problem+json", std::move(problem.headers)});
  }
  void begin();
  void end();
  bool is_draining() {
    std::lock_guard lock(mutex);
    return draining;
  }
};

namespace {

/// Takes requests from Pistache's parser. Pistache's own way of answering is not used: it would answer malformed
/// requests in plain text, some with a 500, and give HEAD, 204 and 304 a Content-Length of zero.
class Door final : public web::Handler {
 public:
  HTTP_PROTOTYPE(Door)
  using Take = std::function<void(const web::Request&, const std::shared_ptr<Pistache::Tcp::Peer>&)>;
  using TakeMalformed =
      std::function<void(const std::shared_ptr<Pistache::Tcp::Peer>&, int status, std::string_view request_line)>;
  Door(Take take, TakeMalformed take_malformed) : take_(std::move(take)), take_malformed_(std::move(take_malformed)) {}

  void onRequest(const web::Request& request, web::ResponseWriter writer) override { take_(request, writer.getPeer()); }

 private:
  void onInput(const char* buffer, std::size_t length, const std::shared_ptr<Pistache::Tcp::Peer>& peer) override {
    if (peer->tryGetData(refused)) return;  // answered already: this is the rest of what was wrong
    const auto parser = getParser(peer);
    int status = 0;
    try {
      if (!parser->feed(buffer, length)) {
        status = 413;
      } else if (parser->parse() == web::Private::State::Done) {
        peer->setIdle(false);
        take_(parser->request, peer);
        parser->reset();
      }
    } catch (const web::HttpError& error) {
      status = error.code();
    } catch (const std::exception&) {
      status = 400;  // a header that Pistache reads for itself and could not
    }
    if (status == 0) return;
    peer->putData(refused, parser);
    const std::string_view text(buffer, length);
    take_malformed_(peer, status, text.substr(0, text.find('\r')));
    parser->reset();
  }

  static constexpr const char* refused = "refused";
  Take take_;
  TakeMalformed take_malformed_;
};

/// RFC 9112. No Content-Length where there can be no body (204) or it would be that of an answer not given (304); that
/// of HEAD is GET's.
std::string on_the_wire(const Response& response, const Exchange& exchange) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + ' ' +
                     std::string(actors::reason_phrase(response.status)) + "\r\n";
  text.reserve(text.size() + 256 + response.body.size());
  const auto add = [&](std::string_view name, std::string_view value) {
    if (value.find_first_of("\r\n") != std::string_view::npos) return;  // it would begin a header of its own
    text.append(name).append(": ").append(value).append("\r\n");
  };
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless && !response.body.empty()) add("Content-Type", response.content_type);
  if (!bodiless) add("Content-Length", std::to_string(response.body.size()));
  add("Connection", exchange.keep_alive ? "keep-alive" : "close");
  const auto says = [&](std::string_view wanted) {
    return std::any_of(response.headers.begin(), response.headers.end(),
                       [&](const auto& header) { return header.first == wanted; });
  };
  for (const auto& [name, value] : response.headers) add(name, value);
  if (!says("Cache-Control")) {
    add("Cache-Control", "no-store");
    add("Vary", "Authorization");  // for caches that keep what they must not
  }
  if (!says("X-Content-Type-Options")) add("X-Content-Type-Options", "nosniff");
  text += "\r\n";
  if (!bodiless && exchange.verb != "HEAD") text += response.body;
  return text;
}

}  // namespace

void Facade::Parts::begin() {
  {
    std::lock_guard lock(mutex);
    ++in_flight;
  }
  metrics.http_in_flight(1);
}

void Facade::Parts::end() {
  {
    std::lock_guard lock(mutex);
    --in_flight;
  }
  changed.notify_all();
}

void Facade::Parts::answer(Exchange& exchange, Response response) {
  const std::shared_lock lock(pistache);
  if (!endpoint) return;
  account(exchange, response.status, metrics);
  metrics.http_in_flight(-1);
  exchange.line.send(on_the_wire(response, exchange), !exchange.keep_alive);
  end();
}

void Facade::Parts::take_malformed(const std::shared_ptr<Pistache::Tcp::Peer>& peer, int status,
                                   std::string_view request_line) {
  begin();
  Exchange exchange(Line{peer});
  const auto space = request_line.find(' ');
  const auto verb = request_line.substr(0, space);
  auto path = space == std::string_view::npos ? std::string_view() : request_line.substr(space + 1);
  path = path.substr(0, path.find_first_of(" ?"));
  if (path.starts_with('/')) exchange.instance = uri_of(path);
  const auto is_verb =
      !verb.empty() && std::all_of(verb.begin(), verb.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (status == 400 && !exchange.instance.empty() && is_verb && !is_known_verb(verb)) {
    // A verb Pistache has never heard of is as wrong as any other that the path does not have.
    const auto match = routes.find(verb, path);
    if (match.pattern) exchange.route = *match.pattern;
    if (auto refused = refuse_by_route(match)) return answer(exchange, *std::move(refused));
  }
  const char* detail = status == 413   ? "A request body may have up to 1 MiB."
                       : status == 415 ? "The header Content-Type is none that this path takes."
                                       : "The request is malformed.";
  answer(exchange, refusal(status >= 400 && status < 500 ? status : 400, detail));
}

Request::Parts Facade::Parts::read(const web::Request& request, Routes::Match& match, Exchange& exchange) const {
  Request::Parts parts;
  parts.verb = exchange.verb;
  parts.path = exchange.instance;
  for (const auto& [name, raw] : request.headers().rawList()) parts.headers.emplace(lower(raw.name()), raw.value());
  if (const auto length = parts.headers.find("content-length");
      length != parts.headers.end() && length->second != std::to_string(request.body().size())) {
    exchange.keep_alive = false;  // Pistache takes nonsense for zero: where the next request begins is anybody's guess
    throw ProblemError(400, "", "The request's Content-Length is not a number, or not that of its body.");
  }

  read_head(parts, match, tokens, exchange);

  if (request.body().size() > max_body) throw ProblemError(413, "", "A request body may have up to 1 MiB.");
  for (auto pair = request.query().parameters_begin(); pair != request.query().parameters_end(); ++pair) {
    auto name = percent_decoded(pair->first, true);
    auto text = percent_decoded(pair->second, true);
    if (!name || !text) throw ProblemError(400, "", "The query is not percent-encoded UTF-8.");
    parts.query.emplace(*std::move(name), *std::move(text));
  }
  name_work(parts);
  parts.body = request.body();
  return parts;
}

void Facade::Parts::take(const web::Request& request, const std::shared_ptr<Pistache::Tcp::Peer>& peer) {
  begin();
  Exchange exchange(Line{peer});
  exchange.verb = web::methodString(request.method());
  exchange.instance = uri_of(request.resource());
  const auto connection = lower(request.headers().tryGetRaw("Connection").value_or(web::Header::Raw("", "")).value());
  exchange.keep_alive = request.version() == web::Version::Http11 ? connection.find("close") == std::string::npos
                                                                  : connection.find("keep-alive") != std::string::npos;

  Facade::Handler const* handler = nullptr;
  std::optional<Request> taken;
  std::optional<Problem> problem;
  try {
    auto match = routes.find(exchange.verb, request.resource());
    if (match.pattern) exchange.route = *match.pattern;
    if (exchange.verb == "OPTIONS" && match.pattern)
      return answer(exchange, Response{204, {}, {}, {{"Allow", match.allow}}});
    if (auto refused = refuse_by_route(match)) return answer(exchange, *std::move(refused));
    if (exchange.route != "/healthz" && is_draining()) {
      exchange.keep_alive = false;
      return answer(exchange, refusal(503, "This process is shutting down. Try again.", {{"Retry-After", "1"}}));
    }
    taken.emplace(read(request, match, exchange));
    handler = &match.endpoint->handler;
  } catch (...) {
    problem = problem_of(std::current_exception());
  }
  if (problem) return answer(exchange, *std::move(problem));

  auto pending = std::make_shared<Pending>(Pending{std::move(exchange), *std::move(taken)});
  auto self = shared_from_this();
  runner.post([self, pending, handler] {
    actors::spawn(self->handle(*handler, pending), [](const actors::Outcome<void>&) {});
  });
}

actors::Task<void> Facade::Parts::handle(const Facade::Handler& handler, std::shared_ptr<Pending> pending) {
  const auto self = shared_from_this();
  std::exception_ptr error;
  try {
    auto response = co_await handler(std::move(pending->request));
    answer(pending->exchange, std::move(response));
  } catch (...) {
    error = std::current_exception();
  }
  if (!error) co_return;
  auto problem = problem_of(error);
  if (problem.status >= 500) pending->exchange.failure = message_of(error);
  answer(pending->exchange, std::move(problem));
}

actors::Task<Response> Facade::Parts::readiness() {
  const auto not_yet = [](std::string why) {
    Problem problem;
    problem.status = 503;
    problem.type = problem_type("not_ready");
    problem.detail = std::move(why);
    problem.headers = {{"Retry-After", "1"}};
    return ProblemError(std::move(problem));
  };
  if (!tokens.ready()) throw not_yet("The key for bearer tokens has not arrived from the secret store yet.");
  const auto why = co_await runner.not_ready();
  if (why) throw not_yet(*why);
  co_return Response{200, R"({"status":"ready"})"};
}

void Facade::Parts::add_built_in() {
  const auto add = [this](const char* pattern, Facade::Handler handler) {
    routes.add("GET", pattern, {Access::Anyone, std::move(handler)});
  };
  add("/healthz", [](Request) -> actors::Task<Response> { co_return Response{200, R"({"status":"up"})"}; });
  add("/readyz", [this](Request) { return readiness(); });
  add("/openapi.json", [this](Request) -> actors::Task<Response> { co_return Response{200, settings.openapi}; });
}

Facade::Facade(FacadeSettings settings, Runner& runner, const Tokens& tokens, Metrics& metrics)
    : parts_(std::make_shared<Parts>(std::move(settings), runner, tokens, metrics)) {
  parts_->add_built_in();
}

Facade::~Facade() {
  stop();
}

void Facade::route(std::string verb, std::string pattern, Access access, Handler handler) {
  if (parts_->endpoint) throw std::logic_error("routes are registered before the facade starts: " + pattern);
  parts_->routes.add(verb, pattern, {access, std::move(handler)});
}

void Facade::start() {
  const auto& settings = parts_->settings;
  auto endpoint = std::make_unique<web::Endpoint>(Pistache::Address(settings.address, Pistache::Port(settings.port)));
  endpoint->init(web::Endpoint::options()
                     .threads(settings.threads)
                     .threadsName("facade")
                     .flags(Pistache::Tcp::Options::ReuseAddr | Pistache::Tcp::Options::NoDelay)
                     .backlog(1024)
                     .maxRequestSize(max_head + max_body)
                     .headerTimeout(pistache_timeout)
                     .bodyTimeout(pistache_timeout));
  // Raw: Pistache's threads end before the parts do (`stop`).
  auto* parts = parts_.get();
  endpoint->setHandler(
      std::make_shared<Door>([parts](const web::Request& request,
                                     const std::shared_ptr<Pistache::Tcp::Peer>& peer) { parts->take(request, peer); },
                             [parts](const std::shared_ptr<Pistache::Tcp::Peer>& peer, int status,
                                     std::string_view line) { parts->take_malformed(peer, status, line); }));
  const std::unique_lock lock(parts_->pistache);  // the first request may come before this function returns
  try {
    endpoint->serveThreaded();
  } catch (const std::exception& error) {
    throw std::runtime_error("the facade cannot be opened on " + settings.address + ":" +
                             std::to_string(settings.port) + " (" + error.what() + "): is the port taken?");
  }
  parts_->endpoint = std::move(endpoint);
}

unsigned short Facade::port() const {
  return static_cast<unsigned short>(parts_->endpoint->getPort());
}

bool Facade::drain(std::chrono::milliseconds limit) {
  std::unique_lock lock(parts_->mutex);
  parts_->draining = true;
  return parts_->changed.wait_for(lock, limit, [this] { return parts_->in_flight == 0; });
}

void Facade::stop() {
  std::unique_ptr<web::Endpoint> endpoint;
  {
    const std::unique_lock lock(parts_->pistache);
    endpoint = std::move(parts_->endpoint);
  }
  if (endpoint) endpoint->shutdown();
}

}  // namespace shop::services
