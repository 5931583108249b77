// Answers of the sidecar to calls, state, secrets and service invocation. The operation is on the first line, then
// status, content type and ETag on a line each, then the body.
//
// Whatever comes is understood or refused as SidecarError or json::Error, which is what callers expect.
#include <boost/asio/io_context.hpp>
#include <dapr/actors/json.hpp>
#include <dapr/actors/observer.hpp>

#include "internal/http/dapr_sidecar.hpp"
#include "tests/fuzz/require.hpp"

namespace dapr::actors::http {

namespace {
Answer next_answer;
}

// In place of the client that opens connections: what is declared in client.hpp and used by the sidecar.
class Client::Pool {};

OutgoingRequest::OutgoingRequest(std::string_view verb, std::string_view target) {
  head_.append(verb).append(" ").append(target);
}
OutgoingRequest& OutgoingRequest::header(std::string_view, std::string_view) {
  return *this;
}
OutgoingRequest& OutgoingRequest::body(std::string_view, std::string body) {
  body_ = std::move(body);
  return *this;
}
Client::Client(boost::asio::io_context&, ClientSettings) {}
Client::~Client() = default;
Task<Answer> Client::send(OutgoingRequest) {
  co_return next_answer;
}
void Client::close() {}

}  // namespace dapr::actors::http

namespace {

using namespace dapr::actors;

template <class T>
std::optional<T> understood(Task<T> task) {
  std::optional<Outcome<T>> outcome;
  spawn(std::move(task), [&](Outcome<T> ended) { outcome.emplace(std::move(ended)); });
  fuzz::require(outcome.has_value(), "an answer that is there is dealt with at once");
  try {
    return std::move(outcome->get());
  } catch (const SidecarError&) {
  } catch (const json::Error&) {
  }
  return std::nullopt;
}

}  // namespace

void fuzz::run(std::string_view input) {
  static boost::asio::io_context io;
  static Observer observer;
  static http::DaprSidecar sidecar(io, {}, observer);
  const auto operation = take_until(input, "\n");
  http::Answer answer;
  const auto status = take_until(input, "\n");
  answer.status = 200;
  if (status.size() == 3 && status.find_first_not_of("0123456789") == std::string_view::npos)
    answer.status = std::stoi(std::string(status));
  answer.content_type = take_until(input, "\n");
  answer.etag = take_until(input, "\n");
  answer.is_refusal = operation == "refused";
  answer.body = input;
  http::next_answer = answer;
  const ActorId actor{"Cart", "c"};
  if (operation == "call" || operation == "refused") {
    Call call{"View", "null", "", Cause::Call, {}};
    const auto reply = understood(sidecar.call_actor(actor, std::move(call)));
    if (reply && !*reply) require(answer.is_refusal, "only a refusal is taken for one");
  } else if (operation == "state") {
    understood(sidecar.read_state(actor, "state"));
  } else if (operation == "get") {
    understood(sidecar.get("a"));
  } else if (operation == "all") {
    const std::vector<std::string> keys{"product.tea", "stock.tea", "a"};
    if (const auto items = understood(sidecar.get_all(keys))) require(items->size() == keys.size(), "one item a key");
  } else if (operation == "secret") {
    understood(sidecar.secret("jwt"));
  } else if (operation == "ready") {
    understood(sidecar.not_ready({"Cart", "CartProduct"}));
  } else if (operation == "invoke") {
    HttpRequest request{"GET", "/internal/products/tea", {}, {}, {}};
    understood(sidecar.invoke("product-service", std::move(request)));
  }
}
