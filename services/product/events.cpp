#include "services/product/events.hpp"

namespace shop::product {

actors::Subscriptions subscriptions(Stock& stock) {
  actors::Subscriptions subscriptions;
  subscriptions
      .on<order::Confirmed>([&stock](order::Confirmed order, actors::Calls calls) {
        return stock.sell(std::move(order), calls.origin().trace);
      })
      .on<order::Cancelled>(
          [&stock](order::Cancelled order, actors::Calls) { return stock.give_back(std::move(order)); });
  return subscriptions;
}

}  // namespace shop::product
