/// HTTP/1.1 messages as they come in, on Beast's parser. Only the header fields that this library reads are kept.
/// Internal to the library.
#pragma once

#include <utility>  // first: Boost 1.74 forgets it under g++ 12

#include <boost/beast/http/basic_parser.hpp>
#include <string>
#include <string_view>

#include "internal/http/client.hpp"
#include "internal/http/server.hpp"
#include "internal/http/text.hpp"

namespace dapr::actors::http {

namespace beast = boost::beast;
using ParseError = beast::error_code;

inline std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

/// What both directions share: the body, and fields after the body (trailers) that are not the head's.
template <bool is_request>
class MessageParser : public beast::http::basic_parser<is_request> {
 public:
  explicit MessageParser(std::string& body) : body_(body) { body_.clear(); }

 protected:
  bool in_head() const { return in_head_; }

 private:
  static constexpr std::uint64_t reserved_at_once = 1 << 20;  // a promise of more is believed as it is kept

  void on_header_impl(ParseError&) final { in_head_ = false; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, ParseError&) final {
    if (length) body_.reserve(static_cast<std::size_t>(std::min(*length, reserved_at_once)));
  }
  std::size_t on_body_impl(beast::string_view part, ParseError&) final {
    body_.append(part.data(), part.size());
    return part.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, ParseError&) final {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view part, ParseError&) final {
    body_.append(part.data(), part.size());
    return part.size();
  }
  void on_finish_impl(ParseError&) final {}

  std::string& body_;
  bool in_head_ = true;
};

/// Fills a Request.
class RequestParser final : public MessageParser<true> {
 public:
  explicit RequestParser(Request& request) : MessageParser(request.body), request_(request) {
    request_.token.clear();
    request_.idempotency_key.clear();
    request_.turn_cause.clear();
    request_.traceparent.clear();
    request_.tracestate.clear();
    request_.awaited_by.clear();
    request_.time_left.clear();
    request_.peer_is_gone.reset();
    request_.caller.clear();
  }
  bool expects_continue() const { return expects_continue_; }

 private:
  void on_request_impl(beast::http::verb, beast::string_view verb, beast::string_view target, int,
                       ParseError&) override {
    request_.verb = view(verb);
    request_.target = view(target);
  }
  void on_response_impl(int, beast::string_view, int, ParseError&) override {}
  void on_field_impl(beast::http::field known, beast::string_view name, beast::string_view value,
                     ParseError& error) override {
    if (!in_head()) return;
    if (known == beast::http::field::transfer_encoding) {
      // Beast passes over codings it does not know; a body whose end we cannot see must not become the next request.
      if (!same_name(view(value), "chunked")) error = beast::http::error::bad_transfer_encoding;
      return;
    }
    if (known == beast::http::field::expect) {
      expects_continue_ = same_name(view(value), "100-continue");
      return;
    }
    if (known != beast::http::field::unknown) return;
    if (same_name(view(name), "dapr-api-token"))
      request_.token = view(value);
    else if (same_name(view(name), "traceparent"))
      request_.traceparent = printable(value);
    else if (same_name(view(name), "tracestate"))
      request_.tracestate = printable(value);
    else if (same_name(view(name), "idempotency-key"))
      request_.idempotency_key = view(value);
    else if (same_name(view(name), "turn-cause"))
      request_.turn_cause = view(value);
    else if (same_name(view(name), "awaited-by"))
      request_.awaited_by = view(value);
    else if (same_name(view(name), "time-left"))
      request_.time_left = view(value);
    else if (same_name(view(name), "turn-caller"))
      request_.caller = view(value);
  }

  /// A trace goes into documents, events and logs; one that is no header text is none.
  static std::string_view printable(beast::string_view value) {
    return is_header_value(view(value)) ? view(value) : std::string_view();
  }

  Request& request_;
  bool expects_continue_ = false;
};

/// Fills an Answer.
class AnswerParser final : public MessageParser<false> {
 public:
  explicit AnswerParser(Answer& answer) : MessageParser(answer.body), answer_(answer) {}

 private:
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int, ParseError&) override {}
  void on_response_impl(int status, beast::string_view, int, ParseError&) override { answer_.status = status; }
  void on_field_impl(beast::http::field known, beast::string_view name, beast::string_view value,
                     ParseError&) override {
    if (!in_head()) return;
    if (known == beast::http::field::content_type)
      answer_.content_type = view(value);
    else if (known == beast::http::field::etag)
      answer_.etag = view(value);
    else if (known == beast::http::field::unknown && same_name(view(name), "X-DaprErrorResponseHeader"))
      answer_.is_refusal = true;
  }

  Answer& answer_;
};

}  // namespace dapr::actors::http
