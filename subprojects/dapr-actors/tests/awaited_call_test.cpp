// Every way to write an awaited call destroys what it made exactly once. Under AddressSanitizer this is a proof;
// without it the count of what lives is. The forms that would not be right do not compile: see refused/.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dapr/actors/testing/bench.hpp"

namespace dapr::actors {
namespace {

using actors::testing::Bench;
using ::testing::ElementsAre;

/// A text that knows how many of its kind there are.
struct Counted {
  static inline int living = 0;
  std::string text;
  Counted() { ++living; }
  Counted(const char* text) : text(text) { ++living; }
  Counted(const Counted& other) : text(other.text) { ++living; }
  Counted(Counted&& other) noexcept : text(std::move(other.text)) { ++living; }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) = default;
  ~Counted() { --living; }
  bool operator==(const Counted&) const = default;
};

struct Shelf {
  std::vector<Counted> books;
  bool operator==(const Shelf&) const = default;
  DAPR_ACTORS_JSON(books)
};

struct Put {
  Counted book;
  std::vector<Counted> more = {};
  int shelf = 0;
  DAPR_ACTORS_JSON(book, more, shelf)
};

/// A message with constructors.
struct Take {
  Counted book;
  Take() = default;
  explicit Take(Counted book) : book(std::move(book)) {}
  DAPR_ACTORS_JSON(book)
};

class Bookcase final : public Actor<Shelf> {
 public:
  int put(const Put& command) {
    state().books.push_back(command.book);
    for (const auto& book : command.more) state().books.push_back(book);
    return static_cast<int>(state().books.size());
  }
  int take(const Take& command) { return static_cast<int>(std::erase(state().books, command.book)); }
  int note(const std::string& text) { return static_cast<int>(text.size()); }
  std::vector<Counted> books() const { return state().books; }
};

constexpr auto long_title = "a title that is longer than what a string holds without asking for memory";

Put a_put() {
  return {long_title, {"from a function"}, 1};
}

Task<std::vector<int>> in_every_form(Sidecar& sidecar) {
  // The origin, written into the awaited expression.
  const auto first =
      co_await Calls(sidecar,
                     {"a request with a long name, of more than sixteen bytes", Cause::Call, {"trace", "state"}})
          .proxy<Bookcase>("a case with a long name, of more than sixteen bytes")
          .call<&Bookcase::put>(long_title, std::vector<Counted>(2, "twice"), 1);
  const Calls calls(sidecar, {});
  const auto bookcase = calls.proxy<Bookcase>("a case with a long name, of more than sixteen bytes");
  const Put named{long_title, {"by name"}, 1};
  const auto second = co_await bookcase.call<&Bookcase::put>(named);
  const auto fields = co_await bookcase.call<&Bookcase::put>(Counted(long_title), std::vector<Counted>(), 2);
  const auto one = co_await bookcase.call<&Bookcase::put>(long_title);
  const auto answered = a_put();
  const auto fourth = co_await bookcase.call<&Bookcase::put>(answered);
  const auto built = co_await bookcase.call<&Bookcase::take>(Take{long_title});
  const auto again = co_await bookcase.call<&Bookcase::take>(Take("twice"));
  const auto field = co_await bookcase.call<&Bookcase::take>(Counted("by name"));
  const auto text = co_await bookcase.call<&Bookcase::note>("a literal");
  const auto string = co_await bookcase.call<&Bookcase::note>(std::string(long_title));
  co_return std::vector{*first, *second, *fields, *one, *fourth, *built, *again, *field, *text, *string};
}

}  // namespace

template <>
struct json::Codec<Counted> {
  static void write(Writer& writer, const Counted& value) { json::write(writer, value.text); }
  static void read(const Value& from, Counted& to, Reading& reading) { json::read(from, to.text, reading); }
};

template <>
struct Describe<Bookcase> {
  static constexpr auto table = type<Bookcase>("Bookcase")
                                    .method<&Bookcase::put>("Put")
                                    .method<&Bookcase::take>("Take")
                                    .method<&Bookcase::note>("Note")
                                    .method<&Bookcase::books>("Books");
};

namespace {

TEST(AwaitedCall, destroys_what_it_is_given_once_in_every_form_that_compiles) {
  const int before = Counted::living;
  {
    Bench bench;
    bench.add<Bookcase>();
    EXPECT_THAT(bench.run(in_every_form(bench.sidecar)), ElementsAre(3, 5, 6, 7, 9, 5, 2, 1, 9, 73));
  }
  EXPECT_EQ(Counted::living, before);
}

TEST(AwaitedCall, by_name_needs_a_type_an_id_and_a_method) {
  Bench bench;
  const Calls calls(bench.sidecar, Origin("key"));
  EXPECT_THROW(calls.proxy("", "a"), std::invalid_argument);
  EXPECT_THROW(calls.proxy("Bookcase", ""), std::invalid_argument);
  EXPECT_THROW(calls.proxy("Bookcase", "a").read(""), std::invalid_argument);
}

TEST(AwaitedCall, may_be_written_with_the_message_inside_where_nothing_is_awaited) {
  Bench bench;
  bench.add<Bookcase>();
  EXPECT_EQ(bench.call<&Bookcase::put>("b", Put{long_title, {"x", "y"}, 1}), 3);
  EXPECT_EQ(bench.call<&Bookcase::put>("b", Put{.book = "z"}), 4);
  EXPECT_EQ(bench.call<&Bookcase::put>("b", "z", std::vector<Counted>{"x"}), 6);
}

}  // namespace
}  // namespace dapr::actors
