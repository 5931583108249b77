#include "actors/product/picture.hpp"

#include <algorithm>
#include <boost/crc.hpp>
#include <cstdint>
#include <iterator>

#include "actors/product/svg.hpp"

namespace shop::product {
namespace {

using Found = std::optional<std::string>;  ///< what is wrong, or nothing

std::uint32_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}
std::uint32_t big_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < count; ++i) number = number << 8 | byte_at(bytes, at + i);
  return number;
}
std::uint32_t little_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t number = 0;
  for (std::size_t i = count; i > 0; --i) number = number << 8 | byte_at(bytes, at + i - 1);
  return number;
}

Found check_sides(std::uint32_t width, std::uint32_t height) {
  if (width == 0 || height == 0) return "it has no pixels";
  if (width > longest_picture_side || height > longest_picture_side)
    return "a side may have up to " + std::to_string(longest_picture_side) + " pixels";
  return std::nullopt;
}

Found check_png_header(std::string_view data) {
  if (data.size() != 13) return "its header has another length than a PNG's";
  const auto depth = byte_at(data, 8);
  const auto colour = byte_at(data, 9);
  const bool allowed = colour == 0   ? depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16
                       : colour == 3 ? depth == 1 || depth == 2 || depth == 4 || depth == 8
                       : colour == 2 || colour == 4 || colour == 6 ? depth == 8 || depth == 16
                                                                   : false;
  if (!allowed || byte_at(data, 10) != 0 || byte_at(data, 11) != 0 || byte_at(data, 12) > 1)
    return "its header is not a PNG's";
  return check_sides(big_endian(data, 0, 4), big_endian(data, 4, 4));
}

Found check_png(std::string_view bytes) {
  static constexpr std::string_view signature("\x89PNG\r\n\x1a\n", 8);
  if (!bytes.starts_with(signature)) return "it does not begin as a PNG does";
  bool first = true, data = false;
  for (auto rest = bytes.substr(signature.size()); !rest.empty();) {
    if (rest.size() < 12) return "it ends in the middle of a chunk";
    const std::size_t length = big_endian(rest, 0, 4);
    if (length > rest.size() - 12) return "it ends in the middle of a chunk";
    const auto kind = rest.substr(4, 4);
    boost::crc_32_type sum;
    sum.process_bytes(kind.data(), 4 + length);
    if (sum.checksum() != big_endian(rest, 8 + length, 4)) return "the checksum of a chunk is wrong";
    if (first != (kind == "IHDR")) return "its header is not where a PNG's is";
    if (first)
      if (auto wrong = check_png_header(rest.substr(8, length))) return wrong;
    first = false;
    data = data || kind == "IDAT";
    const bool end = kind == "IEND";
    rest.remove_prefix(12 + length);
    if (!end) continue;
    if (!data) return "it has no image data";
    if (length > 0 || !rest.empty()) return "there is something behind its end";
    return std::nullopt;
  }
  return "its end is missing";
}

Found check_jpeg_frame(std::string_view data) {
  if (data.size() < 6) return "its frame header is too short";
  if (byte_at(data, 0) != 8 && byte_at(data, 0) != 12) return "its frame header is not a JPEG's";
  const std::size_t components = byte_at(data, 5);
  if (components == 0 || components > 4 || data.size() != 6 + 3 * components) return "its frame header is not a JPEG's";
  return check_sides(big_endian(data, 3, 2), big_endian(data, 1, 2));
}

/// Where the compressed data that begins `rest` ends: at the next marker that is no restart and no stuffed byte.
std::size_t jpeg_scan_end(std::string_view rest) {
  for (std::size_t at = 0; at + 1 < rest.size(); ++at) {
    if (byte_at(rest, at) != 0xff) continue;
    const auto next = byte_at(rest, at + 1);
    if (next != 0 && next != 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  return std::string_view::npos;
}

Found check_jpeg(std::string_view bytes) {
  static constexpr std::string_view signature("\xff\xd8\xff", 3);
  if (!bytes.starts_with(signature)) return "it does not begin as a JPEG does";
  bool frame = false, scan = false;
  auto rest = bytes.substr(2);
  while (rest.size() >= 2) {
    if (byte_at(rest, 0) != 0xff) return "a marker is missing between its segments";
    const auto marker = byte_at(rest, 1);
    if (marker == 0xff) {  // a fill byte
      rest.remove_prefix(1);
      continue;
    }
    rest.remove_prefix(2);
    if (marker == 0xd9) {
      if (!frame || !scan) return "it has no image data";
      if (!rest.empty()) return "there is something behind its end";
      return std::nullopt;
    }
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xd8)) return "a marker stands where none of its kind may";
    const std::size_t length = rest.size() < 2 ? 0 : big_endian(rest, 0, 2);
    if (length < 2 || length > rest.size()) return "it ends in the middle of a segment";
    const auto data = rest.substr(2, length - 2);
    rest.remove_prefix(length);
    // C4, C8 and CC are tables and a reserved one; the others of this row begin a frame.
    if (marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
      if (frame) return "it has two frames";
      if (auto wrong = check_jpeg_frame(data)) return wrong;
      frame = true;
    } else if (marker == 0xda) {
      if (!frame) return "it has a scan before its frame";
      const auto end = jpeg_scan_end(rest);
      if (end == std::string_view::npos) break;
      scan = scan || end > 0;
      rest.remove_prefix(end);
    }
  }
  return "its end is missing";
}

