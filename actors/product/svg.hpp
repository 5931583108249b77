/// Which SVG the shop shows: one that only draws.
///
/// An SVG is a document, not only a picture: it can run scripts, load from elsewhere, embed pages, animate what it
/// links to, and grow without bound when it is drawn. What may stand in one is therefore listed, and everything else is
/// refused: nothing is taken out, so that what is shown is what was sent.
///
/// - UTF-8; no document type (so no entities), no processing instructions (so no style sheets from elsewhere)
/// - elements of SVG's namespace only: shapes, paths, text, groups, symbols, gradients, patterns, clips, masks,
/// markers,
///   plain filters, `style`, `title`, `desc`. No script, foreignObject, image, a, or animation
/// - attributes by name; no event handlers
/// - references only to ids of this document (`#id`, `url(#id)`), in none of which it reaches itself; a style sheet's
///   only to gradients
/// - in CSS no at-rules, no escapes, and only functions that compute a colour, a number, a shape's place or a filter
/// - at most 32 levels, 5,000 elements, and 20,000 once every reference is followed
#pragma once

#include <dapr/actors/result.hpp>

#include <optional>
#include <string_view>

#include "actors/shared/library.hpp"

namespace shop::product {

/// Unprocessable `invalid_picture` if it is no SVG, `active_picture` if it could do more than draw or has too much in
/// it; else nothing. Thread-safe.
std::optional<actors::Refusal> svg_problem(std::string_view text);

}  // namespace shop::product
