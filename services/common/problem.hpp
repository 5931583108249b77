/// Error answers of the REST facades: RFC 9457, `application/problem+json`.
///
/// A handler throws `ProblemError`, or lets a refusal or an exception of the library pass: the facade makes the problem
/// of it, so that no client ever sees a bare error page. Functions here may be called from any thread.
#pragma once

#include <dapr/actors/json.hpp>
#include <dapr/actors/result.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "actors/shared/library.hpp"

namespace shop::services {

/// `type` is `about:blank` when the status says it all, else `urn:problem:ecommerce:<code>`.
struct Problem {
  int status = 500;
  std::string type = "about:blank";
  std::string title;   ///< empty: the phrase of the status
  std::string detail;  ///< what is wrong with this request, and what to do
  std::string instance;
  std::vector<actors::RefusedPart> errors;                   ///< of an invalid body, or of what is refused of several
  std::vector<std::pair<std::string, std::string>> headers;  ///< of the answer: `Retry-After`, `Allow`, …

  std::string to_json() const;
};

/// The `type` of a machine-readable code.
std::string problem_type(std::string_view code);

class ProblemError : public std::runtime_error {
 public:
  explicit ProblemError(Problem problem);
  /// With `code` as its type; an empty one is `about:blank`.
  ProblemError(int status, std::string_view code, std::string detail);
  const Problem& problem() const { return problem_; }

 private:
  Problem problem_;
};

/// 401 with a challenge (RFC 6750, section 3). `error` is its error code; a caller without a token gets none.
ProblemError needs_token(std::string detail, std::string_view error = {});

Problem problem_of(const actors::Refusal& refusal);
/// An invalid request body: 400 with a pointer for each error.
Problem problem_of(const actors::json::Error& error);
/// What passed through a handler. A sidecar, an actor or a store that does not answer is 503 with `Retry-After`, or 504
/// if it was given time and did not answer; only what nobody foresaw is 500.
Problem problem_of(std::exception_ptr error);

/// The value, or the refusal thrown as the problem it is.
template <class T>
T value(actors::Result<T> result) {
  if (!result) throw ProblemError(problem_of(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace shop::services
