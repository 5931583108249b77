#include "actors/product/read_model.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

namespace shop::product {
void PrintTo(const Category& category, std::ostream* out) {
  *out << category.name << " x " << category.count;
}
void PrintTo(const PriceRange& range, std::ostream* out) {
  *out << range.currency << ' ' << range.min << ".." << range.max;
}
}  // namespace shop::product

namespace shop::product::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

Change product(const std::string& id, const std::string& name, const std::string& description = "",
               const std::string& category = "things", std::int64_t amount = 450) {
  Change change;
  change.product.id = ProductId(id);
  change.product.name = name;
  change.product.description = description;
  change.product.category = category;
  change.product.price = {amount, "EUR"};
  change.product.version = 1;
  change.in_stock = true;
  change.stock_revision = 1;
  return change;
}
Change deleted(const std::string& id, std::int64_t version) {
  Change change;
  change.product.id = ProductId(id);
  change.product.version = version;
  change.deleted = true;
  return change;
}
Change version(Change change, std::int64_t version) {
  change.product.version = version;
  return change;
}

std::vector<std::string> ids_of(const ReadModel::Page& page) {
  std::vector<std::string> ids;
  for (const auto& entry : page.entries) ids.push_back(entry.product.id.value);
  return ids;
}
std::vector<std::string> ids(const ReadModel& model, const Query& query) {
  return ids_of(model.select(query).value());
}

class ReadModelTest : public ::testing::Test {
 protected:
  std::vector<std::string> found(const std::string& words) { return ids(model, {.words = words}); }
  std::size_t total(const std::string& words) { return model.select({.words = words})->total; }
  ReadModel model{""};
};

// What is found.

struct Sample {
  const char* script;
  const char* name;
  const char* query;
};
class ScriptTest : public ::testing::TestWithParam<Sample> {};

TEST_P(ScriptTest, AProductIsFoundAndNoOther) {
  ReadModel model("");
  model.apply({product("it", GetParam().name), product("other", "Something else")});
  EXPECT_THAT(ids(model, {.words = GetParam().query}), ElementsAre("it")) << GetParam().script;
}

INSTANTIATE_TEST_SUITE_P(
    Scripts, ScriptTest,
    ::testing::Values(
        Sample{"Latin, capitals", "Grüner Tée", "TEE"}, Sample{"Latin, no accents", "Grüner Tée", "gruner tee"},
        Sample{"Latin, accents only in the query", "Cafe creme", "café crème"},
        Sample{"Latin, accents taken apart", "Cre\xCC\x80me", "cr\xC3\xA8me"},
        Sample{"German ss", "Straßenschuh", "STRASSENSCHUH"}, Sample{"German sharp s", "STRASSENSCHUH", "straßenschuh"},
        Sample{"Turkish dotted I", "İstanbul", "istanbul"}, Sample{"Turkish dotless i", "IŞIK", "ışık"},
        Sample{"Polish", "Łódź", "lodz"}, Sample{"Danish", "Smørrebrød", "smorrebrod"},
        Sample{"Vietnamese", "Phở bò đặc biệt", "pho dac biet"}, Sample{"ligature", "ofﬁce chair", "office"},
        Sample{"full width", "ＴＥＡ　ＰＯＴ", "tea pot"}, Sample{"Greek final sigma", "ΚΑΦΕΣ ΦΙΛΟΣ", "καφές φίλος"},
        Sample{"Greek accents", "Ελληνικός καφές", "ΕΛΛΗΝΙΚΟΣ"}, Sample{"Cyrillic", "Чёрный чай", "черный ЧАИ"},
        Sample{"Cyrillic, й in the query", "Зеленый чай", "ЧАЙ"}, Sample{"Armenian", "Սուրճ", "ՍՈՒՐՃ"},
        Sample{"Georgian", "ყავა შავი", "შავი"}, Sample{"Hebrew points", "שָׁלוֹם תֵּה", "שלום"},
        Sample{"Arabic vowels", "شَايٌ أَخْضَر", "شاي اخضر"}, Sample{"Arabic tatweel", "شـــاي", "شاي"},
        Sample{"Persian letters", "چای کیسه‌ای", "چاي كيسه"}, Sample{"Devanagari", "काली चाय", "चाय"},
        Sample{"Tamil", "பச்சை தேநீர்", "தேநீர்"}, Sample{"Han, in the middle", "特级龙井绿茶叶", "绿茶"},
        Sample{"Han, one character", "特级龙井绿茶叶", "井"},
        Sample{"kana, in the middle", "おいしいコーヒーカップ", "ーヒー"},
        Sample{"kana, half width", "コーヒー", "ｺｰﾋｰ"},
        Sample{"kana with marks taken apart", "ガラスのポット", "カ\xE3\x82\x99ラス"},
        Sample{"mixed", "iPhone用ケース", "iphone用ケース"}, Sample{"Hangul", "녹차 찻주전자", "녹차"},
        Sample{"Hangul, the beginning", "녹차 찻주전자", "찻주"},
        Sample{"Hangul taken apart", "녹차", "\xE1\x84\x82\xE1\x85\xA9\xE1\x86\xA8\xE1\x84\x8E\xE1\x85\xA1"},
        Sample{"Thai, in the middle", "ชาเขียวร้อน", "เขียว"}, Sample{"Khmer", "តែបៃតង", "បៃ"},
        Sample{"an emoji", "Tea 🍵 time", "🍵"}));

