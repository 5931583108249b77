/// A whole service process, without a sidecar: how it starts, says what it lacks, and ends.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "services/common/service.hpp"
#include "tests/services/common/support.hpp"

namespace shop::services {
namespace {

using ::testing::HasSubstr;

/// A port that nobody has at the moment.
unsigned short free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(probe, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(probe);
  return ntohs(address.sin_port);
}

class Process {
 public:
  explicit Process(std::map<std::string, std::string> environment) {
    char out[] = "/tmp/process_test_out.XXXXXX";
    ::close(::mkstemp(out));
    out_ = out;
    child_ = ::fork();
    if (child_ != 0) return;
    for (const auto& [name, text] : environment) ::setenv(name.c_str(), text.c_str(), 1);
    if (!std::freopen(out, "w", stdout) || !std::freopen(out, "a", stderr)) ::_exit(3);
    const int status = run({.app_id = "test-service", .openapi = R"({"openapi":"3.1.0"})"}, [](Service& service) {
      const auto answer = service.environment().integer("ANSWER", 0, 100, 42);
      service.facade().get("/answer",
                           [answer](Request) -> actors::Task<Response> { co_return Response::json(200, answer); });
      service.facade().get("/secret", Access::Admin, [](Request) -> actors::Task<Response> { co_return Response{}; });
    });
    std::fflush(stdout);
    ::_exit(status);
  }
  ~Process() {
    if (!ended_) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    ::unlink(out_.c_str());
  }
  pid_t id() const { return child_; }
  int end(int signal = 0) {
    if (signal) ::kill(child_, signal);
    int status = 0;
    ::waitpid(child_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string output() const {
    std::ifstream file(out_);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

 private:
  pid_t child_;
  std::string out_;
  bool ended_ = false;
};

class ProcessTest : public ::testing::Test {
 protected:
  unsigned short facade = free_port();
  std::map<std::string, std::string> environment{{"FACADE_PORT", std::to_string(facade)},
                                                 {"APP_CHANNEL_PORT", std::to_string(free_port())},
                                                 {"METRICS_PORT", std::to_string(free_port())},
                                                 {"DAPR_HTTP_PORT", std::to_string(free_port())},
                                                 {"DAPR_API_TOKEN", "to-sidecar"},
                                                 {"APP_API_TOKEN", "from-sidecar"},
                                                 {"DRAIN_SECONDS", "5"}};

  void wait_until_up() {
    testing::eventually([this] {
      try {
        return testing::ask(facade, "GET", "/healthz").status == 200;
      } catch (const std::exception&) {
        return false;
      }
    });
  }
};

TEST_F(ProcessTest, is_up_at_once_but_not_ready_without_its_sidecar_and_ends_with_zero) {
  Process process(environment);
  wait_until_up();
  EXPECT_EQ(testing::ask(facade, "GET", "/answer").body, "42");
  const auto readiness = testing::ask(facade, "GET", "/readyz");
  EXPECT_EQ(readiness.status, 503);
  EXPECT_THAT(readiness.body, HasSubstr("key for bearer tokens"));
  EXPECT_EQ(testing::ask(facade, "GET", "/secret").status, 401);
  EXPECT_EQ(testing::ask(facade, "GET", "/secret", {"Authorization: Bearer " + testing::token("a", "admin")}).status,
            503)
      << "a token cannot be judged before the key is there";
  EXPECT_EQ(process.end(SIGTERM), 0);
  EXPECT_THAT(process.output(), ::testing::AllOf(HasSubstr(R"("msg":"started","facade":"127.0.0.1:)"),
                                                 HasSubstr(R"("msg":"stopping","signal":"SIGTERM")"),
                                                 HasSubstr(R"("msg":"stopped","workLeft":false)")));
  EXPECT_THAT(process.output(), ::testing::Not(HasSubstr("sidecar\"")));
}

TEST_F(ProcessTest, ends_on_sigint_too) {
  Process process(environment);
  wait_until_up();
  EXPECT_EQ(process.end(SIGINT), 0);
}

TEST_F(ProcessTest, ends_whenever_in_its_start_it_is_told_to) {
  for (int delay = 0; delay < 40; delay += 2) {
    Process process(environment);
    std::this_thread::sleep_for(std::chrono::milliseconds(delay));
    const int status = process.end(SIGTERM);
    // In its first moments nothing is set up yet, and there is nothing to be orderly about.
    EXPECT_TRUE(status == 0 || status == 128 + SIGTERM) << status << " after " << delay << " ms: " << process.output();
  }
}

TEST_F(ProcessTest, takes_a_second_signal_for_the_first) {
  Process process(environment);
  wait_until_up();
  ::kill(process.id(), SIGTERM);
  ::kill(process.id(), SIGINT);
  EXPECT_EQ(process.end(SIGTERM), 0);
}

TEST_F(ProcessTest, says_what_is_wrong_with_its_environment) {
  environment["FACADE_PORT"] = "none";
  Process process(environment);
  EXPECT_EQ(process.end(), 1);
  EXPECT_THAT(process.output(), HasSubstr("test-service cannot run: FACADE_PORT is \"none\""));
}

TEST_F(ProcessTest, says_what_is_wrong_with_a_variable_of_its_own) {
  environment["ANSWER"] = "many";
  Process process(environment);
  EXPECT_EQ(process.end(), 1);
  EXPECT_THAT(process.output(), HasSubstr("ANSWER is \"many\": give a whole number from 0 to 100"));
}

TEST_F(ProcessTest, says_which_port_is_taken) {
  Process first(environment);
  wait_until_up();
  auto other = environment;
  other["APP_CHANNEL_PORT"] = std::to_string(free_port());
  other["METRICS_PORT"] = std::to_string(free_port());
  Process second(other);
  EXPECT_EQ(second.end(), 1);
  EXPECT_THAT(second.output(), HasSubstr("the facade cannot be opened on 127.0.0.1:" + std::to_string(facade)));
  EXPECT_EQ(first.end(SIGTERM), 0);
}

}  // namespace
}  // namespace shop::services
