/// Small text of the HTTP edge: encodings of path segments and header values, and durations as Go reads them.
/// Pure functions; may be used from any thread. Internal to the library.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dapr/actors/time.hpp"

namespace dapr::actors::http {

/// Percent-encodes everything but RFC 3986 unreserved characters, so that the result is one path segment to every
/// reader (Dapr decodes `+` in a segment as a space).
std::string percent_encode(std::string_view text);
/// Nothing for a broken encoding (RFC 3986, section 2.1), for control characters and for what is not UTF-8.
std::optional<std::string> percent_decode(std::string_view text);

/// An actor's id as Dapr holds it. Dapr writes ids undecoded and unencoded into the URL it calls the app with, cleans
/// that path and joins ids to keys with `||`; so its ids are kept to characters that survive all three, everything else
/// percent-encoded. Ordinary ids are their own form. Throws `std::invalid_argument` for an id that is empty or not
/// UTF-8.
std::string to_dapr_id(std::string_view id);
/// The plain id, or nothing for text that `to_dapr_id` never makes.
std::optional<std::string> from_dapr_id(std::string_view segment);

/// A value that goes into a header line whatever is in it: everything but visible ASCII, and `%`, is percent-encoded.
std::string to_header_value(std::string_view text);
/// Whether `text` may stand in a header line as it is (visible ASCII and inner spaces, RFC 9110 section 5.5).
bool is_header_value(std::string_view text);

/// The parts between slashes of a path that begins with one; `/` has one empty part. Views into `path`.
std::vector<std::string_view> segments(std::string_view path);

/// `1500ms`, `30s`: a Go duration, which Dapr reads everywhere a time span is given.
std::string to_go_duration(Duration duration);

/// Compares in a time that depends on the length of `given` alone, so that a token cannot be guessed by its letters.
bool same_secret(std::string_view given, std::string_view expected);

/// Case-insensitive, ASCII.
bool same_name(std::string_view a, std::string_view b);

}  // namespace dapr::actors::http
