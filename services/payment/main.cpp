/// The payment service: the payments of orders, charged through a gateway.
///
/// Beside the variables of every service (services/common/settings.hpp) it reads PAYMENT_GATEWAY, which gateway
/// charges: `simulated`, the default, charges nobody.
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
        gateway = std::make_unique<payment::SimulatedGateway>(
            host.state(), service.clock(), [&host](actors::Duration delay) { return host.sleep(delay); });
        host.add<payment::Payment>([&gateway] { return std::make_unique<payment::Payment>(*gateway); });
        host.subscribe(payment::subscriptions());
        payment::add_routes(
            service.facade(), [&host](actors::Origin origin) { return host.calls(std::move(origin)); }, *gateway);
      });
}