TEST_F(ReadModelTest, MarksThatCarryMeaningAreNotIgnored) {
  model.apply({product("ka", "カ"), product("ga", "ガ"), product("ki", "कि"), product("ku", "कु")});
  EXPECT_THAT(found("カ"), ElementsAre("ka"));
  EXPECT_THAT(found("ガ"), ElementsAre("ga"));
  EXPECT_THAT(found("कि"), ElementsAre("ki"));
}

TEST_F(ReadModelTest, AllWordsMustMatchWhereverTheyAre) {
  model.apply({product("a", "Green tea", "From Assam", "drinks"), product("b", "Black tea", "From Assam", "drinks"),
               product("c", "Green cup", "For tea", "things")});
  EXPECT_THAT(found("green assam drinks"), ElementsAre("a"));
  EXPECT_THAT(found("tea  \t green"), UnorderedElementsAre("a", "c"));
  EXPECT_THAT(found("green coffee"), IsEmpty());
}

TEST_F(ReadModelTest, OnlyTheLastWordMatchesAsABeginning) {
  model.apply({product("a", "Teapot green"), product("b", "Tea greenish")});
  EXPECT_THAT(found("tea"), ElementsAre("b", "a"));
  EXPECT_THAT(found("tea gre"), ElementsAre("b"));
  EXPECT_THAT(found("t"), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(found("te"), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(found("eapot"), Not(Contains("b")));
  EXPECT_THAT(found("pot"), IsEmpty());
}

TEST_F(ReadModelTest, APieceWithPunctuationIsARowOfWords) {
  model.apply({product("a", "A T-shirt"), product("b", "A shirt, size T"), product("c", "Men's coat")});
  EXPECT_THAT(found("t-shirt"), ElementsAre("a"));
  EXPECT_THAT(found("T-Shi"), ElementsAre("a"));
  EXPECT_THAT(found("t-sh"), Contains("a")) << "one or two letters of the last word may stand apart";
  EXPECT_THAT(found("shirt."), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(found("men’s"), ElementsAre("c"));
}

TEST_F(ReadModelTest, SymbolsAreOnlyCharacters) {
  model.apply({product("percent", "50% off"), product("plain", "500 off"), product("snake", "snake_case mug"),
               product("axb", "snakexcase mug"), product("inch", "A 12\" pan"), product("star", "Five * hotel"),
               product("c", "C++ for tea")});
  EXPECT_THAT(found("50%"), ElementsAre("percent"));
  EXPECT_THAT(found("%"), ElementsAre("percent"));
  EXPECT_THAT(found("%%"), IsEmpty());
  EXPECT_THAT(found("snake_case"), ElementsAre("snake"));
  EXPECT_THAT(found("_"), ElementsAre("snake"));
  EXPECT_THAT(found("12\""), ElementsAre("inch"));
  EXPECT_THAT(found("\""), ElementsAre("inch"));
  EXPECT_THAT(found("*"), ElementsAre("star"));
  EXPECT_THAT(found("te*"), IsEmpty());
  EXPECT_THAT(found("c++"), ElementsAre("c"));
}

TEST_F(ReadModelTest, NoTextIsAnErrorOfTheEngine) {
  model.apply({product("a", "Tea")});
  for (const auto* text : {"\"",
                           "\"tea",
                           "tea\"",
                           "''",
                           "*",
                           "tea*",
                           "^tea",
                           "name:tea",
                           "{name}: tea",
                           "-tea",
                           "tea AND",
                           "NOT",
                           "OR tea",
                           "NEAR(",
                           "NEAR(tea cup, 2)",
                           "(",
                           ")",
                           "tea)",
                           "+",
                           "tea + ",
                           ":",
                           ";",
                           "\\",
                           "--",
                           "/*",
                           "%s%n",
                           "\xFF\xFE",
                           "te\xC3",
                           "\x01\x02",
                           "\xEE\x80\xA5",
                           "\xEE\x84\x80te",
                           "\xF4\x8F\xBF\xBF",
                           "a.b.c.d.e.f",
                           "ﷺ"})
    EXPECT_NO_THROW(model.select({.words = text})) << text;
  EXPECT_THAT(found("name:tea"), IsEmpty());
  EXPECT_THAT(found(std::string("te\0a", 4)), IsEmpty());
}

TEST_F(ReadModelTest, WhiteSpaceAsksForNothingAndPunctuationForWhatIsNotThere) {
  model.apply({product("a", "Tea - and cup")});
  EXPECT_THAT(found(""), ElementsAre("a"));
  EXPECT_THAT(found(" \t\u3000"), ElementsAre("a"));
  EXPECT_THAT(found("-"), IsEmpty());
  EXPECT_THAT(found("..."), IsEmpty());
  EXPECT_THAT(found("tea - cup"), ElementsAre("a"));
}

TEST_F(ReadModelTest, TheLongestQueryIsAnswered) {
  std::vector<Change> changes;
  for (int i = 0; i < 200; ++i)
    changes.push_back(product("p-" + std::to_string(i), "a b c d e f g h i j k l m n o p q r s t u v w x y z"));
  model.apply(changes);
  std::string letters;
  while (letters.size() < most_words) letters += std::string(1, static_cast<char>('a' + letters.size() / 2 % 26)) + " ";
  EXPECT_EQ(total(letters), 200u);
  EXPECT_EQ(total(std::string(most_words, 'a')), 0u);
  EXPECT_EQ(total(std::string(most_words, '%')), 0u);
  std::string han;
  while (han.size() + 3 <= most_words) han += "茶";
  EXPECT_EQ(total(han), 0u);
}

// Typing errors.

TEST_F(ReadModelTest, OneTypingErrorInALongWordStillFindsIt) {
  model.apply({product("kettle", "Kettle"), product("green", "Green"), product("tea", "Teas")});
  for (const auto* word :
       {"kettl", "ettle", "kettlee", "xkettle", "kettla", "jettle", "ekttle", "kettel", "ketttle", "ketle"})
    EXPECT_THAT(found(word), ElementsAre("kettle")) << word;
  EXPECT_THAT(found("gren"), ElementsAre("green"));
  EXPECT_THAT(found("kettels"), IsEmpty()) << "two errors";
  EXPECT_THAT(found("taes"), IsEmpty()) << "a short word";
}

TEST_F(ReadModelTest, WhatIsFoundWithAnErrorComesAfterWhatIsFoundWithout) {
  model.apply({product("exact", "Something", "with a kettle in its description"), product("near", "Nettle")});
  EXPECT_THAT(found("kettle"), ElementsAre("exact", "near"));
  EXPECT_THAT(found("nettle"), ElementsAre("near", "exact"));
}

TEST_F(ReadModelTest, TypingErrorsAreMendedInEveryScript) {
  model.apply({product("greek", "Ελληνικός"), product("cyrillic", "Чайник"), product("hebrew", "קומקום"),
               product("arabic", "إبريقان"), product("devanagari", "चायपत्ती"), product("hangul", "찻주전자세트"),
               product("kana", "コーヒーカップ"), product("han", "特级龙井绿茶叶"), product("thai", "กาน้ำชาเขียว")});
  EXPECT_THAT(found("Ελληνκός"), ElementsAre("greek"));
  EXPECT_THAT(found("чйаник"), ElementsAre("cyrillic"));
  EXPECT_THAT(found("чаиниик"), ElementsAre("cyrillic"));
  EXPECT_THAT(found("קומקים"), ElementsAre("hebrew"));
  EXPECT_THAT(found("ابرقان"), ElementsAre("arabic"));
  EXPECT_THAT(found("चयपत्ती"), ElementsAre("devanagari"));
  EXPECT_THAT(found("찻주잔자세트"), ElementsAre("hangul"));
  EXPECT_THAT(found("찻전주자세트"), ElementsAre("hangul"));
  EXPECT_THAT(found("コーヒカップ"), ElementsAre("kana")) << "one left out";
  EXPECT_THAT(found("コーヒーーカップ"), ElementsAre("kana")) << "one too many";
  EXPECT_THAT(found("コーピーカップ"), ElementsAre("kana")) << "another one";
  EXPECT_THAT(found("特级井龙绿茶叶"), ElementsAre("han"));
  EXPECT_THAT(found("กานำชาเขียว"), ElementsAre("thai"));
}

TEST_F(ReadModelTest, NumbersAreNotMended) {
  model.apply({product("a", "Model 123456")});
  EXPECT_THAT(found("123457"), IsEmpty());
  EXPECT_THAT(found("12345"), ElementsAre("a"));
}

TEST_F(ReadModelTest, EachWordMayHaveAnError) {
  model.apply({product("a", "Green kettle"), product("b", "Green nettle")});
  EXPECT_THAT(found("gren ketle"), ElementsAre("a"));
  EXPECT_THAT(found("green kettle"), ElementsAre("a", "b"));
}

// The order of what is found.

TEST_F(ReadModelTest, TheNameCountsMoreThanTheCategoryAndThatMoreThanTheDescription) {
  model.apply({product("description", "A", "tea", "x"), product("category", "B", "", "tea"),
               product("name", "C tea", "", "x"), product("beginning", "C teapot", "", "x"),
               product("both", "Tea", "tea tea", "tea")});
  EXPECT_THAT(found("tea"), ElementsAre("both", "name", "beginning", "category", "description"));
}

TEST_F(ReadModelTest, EqualsAreInTheOrderOfTheirNames) {
  model.apply({product("2", "Tea b"), product("1", "Tea b"), product("3", "Tea a")});
  EXPECT_THAT(found("tea"), ElementsAre("3", "1", "2"));
}

TEST_F(ReadModelTest, WordsGoWithEveryOrderAndRelevanceWithoutWordsIsTheName) {
  model.apply(
      {product("a", "Tea z", "", "x", 3), product("b", "Tea y", "", "x", 1), product("c", "Cup", "tea", "x", 2)});
  EXPECT_THAT(ids(model, {.words = "tea", .sort = Sort::Relevance}), ElementsAre("b", "a", "c"));
  EXPECT_THAT(ids(model, {.words = "tea", .sort = Sort::Name}), ElementsAre("c", "b", "a"));
  EXPECT_THAT(ids(model, {.words = "tea", .sort = Sort::PriceDescending}), ElementsAre("a", "c", "b"));
  EXPECT_THAT(ids(model, {.sort = Sort::Relevance}), ElementsAre("c", "b", "a"));
}

// Pages.

Change random_product(int number, std::mt19937& random) {
  static const std::vector<std::string> words{"Tea", "Cup", "Kettle", "green", "black", "pot"};
  const auto any = [&] { return words[random() % words.size()]; };
  auto change = product("p-" + std::to_string(number), any() + ' ' + any(), any(), any(),
                        static_cast<std::int64_t>(random() % 4));
  change.product.created_at = Time(actors::Duration(random() % 5));
  return change;
}

class SortTest : public ::testing::TestWithParam<Sort> {};

TEST_P(SortTest, PagesNeitherSkipNorRepeatWhileProductsComeAndGo) {
  const std::vector<std::optional<std::string>> searches{std::nullopt, "kettle", "p"};
  for (const auto& words : searches) {
    std::mt19937 random(5);
    ReadModel model("");
    std::vector<Change> first;
    std::set<std::string> stay, seen;
    for (int i = 0; i < 300; ++i) first.push_back(random_product(i, random));
    model.apply(first);
    Query query{.words = words, .sort = GetParam(), .limit = 100};
    do {
      const auto page = model.select(query).value();
      for (const auto& id : ids_of(page)) stay.insert(id);
      query.cursor = page.next;
    } while (query.cursor);
    int number = 300;
    query.limit = 7;
    do {
      const auto page = model.select(query).value();
      for (const auto& id : ids_of(page)) EXPECT_TRUE(seen.insert(id).second) << id << " was shown twice";
      query.cursor = page.next;
      // Some of what was there goes, also what the cursor names; others come.
      const auto gone = std::to_string(random() % 300);
      model.apply({version(deleted("p-" + gone, 2), 2), version(deleted(page.entries.back().product.id.value, 2), 2)});
      stay.erase("p-" + gone);
      stay.erase(page.entries.back().product.id.value);
      for (int i = 0; i < 3; ++i) model.apply({random_product(number++, random)});
    } while (query.cursor && seen.size() < 1000);
    for (const auto& id : stay) EXPECT_TRUE(seen.contains(id)) << id << " was skipped";
  }
}

TEST_P(SortTest, OnePageAfterTheOtherIsTheWholeInOrder) {
  std::mt19937 random(9);
  ReadModel model("");
  for (int i = 0; i < 90; ++i) model.apply({random_product(i, random)});
  for (const auto& words : {"", "kettle", "tea"}) {
    const Query all{.words = words, .category = "green", .sort = GetParam(), .limit = 100};
    auto query = all;
    query.limit = 4;
    std::vector<std::string> seen;
    do {
      const auto page = model.select(query).value();
      for (const auto& id : ids_of(page)) seen.push_back(id);
      EXPECT_EQ(page.total, model.select(all)->total);
      query.cursor = page.next;
    } while (query.cursor);
    EXPECT_EQ(seen, ids(model, all)) << words;
    EXPECT_EQ(model.select(all)->next, std::nullopt);
  }
}

TEST_P(SortTest, ACursorIsRefusedWhenItIsNoneOrOfAnotherOrder) {
  ReadModel model("");
  model.apply({product("a", "Tea"), product("b", "Tea")});
  const auto next = model.select({.words = "tea", .sort = GetParam(), .limit = 1})->next;
  ASSERT_TRUE(next);
  EXPECT_TRUE(model.select({.words = "tea", .sort = GetParam(), .cursor = next}));
  for (const auto other :
       {Sort::Relevance, Sort::Name, Sort::NameDescending, Sort::Price, Sort::PriceDescending, Sort::Newest})
    if (other != GetParam()) {
      EXPECT_FALSE(model.select({.words = "tea", .sort = other, .cursor = next}));
    }
  for (const std::string text : {"", "nonsense", "00", "7b7d", "zz", "abc"})
    EXPECT_FALSE(model.select({.words = "tea", .sort = GetParam(), .cursor = text})) << text;
  EXPECT_FALSE(model.select({.words = "tea", .sort = GetParam(), .cursor = next->substr(2)}));
}

INSTANTIATE_TEST_SUITE_P(Sorts, SortTest,
                         ::testing::Values(Sort::Relevance, Sort::Name, Sort::NameDescending, Sort::Price,
                                           Sort::PriceDescending, Sort::Newest));

TEST(CursorTest, ARankBeyondAllIsNoPosition) {
  Position position;
  position.sort = "relevance";
  position.name = "Tea";
  position.id = ProductId("a");
  for (const std::int64_t rank : {std::int64_t{-1}, most_rank + 1, std::numeric_limits<std::int64_t>::min()}) {
    position.rank = rank;
    EXPECT_FALSE(position_from(to_cursor(position), Sort::Relevance)) << rank;
  }
  position.rank = most_rank;
  EXPECT_EQ(position_from(to_cursor(position), Sort::Relevance), position);
}

// Filters and facets.

class FacetTest : public ReadModelTest {
 protected:
  FacetTest() {
    auto yen = product("yen", "Tea cup", "", "cups", 800);
    yen.product.price.currency = "JPY";
    auto gone = product("gone", "Tea green", "", "drinks", 300);
    gone.in_stock = false;
    model.apply({product("a", "Tea black", "", "drinks", 100), gone, yen, product("b", "Cup", "", "cups", 900)});
  }
  ReadModel::Page page(const Query& query) { return model.select(query).value(); }
};

TEST_F(FacetTest, FacetsCountWhatIsThere) {
  const auto all = page({});
  EXPECT_EQ(all.total, 4u);
  EXPECT_THAT(all.facets.categories, ElementsAre(Category{"cups", 2}, Category{"drinks", 2}));
  EXPECT_THAT(all.facets.prices, ElementsAre(PriceRange{"EUR", 100, 900}, PriceRange{"JPY", 800, 800}));
  EXPECT_EQ(all.facets.in_stock, 3u);
}

TEST_F(FacetTest, WordsNarrowEveryFacet) {
  const auto tea = page({.words = "tea"});
  EXPECT_EQ(tea.total, 3u);
  EXPECT_THAT(tea.facets.categories, ElementsAre(Category{"cups", 1}, Category{"drinks", 2}));
  EXPECT_THAT(tea.facets.prices, ElementsAre(PriceRange{"EUR", 100, 300}, PriceRange{"JPY", 800, 800}));
  EXPECT_EQ(tea.facets.in_stock, 2u);
}

TEST_F(FacetTest, CategoriesIgnoreTheCategory) {
  const auto drinks = page({.category = "drinks"});
  EXPECT_EQ(drinks.total, 2u);
  EXPECT_THAT(drinks.facets.categories, ElementsAre(Category{"cups", 2}, Category{"drinks", 2}));
  EXPECT_THAT(drinks.facets.prices, ElementsAre(PriceRange{"EUR", 100, 300}));
  EXPECT_EQ(drinks.facets.in_stock, 1u);
  EXPECT_EQ(page({.category = "none"}).total, 0u);
  EXPECT_THAT(page({.category = "none"}).facets.categories, SizeIs(2));
}

TEST_F(FacetTest, PricesIgnoreThePrice) {
  const auto cheap = page({.least_price = 200, .highest_price = 800});
  EXPECT_THAT(ids_of(cheap), UnorderedElementsAre("gone", "yen"));
  EXPECT_THAT(cheap.facets.categories, ElementsAre(Category{"cups", 1}, Category{"drinks", 1}));
  EXPECT_THAT(cheap.facets.prices, ElementsAre(PriceRange{"EUR", 100, 900}, PriceRange{"JPY", 800, 800}));
  EXPECT_EQ(cheap.facets.in_stock, 1u);
}

TEST_F(FacetTest, InStockIgnoresInStock) {
  for (const bool in_stock : {true, false}) {
    const auto some = page({.in_stock = in_stock});
    EXPECT_EQ(some.total, in_stock ? 3u : 1u);
    EXPECT_EQ(some.facets.in_stock, 3u);
    EXPECT_THAT(some.facets.categories, Contains(Category{"drinks", 1}));
  }
}

TEST_F(FacetTest, FacetsHaveTheFormThatIsPromised) {
  EXPECT_EQ(actors::json::to_string(page({.category = "cups", .in_stock = true}).facets),
            R"({"categories":[{"name":"cups","count":2},{"name":"drinks","count":1}],)"
            R"("prices":[{"currency":"EUR","min":900,"max":900},{"currency":"JPY","min":800,"max":800}],"inStock":2})");
}

TEST_F(FacetTest, ACategoryThatLostItsLastProductIsGone) {
  model.apply({deleted("b", 2), deleted("yen", 2)});
  EXPECT_THAT(model.categories(), ElementsAre(Category{"drinks", 2}));
  EXPECT_THAT(page({}).facets.categories, ElementsAre(Category{"drinks", 2}));
}

// What is taken of what comes.

TEST_F(ReadModelTest, AnEntryIsTheWholeProduct) {
  auto change = product("a", "Tea", "A leaf.");
  change.product.image_url = "https://img.example/a.png";
  change.product.created_at = change.product.updated_at = Time(actors::Duration(1'700'000'000'123));
  model.apply({change});
  const auto page = model.select({}).value();
  EXPECT_THAT(page.entries, ElementsAre(Entry{change.product, true}));
  EXPECT_EQ(model.size(), 1u);
}

TEST_F(ReadModelTest, OnlyANewerVersionIsTaken) {
  model.apply({version(product("a", "New"), 3)});
  model.apply({version(product("a", "Old"), 2), version(product("a", "Same"), 3)});
  EXPECT_EQ(model.select({})->entries[0].product.name, "New");
  model.apply({version(product("a", "Newer"), 5), version(product("a", "Between"), 4)});
  EXPECT_EQ(model.select({})->entries[0].product.name, "Newer");
  EXPECT_THAT(found("new"), ElementsAre("a")) << "as a beginning";
  EXPECT_THAT(found("between"), IsEmpty());
  EXPECT_EQ(model.known(ProductId("a"))->version, 5);
}

TEST_F(ReadModelTest, ADeletedProductIsNotBroughtBackByAnOldChange) {
  model.apply({product("a", "Tea")});
  model.apply({deleted("a", 2)});
  model.apply({product("a", "Tea")});
  EXPECT_THAT(found("tea"), IsEmpty());
  EXPECT_EQ(model.size(), 0u);
  EXPECT_TRUE(model.known(ProductId("a"))->deleted);
  model.apply({deleted("b", 7), product("b", "Tea")});
  EXPECT_EQ(model.size(), 0u);
  model.apply({version(product("a", "Tea again"), 3)});
  EXPECT_THAT(found("tea"), ElementsAre("a"));
}

TEST_F(ReadModelTest, StockIsTakenIfItsRevisionIsNotOlder) {
  model.apply({product("a", "Tea")});
  model.apply({}, {{ProductId("a"), false, 5}});
  EXPECT_FALSE(model.select({})->entries[0].in_stock);
  model.apply({}, {{ProductId("a"), true, 4}});
  EXPECT_FALSE(model.known(ProductId("a"))->in_stock);
  model.apply({version(product("a", "Tea two"), 2)});
  EXPECT_FALSE(model.select({})->entries[0].in_stock) << "the product is newer, its stock is not";
  EXPECT_THAT(found("two"), ElementsAre("a"));
  model.apply({}, {{ProductId("a"), true, 5}});
  EXPECT_THAT(ids(model, {.in_stock = true}), ElementsAre("a"));
}

TEST_F(ReadModelTest, AWordOnTheStockOfAProductThatIsStillToComeIsKept) {
  model.apply({}, {{ProductId("a"), false, 9}});
  EXPECT_EQ(model.size(), 0u);
  EXPECT_THAT(ids(model, {}), IsEmpty());
  EXPECT_EQ(model.known(ProductId("a"))->version, 0);
  model.apply({product("a", "Tea")});
  EXPECT_THAT(ids(model, {.in_stock = false}), ElementsAre("a"));
}

TEST_F(ReadModelTest, WordsAreThoseOfTheProductAsItIs) {
  model.apply({product("a", "Tea", "leaf", "drinks")});
  model.apply({version(product("a", "Coffee", "bean", "beans"), 2)});
  EXPECT_THAT(found("tea"), IsEmpty());
  EXPECT_THAT(found("leaf"), IsEmpty());
  EXPECT_THAT(found("drinks"), IsEmpty());
  EXPECT_THAT(found("coffee bean"), ElementsAre("a"));
  EXPECT_THAT(model.categories(), ElementsAre(Category{"beans", 1}));
}

TEST_F(ReadModelTest, PlacesAreRemembered) {
  EXPECT_THAT(model.places(), IsEmpty());
  model.apply({}, {}, {{"head.1", "17"}, {"head.2", "a"}});
  model.apply({product("a", "Tea")}, {}, {{"head.1", "18"}});
  EXPECT_THAT(model.places(), ElementsAre(std::pair("head.1", "18"), std::pair("head.2", "a")));
  model.forget();
  EXPECT_THAT(model.places(), IsEmpty());
  EXPECT_EQ(model.size(), 0u);
  EXPECT_EQ(model.known(ProductId("a")), std::nullopt);
}

// The file.

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "read-model-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    file = folder_ + "/catalog.sqlite";
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }
  std::unique_ptr<ReadModel> open() {
    return std::make_unique<ReadModel>(file, [this](const std::string& text) { warnings.push_back(text); });
  }
  void fill(std::size_t count = 200) {
    const auto model = open();
    std::vector<Change> changes;
    for (std::size_t i = 0; i < count; ++i)
      changes.push_back(product("p-" + std::to_string(i), "Tea kettle", std::string(500, 'x')));
    model->apply(changes, {}, {{"head", "5"}});
  }
  void expect_begun_again() {
    const auto model = open();
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("thrown away")));
    EXPECT_EQ(model->size(), 0u);
    EXPECT_THAT(model->places(), IsEmpty());
    model->apply({product("new", "Tea")}, {}, {{"head", "1"}});
    EXPECT_THAT(ids(*model, {.words = "tea"}), ElementsAre("new"));
  }
  void execute(const std::string& statement) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database, statement.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  std::string folder_, file;
  std::vector<std::string> warnings;
};

