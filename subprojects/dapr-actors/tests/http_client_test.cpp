#include "internal/http/client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/http_support.hpp"

namespace dapr::actors::http {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::ok;
using testing::ScriptedServer;

class HttpClient : public ::testing::Test {
 protected:
  void connect_to(unsigned short port, ClientSettings settings = {}) {
    settings.port = port;
    client_.emplace(io_.io, settings);
  }
  Answer get(std::string_view target = "/") { return io_.run(client_->send(OutgoingRequest("GET", target))); }
  std::future<Answer> start(std::string_view target) {
    return io_.start(client_->send(OutgoingRequest("GET", target)));
  }
  bool fails(OutgoingRequest request, NoAnswer::Why why = NoAnswer::Why::Unreached) {
    try {
      io_.run(client_->send(std::move(request)));
    } catch (const NoAnswer& error) {
      return error.why() == why;
    }
    return false;
  }

  testing::IoThreads io_{2};
  std::optional<Client> client_;
};

TEST_F(HttpClient, WritesARequestWithTokenHeadersAndBody) {
  ScriptedServer server({{ok()}});
  connect_to(server.port(), {.token = "secret"});
  OutgoingRequest request("PUT", "/a?b=c");
  request.header("X-One", "1").header("X-Empty", "").body("text/plain", "hello");
  io_.run(client_->send(std::move(request)));
  EXPECT_EQ(server.requests().at(0),
            "PUT /a?b=c HTTP/1.1\r\nX-One: 1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nHost: 127.0.0.1:" +
                std::to_string(server.port()) + "\r\ndapr-api-token: secret\r\n\r\nhello");
}

TEST_F(HttpClient, RefusesWhatWouldBreakALine) {
  EXPECT_THROW(OutgoingRequest("GET", "/a b"), std::invalid_argument);
  EXPECT_THROW(OutgoingRequest("GET", "/a\r\nX: y"), std::invalid_argument);
  OutgoingRequest request("GET", "/");
  EXPECT_THROW(request.header("X", "a\r\nY: b"), std::invalid_argument);
  EXPECT_THROW(request.body("text\n", ""), std::invalid_argument);
}

TEST_F(HttpClient, ReadsStatusBodyAndTheFieldsItKnows) {
  ScriptedServer server(
      {{ok("body", "ETag: 7\r\nContent-Type: text/x\r\nx-daprerrorresponseheader: true\r\n")},
       {"HTTP/1.1 204 No Content\r\n\r\n"},
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nETag: trailer\r\n\r\n"},
       {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok("after")}});
  connect_to(server.port());
  const auto first = get();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "body");
  EXPECT_EQ(first.etag, "7");
  EXPECT_EQ(first.content_type, "text/x");
  EXPECT_TRUE(first.is_refusal);
  const auto second = get();
  EXPECT_EQ(second.status, 204);
  EXPECT_EQ(second.body + second.etag + second.content_type, "") << "nothing is left of the answer before it";
  EXPECT_FALSE(second.is_refusal);
  const auto third = get();
  EXPECT_EQ(third.body, "abcde");
  EXPECT_EQ(third.etag, "");
  EXPECT_EQ(get().body, "after");
  EXPECT_EQ(server.connections(), 1) << "one connection served them all";
}

TEST_F(HttpClient, ReadsALargeAnswer) {
  ScriptedServer server({{ok(std::string(3'000'000, 'x'))}});
  connect_to(server.port());
  EXPECT_EQ(get().body.size(), 3'000'000u);
}

TEST_F(HttpClient, SendsALargeRequest) {
  ScriptedServer server({{ok()}});
  connect_to(server.port());
  OutgoingRequest request("PUT", "/");
  request.body("text/plain", std::string(3'000'000, 'x'));
  EXPECT_EQ(io_.run(client_->send(std::move(request))).status, 200);
  EXPECT_TRUE(server.requests().at(0).ends_with("xxx"));
}

