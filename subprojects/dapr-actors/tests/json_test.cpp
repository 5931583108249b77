#include "dapr/actors/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dapr::actors::json {
namespace {

enum class Colour { Red, Green };
constexpr std::array colours{std::pair{Colour::Red, "red"}, std::pair{Colour::Green, "green"}};

struct Line {
  std::string product;
  int quantity = 0;
  DAPR_ACTORS_JSON(product, quantity)
  bool operator==(const Line&) const = default;
};

struct Basket {
  std::vector<Line> lines;
  std::optional<std::string> note;
  int size = 7;
  std::map<std::string, bool> flags;
  DAPR_ACTORS_JSON(lines, note, size, flags)
  DAPR_ACTORS_JSON_DEFAULTED(size, flags)
  bool operator==(const Basket&) const = default;
};

}  // namespace

template <>
struct Codec<Colour> : EnumCodec<Colour, colours> {};

namespace {

std::vector<Problem> problems_of(std::string_view text, Unknown unknown = Unknown::Ignore) {
  try {
    parse<Basket>(text, unknown);
  } catch (const Error& error) {
    return error.problems();
  }
  return {};
}

using ::testing::ElementsAre;

TEST(Json, writes_a_struct_by_its_table_and_reads_it_back) {
  const Basket basket{{{"p-1", 2}}, "gift", 3, {{"wrap", true}}};
  const auto text = to_string(basket);
  EXPECT_EQ(text, R"({"lines":[{"product":"p-1","quantity":2}],"note":"gift","size":3,"flags":{"wrap":true}})");
  EXPECT_EQ(parse<Basket>(text), basket);
}

TEST(Json, leaves_out_an_empty_optional_and_keeps_the_default_of_an_absent_defaulted_field) {
  const auto basket = parse<Basket>(R"({"lines":[]})");
  EXPECT_EQ(basket.size, 7);
  EXPECT_EQ(to_string(basket), R"({"lines":[],"size":7,"flags":{}})");
}

TEST(Json, reports_every_problem_with_its_pointer) {
  EXPECT_THAT(problems_of(R"({"lines":[{"product":1},{"product":"x","quantity":"2"}],"size":1.5})"),
              ElementsAre(Problem{"/lines/0/product", "must be a string"}, Problem{"/lines/0/quantity", "is required"},
                          Problem{"/lines/1/quantity", "must be an integer"}, Problem{"/size", "must be an integer"}));
}

TEST(Json, refuses_unknown_members_only_where_that_is_asked_for) {
  EXPECT_THAT(problems_of(R"({"lines":[],"a/b~c":1})"), ElementsAre());
  EXPECT_THAT(problems_of(R"({"lines":[],"a/b~c":1})", Unknown::Refuse),
              ElementsAre(Problem{"/a~1b~0c", "is not known here"}));
}

TEST(Json, refuses_a_member_that_is_there_twice_where_unknown_ones_are_refused) {
  EXPECT_THAT(problems_of(R"({"lines":[],"size":1,"size":2,"flags":{"a":true,"b":true,"a":false}})", Unknown::Refuse),
              ElementsAre(Problem{"/flags/a", "is there twice"}, Problem{"/size", "is there twice"}));
  EXPECT_EQ(parse<Basket>(R"({"lines":[],"size":1,"size":2})").size, 1);
}

TEST(Json, says_no_more_about_a_text_than_a_reader_can_use) {
  std::string members = R"({"lines":[])";
  for (int i = 0; i < 1000; ++i) members += ",\"" + std::to_string(i) + "\":0";
  EXPECT_EQ(problems_of(members + "}", Unknown::Refuse).size(), Reading::most_problems);

  std::string name(127, 'n');
  for (int i = 0; i < 1000; ++i) name += "\u00e9";
  EXPECT_THAT(problems_of("{\"lines\":[],\"" + name + "\":0}", Unknown::Refuse),
              ElementsAre(Problem{"/" + std::string(127, 'n'), "is not known here"}));
}

TEST(Json, refuses_numbers_out_of_range) {
  EXPECT_THAT(problems_of(R"({"lines":[],"size":99999999999})"), ElementsAre(Problem{"/size", "is out of range"}));
}

TEST(Json, takes_an_integer_however_it_is_written) {
  for (const auto* text : {"341", "341.0", "3.41e2", "3410e-1"}) {
    EXPECT_EQ(parse<std::int64_t>(text), 341) << text;
    EXPECT_EQ(parse<std::uint64_t>(text), 341u) << text;
    EXPECT_EQ(parse<int>(text), 341) << text;
  }
  EXPECT_EQ(parse<std::int64_t>("-7.0"), -7);
  EXPECT_EQ(parse<std::uint64_t>("-0.0"), 0u);
  for (std::int64_t number = 999'999'999'999'000; number <= 1'000'000'000'000'000; ++number)
    EXPECT_EQ(parse<std::int64_t>(std::to_string(number) + ".0"), number);
  EXPECT_EQ(parse<std::int64_t>("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  // A double would read the second of these as a neighbour.
  for (const auto* text :
       {"0.5", "341.25", "1000000000000001.0", "9007199254740993.0", "1e300", "-1e19", "\"341\"", "true"})
    EXPECT_THROW(parse<std::int64_t>(text), Error) << text;
  for (const auto* text : {"-1", "-1.0", "0.5", "1e300"}) EXPECT_THROW(parse<std::uint64_t>(text), Error) << text;
  for (const auto* text : {"2147483648.0", "-3e9"}) EXPECT_THROW(parse<int>(text), Error) << text;
}

TEST(Json, refuses_what_is_not_json_and_what_is_nested_too_deeply) {
  for (const auto* text : {"", "{", "{\"lines\":[}", "{\"lines\":[]} x", "{\"lines\":[],\"note\":\"\xff\"}"})
    EXPECT_THROW(parse<Basket>(text), Error) << text;
  EXPECT_THROW(parse<Raw>(std::string(100000, '[')), Error);
  EXPECT_EQ(parse<Raw>(R"(["]]]]", {"a": "\"["}])").text, R"(["]]]]",{"a":"\"["}])");
}

