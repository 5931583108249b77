// Bearer tokens. Whatever is accepted was signed with our key, says who it is and has not expired; and a proper token
// is never taken for another's.
#include <openssl/hmac.h>
#include <rapidjson/document.h>

#include "services/common/problem.hpp"
#include "services/common/tokens.hpp"
#include "tests/fuzz/require.hpp"

namespace services = shop::services;

namespace {

const std::string key = "a key of the fuzz tests, 32 bytes and more";

std::string base64url(std::string_view bytes) {
  static const char* alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = (buffer << 8 | static_cast<unsigned char>(c)) & 0xffff;
    for (bits += 8; bits >= 6;) {
      bits -= 6;
      text += alphabet[buffer >> bits & 63];
    }
  }
  if (bits > 0) text += alphabet[buffer << (6 - bits) & 63];
  return text;
}

std::string signature_of(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), digest, &size);
  return base64url({reinterpret_cast<char*>(digest), size});
}

class FixedClock final : public actors::Clock {
 public:
  actors::Time now() const override { return *actors::from_rfc3339("2026-01-01T00:00:00Z"); }
};

std::optional<services::Caller> ask(const std::string& authorization) {
  static const FixedClock clock;
  static const auto* tokens = [] {
    auto* made = new services::Tokens(clock);
    made->accept(services::hs256(key));
    return made;
  }();
  try {
    return tokens->caller(authorization);
  } catch (const services::ProblemError& error) {
    fuzz::require(error.problem().status == 401, "a token that does not hold is a 401");
    return std::nullopt;
  }
}

}  // namespace

/// As a whole header; as a token; and as claims that we signed.
void fuzz::run(std::string_view input) {
  const std::string text(input);
  for (const auto& header : {text, "Bearer " + text}) {
    const auto caller = ask(header);
    if (!caller || caller->anonymous()) {
      require(!caller || header.empty(), "only who brings nothing is anonymous");
      continue;
    }
    // libjwt reads up to a NUL, which no header brings here; the signature must be ours over just that.
    std::string token(header.substr(header.find_first_not_of(' ', header.find(' '))).c_str());
    const auto dot = token.rfind('.');
    auto given = token.substr(dot + 1);
    while (given.ends_with('=')) given.pop_back();
    require(signature_of(token.substr(0, dot)) == given, "what is accepted was signed with our key", token);
  }
  for (const char* algorithm : {"HS256", "none", "HS512"}) {
    const auto head =
        base64url("{\"alg\":\"" + std::string(algorithm) + "\",\"typ\":\"JWT\"}") + "." + base64url(input);
    const auto caller = ask("Bearer " + head + "." + signature_of(head));
    if (!caller) continue;
    require(algorithm == std::string_view("HS256"), "only HS256 is accepted", algorithm);
    rapidjson::Document claims;
    claims.Parse(text.c_str(), text.size());
    require(!claims.HasParseError() && claims.IsObject(), "the claims are JSON to a second reader");
    require(!caller->sub.empty(), "an accepted token says who its subject is");
    require(claims.HasMember("exp"), "an accepted token expires");
  }
}
