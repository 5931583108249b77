/// How large a value is where it is stored, which is more than its text.
#pragma once

#include <cstddef>
#include <string_view>

#pragma GCC visibility push(default)

namespace dapr::actors {

/// Bytes that a JSON text takes in the store: the sidecar writes it anew with Go's encoder, which escapes `<`, `>`,
/// `&`, DEL, U+2028 and U+2029 with six bytes each.
std::size_t stored_size(std::string_view json);

}  // namespace dapr::actors

#pragma GCC visibility pop
