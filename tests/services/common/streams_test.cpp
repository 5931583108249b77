#include "services/common/streams.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/spool.hpp"
#include "tests/services/common/support.hpp"

namespace shop::services {
namespace {

using actors::Task;
using testing::Answer;
using testing::Connection;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string named(BodyEnd end) {
  switch (end) {
    case BodyEnd::NotYet: return "not yet";
    case BodyEnd::Complete: return "complete";
    case BodyEnd::CutOff: return "cut off";
    case BodyEnd::TooLong: return "too long";
    case BodyEnd::Idle: return "idle";
    case BodyEnd::NoRoom: return "no room";
    case BodyEnd::Stopping: return "stopping";
  }
  return {};
}

/// Answers with what it reads, piece by piece, and then why the body ended.
Task<void> echo(std::shared_ptr<Stream> stream) {
  stream->begin({200, {}, "text/plain"});
  for (;;) {
    auto piece = co_await stream->read();
    auto text = piece.end == BodyEnd::NotYet ? std::move(piece.bytes) : "[" + named(piece.end) + "]";
    const bool heard = co_await stream->write(std::move(text));
    if (!heard || piece.end != BodyEnd::NotYet) co_return;
  }
}

class StreamsTest : public ::testing::Test {
 protected:
  StreamsTest() {
    tokens.accept(hs256(testing::key));
    StreamsSettings settings;
    settings.bodies = 2;
    settings.idle_time = std::chrono::milliseconds(300);
    settings.write_time = std::chrono::milliseconds(500);
    settings.quiet_time = std::chrono::milliseconds(20);
    streams.emplace(settings, runner, tokens, metrics);
    streams->route("POST", "/echo", Access::Anyone, {2 << 20}, echo);
    streams->route("POST", "/secret", Access::Admin, {100}, echo);
    streams->route("GET", "/ticks", Access::Anyone, {}, [this](std::shared_ptr<Stream> stream) -> Task<void> {
      stream->begin({200, {}, "text/event-stream"});
      while (!stream->stopping()) {
        const bool heard = co_await stream->write(std::string(30'000, 't'));
        if (!heard) break;
        ++ticks;
      }
      ++ended;
    });
    streams->route("GET", "/waits", Access::Anyone, {.most_body = 0, .most_unsent = 0},
                   [this](std::shared_ptr<Stream> stream) -> Task<void> {
                     stream->begin({200, {}, "text/event-stream"});
                     const bool heard = co_await stream->write("first");
                     if (heard) {
                       const auto until = [stream](actors::Completion<void> done) {
                         stream->on_end([done] { done(); });
                       };
                       co_await actors::suspend<void>(until);
                     }
                     ++ended;
                   });
    streams->route("POST", "/refuses", Access::Anyone, {100}, [](std::shared_ptr<Stream>) -> Task<void> {
      throw ProblemError(415, "", "Not of this kind.");
      co_return;
    });
    streams->route("POST", "/breaks", Access::Anyone, {100}, [](std::shared_ptr<Stream> stream) -> Task<void> {
      stream->begin({200, {}, "text/plain"});
      co_await stream->write("half");
      throw std::runtime_error("an inner detail");
    });
    streams->start();
  }
  ~StreamsTest() override { streams->stop(); }

  /// Everything that comes until the peer closes.
  static std::string all(Connection& connection) {
    std::string text;
    while (auto more = connection.read_some()) text += *more;
    return text;
  }
  std::string exchange(const std::string& request) {
    Connection connection(streams->port());
    connection.send(request);
    return all(connection);
  }
  static std::string post(const std::string& path, const std::string& headers, const std::string& body = {}) {
    return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body;
  }
  Answer ask(const std::string& verb, const std::string& path, const std::vector<std::string>& headers = {},
             const std::string& body = {}) {
    return testing::ask(streams->port(), verb, path, headers, body);
  }

  testing::CapturedLog captured;
  testing::FixedClock clock;
  testing::ThreadRunner runner;
  Tokens tokens{clock};
  Metrics metrics;
  std::atomic<int> ticks = 0;
  std::atomic<int> ended = 0;
  std::optional<Streams> streams;
};

TEST_F(StreamsTest, what_comes_is_answered_while_more_is_to_come) {
  Connection connection(streams->port());
  connection.send(post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\none\r\n"));
  std::string text;
  while (text.find("3\r\none\r\n") == std::string::npos) text += connection.read_some().value();
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"));
  connection.send("3\r\ntwo\r\n0\r\n\r\n");
  EXPECT_EQ(all(connection), "3\r\ntwo\r\na\r\n[complete]\r\n0\r\n\r\n");
}

TEST_F(StreamsTest, a_body_with_a_length_is_taken_whole_whatever_its_pieces) {
  const std::string body(700'000, 'x');
  const auto text = exchange(post("/echo", "Content-Length: 700000\r\n", body));
  EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), 'x')), body.size() + 1);  // one in "text"
  EXPECT_THAT(text, HasSubstr("[complete]"));
}

TEST_F(StreamsTest, http_1_0_gets_its_answer_without_chunks) {
  const auto text = exchange("POST /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\none");
  EXPECT_THAT(text, ::testing::EndsWith("\r\n\r\none[complete]"));
}

TEST_F(StreamsTest, a_body_that_is_too_long_is_413_if_it_says_so_and_ends_there_if_not) {
  EXPECT_EQ(ask("POST", "/echo", {"Content-Length: 2097153"}).status, 413);
  const std::string megabyte(1 << 20, 'x');
  const auto chunked = "100000\r\n" + megabyte + "\r\n";
  const auto text =
      exchange(post("/echo", "Transfer-Encoding: chunked\r\n", chunked + chunked + chunked + "0\r\n\r\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), 'x'), (2 << 20) + 1);
  EXPECT_THAT(text, HasSubstr("[too long]"));
}

TEST_F(StreamsTest, a_body_that_is_broken_off_or_does_not_come_says_so) {
  EXPECT_THAT(exchange(post("/echo", "Content-Length: 10\r\n", "one")), HasSubstr("[idle]"));
  EXPECT_THAT(exchange(post("/echo", "Transfer-Encoding: chunked\r\n", "3\r\none\r\nnonsense\r\n")),
              HasSubstr("[cut off]"));
  Connection connection(streams->port());
  connection.send(post("/echo", "Content-Length: 10\r\n", "one"));
  connection.finish();
  EXPECT_THAT(all(connection), ::testing::EndsWith("3\r\none\r\n9\r\n[cut off]\r\n0\r\n\r\n"));
}

TEST_F(StreamsTest, who_may_not_is_told_before_his_body_is_read) {
  EXPECT_EQ(ask("POST", "/secret", {"Content-Length: 90"}).status, 401);
  EXPECT_EQ(ask("POST", "/secret", {"Content-Length: 90", "Authorization: Bearer " + testing::token("ada")}).status,
            403);
  EXPECT_EQ(ask("POST", "/secret", {"Content-Length: 90", "Authorization: Bearer nonsense"}).status, 401);
  const auto text = exchange(
      post("/secret", "Content-Length: 3\r\nAuthorization: Bearer " + testing::token("a", "admin") + "\r\n", "one"));
  EXPECT_THAT(text, HasSubstr("[complete]"));
}

TEST_F(StreamsTest, refusals_have_the_form_of_the_facades) {
  const auto problem = ask("POST", "/nowhere");
  EXPECT_EQ(problem.status, 404);
  EXPECT_EQ(problem.headers.at("content-type"), "application/problem+json");
  EXPECT_THAT(problem.body, HasSubstr(R"("instance":"/nowhere")"));
  const auto verb = ask("GET", "/echo");
  EXPECT_EQ(verb.status, 405);
  EXPECT_THAT(verb.headers.at("allow"), HasSubstr("POST"));
  EXPECT_EQ(ask("OPTIONS", "/echo").status, 204);
  EXPECT_EQ(ask("POST", "/refuses", {}, "x").status, 415);
  EXPECT_EQ(ask("GET", "/ticks", {"Content-Length: 5"}, "").status, 413);
  EXPECT_EQ(ask("GET", "/nowhere", {"X: " + std::string(40'000, 'x')}).status, 431);
  EXPECT_THAT(exchange("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(exchange(post("/echo", "Transfer-Encoding: gzip\r\n")), StartsWith("HTTP/1.1 400"));
}

TEST_F(StreamsTest, an_answer_that_breaks_cannot_be_taken_for_whole) {
  const auto text = exchange(post("/breaks", "Content-Length: 0\r\n"));
  EXPECT_THAT(text, ::testing::EndsWith("4\r\nhalf\r\n"));
  eventually([&] {
    const auto lines = captured.lines();
    return std::any_of(lines.begin(), lines.end(),
                       [](const auto& line) { return line.find("an inner detail") != std::string::npos; });
  });
}

TEST_F(StreamsTest, only_so_many_bodies_are_taken_at_a_time) {
  Connection one(streams->port()), two(streams->port());
  for (auto* each : {&one, &two}) {
    each->send(post("/echo", "Content-Length: 4\r\n", "one"));
    ASSERT_TRUE(each->read_some());
  }
  const auto third = ask("POST", "/echo", {}, "x");
  EXPECT_EQ(third.status, 503);
  EXPECT_TRUE(third.headers.contains("retry-after"));
  for (auto* each : {&one, &two}) {
    each->send("!");
    EXPECT_THAT(all(*each), HasSubstr("[complete]"));
  }
  eventually(
      [&] { return exchange(post("/echo", "Content-Length: 1\r\n", "x")).find("[complete]") != std::string::npos; });
}

TEST_F(StreamsTest, a_reader_that_does_not_read_holds_up_the_handler_and_is_cut_off) {
  Connection connection(streams->port());
  connection.send("GET /ticks HTTP/1.1\r\n\r\n");
  eventually([&] { return ended == 1; });
  // What fits into the system's buffers and ours, and no more.
  EXPECT_LT(ticks, 1000);
}

TEST_F(StreamsTest, a_client_that_leaves_ends_its_stream) {
  {
    Connection connection(streams->port());
    connection.send("GET /ticks HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(connection.read_some());
  }
  eventually([&] { return ended == 1; });
}

TEST_F(StreamsTest, an_ending_process_tells_those_who_stream_and_takes_no_more) {
  Connection upload(streams->port()), other(streams->port());
  upload.send(post("/echo", "Content-Length: 10\r\n", "one"));
  std::string begun;
  while (begun.find("one") == std::string::npos) begun += upload.read_some().value();
  EXPECT_TRUE(streams->drain(std::chrono::seconds(5)));
  EXPECT_EQ(all(upload), "a\r\n[stopping]\r\n0\r\n\r\n");
  EXPECT_EQ(ask("POST", "/echo", {}, "x").status, 503);
}

TEST_F(StreamsTest, a_stream_is_counted_and_logged_as_any_request) {
  exchange(post("/echo", "Content-Length: 3\r\n", "one"));
  eventually([&] { return !captured.lines().empty(); });
  EXPECT_THAT(captured.lines().back(), HasSubstr(R"("method":"POST","route":"/echo","status":200)"));
  EXPECT_THAT(metrics.page(), HasSubstr("route=\"/echo\""));
}

TEST(Spool, keeps_the_order_beyond_what_fits_into_memory) {
  Spool spool("");
  std::string put, taken;
  for (int i = 0; i < 40; ++i) {
    const std::string piece(20'000 + static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
    ASSERT_TRUE(spool.put(piece));
    put += piece;
    if (i % 3 == 0) taken += spool.take(30'000);
  }
  while (!spool.empty()) taken += spool.take(64 * 1024);
  EXPECT_EQ(taken, put);
  ASSERT_TRUE(spool.put("again"));
  EXPECT_EQ(spool.take(100), "again");
}

TEST(Spool, says_when_it_has_nowhere_to_put_it) {
  Spool spool("/nowhere/at/all");
  EXPECT_TRUE(spool.put("little"));
  EXPECT_FALSE(spool.put(std::string(Spool::most_in_memory, 'x')));
}

TEST_F(StreamsTest, a_handler_that_waits_for_something_else_is_told_of_the_end) {
  {
    Connection connection(streams->port());
    connection.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
    std::string text;
    while (text.find("first") == std::string::npos) text += connection.read_some().value();
  }
  eventually([this] { return ended == 1; });
  Connection connection(streams->port());
  connection.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
  std::string text;
  while (text.find("first") == std::string::npos) text += connection.read_some().value();
  EXPECT_TRUE(streams->drain(std::chrono::seconds(5)));
  EXPECT_EQ(ended, 2);
}

TEST_F(StreamsTest, head_is_answered_as_get_without_a_body) {
  const auto text = exchange("HEAD /waits HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"));
  EXPECT_THAT(text, ::testing::EndsWith("\r\n\r\n"));
  EXPECT_EQ(ended, 1);
}

}  // namespace
}  // namespace shop::services
