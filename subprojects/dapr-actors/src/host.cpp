#include "dapr/actors/host.hpp"

#include <future>
#include <thread>

#include "internal/http/app_channel.hpp"
#include "internal/http/asio.hpp"
#include "internal/http/dapr_sidecar.hpp"
#include "internal/http/server.hpp"

namespace dapr::actors {
namespace {

using Steady = std::chrono::steady_clock;

/// Between two attempts at what a broken broker did not take.
constexpr auto retry_pause = std::chrono::milliseconds(300);
/// What closing may take: connections at rest, and what is cut off. A drain keeps it free of what comes before.
constexpr auto closing_time = std::chrono::milliseconds(500);

http::DaprSettings dapr_settings(const HostSettings& settings) {
  http::DaprSettings dapr;
  dapr.address = settings.sidecar_address;
  dapr.port = settings.sidecar_port;
  dapr.token = settings.sidecar_token;
  dapr.pubsub = settings.pubsub;
  dapr.state_store = settings.state_store;
  dapr.secret_store = settings.secret_store;
  return dapr;
}

http::ServerSettings server_settings(const HostSettings& settings) {
  http::ServerSettings server;
  server.address = settings.address;
  server.port = settings.channel_port;
  return server;
}

/// Whether `condition` came true before `until`.
template <class Condition>
bool wait(Steady::time_point until, Condition condition) {
  while (!condition()) {
    if (Steady::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace

class Host::Parts {
 public:
  Parts(HostSettings settings, Observer& observer, const Clock& clock)
      : settings(std::move(settings)),
        observer(observer),
        io(this->settings.threads == 1 ? 1 : BOOST_ASIO_CONCURRENCY_HINT_SAFE),
        sidecar(io, dapr_settings(this->settings), observer),
        effects(between<Sidecar>(sidecar)),
        state(between<StateStore>(sidecar)),
        engine(io, effects, clock, observer, this->settings.app_id),
        channel(engine, effects, observer, this->settings.app_token, this->settings.silence),
        server(
            io, server_settings(this->settings), [this](http::Request& request) { return serve(request); },
            [this](const http::Request& request) { channel.abandoned(request); }) {
    engine.settings(TypeSettingsText(this->settings.type_settings));
    channel.ask([this] { return trouble(); });
    if (this->settings.lists_actors) channel.list_actors();
    channel.when_configured([this] { ask_features(); });
  }
  ~Parts() { stop(); }

  void start() {
    engine.check_settings();
    server.listen();
    listening = true;
    for (int i = 0; i < settings.threads; ++i) threads.emplace_back([this] { io.run(); });
  }

  Task<std::optional<std::string>> trouble() {
    auto missing = sidecar.feature_trouble();
    if (missing) co_return missing;
    co_return co_await sidecar.store_trouble();
  }
  /// Whoever asks `not_ready` learns it as well; not everybody does.
  void ask_features() {
    if (engine.types().empty()) return;
    actors::spawn(sidecar.ask_features(engine.expiring()), [this](const Outcome<void>& outcome) {
      if (outcome.failed()) observer.warned("what the sidecar is capable of is not known: " + what(outcome.error()));
    });
  }

  template <class T>
  T& between(T& real) {
    return settings.intermediary ? settings.intermediary->between(real) : real;
  }

  Task<http::Response> serve(http::Request& request) {
    if (!settings.intermediary) return channel.serve(request);
    return serve_between(request);
  }
  Task<http::Response> serve_between(http::Request& request) {
    auto response = co_await channel.serve(request);
    const LeavingAnswer leaving{request.verb, request.target, request.idempotency_key, response.status};
    settings.intermediary->answering(leaving);
    co_return response;
  }

  void stop() {
    listening = false;
    server.stop();
    sidecar.close();
    for (auto& store : stores) store->close();
    // What still runs fails now, instead of being left in the middle.
    if (!threads.empty())
      wait(Steady::now() + closing_time, [this] { return engine.idle() && server.connections() == 0; });
    io.stop();
    for (auto& thread : threads) thread.join();
    threads.clear();
  }

  const HostSettings settings;
  Observer& observer;
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  http::DaprSidecar sidecar;
  std::vector<std::unique_ptr<http::DaprSidecar>> stores;
  Sidecar& effects;  // what the actors' effects go through
  StateStore& state;
  Engine engine;
  http::AppChannel channel;
  http::Server server;
  std::vector<std::thread> threads;
  std::atomic<bool> listening = false;
};

Host::Host(HostSettings settings, Observer& observer, const Clock& clock)
    : parts_(std::make_unique<Parts>(std::move(settings), observer, clock)) {}

Host::~Host() = default;

void Host::add_type(detail::TypeDescription type) {
  parts_->engine.add(std::move(type));
}
Host& Host::filter(std::shared_ptr<TurnFilter> filter, std::string type) {
  parts_->engine.filter(std::move(filter), std::move(type));
  return *this;
}
void Host::subscribe(Subscriptions subscriptions, SubscribedBy by) {
  parts_->channel.subscribe(std::move(subscriptions), by == SubscribedBy::Host ? parts_->settings.pubsub : "");
}
void Host::route(std::string verb, std::string pattern, std::function<Task<ChannelAnswer>(ChannelRequest)> handle) {
  parts_->channel.route(std::move(verb), pattern, std::move(handle));
}

void Host::start() {
  parts_->start();
}
unsigned short Host::channel_port() const {
  return parts_->server.port();
}

Calls Host::calls(Origin origin) {
  return Calls(parts_->effects, std::move(origin));
}
StateStore& Host::state() {
  return parts_->state;
}
StateStore& Host::state_apart(unsigned short port, Duration limit) {
  auto settings = dapr_settings(parts_->settings);
  settings.port = port;
  settings.access_timeout = limit;
  settings.wait_timeout = limit;
  auto& apart = *parts_->stores.emplace_back(
      std::make_unique<http::DaprSidecar>(parts_->io, std::move(settings), parts_->observer));
  return parts_->between<StateStore>(apart);
}
Secrets& Host::secrets() {
  return parts_->sidecar;
}
Sidecar& Host::sidecar() {
  return parts_->effects;
}

ActiveActors Host::active_actors(const std::string& type, std::size_t most) const {
  return parts_->engine.active_actors(type, most);
}

void Host::post(std::function<void()> work) {
  boost::asio::post(parts_->io, std::move(work));
}

Task<void> Host::sleep(Duration delay) {
  return suspend<void>([io = &parts_->io, delay](Completion<void> done) {
    auto timer = std::make_shared<boost::asio::steady_timer>(*io, delay);
    timer->async_wait([timer, done](const boost::system::error_code&) { done(); });
  });
}

Task<std::optional<std::string>> Host::not_ready() {
  if (!parts_->listening) co_return "the app channel does not listen";
  co_return co_await parts_->sidecar.not_ready(parts_->engine.types(), parts_->engine.expiring());
}

/// What is here failed to leave and has armed `tend`, which would send it from wherever its actor is next. It need not
/// wait for that where the broker is back in time.
void Host::send_what_is_left(Steady::time_point until) {
  while (const auto events = parts_->engine.unsent()) {
    auto promise = std::make_shared<std::promise<void>>();
    auto attempt = promise->get_future();
    spawn(parts_->engine.send_what_is_left(), [promise](const Outcome<void>& outcome) {
      if (outcome.failed())
        promise->set_exception(outcome.error());
      else
        promise->set_value();
    });
    auto next = until;
    if (attempt.wait_until(until) == std::future_status::ready) {
      try {
        attempt.get();
        continue;
      } catch (const SidecarError& error) {
        if (error.code() != "UNREACHED") next = Steady::now() + retry_pause;  // else the sidecar has ended before us
      } catch (const std::exception&) {
        next = Steady::now() + retry_pause;
      }
    }
    if (next >= until) {
      parts_->observer.warned(std::to_string(events) + " events wait in the store until their actors are tended");
      return;
    }
    std::this_thread::sleep_until(next);
  }
}

bool Host::drain(Duration limit) {
  const auto until = Steady::now() + limit;
  parts_->engine.drain();
  parts_->channel.drain();
  // The channel stays open meanwhile: the sidecar hands actors over and wants to be told where they are not.
  const bool idle = wait(until, [this] { return parts_->engine.idle(); });
  if (idle) send_what_is_left(until - closing_time);
  parts_->server.stop();
  const bool closed = wait(until, [this] { return parts_->server.connections() == 0; });
  parts_->stop();
  return idle && closed;
}

}  // namespace dapr::actors
