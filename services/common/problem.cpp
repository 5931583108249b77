#include "services/common/problem.hpp"

#include <dapr/actors/http_status.hpp>
#include <dapr/actors/sidecar.hpp>

namespace shop::services {
namespace {

using actors::json::Writer;

void text(Writer& writer, const char* name, std::string_view value) {
  writer.key(name);
  writer.string(value);
}

Problem unavailable(int status, std::string_view code, std::string detail) {
  Problem problem;
  problem.status = status;
  problem.type = problem_type(code);
  problem.detail = std::move(detail);
  problem.headers = {{"Retry-After", "1"}};
  return problem;
}

}  // namespace

ProblemError needs_token(std::string detail, std::string_view error) {
  Problem problem;
  problem.status = 401;
  problem.detail = std::move(detail);
  std::string challenge = "Bearer realm=\"ecommerce\"";
  if (!error.empty()) challenge += ", error=\"" + std::string(error) + "\"";
  problem.headers = {{"WWW-Authenticate", std::move(challenge)}};
  return ProblemError(std::move(problem));
}

std::string problem_type(std::string_view code) {
  return code.empty() ? "about:blank" : "urn:problem:ecommerce:" + std::string(code);
}

std::string Problem::to_json() const {
  Writer writer;
  writer.start_object();
  text(writer, "type", type);
  text(writer, "title", title.empty() ? actors::reason_phrase(status) : std::string_view(title));
  writer.key("status");
  writer.integer(status);
  if (!detail.empty()) text(writer, "detail", detail);
  if (!instance.empty()) text(writer, "instance", instance);
  if (!errors.empty()) {
    writer.key("errors");
    writer.start_array();
    for (const auto& error : errors) {
      writer.start_object();
      text(writer, "pointer", error.pointer);
      text(writer, "detail", error.detail);
      if (error.available) {
        writer.key("available");
        writer.integer(*error.available);
      }
      writer.end_object();
    }
    writer.end_array();
  }
  writer.end_object();
  return writer.text();
}

ProblemError::ProblemError(Problem problem) : std::runtime_error(problem.detail), problem_(std::move(problem)) {}

ProblemError::ProblemError(int status, std::string_view code, std::string detail) : std::runtime_error(detail) {
  problem_.status = status;
  problem_.type = problem_type(code);
  problem_.detail = std::move(detail);
}

Problem problem_of(const actors::Refusal& refusal) {
  Problem problem;
  problem.status = actors::http_status(refusal.reason);
  problem.type = problem_type(refusal.code);
  problem.detail = refusal.message;
  problem.errors = refusal.errors;
  return problem;
}

Problem problem_of(const actors::json::Error& error) {
  Problem problem;
  problem.status = 400;
  problem.detail = "The request body is not valid; see errors.";
  for (const auto& wrong : error.problems()) problem.errors.push_back({wrong.pointer, wrong.detail});
  return problem;
}

Problem problem_of(std::exception_ptr error) {
  try {
    std::rethrow_exception(std::move(error));
  } catch (const ProblemError& known) {
    return known.problem();
  } catch (const actors::SidecarError& failure) {
    if (failure.status() == 504 || failure.code() == "TIMED_OUT")
      return unavailable(504, "timeout",
                         "Another part of the platform did not answer in time; the outcome is unknown. Try again.");
    if (failure.code() == "BUSY")
      return unavailable(503, "busy", "More is in hand here than can be done at the moment. Try again.");
    return unavailable(503, "unavailable", "Another part of the platform is not available at the moment. Try again.");
  } catch (...) {
    Problem problem;
    problem.status = 500;
    problem.detail = "The request failed for a reason nobody foresaw; it has been logged.";
    return problem;
  }
}

}  // namespace shop::services
