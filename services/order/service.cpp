#include "services/order/service.hpp"

#include "actors/order/all_orders.hpp"
#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "services/common/openapi.hpp"
#include "services/order/routes.hpp"

namespace shop::order {

int run(services::Substitutes substitutes) {
  return services::run({"order-service", services::openapi_document, substitutes}, [](services::Service& service) {
    constexpr std::int64_t week = 7 * 24 * 3600;
    const std::chrono::seconds deadline(service.environment().integer("ORDER_PAYMENT_DEADLINE_SECONDS", 1, week, 900));
    auto& host = service.host();
    const auto desk = std::make_shared<AllOrdersDesk>();
    host.add<Order>([deadline, desk] { return std::make_unique<Order>(deadline, desk); });
    host.add<CustomerOrders>();
    host.add<AllOrders>();
    host.add<ProductDemand>();
    host.subscribe(subscriptions());
    add_routes(service.facade(), [&host](actors::Origin origin) { return host.calls(std::move(origin)); });
  });
}

}  // namespace shop::order
