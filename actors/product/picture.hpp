/// Pictures of products, and which of them the shop takes.
///
/// A picture comes from an administrator and is shown to everybody, from the shop's own origin. So it must be what its
/// type says, whole and without anything behind it, and an SVG must be a drawing and nothing else.
#pragma once

#include <dapr/actors/result.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "actors/shared/library.hpp"

namespace shop::product {

inline constexpr std::size_t largest_picture = 512 * 1024;  ///< bytes
inline constexpr unsigned longest_picture_side = 8192;      ///< pixels of a PNG, JPEG or WebP

struct Picture {
  std::string type;  ///< one of `picture_types`, as it is sent in `Content-Type`
  std::string bytes;
  bool operator==(const Picture&) const = default;
};

inline constexpr std::string_view picture_types[] = {"image/svg+xml", "image/png", "image/jpeg", "image/webp"};
bool is_picture_type(std::string_view type);

/// Why the shop does not take it, or nothing. Thread-safe; takes some milliseconds for the largest one.
///
/// - TooLarge `picture_too_large`
/// - Unprocessable `invalid_picture`: the bytes are not a whole picture of the type
/// - Unprocessable `active_picture`: an SVG that could do more than draw, or without bound (see `svg.hpp`)
///
/// A PNG, JPEG or WebP is walked from its first byte to its last (signature, chunks or segments, their lengths, PNG's
/// checksums, sizes in pixels); its pixels are not decoded. Sources: PNG (W3C, third edition), JPEG (ITU-T T.81, annex
/// B), WebP (RFC 9649).
std::optional<actors::Refusal> problem_of(const Picture& picture);

}  // namespace shop::product