TEST_F(HttpClient, ReadsAnAnswerThatEndsWithTheConnection) {
  ScriptedServer server({{.answer = "HTTP/1.1 200 OK\r\n\r\nto the end", .close_after = true}, {ok("next")}});
  connect_to(server.port());
  EXPECT_EQ(get().body, "to the end");
  EXPECT_EQ(get().body, "next");
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(HttpClient, ReadsTheAnswerToHeadWithoutWaitingForABody) {
  ScriptedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"}, {ok("next")}});
  connect_to(server.port());
  EXPECT_EQ(io_.run(client_->send(OutgoingRequest("HEAD", "/"))).status, 200);
  EXPECT_EQ(get().body, "next");
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpClient, OpensANewConnectionWhenTheServerSaysItCloses) {
  ScriptedServer server({{.answer = ok("", "Connection: close\r\n"), .close_after = true}, {ok("next")}});
  connect_to(server.port());
  get();
  EXPECT_EQ(get().body, "next");
  EXPECT_EQ(server.requests().size(), 2u) << "nothing was sent twice";
}

TEST_F(HttpClient, RepeatsARequestWhoseKeptConnectionWasClosedMeanwhile) {
  ScriptedServer server({{.answer = ok("one"), .close_after = true}, {ok("two")}});
  connect_to(server.port());
  EXPECT_EQ(get().body, "one");
  EXPECT_EQ(get().body, "two");
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(HttpClient, RepeatsARequestThatAKeptConnectionTookAndDidNotAnswer) {
  ScriptedServer server({{ok("one")}, {.close_before = true}, {ok("two")}});
  connect_to(server.port());
  EXPECT_EQ(get().body, "one");
  EXPECT_EQ(get("/again").body, "two");
  EXPECT_EQ(server.requests().size(), 3u);
  EXPECT_EQ(server.requests().at(1), server.requests().at(2));
}

TEST_F(HttpClient, RepeatsARequestOnceOnly) {
  ScriptedServer server({{ok("one")}, {.close_before = true}, {.close_before = true}});
  connect_to(server.port());
  get();
  EXPECT_TRUE(fails(OutgoingRequest("GET", "/")));
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(HttpClient, DoesNotRepeatARequestOnAFreshConnection) {
  ScriptedServer server;
  server.add({.close_before = true});
  connect_to(server.port());
  EXPECT_TRUE(fails(OutgoingRequest("GET", "/")));
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(HttpClient, DoesNotRepeatARequestThatWasHalfAnswered) {
  ScriptedServer server(
      {{ok("one")}, {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", .close_after = true}});
  connect_to(server.port());
  get();
  EXPECT_TRUE(fails(OutgoingRequest("GET", "/")));
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(HttpClient, DoesNotRepeatARequestThatMayBeSentOnlyOnce) {
  ScriptedServer server({{ok("one")}, {.close_before = true}});
  connect_to(server.port());
  get();
  OutgoingRequest request("POST", "/charge");
  request.only_once();
  EXPECT_TRUE(fails(std::move(request)));
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(HttpClient, SendsWhatMayBeSentOnlyOnceOverAConnectionThatIsStillOpen) {
  ScriptedServer server({{.answer = ok("one"), .close_after = true}, {ok("two")}});
  connect_to(server.port());
  get();
  ASSERT_TRUE(eventually([&] { return server.closed() == 1; }));
  OutgoingRequest request("POST", "/charge");
  request.only_once();
  EXPECT_EQ(io_.run(client_->send(std::move(request))).body, "two");
}

TEST_F(HttpClient, FailsWhenNobodyListens) {
  unsigned short port;
  {
    ScriptedServer server;
    port = server.port();
  }
  connect_to(port);
  EXPECT_TRUE(fails(OutgoingRequest("GET", "/")));
  EXPECT_TRUE(fails(OutgoingRequest("GET", "/")));
}

TEST_F(HttpClient, FailsOnWhatIsNotHttp) {
  for (const auto* answer :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 9999 No\r\n\r\n"}) {
    ScriptedServer server({{answer}});
    connect_to(server.port());
    EXPECT_TRUE(fails(OutgoingRequest("GET", "/"))) << answer;
  }
}

TEST_F(HttpClient, DoesNotReuseAConnectionThatSaidMoreThanItsAnswer) {
  ScriptedServer server({{ok("one") + ok("unasked")}, {ok("two")}});
  connect_to(server.port());
  EXPECT_EQ(get().body, "one");
  EXPECT_EQ(get().body, "two");
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(HttpClient, GivesUpOnAnAnswerThatTakesTooLong) {
  ScriptedServer server;
  connect_to(server.port(), {.timeout = 50ms});
  EXPECT_TRUE(fails(OutgoingRequest("GET", "/"), NoAnswer::Why::TimedOut));
  server.add({ok("late")});
  ASSERT_TRUE(eventually([&] { return server.said_all(); }));
  server.add({ok("next")});
  EXPECT_EQ(get().body, "next") << "the late answer is not taken for another's";
}

TEST_F(HttpClient, GivesUpSoonerOnARequestThatIsNotWorthWaitingFor) {
  ScriptedServer server;
  connect_to(server.port(), {.connections = 2});
  auto patient = start("/patient");
  ASSERT_TRUE(eventually([&] { return server.requests().size() == 1; }));
  EXPECT_TRUE(fails(OutgoingRequest("GET", "/").patience(50ms), NoAnswer::Why::TimedOut));
  server.add({ok("in the end")});
  EXPECT_EQ(patient.get().body, "in the end");
}

TEST_F(HttpClient, LetsARequestThatIsNotWorthWaitingForLeaveTheQueueFromItsMiddle) {
  ScriptedServer server;
  connect_to(server.port(), {.connections = 1});
  auto first = start("/first");
  ASSERT_TRUE(eventually([&] { return server.requests().size() == 1; }));
  auto second = start("/second");
  EXPECT_TRUE(fails(OutgoingRequest("GET", "/third").patience(50ms), NoAnswer::Why::Busy));
  server.add({ok("one")});
  server.add({ok("two")});
  EXPECT_EQ(first.get().body, "one");
  EXPECT_EQ(second.get().body, "two");
}

TEST_F(HttpClient, OpensNoMoreConnectionsThanItMayAndServesWhoWaitsInOrder) {
  ScriptedServer server;
  connect_to(server.port(), {.connections = 2});
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 10; ++i) answers.push_back(start("/" + std::to_string(i)));
  ASSERT_TRUE(eventually([&] { return server.requests().size() == 2; }));
  for (int i = 0; i < 10; ++i) server.add({ok("x")});
  for (auto& answer : answers) EXPECT_EQ(answer.get().body, "x");
  EXPECT_EQ(server.connections(), 2);
  EXPECT_EQ(server.requests().size(), 10u);
}

TEST_F(HttpClient, LetsARequestWaitForAConnectionForALimitedTime) {
  ScriptedServer server;
  connect_to(server.port(), {.connections = 1, .wait_timeout = 50ms});
  auto first = start("/first");
  ASSERT_TRUE(eventually([&] { return server.requests().size() == 1; }));
  EXPECT_TRUE(fails(OutgoingRequest("GET", "/second"), NoAnswer::Why::Busy));
  server.add({ok("x")});
  EXPECT_EQ(first.get().body, "x");
}

TEST_F(HttpClient, RefusesAtOnceWhatMoreThanMayWaitWouldWaitFor) {
  ScriptedServer server;
  connect_to(server.port(), {.connections = 1, .waiting = 1});
  auto first = start("/first");
  ASSERT_TRUE(eventually([&] { return server.requests().size() == 1; }));
  std::vector<std::future<Answer>> others;  // one of them waits, the other is too many; which is up to the threads
  others.push_back(start("/second"));
  others.push_back(start("/third"));
  const auto is_over = [](const auto& other) { return other.wait_for(0s) == std::future_status::ready; };
  ASSERT_TRUE(eventually([&] { return std::any_of(others.begin(), others.end(), is_over); }));
  server.add({ok("one")});
  server.add({ok("two")});
  EXPECT_EQ(first.get().body, "one");
  int refused = 0;
  for (auto& other : others) try {
      EXPECT_EQ(other.get().body, "two");
    } catch (const NoAnswer& error) {
      EXPECT_EQ(error.why(), NoAnswer::Why::Busy);
      ++refused;
    }
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(HttpClient, ServesWhoWaitsWhenAConnectionBreaks) {
  ScriptedServer server;
  connect_to(server.port(), {.connections = 1});
  auto first = start("/first");
  ASSERT_TRUE(eventually([&] { return server.requests().size() == 1; }));
  auto second = start("/second");
  server.add({.close_before = true});
  server.add({ok("x")});
  EXPECT_THROW(first.get(), NoAnswer);
  EXPECT_EQ(second.get().body, "x");
}

TEST_F(HttpClient, ClosesConnectionsThatNobodyUses) {
  ScriptedServer server({{ok("one")}, {ok("two")}});
  connect_to(server.port(), {.wait_timeout = 40ms, .idle_timeout = 10ms});
  get();
  EXPECT_TRUE(eventually([&] { return server.closed() == 1; }));
  get();
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(HttpClient, FailsWhatIsInHandAndWaitsWhenItIsClosed) {
  ScriptedServer server;
  connect_to(server.port(), {.connections = 1});
  auto first = start("/first");
  ASSERT_TRUE(eventually([&] { return server.requests().size() == 1; }));
  auto second = start("/second");
  client_->close();
  EXPECT_THROW(first.get(), NoAnswer);
  EXPECT_THROW(second.get(), NoAnswer);
  EXPECT_THROW(get(), NoAnswer);
}

TEST_F(HttpClient, ServesManyRequestsAtOnceFromSeveralThreads) {
  ScriptedServer server;
  connect_to(server.port(), {.connections = 8});
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 400; ++i) server.add({ok(std::to_string(i))});
  for (int i = 0; i < 400; ++i) answers.push_back(start("/"));
  for (auto& answer : answers) EXPECT_EQ(answer.get().status, 200);
}

}  // namespace
}  // namespace dapr::actors::http
