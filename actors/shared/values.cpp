#include "actors/shared/values.hpp"

#include <dapr/actors/named_id.hpp>

#include <algorithm>
#include <stdexcept>

namespace shop {

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::string actor_id_of(const CustomerId& customer) {
  return actors::named_id(customer.value);
}

bool is_price(const Money& money) {
  constexpr std::int64_t highest = 1'000'000'000'000;  // times 999 pieces and 40 lines still fits 64 bits
  return money.amount >= 0 && money.amount <= highest && money.currency.size() == 3 &&
         std::all_of(money.currency.begin(), money.currency.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Money operator*(const Money& price, int quantity) {
  return {price.amount * quantity, price.currency};
}

Money operator+(const Money& left, const Money& right) {
  if (left.currency.empty()) return right;
  if (right.currency.empty()) return left;
  if (left.currency != right.currency)
    throw std::invalid_argument("amounts in " + left.currency + " and " + right.currency + " do not add up");
  return {left.amount + right.amount, left.currency};
}

Money total_of(const std::vector<Line>& lines) {
  Money total;
  for (const auto& line : lines) total = total + line.unit_price * line.quantity;
  return total;
}

}  // namespace shop
