/// Who is asking: bearer tokens (RFC 6750, RFC 7519), verified by libjwt.
///
/// A token is signed with HS256 under the key of the secret store; nothing else is accepted, whatever a token's own
/// header asks for. `exp` is required; `sub` is the customer (any text), `role` is `admin` or absent or anything else.
/// Another kind of key is another `Verifier`.
#pragma once

#include <dapr/actors/time.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "actors/shared/library.hpp"

namespace shop::services {

/// The one who asks. Anonymous without a token.
struct Caller {
  std::string sub;
  std::string role;
  bool anonymous() const { return sub.empty(); }
  bool admin() const { return role == "admin"; }
  /// The owner of what this caller creates: none for a guest.
  std::optional<std::string> owner() const { return sub.empty() ? std::nullopt : std::optional(sub); }
};

/// Whether `caller` may see and change what belongs to `owner`. A guest's things belong to nobody: who knows their
/// unguessable id may. To everyone else they do not exist (404, not 403).
bool may_access(const Caller& caller, const std::optional<std::string>& owner);

/// Checks a token's signature and answers its claims as JSON; throws ProblemError 401. The door for keys of another
/// kind.
class Verifier {
 public:
  virtual ~Verifier() = default;
  virtual std::string claims(const std::string& token) const = 0;
};
/// HS256; `key` is the secret's text, at least 32 bytes (RFC 7518, section 3.2); throws std::invalid_argument
/// otherwise.
std::unique_ptr<Verifier> hs256(std::string key);

/// Thread-safe.
class Tokens {
 public:
  explicit Tokens(const actors::Clock& clock) : clock_(clock) {}

  /// Until then tokens cannot be judged, and requests that carry one are answered 503.
  void accept(std::unique_ptr<Verifier> verifier);
  bool ready() const;

  /// The caller of the header `Authorization`; anonymous if it is empty. Throws ProblemError: 401 for a token that does
  /// not hold, 503 while there is no key.
  Caller caller(std::string_view authorization) const;

 private:
  const actors::Clock& clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Verifier> verifier_;
};

}  // namespace shop::services
