/// A service's OpenAPI document, compiled in from its `openapi.json` (see `embed_openapi` in
/// services/common/meson.build): what is served at `/openapi.json` is the very file the tests validate against.
#pragma once

#include <string_view>

namespace shop::services {
extern const std::string_view openapi_document;
}
