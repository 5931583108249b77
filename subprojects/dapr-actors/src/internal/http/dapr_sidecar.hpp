/// The Dapr sidecar beside this process, over its HTTP API (`/v1.0/…`, runtime 1.18).
///
/// Calls of actors and applications, which take as long as others' turns take, have connections of their own: they
/// must not keep from a connection the state access that would let those turns end. Internal to the library.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "internal/http/client.hpp"
#include "dapr/actors/observer.hpp"

namespace dapr::actors::http {

struct DaprSettings {
  std::string address = "127.0.0.1";
  unsigned short port = 3500;
  std::string token = {};
  std::string pubsub = "pubsub";
  std::string state_store = "statestore";
  std::string secret_store = "secretstore";
  // A call ends, with the wait for a connection, before a door in front gives up on it (30 s).
  Duration call_timeout = std::chrono::seconds(20);    ///< of calls of actors and applications
  Duration access_timeout = std::chrono::seconds(15);  ///< of everything else
  Duration wait_timeout = std::chrono::seconds(5);     ///< for a connection
  // What is in hand when everything hangs: fewer calls than the app channel has connections for them and for what
  // comes besides, events, reminders and the health probe.
  std::size_t call_connections = 512;
  std::size_t access_connections = 128;
  std::size_t waiting = 512;
};

/// Thread-safe. Fails with SidecarError: status 0 and code `UNREACHED` or `TIMED_OUT` when no answer came, `BUSY` when
/// it was not sent since too much is in hand, `BAD_REQUEST` for what cannot be sent at all.
class DaprSidecar final : public Sidecar, public StateStore, public Secrets {
 public:
  DaprSidecar(boost::asio::io_context& io, DaprSettings settings, Observer& observer);

  Task<std::optional<std::string>> read_state(ActorId actor, std::string key) override;
  Task<void> commit_state(ActorId actor, std::vector<StateOperation> operations) override;
  Task<void> register_reminder(ActorId actor, Alarm alarm) override;
  Task<void> unregister_reminder(ActorId actor, std::string name) override;
  Task<void> register_timer(ActorId actor, Alarm alarm) override;
  Task<void> unregister_timer(ActorId actor, std::string name) override;
  Task<Reply> call_actor(ActorId actor, Call call) override;
  Task<void> publish(CloudEvent event) override;
  Task<HttpAnswer> invoke(std::string app_id, HttpRequest request) override;

  Task<std::optional<StateItem>> get(std::string key) override;
  Task<std::vector<std::optional<StateItem>>> get_all(std::vector<std::string> keys) override;
  Task<void> transact(std::vector<StateChange> changes) override;

  Task<std::map<std::string, std::string>> secret(std::string name) override;

  /// Why the sidecar cannot serve this host yet, or nothing: its outbound health, and that it hosts `actor_types`; with
  /// a method whose ids expire (`expiring`), that its feature ActorStateTTL is enabled.
  Task<std::optional<std::string>> not_ready(std::vector<std::string> actor_types,
                                             std::optional<std::string> expiring = {});
  /// What `feature_trouble` answers from now on, by the sidecar's metadata. The observer is told of a feature that is
  /// missing for `expiring`, and once of a state store that does not fence writes. Throws SidecarError where the
  /// sidecar does not tell.
  Task<void> ask_features(std::optional<std::string> expiring);
  /// That the last sidecar which was asked lacks the feature, and what to do; or nothing.
  std::optional<std::string> feature_trouble() const;

  /// Why the state store must be taken to be away, or nothing. Asks it, by a write, only when in doubt: after an access
  /// failed, until it answers again. While it is away actors are not called, since nobody hosts them: fails with
  /// `STORE_AWAY` at once.
  Task<std::optional<std::string>> store_trouble();

  /// Fails what is in hand and waits, and closes all connections.
  void close();

 private:
  Task<Answer> send(Client& client, const char* operation, OutgoingRequest request);
  Task<Answer> ask_store(const char* operation, OutgoingRequest request);
  Task<void> change(const char* operation, OutgoingRequest request);
  Task<void> change_store(const char* operation, OutgoingRequest request);

  struct Metadata;
  std::optional<std::string> learn(const Metadata& metadata, const std::optional<std::string>& expiring);

  const DaprSettings settings_;
  Observer& observer_;
  Client calls_;
  Client access_;
  mutable std::mutex features_mutex_;
  std::optional<std::string> feature_trouble_;  // under features_mutex_
  bool told_of_fence_ = false;                  // under features_mutex_
  std::atomic<bool> store_in_doubt_ = false;    // an access failed
  std::atomic<bool> asking_store_ = false;      // how it is
  // The question failed, or has not been answered by the next time. Counts for this long, in case nobody asks any more.
  std::atomic<std::chrono::steady_clock::time_point> store_away_until_{};
};

}  // namespace dapr::actors::http
