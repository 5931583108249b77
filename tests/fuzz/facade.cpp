// HTTP requests as the REST facades read them from their sockets: what the door lets through, which is a well-formed
// head and a body of the length it says. Input is the target, header lines, an empty line, the body.
//
// Every request is answered once, by a status of the facade, and the connection is used again or closed as was said.
#include <set>

#include "services/common/facade.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/services/common/support.hpp"

using namespace shop::services;
namespace support = shop::services::testing;

namespace {

/// What nginx lets stand in a request line, and in a header's value.
bool may_pass(std::string_view text, bool is_target) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (is_target && byte == ' ')) return false;
  }
  return true;
}
bool is_name(std::string_view name) {
  for (const char c : name)
    if (!(c == '-' || c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))) return false;
  return !name.empty();
}

class Server {
 public:
  Server() {
    tokens.accept(hs256(support::key));
    const auto echo = [](Request request) -> actors::Task<Response> {
      if (request.query("integer")) (void)request.query_integer("integer", 0, 100);
      if (request.query("flag")) (void)request.query_flag("flag");
      co_return Response::json(200, request.origin().id.substr(0, 300));
    };
    facade.get("/echo/{name}", echo);
    facade.post("/echo/{name}", echo);
    facade.get("/admin", Access::Admin, echo);
    facade.start();
  }
  unsigned short port() const { return facade.port(); }

 private:
  support::ThreadRunner runner;
  support::FixedClock clock;
  Tokens tokens{clock};
  Metrics metrics;
  Facade facade{{"127.0.0.1", 0, "{}"}, runner, tokens, metrics};
};

}  // namespace

void fuzz::run(std::string_view input) {
  static auto* server = new Server;  // its threads live as long as the process
  static auto* connection = new support::Connection(server->port());
  static const std::set<int> proper{200, 204, 400, 401, 403, 404, 405, 413, 415};
  if (input.size() > 30'000) return;
  const auto line = take_until(input, "\n");
  const bool is_post = line.starts_with("POST ");
  const auto target = line.substr(line.find(' ') == std::string_view::npos ? 0 : line.find(' ') + 1);
  if (!target.starts_with('/') || !may_pass(target, true)) return;
  std::string head =
      (is_post ? "POST " : "GET ") + std::string(target) + " HTTP/1.1\r\nHost: shop\r\nConnection: keep-alive\r\n";
  while (!input.empty()) {
    const auto header = take_until(input, "\n");
    if (header.empty()) break;
    const auto colon = header.find(": ");
    const auto name = header.substr(0, colon);
    // What decides where a request ends is the door's to write.
    if (colon == std::string_view::npos || !is_name(name) || !may_pass(header.substr(colon), false)) return;
    std::string small(name);
    for (char& c : small) c = static_cast<char>(std::tolower(c));
    if (small == "content-length" || small == "transfer-encoding" || small == "connection" || small == "expect" ||
        small == "host")
      return;
    head.append(header).append("\r\n");
  }
  if (is_post || !input.empty()) head += "Content-Length: " + std::to_string(input.size()) + "\r\n";
  connection->send(head + "\r\n" + std::string(input));
  auto answer = connection->read();
  require(answer.has_value(), "every request is answered", head);
  require(proper.contains(answer->status), "a request is answered with a status of the facade",
          std::to_string(answer->status) + "\n" + head);
  const auto said = answer->headers.find("connection");
  if (said == answer->headers.end() || said->second != "keep-alive") {
    delete connection;
    connection = new support::Connection(server->port());
  }
}
