/// Values every part of the shop shares: ids, money, addresses, order lines. Their JSON forms are fixed by
/// docs/contracts.md.
#pragma once

#include <dapr/actors/json.hpp>

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "actors/shared/library.hpp"

namespace shop {

/// An id of the kind its tag says; `[A-Za-z0-9_-]{1,64}` on every wire. Kinds do not convert into one another.
template <class Tag>
struct Id {
  std::string value;
  Id() = default;
  explicit Id(std::string text) : value(std::move(text)) {}
  auto operator<=>(const Id&) const = default;
};

/// Is this text an id?
bool is_id(std::string_view text);

using ProductId = Id<struct ProductTag>;
using CartId = Id<struct CartTag>;
using OrderId = Id<struct OrderTag>;
using PaymentId = Id<struct PaymentTag>;

/// Who a customer is: a token's `sub`, any text. Encoded where it becomes an actor's id, see `actor_id_of`.
struct CustomerId {
  std::string value;
  CustomerId() = default;
  explicit CustomerId(std::string text) : value(std::move(text)) {}
  auto operator<=>(const CustomerId&) const = default;
};

/// An actor id for a customer: hexadecimal digits of the `sub`'s SHA-1 (RFC 4122 version 5), since a `sub` may hold
/// anything.
std::string actor_id_of(const CustomerId& customer);

/// An amount in minor units (cents) of an ISO 4217 currency.
struct Money {
  std::int64_t amount = 0;
  std::string currency;
  bool operator==(const Money&) const = default;
  DAPR_ACTORS_JSON(amount, currency)
};

/// Is this an amount a price may have: 0 to 10^12 minor units, three capital letters?
bool is_price(const Money& money);
Money operator*(const Money& price, int quantity);
/// Amounts of one currency; an empty one (no currency yet) takes the other's.
Money operator+(const Money& left, const Money& right);

struct Address {
  std::string name;
  std::string line1;
  std::optional<std::string> line2;
  std::string city;
  std::string postal_code;
  std::string country;
  bool operator==(const Address&) const = default;
  DAPR_ACTORS_JSON(name, line1, line2, city, postal_code, country)
};

/// How a customer pays. The token stands for the means at the gateway; it is never logged.
struct PaymentMethod {
  std::string token;
  bool operator==(const PaymentMethod&) const = default;
  DAPR_ACTORS_JSON(token)
};

/// A line of an order, at the price it was ordered for.
struct Line {
  ProductId product_id;
  std::string name;
  int quantity = 0;
  Money unit_price;
  bool operator==(const Line&) const = default;
  DAPR_ACTORS_JSON(product_id, name, quantity, unit_price)
};

Money total_of(const std::vector<Line>& lines);

}  // namespace shop

namespace dapr::actors::json {

template <class Tag>
struct Codec<shop::Id<Tag>> {
  static void write(Writer& writer, const shop::Id<Tag>& id) { json::write(writer, id.value); }
  static void read(const Value& from, shop::Id<Tag>& id, Reading& reading) {
    json::read(from, id.value, reading);
    if (from.is_string() && !shop::is_id(id.value))
      reading.fail("must be an id: 1 to 64 letters, digits, hyphens or underscores");
  }
};

template <>
struct Codec<shop::CustomerId> {
  static void write(Writer& writer, const shop::CustomerId& id) { json::write(writer, id.value); }
  static void read(const Value& from, shop::CustomerId& id, Reading& reading) { json::read(from, id.value, reading); }
};

}  // namespace dapr::actors::json
