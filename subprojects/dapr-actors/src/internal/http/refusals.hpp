/// The wire form of a refusal, as a host answers it and a sidecar hands it on to the caller:
/// `{"reason", "code", "message", "errors"?: [{"pointer", "detail", "available"?}], "details"?}`. Internal to the
/// library.
#pragma once

#include <string>

#include "dapr/actors/result.hpp"

namespace dapr::actors::http {

/// Without `errors` and `details` it is what hosts wrote before there were any; who does not know them passes them
/// over. Throws `json::Error` for details that are no JSON.
std::string to_wire(const Refusal& refusal);
/// Throws `json::Error`.
Refusal refusal_from_wire(const std::string& text);

}  // namespace dapr::actors::http
