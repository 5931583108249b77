/// `POST /products/import`: products line by line, NDJSON or CSV, and an answer line for each in the same order, while
/// the rest is still being read.
///
/// A line that is wrong is answered with its errors and harms no other. What could not be read to its end is said by a
/// last line; what was answered before stands. The same file again changes nothing.
#pragma once

#include <functional>

#include "actors/product/catalog.hpp"
#include "actors/shared/library.hpp"
#include "services/common/streams.hpp"

namespace shop::product {

/// `Catalog::import_one`. Is repeated after a SidecarError, under the same name of the request.
using ImportOne = std::function<actors::Task<actors::Result<Imported>>(NewProduct, actors::Trace, std::string request)>;

/// Lines of one import that are in hand at a time. The catalog commits together what waits together.
inline constexpr std::size_t lines_in_hand = 64;
inline constexpr std::uint64_t most_import = 100 * 1024 * 1024;

/// `pause` waits between two attempts at a line while the store does not answer.
void add_import(services::Streams& streams, ImportOne import_one, Pause pause);

}  // namespace shop::product
