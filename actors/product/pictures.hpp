/// The pictures of the catalog's products, as the facade sees them.
#pragma once

#include <dapr/actors/calls.hpp>
#include <dapr/actors/task.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "actors/product/picture.hpp"
#include "actors/shared/library.hpp"
#include "actors/shared/values.hpp"

namespace shop::product {

struct StoredPicture {
  Picture picture;
  std::int64_t version = 0;  ///< of the product, when the picture came
};

/// Whether the picture may be replaced, given the version of the one there is; none if the product has none yet.
using PictureCondition = std::function<bool(std::optional<std::int64_t> version)>;

/// Thread-safe. A store that does not answer is a SidecarError.
class Pictures {
 public:
  virtual ~Pictures() = default;

  /// Gives the product this picture, which must have no problem, in place of the one it has: a new version of the
  /// product, which is answered. Repeated under the same `request` it is carried out once. NotFound `unknown_product`,
  /// Conflict `stale_etag` if the condition is false, Unprocessable `idempotency_key_reused`.
  virtual actors::Task<actors::Result<std::int64_t>> set_picture(ProductId id, Picture picture,
                                                                 PictureCondition condition, actors::Trace trace,
                                                                 std::string request) = 0;
  /// None for a product without one, and for no product.
  virtual actors::Task<std::optional<StoredPicture>> picture(ProductId id) = 0;
};

}  // namespace shop::product
