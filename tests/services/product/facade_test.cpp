#include <gmock/gmock.h>
#include <rapidjson/document.h>

#include "services/product/routes.hpp"
#include "tests/services/common/support.hpp"
#include "tests/actors/product/support.hpp"

namespace shop::product::testing {
namespace {

using services::testing::Answer;
using services::testing::ask;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string new_tea =
    R"({"id":"tea","name":"Tea","description":"A leaf.","category":"drinks","price":{"amount":450,"currency":"EUR"},)"
    R"("stock":10,"imageUrl":"https://img.example/tea.png"})";
const std::string dear_tea = R"({"name":"Tea","category":"drinks","price":{"amount":500,"currency":"EUR"}})";

class ProductFacadeTest : public CatalogTest {
 protected:
  ProductFacadeTest() {
    tokens.accept(services::hs256(services::testing::key));
    run(replica->index.open());
    add_routes(facade, *replica);
    facade.start();
  }
  ~ProductFacadeTest() override { facade.stop(); }

  Answer get(const std::string& target, const std::vector<std::string>& headers = {}) {
    return ask(facade.port(), "GET", target, headers);
  }
  /// As an administrator.
  Answer send(const std::string& verb, const std::string& target, const std::string& body = {},
              std::vector<std::string> headers = {}) {
    headers.push_back("Authorization: Bearer " + services::testing::token("root", "admin"));
    if (!body.empty()) headers.push_back("Content-Type: application/json");
    return ask(facade.port(), verb, target, headers, body);
  }
  static rapidjson::Document parsed(const Answer& answer) {
    rapidjson::Document document;
    document.Parse(answer.body.c_str());
    EXPECT_FALSE(document.HasParseError()) << answer.body;
    return document;
  }
  /// Of a problem's errors.
  static std::vector<std::string> pointers(const Answer& answer) {
    std::vector<std::string> pointers;
    const auto document = parsed(answer);
    if (document.HasMember("errors"))
      for (const auto& error : document["errors"].GetArray()) pointers.emplace_back(error["pointer"].GetString());
    return pointers;
  }

  services::testing::ThreadRunner runner;
  services::testing::FixedClock token_clock;
  services::Tokens tokens{token_clock};
  services::Metrics metrics;
  services::Facade facade{{"127.0.0.1", 0, R"({"openapi":"3.1.0"})"}, runner, tokens, metrics};
};

TEST_F(ProductFacadeTest, ACreatedProductIsAnsweredWithItsPlaceAndTag) {
  const auto created = send("POST", "/products", new_tea);
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.headers.at("location"), "/products/tea");
  EXPECT_EQ(created.headers.at("etag"), R"("1-10")");
  const auto found = get("/products/tea");
  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(found.body, created.body);
  EXPECT_EQ(found.headers.at("etag"), created.headers.at("etag"));
  EXPECT_EQ(found.headers.at("content-type"), "application/json");
}

TEST_F(ProductFacadeTest, ATakenIdIsAConflict) {
  send("POST", "/products", new_tea);
  const auto again = send("POST", "/products", new_tea);
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.headers.at("content-type"), "application/problem+json");
}

TEST_F(ProductFacadeTest, OnlyAnAdministratorChangesTheCatalog) {
  const std::vector<std::pair<std::string, std::string>> changes{
      {"POST", "/products"}, {"PUT", "/products/tea"}, {"DELETE", "/products/tea"}, {"POST", "/products/tea/stock"}};
  for (const auto& [verb, target] : changes) {
    EXPECT_EQ(ask(facade.port(), verb, target, {"Content-Type: application/json"}, new_tea).status, 401)
        << verb << target;
    EXPECT_EQ(
        ask(facade.port(), verb, target,
            {"Content-Type: application/json", "Authorization: Bearer " + services::testing::token("anna")}, new_tea)
            .status,
        403)
        << verb << target;
  }
  EXPECT_THAT(store.keys(), ElementsAre(catalog_key));
}

