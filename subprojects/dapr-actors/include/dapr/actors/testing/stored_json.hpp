/// JSON as it comes back from the real store: the sidecar's DynamoDB component decodes a value and encodes it again,
/// with the members of objects in any order. Here they come in reverse, so that nothing relies on a text being kept.
#pragma once

#include <string>

#pragma GCC visibility push(default)

namespace dapr::actors::testing {

/// What is no JSON stays as it is.
std::string as_the_store_gives_it(const std::string& text);

}  // namespace dapr::actors::testing

#pragma GCC visibility pop
