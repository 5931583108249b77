#include "services/product/import_lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/problem.hpp"

namespace shop::product {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<ImportLine> lines_of(ImportReader& reader, std::string_view text, std::size_t piece, bool whole = true) {
  std::vector<ImportLine> lines;
  const auto take = [&] {
    while (auto line = reader.next()) lines.push_back(*std::move(line));
  };
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    reader.put(text.substr(0, piece));
    take();
  }
  reader.finish(whole);
  take();
  return lines;
}
std::vector<ImportLine> ndjson(std::string_view text, bool whole = true, std::size_t piece = 7) {
  return lines_of(*read_ndjson(), text, piece, whole);
}
std::vector<ImportLine> csv(std::string_view text, bool whole = true, std::size_t piece = 7) {
  return lines_of(*read_csv(), text, piece, whole);
}

std::string said(const ImportLine& line) {
  auto text = std::to_string(line.number) + " " + line.id.value_or("-");
  for (const auto& problem : line.problems) text += " " + problem.pointer + ": " + problem.detail;
  return text;
}
std::vector<std::string> said(const std::vector<ImportLine>& lines) {
  std::vector<std::string> all;
  for (const auto& line : lines) all.push_back(said(line));
  return all;
}

std::string json(const std::string& id) {
  return R"({"id":")" + id + R"(","name":"Tea","category":"tea","price":{"amount":899,"currency":"EUR"},"stock":4})";
}
const std::string header = "id,name,description,category,price.amount,price.currency,stock,imageUrl\n";