TEST_F(ProductFacadeTest, EverythingWrongWithABodyIsPointedAt) {
  EXPECT_THAT(pointers(send("POST", "/products", R"({"name":"Tea","color":"green"})")),
              ElementsAre("/category", "/price", "/stock", "/color"));
  EXPECT_THAT(pointers(send("POST", "/products",
                            R"({"name":"","category":"x","price":{"amount":-1,"currency":"eur"},"stock":-1})")),
              ElementsAre("/name", "/price/currency", "/price/amount", "/stock"));
  EXPECT_THAT(
      pointers(
          send("POST", "/products",
               R"({"id":"a/b","name":"x","category":"x","price":{"amount":1.5,"currency":"EUR","tax":1},"stock":1})")),
      ElementsAre("/id", "/price/amount", "/price/tax"));
  EXPECT_EQ(send("POST", "/products", "{").status, 400);
  EXPECT_EQ(send("POST", "/products", "[]").status, 400);
  EXPECT_EQ(send("POST", "/products/tea/stock", R"({"delta":"5"})").status, 400);
  EXPECT_EQ(send("POST", "/products/tea/stock", R"({"delta":1000000001})").status, 400);
  EXPECT_THAT(store.keys(), ElementsAre(catalog_key));
}

TEST_F(ProductFacadeTest, AClientThatHasTheProductIsNotSentItAgain) {
  send("POST", "/products", new_tea);
  for (const auto* tags : {R"("1-10")", R"(W/"1-10")", R"("x", "1-10")", "*"}) {
    const auto answer = get("/products/tea", {std::string("If-None-Match: ") + tags});
    EXPECT_EQ(answer.status, 304) << tags;
    EXPECT_EQ(answer.headers.at("etag"), R"("1-10")");
    EXPECT_EQ(answer.body, "");
  }
  EXPECT_EQ(get("/products/tea", {R"(If-None-Match: "1-9")"}).status, 200);
  EXPECT_EQ(get("/products/coffee", {"If-None-Match: *"}).status, 404);
}

TEST_F(ProductFacadeTest, ATagThatTheDoorWeakenedIsTheTagOfItsVersion) {
  send("POST", "/products", new_tea);
  EXPECT_EQ(send("PUT", "/products/tea", dear_tea, {R"(If-Match: W/"1-10")"}).status, 200);
  EXPECT_EQ(send("PUT", "/products/tea", dear_tea, {R"(If-Match: W/"1-10")"}).status, 412);
  EXPECT_EQ(send("DELETE", "/products/tea", "", {R"(If-Match: W/"1-10")"}).status, 412);
}

TEST_F(ProductFacadeTest, EveryAnswerSaysHowLongItMayBeKept) {
  const auto kept = [](const auto& answer) { return answer.headers.at("cache-control"); };
  EXPECT_EQ(kept(send("POST", "/products", new_tea)), "no-store");
  EXPECT_EQ(kept(get("/products/tea")), "no-cache");
  EXPECT_EQ(kept(get("/products/tea", {R"(If-None-Match: "1-10")"})), "no-cache");
  EXPECT_EQ(kept(get("/products/coffee")), "no-store");
  for (const auto* list : {"/products", "/products?q=tea", "/categories"})
    EXPECT_EQ(kept(get(list)), "max-age=1, stale-while-revalidate=5") << list;
  EXPECT_EQ(kept(get("/products?limit=0")), "no-store");
}

TEST_F(ProductFacadeTest, APriceIsInACurrencyThatIsInUse) {
  const auto create = [&](const std::string& currency) {
    return send(
        "POST", "/products",
        R"({"name":"Tea","category":"drinks","price":{"amount":1,"currency":")" + currency + R"("},"stock":1})");
  };
  for (const auto* currency : {"EUR", "USD", "JPY", "KWD", "ZWG"}) EXPECT_EQ(create(currency).status, 201) << currency;
  for (const auto* currency : {"ABC", "EURO", "eur", "XXX", "XTS", "XAU", "DEM", "CHE", "BGN", "EU", ""}) {
    const auto refused = create(currency);
    EXPECT_EQ(refused.status, 400) << currency;
    EXPECT_THAT(pointers(refused), ElementsAre("/price/currency")) << currency;
  }
}

