#include "services/common/tokens.hpp"

#include <jwt.h>
#include <rapidjson/document.h>

#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "services/common/problem.hpp"

namespace shop::services {
namespace {

ProblemError unauthorised(std::string detail) {
  return needs_token(std::move(detail), "invalid_token");
}

class Hs256 final : public Verifier {
 public:
  explicit Hs256(std::string key) : key_(std::move(key)) {
    if (key_.size() < 32)
      throw std::invalid_argument("a key for HS256 needs at least 32 bytes (RFC 7518, section 3.2)");
  }

  std::string claims(const std::string& token) const override {
    jwt_t* decoded = nullptr;
    // With a key, libjwt refuses unsigned tokens and checks the signature under the token's own `alg`, which is
    // therefore checked as well: an HMAC key must never be taken for a public key, nor a weaker or another algorithm be
    // let in.
    const int failed = jwt_decode(&decoded, token.c_str(), reinterpret_cast<const unsigned char*>(key_.data()),
                                  static_cast<int>(key_.size()));
    const std::unique_ptr<jwt_t, void (*)(jwt_t*)> owned(decoded, jwt_free);
    if (failed != 0 || jwt_get_alg(decoded) != JWT_ALG_HS256)
      throw unauthorised("The bearer token is not one of ours: it is malformed, or its signature does not hold.");
    // What libjwt leaves to its caller: `alg` is told apart by case (RFC 7515, 4.1.1), and extensions that are critical
    // must be understood (4.1.11), of which we know none.
    const auto* alg = jwt_get_header(decoded, "alg");
    if (!alg || std::string_view(alg) != "HS256")
      throw unauthorised("The bearer token's \"alg\" is not \"HS256\", in capitals.");
    const std::unique_ptr<char, void (*)(void*)> critical(jwt_get_headers_json(decoded, "crit"), std::free);
    if (critical) throw unauthorised("The bearer token has critical extensions (\"crit\"), and none is known here.");
    const std::unique_ptr<char, void (*)(void*)> text(jwt_get_grants_json(decoded, nullptr), std::free);
    if (!text) throw unauthorised("The bearer token holds no claims.");
    return text.get();
  }

 private:
  const std::string key_;
};

/// Seconds since the epoch (RFC 7519, NumericDate: may have a fraction); none if absent. Throws if it is no number.
std::optional<double> numeric_date(const rapidjson::Value& claims, const char* name) {
  const auto found = claims.FindMember(name);
  if (found == claims.MemberEnd()) return std::nullopt;
  if (!found->value.IsNumber()) throw unauthorised(std::string("The bearer token's \"") + name + "\" is not a time.");
  return found->value.GetDouble();
}

std::string text_claim(const rapidjson::Value& claims, const char* name) {
  const auto found = claims.FindMember(name);
  if (found == claims.MemberEnd()) return {};
  if (!found->value.IsString()) throw unauthorised(std::string("The bearer token's \"") + name + "\" is not a text.");
  return {found->value.GetString(), found->value.GetStringLength()};
}

bool is_bearer(std::string_view scheme) {
  constexpr std::string_view name = "bearer";
  if (scheme.size() != name.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i)
    if ((scheme[i] | 0x20) != name[i]) return false;
  return true;
}

}  // namespace

bool may_access(const Caller& caller, const std::optional<std::string>& owner) {
  return !owner || caller.admin() || (!caller.anonymous() && caller.sub == *owner);
}

std::unique_ptr<Verifier> hs256(std::string key) {
  return std::make_unique<Hs256>(std::move(key));
}

void Tokens::accept(std::unique_ptr<Verifier> verifier) {
  std::lock_guard lock(mutex_);
  verifier_ = std::move(verifier);
}

bool Tokens::ready() const {
  std::lock_guard lock(mutex_);
  return verifier_ != nullptr;
}

Caller Tokens::caller(std::string_view authorization) const {
  if (authorization.empty()) return {};
  const auto space = authorization.find(' ');
  if (space == std::string_view::npos || !is_bearer(authorization.substr(0, space)))
    throw unauthorised("The Authorization header is not of the form \"Bearer <token>\".");
  const auto start = authorization.find_first_not_of(' ', space);
  if (start == std::string_view::npos) throw unauthorised("The Authorization header holds no token.");

  std::shared_ptr<const Verifier> verifier;
  {
    std::lock_guard lock(mutex_);
    verifier = verifier_;
  }
  if (!verifier) {
    Problem problem;
    problem.status = 503;
    problem.type = problem_type("starting");
    problem.detail = "The key for bearer tokens has not arrived yet. Try again.";
    problem.headers = {{"Retry-After", "1"}};
    throw ProblemError(std::move(problem));
  }

  const auto text = verifier->claims(std::string(authorization.substr(start)));
  rapidjson::Document claims;
  claims.Parse(text.data(), text.size());
  if (claims.HasParseError() || !claims.IsObject()) throw unauthorised("The bearer token's claims cannot be read.");

  const double now = std::chrono::duration<double>(clock_.now().time_since_epoch()).count();
  const auto expires = numeric_date(claims, "exp");
  if (!expires) throw unauthorised("The bearer token does not say when it expires.");
  if (!(now < *expires)) throw unauthorised("The bearer token has expired: ask for a new one.");
  const auto begins = numeric_date(claims, "nbf");
  if (begins && now < *begins) throw unauthorised("The bearer token is not valid yet.");

  Caller caller{text_claim(claims, "sub"), text_claim(claims, "role")};
  if (caller.sub.empty()) throw unauthorised("The bearer token does not say who its subject is.");
  return caller;
}

}  // namespace shop::services
