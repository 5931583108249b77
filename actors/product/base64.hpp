/// Bytes as text: what lies in the state store is JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shop::product {

/// RFC 4648, section 4, with padding.
std::string to_base64(std::string_view bytes);
/// None for what is not the base64 of at least one byte.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace shop::product
