#include "services/cart/service.hpp"

#include "actors/cart/cart.hpp"
#include "actors/cart/cart_product.hpp"
#include "services/cart/routes.hpp"
#include "services/common/openapi.hpp"

namespace shop::cart {

int run(services::Substitutes substitutes) {
  return services::run({"cart-service", services::openapi_document, substitutes}, [](services::Service& service) {
    const auto cache = std::make_shared<ProductCache>();
    auto& host = service.host();
    host.add<Cart>([cache] { return std::make_unique<Cart>(cache); });
    host.add<CartProduct>();
    host.subscribe(subscriptions());
    add_routes(service.facade(), [&host](actors::Origin origin) { return host.calls(std::move(origin)); });
  });
}

}  // namespace shop::cart
