/// The order service: orders, customers' lists of them, and the demand for products.
///
/// Beside the variables of every service (services/common/settings.hpp) it reads ORDER_PAYMENT_DEADLINE_SECONDS, how
/// long a customer may take to pay, 1 to 604800, by default 900.
#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "services/common/openapi.hpp"
#include "services/common/service.hpp"
#include "services/order/routes.hpp"

int main() {
  using namespace shop;
  return services::run(
      {.app_id = "order-service", .openapi = services::openapi_document}, [](services::Service& service) {
        constexpr std::int64_t week = 7 * 24 * 3600;
        const std::chrono::seconds deadline(
            service.environment().integer("ORDER_PAYMENT_DEADLINE_SECONDS", 1, week, 900));
        auto& host = service.host();
        host.add<order::Order>([deadline] { return std::make_unique<order::Order>(deadline); });
        host.add<order::CustomerOrders>();
        host.add<order::ProductDemand>();
        host.subscribe(order::subscriptions());
        order::add_routes(service.facade(), [&host](actors::Origin origin) { return host.calls(std::move(origin)); });
      });
}
