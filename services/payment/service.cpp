#include "services/payment/service.hpp"

#include "actors/payment/payment.hpp"
#include "actors/payment/simulated_gateway.hpp"
#include "services/common/openapi.hpp"
#include "services/payment/routes.hpp"

namespace shop::payment {

int run(services::Substitutes substitutes) {
  std::unique_ptr<Gateway> gateway;  // outlives the service, whose actors charge through it
  return services::run({"payment-service", services::openapi_document, substitutes}, [&](services::Service& service) {
    if (service.environment().text("PAYMENT_GATEWAY", "simulated") != "simulated")
      service.environment().wrong("PAYMENT_GATEWAY", "must be simulated: no other gateway is known");
    auto& host = service.host();
    const auto port =
        service.environment().integer("SIMULATED_GATEWAY_PORT", 1, 65535, service.settings().sidecar_port);
    // It reads, writes, and reads again when the write failed.
    auto& books = host.state_apart(static_cast<unsigned short>(port), gateway_limit / 3);
    gateway = std::make_unique<SimulatedGateway>(books, service.clock(),
                                                 [&host](actors::Duration delay) { return host.sleep(delay); });
    host.add<Payment>([&gateway] { return std::make_unique<Payment>(*gateway); });
    host.subscribe(subscriptions());
    add_routes(
        service.facade(), [&host](actors::Origin origin) { return host.calls(std::move(origin)); }, *gateway);
  });
}

}  // namespace shop::payment
