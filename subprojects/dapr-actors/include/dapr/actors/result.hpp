/// Refusals: what a caller did wrong and can mend, told apart from what failed.
///
/// A method of an actor answers `Result<T>`: a value, or a `Refusal`. A refusal leaves state and effects untouched,
/// travels to the caller with code and message intact and is never retried. What the caller cannot mend (a store that
/// is down, a bug) is an exception instead: the sidecar sees a 500 and may repeat the call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)

namespace dapr::actors {

/// What kind of refusal it is; a transport maps it to its own codes (see `http_status`).
enum class Reason {
  Invalid,        ///< the request cannot be read
  Forbidden,      ///< the caller may not
  NotFound,       ///< there is no such thing
  Conflict,       ///< the thing's state does not allow it
  Unprocessable,  ///< readable, but a value is out of its range, or an idempotency key was used for something else
  TooLarge,       ///< what would be stored exceeds the store's limits
};

/// The HTTP status (RFC 9110) of a reason, as a facade answers it.
constexpr int http_status(Reason reason) {
  switch (reason) {
    case Reason::Invalid: return 400;
    case Reason::Forbidden: return 403;
    case Reason::NotFound: return 404;
    case Reason::Conflict: return 409;
    case Reason::Unprocessable: return 422;
    case Reason::TooLarge: return 413;
  }
  return 500;
}

/// The name of a reason on the wire: `not_found`, `conflict`, …
std::string_view to_string(Reason reason);
/// The reason of a wire name; an unknown name is `Conflict`, the reason that promises least.
Reason reason_from(std::string_view name);

/// One of the things a refusal is about: where it stands in what the caller sees (`pointer`, RFC 6901), what is wrong
/// with it, and how many of it can be had where too many were asked for.
struct RefusedPart {
  std::string pointer;
  std::string detail;
  std::optional<std::int64_t> available = {};

  bool operator==(const RefusedPart&) const = default;
};

/// A refusal: machine-readable `code` (snake_case), and a message that says what is wrong and what to do. `errors`
/// names the things it is about where the caller's view has several. `details` is a value of the method's own, as JSON;
/// empty for none (`refuse_with` and `details_of` of refusal_details.hpp write and read it).
struct Refusal {
  Reason reason = Reason::Conflict;
  std::string code;
  std::string message;
  std::vector<RefusedPart> errors = {};
  std::string details = {};

  bool operator==(const Refusal&) const = default;
};

template <class T>
using Result = tl::expected<T, Refusal>;

/// `return refuse(Reason::NotFound, "unknown_product", "…");` in a method that answers a `Result`.
inline tl::unexpected<Refusal> refuse(Reason reason, std::string code, std::string message,
                                      std::vector<RefusedPart> errors = {}) {
  return tl::unexpected<Refusal>(Refusal{reason, std::move(code), std::move(message), std::move(errors)});
}

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<tl::expected<T, Refusal>> = true;

}  // namespace dapr::actors

#pragma GCC visibility pop
