/// The stock as orders know it, on a bench: what the product service answers on `PUT /internal/reservations/{orderId}`.
#pragma once

#include <dapr/actors/testing/bench.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "actors/product/contract.hpp"
#include "actors/shared/library.hpp"

namespace shop::order::samples {

class Stock {
 public:
  explicit Stock(actors::testing::Bench& bench) {
    bench.sidecar.applications["product-service"] = [this](const auto& request) { return answer(request); };
  }
  Stock(const Stock&) = delete;
  Stock& operator=(const Stock&) = delete;

  std::map<ProductId, std::int64_t> few;                  ///< products of which there are only so many
  std::optional<int> failure;                             ///< answered with this status while it is set
  std::string failure_type = "application/problem+json";  ///< as the service answers; a sidecar answers JSON
  std::map<std::string, product::Reserved> decided;       ///< by order, for ever
  std::map<std::string, product::Reserve> asked_for;      ///< by order
  int asked = 0;

 private:
  actors::HttpAnswer answer(const actors::HttpRequest& request) {
    const std::string prefix = "/internal/reservations/";
    if (request.verb != "PUT" || !request.path.starts_with(prefix)) return {404, "{}", "application/problem+json"};
    ++asked;
    if (failure) return {*failure, "{}", failure_type};
    const auto order = request.path.substr(prefix.size());
    const auto wanted = actors::json::parse<product::Reserve>(request.body);
    asked_for[order] = wanted;
    if (!decided.contains(order)) decided[order] = decide(wanted);
    return {200, actors::json::to_string(decided[order]), "application/json"};
  }
  product::Reserved decide(const product::Reserve& wanted) {
    product::Reserved outcome;
    for (const auto& line : wanted.lines)
      if (const auto left = few.find(line.product_id); left != few.end() && left->second < line.quantity)
        outcome.shortages.push_back({line.product_id, left->second});
    outcome.held = outcome.shortages.empty();
    for (const auto& line : wanted.lines)
      if (const auto left = few.find(line.product_id); outcome.held && left != few.end()) left->second -= line.quantity;
    return outcome;
  }
};

}  // namespace shop::order::samples
