/// How a picture lies in the state store: in pieces, because an item of DynamoDB holds at most 400 KB.
///
/// | key | holds |
/// |---|---|
/// | `picture.<id>.<version>.<n>` | piece n of the picture that came with that version, base64 as a JSON text |
///
/// The product's own item keeps the `PictureRecord`; it changes in the same transaction that brings the new pieces and
/// takes the old ones away. Pieces of a version never change, so whoever reads all of them has that picture or none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/product/documents.hpp"
#include "actors/product/picture.hpp"
#include "actors/shared/library.hpp"

namespace shop::product {

inline constexpr std::size_t picture_piece = 250'000;  ///< bytes of the picture; a third more as base64

PictureRecord record_of(const Picture& picture, std::int64_t version);

/// The keys of its pieces, in order.
std::vector<std::string> piece_keys(const ProductId& id, const PictureRecord& record);
/// The changes that store it. For a transaction that writes `record_of(picture, version)` with the product; three at
/// most, together 700 KB.
std::vector<actors::StateChange> pieces(const ProductId& id, std::int64_t version, const Picture& picture);
/// The changes that take a former picture away.
std::vector<actors::StateChange> without_pieces(const ProductId& id, const PictureRecord& record);
/// What was found under `piece_keys`, put together. None if a piece is missing or the bytes are not the record's.
std::optional<Picture> join(const PictureRecord& record, const std::vector<std::optional<actors::StateItem>>& found);

/// Reads it. None where the pieces are gone: the product has another picture, or none, since `record` was read; read
/// the product again. Bytes that are there and are not the record's are a std::runtime_error.
actors::Task<std::optional<Picture>> read_picture(actors::StateStore& store, ProductId id, PictureRecord record);

}  // namespace shop::product
