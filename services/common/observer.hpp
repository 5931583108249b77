/// Tells log and metrics what the actor library does.
///
/// Lines about turns have `msg` "turn committed", "turn duplicate", "turn refused", "turn failed" or, at debug, "turn
/// unchanged", with `actor`, `method`, `turn`, `cause`, `version`, `tookMs`, `traceId`, `error`, what the actor noted
/// with `tag`, and the actor's id under its own name (`cartId`, `orderId`, …). Lines about events have "event
/// published", "event not published", "event handled", "event unknown", "event unreadable" or "event failed", with
/// `event` (its type), `eventId`, `topic` or `source`, and the ids at the top of its data. Of an event's data nothing
/// but these ids is logged.
#pragma once

#include <dapr/actors/observer.hpp>

#include <map>
#include <string>

#include "actors/shared/library.hpp"
#include "services/common/metrics.hpp"

namespace shop::services {

/// `identify` before the host starts; the rest is thread-safe.
class ServiceObserver final : public actors::Observer {
 public:
  explicit ServiceObserver(Metrics& metrics) : metrics_(metrics) {}
  /// The field under which ids of an actor type appear; the shop's own types are known.
  void identify(std::string actor_type, std::string field) { fields_[std::move(actor_type)] = std::move(field); }

  void turn_ended(const actors::TurnEnded& turn) override;
  void commit_ended(std::string_view actor_type, bool ok, actors::Microseconds took) override;
  void event_sent(const actors::EventSent& sent) override;
  void event_received(const actors::EventReceived& received) override;
  void outbox_changed(std::string_view actor_type, int delta) override;
  void activations_changed(std::string_view actor_type, int delta) override;
  void reminder_changed(std::string_view actor_type, std::string_view name, bool armed) override;
  void sidecar_called(std::string_view operation, int status, actors::Microseconds took) override;
  void warned(std::string_view message) override;

 private:
  std::string_view field_of(std::string_view actor_type) const;

  Metrics& metrics_;
  std::map<std::string, std::string, std::less<>> fields_{{"Cart", "cartId"},       {"CartProduct", "productId"},
                                                          {"Order", "orderId"},     {"Payment", "paymentId"},
                                                          {"Product", "productId"}, {"ProductDemand", "productId"}};
};

}  // namespace shop::services
