/// The cart service: carts, and what they know of products. Settings: services/common/settings.hpp.
#include "actors/cart/cart.hpp"
#include "actors/cart/cart_product.hpp"
#include "services/cart/routes.hpp"
#include "services/common/openapi.hpp"
#include "services/common/service.hpp"

int main() {
  using namespace shop;
  return services::run(
      {.app_id = "cart-service", .openapi = services::openapi_document}, [](services::Service& service) {
        const auto cache = std::make_shared<cart::ListingCache>();
        auto& host = service.host();
        host.add<cart::Cart>([cache] { return std::make_unique<cart::Cart>(cache); });
        host.add<cart::CartProduct>();
        host.subscribe(cart::subscriptions());
        cart::add_routes(service.facade(), [&host](actors::Origin origin) { return host.calls(std::move(origin)); });
      });
}
