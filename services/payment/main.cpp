/// The payment service: the payments of orders, charged through a gateway.
///
/// Beside the variables of every service (services/common/settings.hpp) it reads PAYMENT_GATEWAY, which gateway
/// charges: `simulated`, the default, charges nobody; and SIMULATED_GATEWAY_PORT, where that one is reached: the
/// sidecar's port, unless something is put between the two.
#include "actors/payment/payment.hpp"
#include "actors/payment/simulated_gateway.hpp"
#include "services/common/openapi.hpp"
#include "services/common/service.hpp"
#include "services/payment/routes.hpp"

int main() {
  using namespace shop;
  std::unique_ptr<payment::Gateway> gateway;  // outlives the service, whose actors charge through it
  return services::run(
      {.app_id = "payment-service", .openapi = services::openapi_document}, [&](services::Service& service) {
        if (service.environment().text("PAYMENT_GATEWAY", "simulated") != "simulated")
          service.environment().wrong("PAYMENT_GATEWAY", "must be simulated: no other gateway is known");
        auto& host = service.host();
        const auto port =
            service.environment().integer("SIMULATED_GATEWAY_PORT", 1, 65535, service.settings().sidecar_port);
        // It reads, writes, and reads again when the write failed.
        auto& books = host.state_apart(static_cast<unsigned short>(port), payment::gateway_limit / 3);
        gateway = std::make_unique<payment::SimulatedGateway>(
            books, service.clock(), [&host](actors::Duration delay) { return host.sleep(delay); });
        host.add<payment::Payment>([&gateway] { return std::make_unique<payment::Payment>(*gateway); });
        host.subscribe(payment::subscriptions());
        payment::add_routes(
            service.facade(), [&host](actors::Origin origin) { return host.calls(std::move(origin)); }, *gateway);
      });
}
