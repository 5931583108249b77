/// How much one cart holds, and so one order.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shop {

inline constexpr std::int64_t most_pieces = 999;  ///< of one product
inline constexpr std::size_t most_lines = 40;

}  // namespace shop
