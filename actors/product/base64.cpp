#include "actors/product/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace shop::product {

std::string to_base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // OpenSSL ends it with a NUL
  const auto length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  if (text.empty() || text.size() % 4 != 0 ||
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size())) < 0)
    return std::nullopt;
  // OpenSSL counts the padding as bytes of zero.
  const auto padding = std::min<std::size_t>(2, text.size() - text.find_last_not_of('=') - 1);
  bytes.resize(bytes.size() - padding);
  return bytes;
}

}  // namespace shop::product
