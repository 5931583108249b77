/// An id made of a name, where a random one would be another each time it is asked for.
#pragma once

#include <string>
#include <string_view>

#pragma GCC visibility push(default)

namespace dapr::actors {

/// A UUID of version 5 (RFC 4122): the same one for the same bytes on every host, of another name another one. Stored
/// keys and actors' ids are made of it, so it may never change. Thread-safe.
std::string named_id(std::string_view name);

}  // namespace dapr::actors

#pragma GCC visibility pop
