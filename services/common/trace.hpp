/// W3C Trace Context (https://www.w3.org/TR/trace-context/), as far as a service needs it: take the client's trace, or
/// begin one.
#pragma once

#include <string>
#include <string_view>

namespace shop::services {

/// Whether `header` is a `traceparent` that may be used (version 00, or a later one that begins like it).
bool is_traceparent(std::string_view header);
/// Whether `header` may be handed on as `tracestate`: printable ASCII, at most 512 characters.
bool is_tracestate(std::string_view header);
/// The trace id of a valid `traceparent`, 32 hexadecimal digits; empty for anything else.
std::string_view trace_id(std::string_view traceparent);
/// A `traceparent` with random ids, not marked as sampled: whether a trace is recorded is the sidecar's setting.
std::string new_traceparent();

}  // namespace shop::services