TEST_F(ProductFacadeTest, AProductWhoseCurrencyWasWithdrawnSinceIsShownAndCanBeMended) {
  send("POST", "/products", new_tea);
  for (const auto& key : store.keys()) {
    auto text = *store.stored(key);
    for (auto at = text.find("EUR"); at != std::string::npos; at = text.find("EUR", at)) text.replace(at, 3, "DEM");
    store.put(key, text);
  }
  EXPECT_THAT(get("/products/tea").body, HasSubstr(R"("currency":"DEM")"));
  EXPECT_EQ(send("POST", "/products/tea/stock", R"({"delta":1})").status, 200);
  const auto mended = send("PUT", "/products/tea", dear_tea);
  EXPECT_EQ(mended.status, 200);
  EXPECT_THAT(mended.body, HasSubstr(R"("currency":"EUR")"));
}

TEST_F(ProductFacadeTest, WhatIsNotThereIsNotFound) {
  for (const auto* target : {"/products/coffee", "/products/a%2Fb", "/products/a.b"})
    EXPECT_EQ(get(target).status, 404) << target;
  EXPECT_EQ(send("PUT", "/products/coffee", dear_tea).status, 404);
  EXPECT_EQ(send("DELETE", "/products/coffee").status, 404);
  EXPECT_EQ(send("POST", "/products/coffee/stock", R"({"delta":1})").status, 404);
}

TEST_F(ProductFacadeTest, AReplacementHoldsOnlyForTheVersionThatWasSeen) {
  send("POST", "/products", new_tea);
  EXPECT_EQ(send("PUT", "/products/tea", dear_tea, {R"(If-Match: "9-9")"}).status, 412);
  EXPECT_EQ(send("PUT", "/products/tea", dear_tea, {R"(If-Match: W/"1-9")"}).status, 412);
  const auto replaced = send("PUT", "/products/tea", dear_tea, {R"(If-Match: "9-9", "1-10")"});
  EXPECT_EQ(replaced.status, 200);
  EXPECT_EQ(replaced.headers.at("etag"), R"("2-10")");
  EXPECT_EQ(send("PUT", "/products/tea", dear_tea, {R"(If-Match: "1-10")"}).status, 412);
  EXPECT_EQ(send("PUT", "/products/tea", dear_tea, {"If-Match: *"}).status, 200);
  EXPECT_EQ(send("PUT", "/products/tea", dear_tea).status, 200);
}

TEST_F(ProductFacadeTest, WhatAClientWasShownItMaySendBack) {
  send("POST", "/products", new_tea);
  const auto seen = get("/products/tea");
  EXPECT_EQ(send("PUT", "/products/tea", seen.body, {"If-Match: " + seen.headers.at("etag")}).status, 200);
  EXPECT_THAT(pointers(send("PUT", "/products/tea", new_tea.substr(0, 1) + R"("color":"green",)" + new_tea.substr(1))),
              ElementsAre("/color"));
  send("POST", "/products",
       R"({"id":"cup","name":"Cup","category":"x","price":{"amount":1,"currency":"EUR"},"stock":1})");
  EXPECT_THAT(pointers(send("PUT", "/products/cup", seen.body)), ElementsAre("/id"));
}

TEST_F(ProductFacadeTest, ADeletedProductIsGone) {
  send("POST", "/products", new_tea);
  EXPECT_EQ(send("DELETE", "/products/tea", "", {R"(If-Match: "7-7")"}).status, 412);
  EXPECT_EQ(send("DELETE", "/products/tea").status, 204);
  EXPECT_EQ(get("/products/tea").status, 404);
  EXPECT_EQ(send("DELETE", "/products/tea").status, 404);
}

TEST_F(ProductFacadeTest, StockIsChangedByADifference) {
  send("POST", "/products", new_tea);
  const auto more = send("POST", "/products/tea/stock", R"({"delta":5})", {"Idempotency-Key: k-1"});
  EXPECT_EQ(more.status, 200);
  EXPECT_EQ(parsed(more)["stock"].GetInt(), 15);
  EXPECT_EQ(parsed(send("POST", "/products/tea/stock", R"({"delta":5})", {"Idempotency-Key: k-1"}))["stock"].GetInt(),
            15);
  EXPECT_EQ(send("POST", "/products/tea/stock", R"({"delta":6})", {"Idempotency-Key: k-1"}).status, 422);
  EXPECT_EQ(parsed(send("POST", "/products/tea/stock", R"({"delta":5})"))["stock"].GetInt(), 20);
  EXPECT_EQ(send("POST", "/products/tea/stock", R"({"delta":-21})").status, 409);
}

