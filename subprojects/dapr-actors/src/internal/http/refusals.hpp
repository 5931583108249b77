/// The wire form of a refusal, as a host answers it and a sidecar hands it on to the caller:
/// `{"reason", "code", "message", "errors"?: [{"pointer", "detail", "available"?}]}`. Internal to the library.
#pragma once

#include <string>

#include "dapr/actors/result.hpp"

namespace dapr::actors::http {

/// Without `errors` it is what hosts wrote before there were any.
std::string to_wire(const Refusal& refusal);
/// Throws `json::Error`.
Refusal refusal_from_wire(const std::string& text);

}  // namespace dapr::actors::http