TEST_F(FileTest, WhatIsKnownIsFoundAgain) {
  {
    const auto model = open();
    model->apply({product("a", "Grüner Kettle", "leaf"), product("b", "Cup"), deleted("c", 4)},
                 {{ProductId("b"), false, 3}, {ProductId("d"), true, 2}}, {{"head", "5"}});
  }
  const auto model = open();
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_EQ(model->places().at("head"), "5");
  EXPECT_EQ(model->size(), 2u);
  EXPECT_THAT(ids(*model, {.words = "gruner"}), ElementsAre("a"));
  EXPECT_THAT(ids(*model, {.words = "ketle"}), ElementsAre("a")) << "its words for typing errors too";
  EXPECT_THAT(ids(*model, {.in_stock = false}), ElementsAre("b"));
  EXPECT_TRUE(model->known(ProductId("c"))->deleted);
  EXPECT_EQ(model->known(ProductId("d"))->stock_revision, 2);
  model->apply({version(product("a", "Teapot", "leaf"), 2)});
  EXPECT_THAT(ids(*model, {.words = "gruner"}), IsEmpty());
}

TEST_F(FileTest, WhatWasAppliedSurvivesAKilledProcess) {
  // The copy is what a process that dies now leaves behind: its file, and what is still in the log beside it.
  const auto model = open();
  model->apply({product("a", "Tea")}, {}, {{"head", "5"}});
  for (const auto* suffix : {"", "-wal"}) std::filesystem::copy_file(file + suffix, folder_ + "/copy" + suffix);
  const ReadModel copy(folder_ + "/copy", [this](const std::string& text) { warnings.push_back(text); });
  EXPECT_THAT(ids(copy, {.words = "tea"}), ElementsAre("a"));
  EXPECT_EQ(copy.places().at("head"), "5");
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(FileTest, ATruncatedFileIsThrownAwayWithOneWarning) {
  fill();
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  expect_begun_again();
}

TEST_F(FileTest, AFileThatEndsInItsHeaderIsThrownAwayWithOneWarning) {
  fill();
  std::filesystem::resize_file(file, 50);
  expect_begun_again();
}

TEST_F(FileTest, GarbageIsThrownAwayWithOneWarning) {
  std::ofstream(file) << std::string(100'000, '#');
  expect_begun_again();
}

TEST_F(FileTest, PagesOfGarbageAreThrownAwayWithOneWarning) {
  fill();
  {
    std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(4096 * 12);
    damaged << std::string(4096 * 10, '#');
  }
  expect_begun_again();
}

TEST_F(FileTest, AnotherProgramsDatabaseIsThrownAwayWithOneWarning) {
  execute("CREATE TABLE t(a); INSERT INTO t VALUES(1)");
  expect_begun_again();
}

TEST_F(FileTest, AnotherFormIsThrownAwayWithOneWarning) {
  fill();
  execute("PRAGMA user_version = 999");
  expect_begun_again();
}

TEST_F(FileTest, WordsThatWereMadeOtherwiseAreThrownAwayWithOneWarning) {
  fill();
  execute("UPDATE about SET value = 'of another Unicode' WHERE name = 'words'");
  expect_begun_again();
}

TEST_F(FileTest, ATableThatIsMissingIsThrownAwayWithOneWarning) {
  fill();
  execute("DROP TABLE words");
  expect_begun_again();
}

TEST_F(FileTest, AFolderThatCannotBeWrittenToMeansAModelInMemoryWithOneWarning) {
  file = folder_ + "/not/there/catalog.sqlite";
  {
    const auto model = open();
    model->apply({product("a", "Tea")});
    EXPECT_THAT(ids(*model, {.words = "tea"}), ElementsAre("a"));
  }
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("in memory")));
}