TEST(NdjsonLines, each_line_is_a_product_wherever_the_pieces_end) {
  const auto text = "\xef\xbb\xbf" + json("a") + "\r\n\n  \r\n" + json("b") + "\n" + json("c");
  for (const std::size_t piece : {1, 2, 3, 50, 10'000}) {
    const auto lines = ndjson(text, true, piece);
    EXPECT_THAT(said(lines), ElementsAre("1 a", "4 b", "5 c")) << piece;
    EXPECT_EQ(lines.front().product->price, (Money{899, "EUR"}));
  }
}

TEST(NdjsonLines, a_line_is_there_as_soon_as_it_ends) {
  const auto reader = read_ndjson();
  reader->put(json("a"));
  EXPECT_FALSE(reader->next());
  reader->put("\n");
  EXPECT_TRUE(reader->next());
}

TEST(NdjsonLines, what_is_wrong_is_pointed_at_and_harms_no_other) {
  const std::string first = R"({"id":"x","name":"","category":"c","price":{"amount":-1,"currency":"EUR"},"stock":1})";
  const std::string third = R"({"id":"y","name":"N","category":"c","price":{"amount":1},"stock":"1","colour":"red"})";
  const auto lines = ndjson(first + "\n{nonsense\n" + third + "\n[]\n\xff\n" + json("z") + "\n");
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(said(lines[0]),
            "1 x /name: must not be empty /price/amount: must be from 0 to 1000000000000 minor units (cents)");
  EXPECT_THAT(said(lines[1]), StartsWith("2 - : "));
  EXPECT_THAT(said(lines[2]), HasSubstr("/price/currency: is required"));
  EXPECT_THAT(said(lines[2]), HasSubstr("/stock: "));
  EXPECT_THAT(said(lines[2]), HasSubstr("/colour: is not known here"));
  EXPECT_EQ(lines[2].id, "y");
  EXPECT_TRUE(lines[5].product);
}

TEST(NdjsonLines, a_file_that_ends_in_the_middle_of_a_line_says_so) {
  const auto half = json("b").substr(0, 40);
  EXPECT_THAT(said(ndjson(json("a") + "\n" + half).at(1)), HasSubstr("2 - : The file ends in the middle of this line"));
  // The text alone does not show it, the sender's announcement does.
  EXPECT_THAT(said(ndjson(json("a") + "\n" + json("b"), false).at(1)), HasSubstr("ends in the middle of this line"));
  EXPECT_EQ(ndjson(json("a") + "\n", false).size(), 1U);
}

TEST(NdjsonLines, a_line_that_is_too_long_is_refused_and_the_next_is_read) {
  const auto lines = ndjson(std::string(most_line + 1, 'x') + "\n" + json("b") + "\n", true, 1000);
  EXPECT_THAT(said(lines), ElementsAre("1 - : The line is longer than 64 KiB.", "2 b"));
}

TEST(NdjsonLines, a_product_without_an_id_is_named_by_what_it_is) {
  const auto line = [](int amount) {
    return R"({"name":"Tea","category":"tea","stock":1,"price":{"currency":"EUR","amount":)" + std::to_string(amount) +
           "}}\n";
  };
  const auto lines = ndjson(line(1) + line(1) + line(2));
  EXPECT_EQ(lines[0].id, lines[1].id);
  EXPECT_NE(lines[0].id, lines[2].id);
  EXPECT_EQ(lines[0].product->id->value, lines[0].id);
}

TEST(CsvLines, fields_may_have_quotes_commas_and_line_breaks) {
  const auto text =
      "\xef\xbb\xbf" + header +
      "a,Tea,\"first, \"\"second\"\"\r\nflush\",tea,899,EUR,4,https://img.example/a.png\r\n\nb,\"Cup\",,cups,1,JPY,0,";
  for (const std::size_t piece : {1, 2, 3, 50, 10'000}) {
    const auto lines = csv(text, true, piece);
    ASSERT_THAT(said(lines), ElementsAre("2 a", "5 b")) << piece;
    EXPECT_EQ(lines[0].product->description, "first, \"second\"\r\nflush");
    EXPECT_EQ(lines[0].product->image_url, "https://img.example/a.png");
    EXPECT_EQ(lines[1].product->price, (Money{1, "JPY"}));
    EXPECT_FALSE(lines[1].product->description || lines[1].product->image_url);
  }
}

TEST(CsvLines, columns_come_in_any_order_and_under_either_name) {
  EXPECT_THAT(said(csv("stock,priceCurrency,priceAmount,name,category,id\n4,EUR,899,Tea,tea,a\n")), ElementsAre("2 a"));
  EXPECT_THAT(said(csv("currency,amount,stock,name,category,id\nEUR,899,4,Tea,tea,a\n")), ElementsAre("2 a"));
}

TEST(CsvLines, a_header_that_is_wrong_refuses_the_file) {
  for (const auto& [text, detail] :
       {std::pair<std::string, std::string>{"id,name,colour\nx", "\"colour\" is not known."},
        {"id,name,category,amount,currency\nx", "stock is missing."},
        {"id,id,name\n", "\"id\" is there twice."},
        {"id,\"name\n", "ends in the middle"},
        {"amount,price.amount,name\n", "\"price.amount\" is there twice."},
        {"", "The file is empty"},
        {"\n\n", "The file is empty"}}) {
    try {
      csv(text);
      ADD_FAILURE() << text;
    } catch (const services::ProblemError& error) {
      EXPECT_EQ(error.problem().status, 400);
      EXPECT_THAT(error.problem().detail, HasSubstr(detail)) << text;
    }
  }
}

TEST(CsvLines, what_is_wrong_is_pointed_at_and_harms_no_other) {
  const auto lines = csv(
      header +
      "a b,Tea,,tea,8.99,EUR,many,\nb,Tea\nc,T\"ea,,tea,1,EUR,1,\nd,\"Tea\"x,,tea,1,EUR,1,\ne,Tea,,tea,1,euro,1,\n" +
      "f,\xff,,tea,1,EUR,1,\ng,Tea,,tea,1,EUR,1,\rh,Tea,,tea,1,EUR,1,\ni,Tea,,tea,1,EUR,1,\n");
  EXPECT_THAT(
      said(lines),
      ElementsAre("2 - /id: must have 1 to 64 letters, digits, \"_\" or \"-\" /price/amount: must be a whole number "
                  "/stock: must be a whole number",
                  HasSubstr("3 - : The line has 2 fields, and the header 8."), HasSubstr("4 - : A quote in a field"),
                  HasSubstr("5 - : Behind a field's closing quote"), HasSubstr("6 e /price/currency: must be"),
                  HasSubstr("7 - : The line is not UTF-8."), HasSubstr("8 - : A carriage return"), "9 i"));
}

TEST(CsvLines, a_file_that_ends_in_the_middle_of_a_line_says_so) {
  const std::string first = "a,Tea,,tea,1,EUR,1,\n";
  for (const char* half : {"b,Te", "b,Tea,\"first", "b,Tea,,tea,1,EUR"})
    EXPECT_THAT(said(csv(header + first + half).at(1)), HasSubstr("3 - : The file ends in the middle of this line"))
        << half;
  EXPECT_THAT(said(csv(header + first + "b,Tea,,tea,1,EUR,1,http", false).at(1)), HasSubstr("ends in the middle"));
}

TEST(CsvLines, text_in_quotes_is_never_taken_for_products_however_long) {
  const std::string inner = "\nx,Tea,,tea,1,EUR,1,\n";
  const auto lines = csv(
      header + "a,Tea,\"" + std::string(most_line, 'x') + inner + "\",tea,1,EUR,1,\nb,Tea,,tea,1,EUR,1,\n", true, 1000);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(said(lines[0]), HasSubstr("longer than 64 KiB"));
  EXPECT_EQ(said(lines[1]), "5 b");
}

}  // namespace
}  // namespace shop::product
