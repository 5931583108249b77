/// The words beside an HTTP status code, for status lines and for the titles of problems.
#pragma once

#include <string_view>

#pragma GCC visibility push(default)

namespace dapr::actors {

/// The reason phrase of a status code (RFC 9110, section 15; RFC 6585), or a general one for its class.
std::string_view reason_phrase(int status);

}  // namespace dapr::actors

#pragma GCC visibility pop