TEST_F(FileTest, AFolderThatTakesNoFilesMeansAModelInMemoryWithOneWarning) {
  file = "/proc/catalog.sqlite";  // not even root's
  {
    const auto model = open();
    model->apply({product("a", "Tea")});
    EXPECT_THAT(ids(*model, {.words = "tea"}), ElementsAre("a"));
  }
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("in memory")));
}

TEST_F(FileTest, AFileThatAnotherHasOpenIsLeftAlone) {
  const auto first = open();
  first->apply({product("a", "Tea")});
  const auto second = open();
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("in memory")));
  second->apply({product("b", "Tea")});
  EXPECT_THAT(ids(*first, {}), ElementsAre("a"));
}

TEST_F(FileTest, AForgottenModelBeginsAgainInItsFile) {
  {
    const auto model = open();
    model->apply({product("a", "Tea")});
    model->forget();
    model->apply({product("b", "Tea")});
  }
  EXPECT_THAT(ids(*open(), {.words = "tea"}), ElementsAre("b"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(FileTest, PagesAreOfOneStateWhileChangesAreApplied) {
  // Each change gives all products another name and price together: a page that shows two of them is of no state.
  const auto model = open();
  const auto all = [](std::int64_t number) {
    std::vector<Change> changes;
    for (int i = 0; i < 20; ++i)
      changes.push_back(
          version(product("p-" + std::to_string(i), "Tea " + std::to_string(number), "", "things", number), number));
    return changes;
  };
  model->apply(all(1));
  std::atomic<bool> done = false;
  std::atomic<int> looks = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!done) {
        const auto page = model->select({.words = "tea", .limit = 100}).value();
        ++looks;
        EXPECT_EQ(page.total, 20u);
        ASSERT_THAT(page.entries, SizeIs(20));
        std::set<std::string> names;
        for (const auto& entry : page.entries) names.insert(entry.product.name);
        EXPECT_THAT(names, SizeIs(1));
        ASSERT_THAT(page.facets.prices, SizeIs(1));
        EXPECT_EQ(page.facets.prices[0].min, page.facets.prices[0].max);
      }
    });
  for (std::int64_t number = 2; number < 60; ++number) model->apply(all(number));
  while (looks < 20) std::this_thread::yield();
  done = true;
  for (auto& reader : readers) reader.join();
}

}  // namespace
}  // namespace shop::product::testing
