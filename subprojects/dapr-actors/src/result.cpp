#include "dapr/actors/result.hpp"

#include <array>

namespace dapr::actors {
namespace {
constexpr std::array names{
    std::pair{Reason::Invalid, "invalid"},
    std::pair{Reason::Forbidden, "forbidden"},
    std::pair{Reason::NotFound, "not_found"},
    std::pair{Reason::Conflict, "conflict"},
    std::pair{Reason::Unprocessable, "unprocessable"},
    std::pair{Reason::TooLarge, "too_large"},
};
}

std::string_view to_string(Reason reason) {
  for (const auto& [known, name] : names)
    if (known == reason) return name;
  return "conflict";
}

Reason reason_from(std::string_view text) {
  for (const auto& [reason, name] : names)
    if (name == text) return reason;
  return Reason::Conflict;
}

}  // namespace dapr::actors
