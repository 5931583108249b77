/// Details of a refusal: a value of the method's own that its callers can act on, beside code and message.
///
///     struct Shortage { std::string product_id; int left = 0; DAPR_ACTORS_JSON(product_id, left) };
///     …
///     return refuse_with(Reason::Conflict, "too_few", "there are not so many left", Shortage{"p-17", 2});
///     …
///     if (const auto shortage = details_of<Shortage>(answer.error())) offer(shortage->left);
///
/// They go along to whoever awaits the call, also by way of other actors that hand the refusal on.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "dapr/actors/json.hpp"
#include "dapr/actors/result.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

/// `details` is anything with a form in JSON.
template <class T>
tl::unexpected<Refusal> refuse_with(Reason reason, std::string code, std::string message, const T& details) {
  return tl::unexpected<Refusal>(Refusal{reason, std::move(code), std::move(message), {}, json::to_string(details)});
}

/// The details, or none: the refusal has none, or they are not of this type. What a newer version adds to them is
/// ignored.
template <class T>
std::optional<T> details_of(const Refusal& refusal) {
  if (refusal.details.empty()) return std::nullopt;
  try {
    return json::parse<T>(refusal.details);
  } catch (const json::Error&) {
    return std::nullopt;
  }
}

}  // namespace dapr::actors

#pragma GCC visibility pop
