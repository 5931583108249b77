#include "tests/fuzz/shop.hpp"

#include "actors/cart/cart.hpp"
#include "actors/cart/cart_product.hpp"
#include "actors/order/all_orders.hpp"
#include "actors/order/customer_orders.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "actors/payment/payment.hpp"
#include "services/product/routes.hpp"

namespace fuzz {

Shop::Shop() {
  bench.add<shop::cart::Cart>([this] { return std::make_unique<shop::cart::Cart>(cache); })
      .add<shop::cart::CartProduct>()
      .add<shop::order::Order>()
      .add<shop::order::CustomerOrders>()
      .add<shop::order::AllOrders>()
      .add<shop::order::ProductDemand>()
      .add<shop::payment::Payment>([this] { return std::make_unique<shop::payment::Payment>(gateway); });
  bench.sidecar.applications["product-service"] = [this](const actors::HttpRequest& request) {
    const std::string reservations = "/internal/reservations/", products = "/internal/products/";
    const auto under = [&](const std::string& prefix) {
      return request.path.substr(std::min(prefix.size(), request.path.size()));
    };
    actors::ChannelRequest own{request.verb, request.path, {}, request.body, {}};
    std::optional<actors::ChannelAnswer> answer;
    if (request.path.starts_with(reservations)) {
      own.parameters = {under(reservations)};
      answer = bench.run(shop::product::answer_reservation(catalog.stock, std::move(own)));
    } else if (request.path == "/internal/availability") {
      answer = bench.run(shop::product::answer_availability(catalog.stock, std::move(own)));
    } else {
      require(request.path.starts_with(products), "the catalog is asked for a product", request.path);
      own.parameters = {under(products)};
      answer = bench.run(shop::product::answer_listing(catalog.catalog, std::move(own)));
    }
    return actors::HttpAnswer{answer->status, std::move(answer->body), std::move(answer->content_type)};
  };
  bench.run(catalog.index.open());
  // Something to buy.
  shop::product::NewProduct tea{shop::ProductId("tea"), "Tea", "A leaf.", "drinks", {450, "EUR"}, 10, {}};
  const auto created = bench.run(catalog.catalog.create(std::move(tea), {}));
  require(created.has_value(), "a shop has tea");
  deliver_all();
}

actors::Delivery Shop::deliver(std::size_t service, std::string envelope) {
  return bench.run(subscriptions[service].deliver(std::move(envelope), {}, bench.sidecar, observer));
}

void Shop::deliver_all() {
  for (; delivered_ < bench.sidecar.published.size(); ++delivered_) {
    require(delivered_ < 1000, "events come to an end");
    const auto envelope = actors::to_envelope(bench.sidecar.published[delivered_]);
    for (std::size_t service = 0; service < subscriptions.size(); ++service) {
      observer.error.clear();
      require(deliver(service, envelope) == actors::Delivery::Done, "what we publish, those who listen understand",
              observer.error + "\n" + envelope);
    }
  }
}

std::size_t Shop::writes() const {
  const auto transactions = [](const auto& store) {
    const auto found = store.counts.find("transact");
    return found == store.counts.end() ? std::size_t{0} : static_cast<std::size_t>(found->second);
  };
  return bench.sidecar.operations() + transactions(products) + transactions(books);
}

}  // namespace fuzz
