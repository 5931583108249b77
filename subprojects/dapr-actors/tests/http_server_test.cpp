#include "internal/http/server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <system_error>

#include "tests/http_support.hpp"

namespace dapr::actors::http {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using ::testing::TestWithParam;
using testing::Wire;

/// Echoes verb, target and body; requests to `/wait` are answered when told to.
class HttpServer : public ::testing::Test {
 protected:
  void open(ServerSettings settings = {}) {
    server_.emplace(
        io_.io, settings, [this](Request& request) { return serve(request); },
        [this](const Request& request) {
          const std::lock_guard lock(mutex_);
          abandoned_.push_back(request.target);
        });
    server_->listen();
  }
  Task<Response> serve(Request& request) {
    ++served_;
    if (request.target == "/throw") throw std::runtime_error("broken");
    if (request.target == "/wait") {
      co_await suspend<void>([this](Completion<void> done) {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(done);
      });
    }
    if (request.target == "/large") co_return Response{200, std::string(6'000'000, 'x'), "text/plain", {}};
    co_return Response{200, request.verb + " " + request.target + " " + request.body, "text/plain", {}};
  }
  bool waits(std::size_t count = 1) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return waiting_.size() >= count;
    });
  }
  void go_on() {
    std::vector<Completion<void>> waiting;
    {
      const std::lock_guard lock(mutex_);
      waiting.swap(waiting_);
    }
    for (const auto& done : waiting) done();
  }
  std::vector<std::string> abandoned() {
    const std::lock_guard lock(mutex_);
    return abandoned_;
  }
  Wire connect() { return Wire(server_->port()); }

  std::mutex mutex_;
  std::vector<Completion<void>> waiting_;
  std::vector<std::string> abandoned_;
  std::atomic<int> served_ = 0;
  testing::IoThreads io_{2};
  std::optional<Server> server_;
};

std::string body_of(const std::string& message) {
  return message.substr(message.find("\r\n\r\n") + 4);
}
std::string status_of(const std::string& message) {
  return message.substr(9, 3);
}