TEST_F(ProductFacadeTest, TheListIsPagedByItsCursor) {
  for (const auto* id : {"a", "b", "c"})
    send("POST", "/products",
         R"({"id":")" + std::string(id) +
             R"(","name":"Same","category":"x","price":{"amount":1,"currency":"EUR"},"stock":1})");
  const auto first = parsed(get("/products?limit=2"));
  EXPECT_EQ(first["items"].Size(), 2u);
  EXPECT_EQ(first["total"].GetInt(), 3);
  const auto second = parsed(get("/products?limit=2&cursor=" + std::string(first["nextCursor"].GetString())));
  EXPECT_EQ(second["items"].Size(), 1u);
  EXPECT_STREQ(second["items"][0]["id"].GetString(), "c");
  EXPECT_FALSE(second.HasMember("nextCursor"));
  EXPECT_EQ(parsed(get("/products"))["items"].Size(), 3u);
}

TEST_F(ProductFacadeTest, BadQueriesAreRefused) {
  for (const auto* query : {"limit=0",
                            "limit=101",
                            "limit=x",
                            "limit=1.5",
                            "cursor=x",
                            "sort=color",
                            "minPrice=-1",
                            "minPrice=x",
                            "currency=eur",
                            "currency=EURO",
                            "currency=",
                            "maxPrice=9999999999999",
                            "minPrice=2&maxPrice=1",
                            "inStock=yes",
                            "limit=",
                            "cursor=",
                            "sort=",
                            "minPrice=",
                            "maxPrice=",
                            "inStock="}) {
    const auto answer = get(std::string("/products?") + query);
    EXPECT_EQ(answer.status, 400) << query;
    EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json");
  }
  EXPECT_EQ(
      get("/products?limit=100&sort=-price&minPrice=0&maxPrice=0&currency=EUR&inStock=false&q=x&category=y").status,
      200);
  EXPECT_EQ(get("/products?q=&category=").status, 200) << "text to look for may be none";
  EXPECT_THAT(get("/products?cursor=x").body, HasSubstr(":invalid_cursor"));
  EXPECT_THAT(get("/products?minPrice=2&maxPrice=1").body, HasSubstr(":invalid_price_range"));
}

TEST_F(ProductFacadeTest, CategoriesAreListed) {
  send("POST", "/products", new_tea);
  EXPECT_EQ(get("/categories").body, R"({"items":[{"name":"drinks","count":1}]})");
}

TEST_F(ProductFacadeTest, AStoreThatIsDownIsSaidToBe) {
  send("POST", "/products", new_tea);
  store.fail_reads(1);
  const auto answer = get("/products/tea");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers.count("retry-after"), 1u);
}

TEST_F(ProductFacadeTest, TheAppChannelAnswersListings) {
  send("POST", "/products", new_tea);
  const auto listing = [&](const std::string& id) {
    return run(answer_listing(replica->catalog, {"GET", "/internal/products/" + id, {id}, "", {}}));
  };
  EXPECT_EQ(listing("tea").status, 200);
  EXPECT_EQ(actors::json::parse<Listing>(listing("tea").body),
            (Listing{ProductId("tea"), "Tea", {450, "EUR"}, 1, false}));
  EXPECT_EQ(listing("coffee").status, 200);
  EXPECT_EQ(actors::json::parse<Listing>(listing("coffee").body), (Listing{ProductId("coffee"), "", {}, 0, true}));
  EXPECT_EQ(listing("a.b").status, 404);
  EXPECT_THAT(listing("a.b").content_type, HasSubstr("problem+json"));
  send("DELETE", "/products/tea");
  EXPECT_TRUE(actors::json::parse<Listing>(listing("tea").body).deleted);
}

}  // namespace
}  // namespace shop::product::testing
