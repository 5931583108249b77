#include "dapr/actors/records/outbox.hpp"

#include <chrono>

namespace dapr::actors::records {

CloudEvent to_cloud_event(const OutboxEntry& entry, const std::string& source, const std::string& subject) {
  return {entry.id,    source,     entry.type, subject,
          entry.topic, entry.time, entry.data, {entry.traceparent, entry.tracestate}};
}

Task<void> send(Sidecar& sidecar, Observer& observer, ActorId about, CloudEvent event) {
  const auto start = std::chrono::steady_clock::now();
  std::exception_ptr failure;
  std::string error;
  try {
    co_await sidecar.publish(event);
  } catch (const std::exception& failed) {
    failure = std::current_exception();
    error = failed.what();
    if (error.empty()) error = "failed";
  }
  const auto took = std::chrono::duration_cast<Microseconds>(std::chrono::steady_clock::now() - start);
  observer.event_sent({about, event, error, took});
  if (failure) std::rethrow_exception(failure);
}

}  // namespace dapr::actors::records