TEST_F(HttpServer, AnswersRequestsOfOneConnectionOneAfterTheOther) {
  open();
  auto wire = connect();
  EXPECT_EQ(wire.ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nGET /a ");
  EXPECT_EQ(body_of(wire.ask("PUT /b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyz")), "PUT /b?c=d xyz");
}

TEST_F(HttpServer, AnswersAPipelineInOrder) {
  open();
  auto wire = connect();
  std::string pipeline;
  for (int i = 0; i < 500; ++i) pipeline += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  ASSERT_TRUE(wire.send(pipeline));
  for (int i = 0; i < 500; ++i) ASSERT_EQ(body_of(wire.message()), "GET /" + std::to_string(i) + " ");
}

TEST_F(HttpServer, ServesAPipelinedRequestOnlyWhenTheOneBeforeItIsAnswered) {
  open();
  auto wire = connect();
  wire.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(waits());
  EXPECT_EQ(served_, 1);
  go_on();
  EXPECT_EQ(body_of(wire.message()), "GET /wait ");
  EXPECT_EQ(body_of(wire.message()), "GET /next ");
}

TEST_F(HttpServer, ReadsARequestThatComesByteByByte) {
  open();
  auto wire = connect();
  for (const char c : std::string(
           "POST /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;e=f\r\nc\r\n0\r\n\r\n"))
    wire.send(std::string(1, c));
  EXPECT_EQ(body_of(wire.message()), "POST /slow abc");
}

TEST_F(HttpServer, ReadsLargeBodiesUpToItsLimit) {
  open();
  const std::string body(4 * 1024 * 1024, 'b');
  auto wire = connect();
  const auto answer =
      wire.ask("PUT /l HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(status_of(answer), "200");
  EXPECT_EQ(body_of(answer).size(), body.size() + 7);
}

TEST_F(HttpServer, SendsAnAnswerLargerThanTheSocketTakesAtOnce) {
  open();
  auto wire = connect();
  const auto answer = wire.ask("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(answer).size(), 6'000'000u);
}

TEST_F(HttpServer, InvitesABodyThatWaitsToBeInvited) {
  open();
  auto wire = connect();
  EXPECT_EQ(wire.ask("PUT /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
            "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(body_of(wire.ask("ok")), "PUT /e ok");
}

TEST_F(HttpServer, AnswersHeadWithoutABody) {
  open();
  auto wire = connect();
  wire.send("HEAD /h HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto answer = wire.rest();
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(HttpServer, ClosesWhenTheClientAsksForIt) {
  open();
  for (const auto* request : {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"}) {
    auto wire = connect();
    wire.send(request);
    EXPECT_NE(wire.rest().find("Connection: close\r\n"), std::string::npos) << request;
  }
  EXPECT_TRUE(eventually([&] { return server_->connections() == 0; }));
  EXPECT_TRUE(abandoned().empty());
}

TEST_F(HttpServer, AnswersAFailedHandlerWith500AndGoesOn) {
  open();
  auto wire = connect();
  EXPECT_EQ(status_of(wire.ask("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n")), "500");
  EXPECT_EQ(status_of(wire.ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")), "200");
}

struct Hostile {
  const char* name;
  std::string request;
  const char* status;
  friend void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }
};
class HttpServerRefuses : public HttpServer, public ::testing::WithParamInterface<Hostile> {};

TEST_P(HttpServerRefuses, WithoutServingAndCloses) {
  open();
  auto wire = connect();
  wire.send(GetParam().request);
  const auto answer = wire.rest();
  EXPECT_EQ(status_of(answer), GetParam().status) << answer;
  EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << "one answer only: " << answer;
  EXPECT_EQ(served_, 0);
}

INSTANTIATE_TEST_SUITE_P(
    HostileInput, HttpServerRefuses,
    ::testing::Values(
        Hostile{"both_lengths", "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "400"},
        Hostile{"both_lengths_reversed",
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400"},
        Hostile{"two_lengths", "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400"},
        Hostile{"length_list", "POST / HTTP/1.1\r\nContent-Length: 3, 4\r\n\r\nabcd", "400"},
        Hostile{"negative_length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"},
        Hostile{"huge_length", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", "400"},
        Hostile{"unknown_coding", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
                "400"},
        Hostile{"coding_list", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400"},
        Hostile{"two_codings",
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
        Hostile{"bad_chunk", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
        Hostile{"chunk_overrun", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", "400"},
        Hostile{"nul_in_target", std::string("GET /a\0b HTTP/1.1\r\n\r\n", 22), "400"},
        Hostile{"nul_in_field", std::string("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", 27), "400"},
        Hostile{"space_before_colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "400"},
        Hostile{"bare_newline", "GET / HTTP/1.1\nHost: x\n\n", "400"}, Hostile{"no_version", "GET /\r\n\r\n", "400"},
        Hostile{"not_http", "\x16\x03\x01\x02garbage\r\n\r\n", "400"},
        Hostile{"long_target", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n", "431"},
        Hostile{"long_field", "GET / HTTP/1.1\r\nA: " + std::string(9000, 'a') + "\r\n\r\n", "431"},
        Hostile{"endless_head", "GET / HTTP/1.1\r\nA: " + std::string(60000, 'a'), "431"},
        Hostile{"long_body", "PUT / HTTP/1.1\r\nContent-Length: 4194305\r\n\r\n", "413"},
        Hostile{"long_chunks",
                "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n400001\r\n" + std::string(4194305, 'a') +
                    "\r\n0\r\n\r\n",
                "413"}),
    [](const auto& test) { return test.param.name; });

TEST_F(HttpServer, RefusesAChunkExtensionWithoutEnd) {
  open();
  auto wire = connect();
  wire.send("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(50'000, 'e'));
  const auto answer = wire.rest();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 4")) << answer;
}

TEST_F(HttpServer, DoesNotWaitForARequestThatNeverEnds) {
  open({.receive_timeout = 50ms});
  auto wire = connect();
  wire.send("GET / HTTP/1.1\r\nHost:");
  EXPECT_EQ(status_of(wire.rest()), "408");
}

TEST_F(HttpServer, ClosesAConnectionThatIsIdleForTooLong) {
  open({.idle_timeout = 50ms});
  auto wire = connect();
  EXPECT_EQ(status_of(wire.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), "200");
  EXPECT_EQ(wire.rest(), "");
  EXPECT_TRUE(eventually([&] { return server_->connections() == 0; }));
}

TEST_F(HttpServer, ServesAsLongAsATurnTakes) {
  open({.receive_timeout = 30ms, .idle_timeout = 30ms});
  auto wire = connect();
  wire.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(waits());
  auto other = connect();  // is closed by the sweep, which has then looked at both
  EXPECT_EQ(other.rest(), "");
  go_on();
  EXPECT_EQ(status_of(wire.message()), "200");
}

TEST_F(HttpServer, GivesUpOnAPeerThatDoesNotTakeItsAnswer) {
  open({.receive_timeout = 50ms});
  auto wire = connect();
  wire.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return abandoned() == std::vector<std::string>{"/large"}; }));
  EXPECT_TRUE(eventually([&] { return server_->connections() == 0; }));
}

TEST_F(HttpServer, NoticesThatThePeerHasGoneWhileItsRequestIsInHand) {
  open();
  auto wire = connect();
  wire.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(waits());
  wire.close();
  EXPECT_TRUE(eventually([&] { return abandoned() == std::vector<std::string>{"/wait"}; })) << "before the turn ends";
  go_on();
  EXPECT_TRUE(eventually([&] { return server_->connections() == 0; }));
  EXPECT_EQ(abandoned().size(), 1u) << "and tells it once";
}

TEST_F(HttpServer, NoticesAResetWhileARequestIsInHand) {
  open();
  auto wire = connect();
  wire.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(waits());
  wire.abort();
  EXPECT_TRUE(eventually([&] { return !abandoned().empty(); }));
  go_on();
  EXPECT_TRUE(eventually([&] { return server_->connections() == 0; }));
}

TEST_F(HttpServer, SaysNothingOfAPeerThatLeavesBetweenRequestsOrInTheMiddleOfOne) {
  open();
  {
    auto idle = connect();
    idle.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    auto half = connect();
    half.send("PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  }
  EXPECT_TRUE(eventually([&] { return server_->connections() == 0; }));
  EXPECT_TRUE(abandoned().empty());
  EXPECT_EQ(served_, 1);
}

TEST_F(HttpServer, TakesNoMoreConnectionsThanItMay) {
  open({.connections = 2});
  auto first = connect();
  auto second = connect();
  EXPECT_EQ(status_of(first.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), "200");
  EXPECT_EQ(status_of(second.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), "200");
  EXPECT_EQ(connect().rest(), "");
  first.close();
  ASSERT_TRUE(eventually([&] { return server_->connections() == 1; }));
  EXPECT_EQ(status_of(connect().ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), "200");
}

TEST_F(HttpServer, StopsByEndingWhatIsInHandAndClosingTheRest) {
  open();
  auto busy = connect();
  auto idle = connect();
  EXPECT_EQ(status_of(idle.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), "200");
  busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(waits());
  server_->stop();
  EXPECT_EQ(idle.rest(), "");
  EXPECT_TRUE(eventually([&] { return server_->connections() == 1; }));
  go_on();
  const auto last = busy.rest();
  EXPECT_EQ(status_of(last), "200");
  EXPECT_NE(last.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return server_->connections() == 0; }));
  EXPECT_TRUE(eventually([&] {
    try {
      connect();
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  })) << "it listens no more";
}

TEST_F(HttpServer, SaysWhichPortIsTaken) {
  open();
  Server second(io_.io, {.port = server_->port()}, {}, {});
  try {
    second.listen();
    FAIL() << "two servers on one port";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find(std::to_string(server_->port())), std::string::npos);
  }
}

TEST_F(HttpServer, ServesManyConnectionsOnSeveralThreads) {
  open();
  std::vector<std::thread> clients;
  std::atomic<int> right = 0;
  for (int c = 0; c < 8; ++c)
    clients.emplace_back([&, c] {
      auto wire = connect();
      for (int i = 0; i < 200; ++i) {
        const auto path = "/" + std::to_string(c) + "-" + std::to_string(i);
        if (body_of(wire.ask("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")) == "GET " + path + " ") ++right;
      }
    });
  for (auto& client : clients) client.join();
  EXPECT_EQ(right, 1600);
}

}  // namespace
}  // namespace dapr::actors::http
