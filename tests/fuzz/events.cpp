// CloudEvents of every type a service subscribes to, as the broker brings them. The service is on the first line, then
// follows the envelope.
//
// One that cannot be read changes nothing and comes again; one that was dealt with changes nothing the second time; and
// what comes of it is understood by the services that listen.
#include "tests/fuzz/shop.hpp"

void fuzz::run(std::string_view input) {
  const auto name = take_until(input, "\n");
  const auto service =
      static_cast<std::size_t>(std::find(Shop::services.begin(), Shop::services.end(), name) - Shop::services.begin());
  if (service == Shop::services.size()) return;
  Shop shop;
  const auto before = shop.writes();
  const std::string envelope(input);
  const auto delivery = shop.deliver(service, envelope);
  const auto outcome = shop.observer.outcome;
  require((delivery == actors::Delivery::Done) ==
              (outcome == actors::EventOutcome::Handled || outcome == actors::EventOutcome::Unknown),
          "only what was dealt with is acknowledged");
  if (outcome != actors::EventOutcome::Handled)
    require(shop.observer.error.size() < 65536, "what is wrong is told within bounds");
  if (outcome == actors::EventOutcome::Unreadable || outcome == actors::EventOutcome::Unknown)
    require(shop.writes() == before, "an event that is not understood changes nothing");
  if (delivery != actors::Delivery::Done) return;
  const auto after = shop.writes();
  require(shop.deliver(service, envelope) == actors::Delivery::Done, "an event that was dealt with is known");
  require(shop.writes() == after, "an event that was dealt with changes nothing the second time");
  shop.deliver_all();
}
