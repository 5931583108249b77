#include "internal/http/refusals.hpp"

#include "dapr/actors/json.hpp"

namespace dapr::actors::http {
namespace {

struct Part {
  std::string pointer;
  std::string detail;
  std::optional<std::int64_t> available;
  DAPR_ACTORS_JSON(pointer, detail, available)
};

struct Body {
  std::string reason;
  std::string code;
  std::string message;
  std::optional<std::vector<Part>> errors;
  std::optional<json::Raw> details;
  DAPR_ACTORS_JSON(reason, code, message, errors, details)
};

}  // namespace

std::string to_wire(const Refusal& refusal) {
  Body body{std::string(to_string(refusal.reason)), refusal.code, refusal.message, {}, {}};
  if (!refusal.errors.empty()) body.errors.emplace();
  for (const auto& part : refusal.errors) body.errors->push_back({part.pointer, part.detail, part.available});
  if (!refusal.details.empty()) body.details = json::parse<json::Raw>(refusal.details);
  return json::to_string(body);
}

Refusal refusal_from_wire(const std::string& text) {
  auto body = json::parse<Body>(text);
  Refusal refusal{reason_from(body.reason), std::move(body.code), std::move(body.message)};
  if (body.errors)
    for (auto& part : *body.errors)
      refusal.errors.push_back({std::move(part.pointer), std::move(part.detail), part.available});
  if (body.details) refusal.details = std::move(body.details->text);
  return refusal;
}

}  // namespace dapr::actors::http