TEST(Json, refuses_half_of_a_surrogate_pair_which_could_be_written_and_not_be_read_again) {
  EXPECT_EQ(parse<std::string>(R"("\ud83d\ude00")"), "\xF0\x9F\x98\x80");
  for (const auto* text :
       {R"("\ude00")", R"("a\uDFFF")", R"(["x",{"\udc00":1}])", R"([{"a":["\udE00"]}])", R"("\ud83d")"})
    EXPECT_THROW(parse<Raw>(text), Error) << text;
}

TEST(Json, names_enums_and_lists_the_known_names) {
  EXPECT_EQ(to_string(Colour::Green), R"("green")");
  EXPECT_EQ(parse<Colour>(R"("red")"), Colour::Red);
  try {
    parse<Colour>(R"("blue")");
    FAIL() << "blue is not known";
  } catch (const Error& error) {
    EXPECT_THAT(error.problems(), ElementsAre(Problem{"", "must be one of red, green"}));
  }
}

struct Shelf {
  std::set<std::string> titles;
  std::unordered_set<int> years;
  std::chrono::seconds open{0};
  Duration pause{0};
  std::optional<std::chrono::hours> closed;
  DAPR_ACTORS_JSON(titles, years, open, pause, closed)
  bool operator==(const Shelf&) const = default;
};
struct Nothing {
  static constexpr auto json = object();
};

TEST(Json, writes_sets_in_order_and_durations_in_milliseconds) {
  using namespace std::chrono_literals;
  const Shelf shelf{{"b", "a"}, {1999, 7, 2026}, 2s, 3ms, 1h};
  const auto text = to_string(shelf);
  EXPECT_EQ(text, R"({"titles":["a","b"],"years":[7,1999,2026],"open":2000,"pause":3,"closed":3600000})");
  EXPECT_EQ(parse<Shelf>(text), shelf);
}

TEST(Json, refuses_an_element_that_is_there_twice_and_a_duration_that_its_member_cannot_hold) {
  using namespace std::chrono_literals;
  try {
    parse<Shelf>(R"({"titles":["a","b","a"],"years":[1,"x",1],"open":1500,"pause":0.5})");
    FAIL() << "none of it can be read";
  } catch (const Error& error) {
    EXPECT_THAT(error.problems(),
                ElementsAre(Problem{"/titles/2", "is there twice"}, Problem{"/years/1", "must be an integer"},
                            Problem{"/years/2", "is there twice"},
                            Problem{"/open", "must be a multiple of the unit, in milliseconds"},
                            Problem{"/pause", "must be an integer"}));
  }
  EXPECT_EQ(parse<std::chrono::seconds>("-2e3"), -2s);
  EXPECT_THROW(parse<std::set<int>>("{}"), Error);
}

TEST(Json, reads_and_writes_a_struct_without_fields) {
  EXPECT_EQ(to_string(parse<Nothing>(R"({"a":1})")), "{}");
  EXPECT_THROW(parse<Nothing>(R"({"a":1})", Unknown::Refuse), Error);
}

TEST(Json, reads_and_writes_times_in_utc) {
  const auto time = parse<Time>(R"("2026-05-04T10:11:12.013Z")");
  EXPECT_EQ(to_string(time), R"("2026-05-04T10:11:12.013Z")");
  EXPECT_EQ(parse<Time>(R"("2026-05-04T10:11:12Z")"), time - Duration(13));
  for (const auto* text : {R"("2026-05-04")", R"("2026-05-04T10:11:12+02:00")", R"("2026-05-04T10:11:12Zx")",
                           R"("2026-05-04T10:11:~2Z")", R"("2026-05-04T10:11:12.Z")", "5"})
    EXPECT_THROW(parse<Time>(text), Error) << text;
}

}  // namespace
}  // namespace dapr::actors::json
