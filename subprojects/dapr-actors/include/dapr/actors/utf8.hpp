/// Whether bytes from outside are text. What is not must not get as far as a document, an event or a log line: all of
/// them are JSON, and could not be read again.
#pragma once

#include <string_view>

#pragma GCC visibility push(default)

namespace dapr::actors {

/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace dapr::actors

#pragma GCC visibility pop
