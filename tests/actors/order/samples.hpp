/// An order as tests know it.
#pragma once

#include "actors/cart/contract.hpp"
#include "actors/payment/contract.hpp"
#include "actors/product/contract.hpp"

namespace shop::order::samples {

inline const PaymentId payment_id{"p-1"};
inline const Money total{4500, "EUR"};

inline cart::CheckoutCompleted checkout(std::optional<CustomerId> customer = CustomerId("ann@example.org"),
                                        const std::string& order_id = "o-1") {
  return {OrderId(order_id),
          CartId("c-1"),
          std::move(customer),
          {{ProductId("tea"), "Tea", 2, {1000, "EUR"}}, {ProductId("cup"), "Cup", 1, {2500, "EUR"}}},
          total,
          {"tok_approve"},
          {"Ann", "Main Street 1", std::nullopt, "Lisbon", "1100-148", "PT"}};
}

inline payment::Completed completed(int attempt = 1, const std::string& order_id = "o-1") {
  return {payment_id, OrderId(order_id), attempt, total, "sim-1"};
}

inline payment::Failed failed(int attempt = 1, const std::string& reason = "card_declined") {
  return {payment_id, OrderId("o-1"), attempt, total, reason, true};
}

inline payment::Refunded refunded() {
  return {payment_id, OrderId("o-1"), 1, total, "sim-2"};
}

inline cart::ItemAdded item_added(int quantity) {
  return {CartId("c-1"), std::nullopt, ProductId("tea"), quantity, {1000, "EUR"}};
}

inline product::Created product_created() {
  return {ProductId("tea"), "Tea", "drinks", {1000, "EUR"}, 10, 1};
}

}  // namespace shop::order::samples