Found check_webp_frame(std::string_view kind, std::string_view data) {
  if (kind == "VP8 ") {
    if (data.size() < 10 || (byte_at(data, 0) & 1) != 0 || data.substr(3, 3) != std::string_view("\x9d\x01\x2a", 3))
      return "its image data does not begin with a key frame";
    return check_sides(little_endian(data, 6, 2) & 0x3fff, little_endian(data, 8, 2) & 0x3fff);
  }
  if (data.size() < 5 || byte_at(data, 0) != 0x2f || byte_at(data, 4) >> 5 != 0)
    return "its lossless image data does not begin as such";
  const auto sides = little_endian(data, 1, 4);
  return check_sides((sides & 0x3fff) + 1, (sides >> 14 & 0x3fff) + 1);
}

/// Chunks one after the other. A frame of an animation holds some of its own; none of those holds any again.
Found check_webp_chunks(std::string_view rest, bool in_frame) {
  bool image = false;
  for (bool first = true; !rest.empty(); first = false) {
    if (rest.size() < 8) return "it ends in the middle of a chunk";
    const auto kind = rest.substr(0, 4);
    const std::size_t length = little_endian(rest, 4, 4);
    if (length > rest.size() - 8) return "it ends in the middle of a chunk";
    const auto data = rest.substr(8, length);
    if (first && !in_frame && kind != "VP8 " && kind != "VP8L" && kind != "VP8X")
      return "its first chunk is none of a WebP's";
    Found wrong;
    if (kind == "VP8 " || kind == "VP8L") {
      wrong = check_webp_frame(kind, data);
      image = true;
    } else if (kind == "VP8X") {
      wrong = !first || in_frame || length != 10
                  ? Found("its header is not a WebP's")
                  : check_sides(little_endian(data, 4, 3) + 1, little_endian(data, 7, 3) + 1);
    } else if (kind == "ANMF") {
      wrong = in_frame || length < 16 ? Found("a frame of its animation is not one")
                                      : check_webp_chunks(data.substr(16), true);
      image = true;
    }
    if (wrong) return wrong;
    rest.remove_prefix(8 + length);
    if (length % 2 != 0) {  // padded to an even length
      if (rest.empty() || rest.front() != '\0') return "a chunk is not padded";
      rest.remove_prefix(1);
    }
  }
  if (!image) return "it has no image data";
  return std::nullopt;
}

Found check_webp(std::string_view bytes) {
  if (bytes.size() < 12 || !bytes.starts_with("RIFF") || bytes.substr(8, 4) != "WEBP")
    return "it does not begin as a WebP does";
  if (little_endian(bytes, 4, 4) != bytes.size() - 8) return "its length is not the one it says";
  return check_webp_chunks(bytes.substr(12), false);
}

Found check_pixels(const Picture& picture) {
  if (picture.type == "image/png") return check_png(picture.bytes);
  if (picture.type == "image/jpeg") return check_jpeg(picture.bytes);
  return check_webp(picture.bytes);
}

}  // namespace

bool is_picture_type(std::string_view type) {
  return std::find(std::begin(picture_types), std::end(picture_types), type) != std::end(picture_types);
}

std::optional<actors::Refusal> problem_of(const Picture& picture) {
  using actors::Reason;
  if (picture.bytes.size() > largest_picture)
    return actors::Refusal{Reason::TooLarge, "picture_too_large",
                           "A picture may have up to " + std::to_string(largest_picture / 1024) + " KB."};
  if (!is_picture_type(picture.type))
    return actors::Refusal{Reason::Unprocessable, "invalid_picture", "The type is none of a picture."};
  if (picture.type == "image/svg+xml") return svg_problem(picture.bytes);
  if (auto wrong = check_pixels(picture))
    return actors::Refusal{Reason::Unprocessable, "invalid_picture",
                           "The body is not a whole picture of the type " + picture.type + ": " + *wrong + "."};
  return std::nullopt;
}

}  // namespace shop::product
