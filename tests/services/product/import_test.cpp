#include "services/product/import.hpp"

#include <dapr/actors/sidecar.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "tests/services/common/support.hpp"

namespace shop::product {
namespace {

using actors::Task;
using services::testing::Connection;
using services::testing::eventually;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A catalog that does a line when the test says so, or at once.
struct Shelf {
  Task<actors::Result<Imported>> import_one(NewProduct product, actors::Trace, std::string request) {
    if (held) {
      co_await actors::suspend<void>([this](actors::Completion<void> done) {
        const std::lock_guard lock(mutex);
        waiting.emplace_back(done);
        most_waiting = std::max(most_waiting, waiting.size());
      });
    }
    const auto& id = product.id->value;
    if (id == "flaky") requests.insert(std::move(request));
    if (failures > 0 && id == "flaky") {
      --failures;
      throw actors::SidecarError(503, "", "away");
    }
    if (id == "refused") co_return actors::refuse(actors::Reason::TooLarge, "too_large", "It is too large.");
    if (id == "bug") throw std::logic_error("an inner detail");
    const std::lock_guard lock(mutex);
    order.push_back(id + ":" + product.name);
    auto text = actors::json::to_string(product);
    auto [at, created] = products.try_emplace(id, text);
    if (created) co_return Imported{*product.id, Imported::Status::Created};
    if (std::exchange(at->second, text) == text) co_return Imported{*product.id, Imported::Status::Unchanged};
    co_return Imported{*product.id, Imported::Status::Replaced};
  }
  /// Lets those go on that wait, the last one first.
  std::size_t release(services::testing::ThreadRunner& runner) {
    std::vector<actors::Completion<void>> all;
    {
      const std::lock_guard lock(mutex);
      all.swap(waiting);
    }
    for (auto each = all.rbegin(); each != all.rend(); ++each) runner.post([done = *each] { done(); });
    return all.size();
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return waiting.size();
  }

  std::mutex mutex;
  std::atomic<bool> held = false;
  std::atomic<int> failures = 0;
  std::set<std::string> requests;  ///< under which names "flaky" was asked for
  std::vector<actors::Completion<void>> waiting;
  std::size_t most_waiting = 0;
  std::map<std::string, std::string> products;
  std::vector<std::string> order;
};

class ImportTest : public ::testing::Test {
 protected:
  ImportTest() {
    tokens.accept(services::hs256(services::testing::key));
    services::StreamsSettings settings;
    settings.idle_time = std::chrono::milliseconds(500);
    streams.emplace(settings, runner, tokens, metrics);
    add_import(
        *streams,
        [this](NewProduct product, actors::Trace trace, std::string request) {
          return shelf.import_one(std::move(product), std::move(trace), std::move(request));
        },
        [this](actors::Duration) -> Task<void> {
          ++paused;
          co_return;
        });
    streams->start();
  }
  ~ImportTest() override {
    shelf.held = false;
    shelf.release(runner);
    streams->stop();
  }

  static std::string line(const std::string& id, const std::string& name = "Tea") {
    return R"({"id":")" + id + R"(","name":")" + name +
           R"(","category":"tea","price":{"amount":899,"currency":"EUR"},"stock":4})" + "\n";
  }
  std::string head(const std::string& type, const std::string& framing) const {
    return "POST /products/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
           services::testing::token("admin", "admin") + "\r\nContent-Type: " + type + "\r\n" + framing + "\r\n\r\n";
  }
  static std::string all(Connection& connection) {
    std::string text;
    while (auto more = connection.read_some()) text += *more;
    return text;
  }
  /// The answer's lines, out of their chunks.
  static std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; (at = text.find("{\"line\"", at)) != std::string::npos;) {
      const auto end = text.find('\n', at);
      lines.push_back(text.substr(at, end - at));
      at = end;
    }
    return lines;
  }
  std::string import(const std::string& body, const std::string& type = "application/x-ndjson") {
    Connection connection(streams->port());
    connection.send(head(type, "Content-Length: " + std::to_string(body.size())) + body);
    return all(connection);
  }

  services::testing::CapturedLog captured;
  services::testing::FixedClock clock;
  services::testing::ThreadRunner runner;
  services::Tokens tokens{clock};
  services::Metrics metrics;
  Shelf shelf;
  std::atomic<int> paused = 0;
  std::optional<services::Streams> streams;
};

TEST_F(ImportTest, every_line_has_its_answer_and_the_same_again_changes_nothing) {
  const auto body = line("a") + "nonsense\n" + line("b") + line("a", "Other");
  const auto first = lines_of(import(body));
  ASSERT_EQ(first.size(), 4U);
  EXPECT_EQ(first[0], R"({"line":1,"id":"a","status":"created"})");
  EXPECT_THAT(first[1], HasSubstr(R"({"line":2,"status":"refused","errors":[{"pointer":"","detail":)"));
  EXPECT_EQ(first[2], R"({"line":3,"id":"b","status":"created"})");
  EXPECT_EQ(first[3], R"({"line":4,"id":"a","status":"replaced"})");
  const auto again = import(line("b") + line("a", "Other"));
  EXPECT_THAT(again, HasSubstr("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"));
  EXPECT_THAT(lines_of(again), ElementsAre(R"({"line":1,"id":"b","status":"unchanged"})",
                                           R"({"line":2,"id":"a","status":"unchanged"})"));
}

