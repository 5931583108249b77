// HTTP messages as the app channel and the client of the sidecar read them: wherever packets end, the same is read; and
// a request that was read is the same when written and read again.
#include <boost/asio/buffer.hpp>
#include <optional>

#include "actors/shared/library.hpp"
#include "internal/http/parser.hpp"
#include "tests/fuzz/require.hpp"

namespace http = actors::http;

namespace {

/// What becomes of a message, by all that can be told of it.
template <class Message>
struct Read {
  Message message;
  std::size_t used = 0;
  bool done = false;
  bool keep_alive = false;
  std::string error;
};

/// In pieces of `step` bytes, as packets would bring it.
template <class Parser, class Message>
Read<Message> read(std::string_view text, std::size_t step) {
  Read<Message> result;
  Parser parser(result.message);
  parser.eager(true);
  parser.header_limit(8 * 1024);
  parser.body_limit(64 * 1024);
  std::string buffered;
  std::size_t fed = 0;
  while (!parser.is_done()) {
    http::ParseError error;
    const auto used = parser.put(boost::asio::const_buffer(buffered.data(), buffered.size()), error);
    buffered.erase(0, used);
    result.used += used;
    if (error && error != boost::beast::http::error::need_more) {
      result.error = error.message();
      return result;
    }
    if (parser.is_done() || (error != boost::beast::http::error::need_more && !buffered.empty())) continue;
    if (fed == text.size()) return result;
    const auto piece = text.substr(fed, step);
    buffered.append(piece);
    fed += piece.size();
  }
  result.done = true;
  result.keep_alive = parser.keep_alive();
  return result;
}

std::string all_of(const http::Request& request) {
  std::string text;
  for (const auto* part :
       {&request.verb, &request.target, &request.body, &request.token, &request.idempotency_key, &request.turn_cause,
        &request.traceparent, &request.tracestate, &request.awaited_by, &request.caller, &request.time_left})
    text.append(*part).append("\x1f");
  return text;
}
std::string all_of(const http::Answer& answer) {
  return std::to_string(answer.status) + "\x1f" + answer.body + "\x1f" + answer.content_type + "\x1f" + answer.etag +
         (answer.is_refusal ? "refusal" : "");
}

std::string written(const http::Request& request) {
  std::string text = request.verb + " " + request.target + " HTTP/1.1\r\n";
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) text.append(name).append(": ").append(value).append("\r\n");
  };
  add("dapr-api-token", request.token);
  add("Idempotency-Key", request.idempotency_key);
  add("Turn-Cause", request.turn_cause);
  add("traceparent", request.traceparent);
  add("tracestate", request.tracestate);
  add("Awaited-By", request.awaited_by);
  add("Turn-Caller", request.caller);
  add("Time-Left", request.time_left);
  return text + "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
}

template <class Parser, class Message>
std::optional<Message> read_both_ways(std::string_view text, std::size_t step) {
  auto whole = read<Parser, Message>(text, text.size() + 1);
  const auto pieces = read<Parser, Message>(text, step);
  // A head that is wrong before it is complete is refused at once, or when it is complete: no message in either case.
  fuzz::require(whole.done == pieces.done, "packets do not decide what is complete");
  if (!whole.done) return std::nullopt;
  fuzz::require(all_of(whole.message) == all_of(pieces.message) && whole.keep_alive == pieces.keep_alive,
                "packets do not decide what is read", all_of(whole.message));
  return std::move(whole.message);
}

}  // namespace

/// The first byte says how long a packet is.
void fuzz::run(std::string_view input) {
  if (input.empty()) return;
  const auto step = static_cast<std::size_t>(static_cast<unsigned char>(input.front())) % 61 + 1;
  input.remove_prefix(1);
  if (const auto request = read_both_ways<http::RequestParser, http::Request>(input, step)) {
    require(request->verb.find_first_of(" \r\n") == std::string::npos &&
                request->target.find_first_of(" \r\n") == std::string::npos,
            "a request line is one line of three words", request->target);
    const auto again = read<http::RequestParser, http::Request>(written(*request), 16 * 1024);
    // Ours is longer by a Content-Length, which can be the line too many for the head's limit.
    if (again.error.empty())
      require(again.done && all_of(again.message) == all_of(*request), "written and read again: the same");
  }
  read_both_ways<http::AnswerParser, http::Answer>(input, step);
}