TEST_F(ImportTest, lines_are_answered_in_their_order_whoever_is_done_first) {
  shelf.held = true;
  Connection connection(streams->port());
  const auto body = line("a") + line("b") + line("a", "Second") + line("c");
  connection.send(head("application/x-ndjson", "Content-Length: " + std::to_string(body.size())) + body);
  eventually([&] { return shelf.count() == 3; });  // the second line of `a` waits for the first
  shelf.held = false;
  shelf.release(runner);
  EXPECT_THAT(lines_of(all(connection)),
              ElementsAre(R"({"line":1,"id":"a","status":"created"})", R"({"line":2,"id":"b","status":"created"})",
                          R"({"line":3,"id":"a","status":"replaced"})", R"({"line":4,"id":"c","status":"created"})"));
  EXPECT_EQ(shelf.products.at("a").find("Second") == std::string::npos, false);
}

TEST_F(ImportTest, no_more_lines_are_in_hand_than_agreed) {
  shelf.held = true;
  std::string body;
  for (int i = 0; i < 300; ++i) body += line("p" + std::to_string(i));
  Connection connection(streams->port());
  connection.send(head("application/x-ndjson", "Content-Length: " + std::to_string(body.size())) + body);
  eventually([&] { return shelf.count() == lines_in_hand; });
  shelf.held = false;
  eventually([&] {
    shelf.release(runner);
    return shelf.products.size() == 300;
  });
  EXPECT_EQ(lines_of(all(connection)).size(), 300U);
  EXPECT_EQ(shelf.most_waiting, lines_in_hand);
}

TEST_F(ImportTest, answers_leave_while_the_file_is_still_sent) {
  Connection connection(streams->port());
  connection.send(head("application/x-ndjson", "Content-Length: 10000") + line("a"));
  std::string text;
  while (text.find("created") == std::string::npos) text += connection.read_some().value();
  connection.send(line("b").substr(0, 20));
  connection.finish();
  const auto rest = lines_of(all(connection));
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_THAT(
      rest[0],
      HasSubstr(R"({"line":2,"status":"refused","errors":[{"pointer":"","detail":"The file ends in the middle)"));
  EXPECT_THAT(rest[1], HasSubstr("The request ended before the file did."));
  EXPECT_TRUE(shelf.products.contains("a"));
}

TEST_F(ImportTest, a_wrong_header_refuses_the_file_before_anything_is_done) {
  const auto text = import("id,name,colour\na,Tea,red\n", "text/csv");
  EXPECT_THAT(text, ::testing::StartsWith("HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json"));
  EXPECT_THAT(text, HasSubstr("colour"));
  EXPECT_TRUE(shelf.products.empty());
}

TEST_F(ImportTest, csv_is_read_as_well) {
  const auto text = import("id,name,category,amount,currency,stock\na,\"Tea\nleaves\",tea,1,EUR,1\nb,Tea,tea,1,EUR,1\n",
                           "Text/CSV; charset=\"UTF-8\"");
  EXPECT_THAT(lines_of(text),
              ElementsAre(HasSubstr(R"({"line":2,"id":"a","status":"refused","errors":[{"pointer":"/name")"),
                          R"({"line":4,"id":"b","status":"created"})"));
}

TEST_F(ImportTest, another_kind_of_file_is_415) {
  for (const char* type :
       {"application/json", "text/plain", "text/csv; charset=latin1", "application/x-ndjson\r\nContent-Encoding: gzip"})
    EXPECT_THAT(import(line("a"), type), ::testing::StartsWith("HTTP/1.1 415")) << type;
  EXPECT_TRUE(shelf.products.empty());
}

TEST_F(ImportTest, a_store_that_is_away_for_a_moment_costs_no_line) {
  shelf.failures = 3;
  EXPECT_THAT(lines_of(import(line("flaky") + line("b"))), ElementsAre(R"({"line":1,"id":"flaky","status":"created"})",
                                                                       R"({"line":2,"id":"b","status":"created"})"));
  EXPECT_EQ(paused, 3);
  EXPECT_EQ(shelf.requests.size(), 1U);  // so that the catalog recognises an attempt whose answer was lost
  shelf.failures = 1000;
  EXPECT_THAT(lines_of(import(line("flaky") + line("c"))),
              ElementsAre(HasSubstr("The store does not answer"), R"({"line":2,"id":"c","status":"created"})"));
}

TEST_F(ImportTest, what_the_catalog_refuses_or_fails_at_is_that_lines_answer) {
  EXPECT_THAT(
      lines_of(import(line("refused") + line("bug") + line("c"))),
      ElementsAre(
          R"({"line":1,"id":"refused","status":"refused","errors":[{"pointer":"","detail":"It is too large."}]})",
          HasSubstr("it has been logged"), R"({"line":3,"id":"c","status":"created"})"));
}

TEST_F(ImportTest, an_ending_process_finishes_what_is_in_hand_and_says_where_it_stopped) {
  shelf.held = true;
  Connection connection(streams->port());
  connection.send(head("application/x-ndjson", "Content-Length: 10000") + line("a"));
  eventually([&] { return shelf.count() == 1; });
  std::thread ending([&] { EXPECT_TRUE(streams->drain(std::chrono::seconds(8))); });
  shelf.held = false;
  shelf.release(runner);
  const auto lines = lines_of(all(connection));
  ending.join();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], R"({"line":1,"id":"a","status":"created"})");
  EXPECT_THAT(lines[1], HasSubstr("shutting down"));
}

}  // namespace
}  // namespace shop::product
