#include <gmock/gmock.h>

#include <map>

#include "services/product/routes.hpp"
#include "tests/services/common/support.hpp"

namespace shop::product::testing {
namespace {

using services::testing::Answer;
using services::testing::ask;
using ::testing::AnyOf;
using ::testing::HasSubstr;

const std::string drawing = R"(<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>)";

/// Keeps pictures as the catalog promises to.
class KeptPictures final : public Pictures {
 public:
  actors::Task<actors::Result<std::int64_t>> set_picture(ProductId id, Picture picture, PictureCondition condition,
                                                         actors::Trace, std::string request) override {
    if (id.value != "tea")
      co_return actors::refuse(actors::Reason::NotFound, "unknown_product", "There is no such product.");
    if (condition && !condition(kept ? std::optional(kept->version) : std::nullopt))
      co_return actors::refuse(actors::Reason::Conflict, "stale_etag", "It is another one by now.");
    requests.push_back(std::move(request));
    kept = StoredPicture{std::move(picture), ++version};
    co_return version;
  }
  actors::Task<std::optional<StoredPicture>> picture(ProductId id) override {
    if (id.value != "tea") co_return std::nullopt;
    co_return kept;
  }
  std::optional<StoredPicture> kept;
  std::int64_t version = 1;
  std::vector<std::string> requests;
};

class PictureRoutesTest : public ::testing::Test {
 protected:
  PictureRoutesTest() {
    tokens.accept(services::hs256(services::testing::key));
    add_picture_routes(facade, pictures);
    facade.start();
  }
  ~PictureRoutesTest() override { facade.stop(); }

  Answer get(const std::string& target, const std::vector<std::string>& headers = {}) {
    return ask(facade.port(), "GET", target, headers);
  }
  Answer put(const std::string& type, const std::string& body, std::vector<std::string> headers = {},
             const std::string& role = "admin", const std::string& id = "tea") {
    if (!role.empty()) headers.push_back("Authorization: Bearer " + services::testing::token("root", role));
    if (!type.empty()) headers.push_back("Content-Type: " + type);
    return ask(facade.port(), "PUT", "/products/" + id + "/image", headers, body);
  }

  KeptPictures pictures;
  services::testing::ThreadRunner runner;
  services::testing::FixedClock token_clock;
  services::Tokens tokens{token_clock};
  services::Metrics metrics;
  services::Facade facade{{"127.0.0.1", 0, R"({"openapi":"3.1.0"})"}, runner, tokens, metrics};
};

/// A whole JPEG of any length, whose scan has every byte there is: NULs, line ends, and what looks like a request.
std::string jpeg(std::size_t size) {
  std::string bytes(
      "\xff\xd8\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00", 25);
  bytes += std::string("\0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n", 30);
  for (std::size_t i = 0; bytes.size() < size - 2; ++i) {
    const auto byte = static_cast<char>((i * 7 + i / 251) % 256);
    bytes += bytes.back() == '\xff' ? '\0' : byte;
  }
  if (bytes.back() == '\xff') bytes.back() = '\0';
  return bytes + "\xff\xd9";
}

TEST_F(PictureRoutesTest, GiveBackEveryByteThatCame) {
  for (const std::size_t size : {std::size_t(100), std::size_t(4'096), std::size_t(70'000), largest_picture}) {
    const auto picture = jpeg(size);
    ASSERT_EQ(picture.size(), size);
    const auto stored = put("image/jpeg", picture);
    ASSERT_EQ(stored.status, 204) << stored.body;
    EXPECT_EQ(stored.body, "");
    ASSERT_EQ(pictures.kept->picture.bytes, picture) << size;
    const auto shown = get("/products/tea/image");
    EXPECT_EQ(shown.status, 200);
    EXPECT_EQ(shown.headers.at("content-type"), "image/jpeg");
    EXPECT_TRUE(shown.body == picture) << size;
  }
}

TEST_F(PictureRoutesTest, ServeAPictureForAYearUnderItsVersionAndAfreshWithoutIt) {
  EXPECT_EQ(put("image/svg+xml; charset=utf-8", drawing).headers.at("etag"), "\"2\"");
  const auto named = get("/products/tea/image?v=2");
  EXPECT_EQ(named.status, 200);
  EXPECT_EQ(named.headers.at("content-type"), "image/svg+xml");
  EXPECT_EQ(named.headers.at("etag"), "\"2\"");
  EXPECT_EQ(named.headers.at("cache-control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(named.headers.at("content-security-policy"), "default-src 'none'; style-src 'unsafe-inline'; sandbox");
  EXPECT_EQ(named.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(named.body, drawing);
  for (const std::string target : {"/products/tea/image", "/products/tea/image?v=1", "/products/tea/image?v=3",
                                   "/products/tea/image?v=02", "/products/tea/image?v="}) {
    const auto other = get(target);
    EXPECT_EQ(other.status, 200);
    EXPECT_EQ(other.headers.at("cache-control"), "no-cache") << target;
    EXPECT_EQ(other.headers.at("content-security-policy"), named.headers.at("content-security-policy"));
  }
}

TEST_F(PictureRoutesTest, SayThatTheClientHasItAlready) {
  put("image/svg+xml", drawing);
  for (const std::string tags : {"\"2\"", "W/\"2\"", "\"1\", \"2\"", "*"}) {
    const auto same = get("/products/tea/image?v=2", {"If-None-Match: " + tags});
    EXPECT_EQ(same.status, 304) << tags;
    EXPECT_EQ(same.body, "");
    EXPECT_EQ(same.headers.at("etag"), "\"2\"");
    EXPECT_EQ(same.headers.at("cache-control"), "public, max-age=31536000, immutable");
  }
  EXPECT_EQ(get("/products/tea/image", {"If-None-Match: \"1\""}).status, 200);
  services::testing::Connection head(facade.port());
  head.send("HEAD /products/tea/image HTTP/1.1\r\nHost: shop\r\n\r\n");
  const auto answer = head.read(true);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->headers.at("content-length"), std::to_string(drawing.size()));
}

TEST_F(PictureRoutesTest, RefuseWhatIsNoPicture) {
  for (const std::string type : {"image/gif", "text/html", "application/json", "image/svg", "image/pngx",
                                 "application/octet-stream", "image/*", "*/*", ""}) {
    const auto refused = put(type, drawing);
    EXPECT_EQ(refused.status, 415) << type;
    EXPECT_EQ(refused.headers.at("content-type"), "application/problem+json");
    // Pistache refuses by itself what is no media type of its own, before the route is known.
    EXPECT_THAT(refused.body, AnyOf(HasSubstr("image/webp"), HasSubstr("none that this path takes"))) << type;
  }
  EXPECT_EQ(put("IMAGE/SVG+XML", drawing).status, 204);
  const auto wrong = put("image/png", drawing);
  EXPECT_EQ(wrong.status, 422);
  EXPECT_THAT(wrong.body, HasSubstr("urn:problem:ecommerce:invalid_picture"));
  EXPECT_EQ(put("image/png", "").status, 422);
  const auto active = put("image/svg+xml", R"x(<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>)x");
  EXPECT_EQ(active.status, 422);
  EXPECT_THAT(active.body, HasSubstr("urn:problem:ecommerce:active_picture"));
  EXPECT_THAT(active.body, HasSubstr("the attribute onload"));
  EXPECT_EQ(pictures.requests.size(), 1u);
}

TEST_F(PictureRoutesTest, RefuseWhatIsTooLarge) {
  EXPECT_EQ(put("image/jpeg", jpeg(largest_picture)).status, 204);
  for (const std::size_t size : {largest_picture + 1, std::size_t(1'000'000)}) {
    const auto refused = put("image/jpeg", jpeg(size));
    EXPECT_EQ(refused.status, 413);
    EXPECT_THAT(refused.body, HasSubstr("512 KB"));
  }
  EXPECT_EQ(pictures.requests.size(), 1u);
}

TEST_F(PictureRoutesTest, TakePicturesFromAdministratorsOnly) {
  EXPECT_EQ(put("image/svg+xml", drawing, {}, "").status, 401);
  EXPECT_EQ(put("image/svg+xml", drawing, {}, "customer").status, 403);
  EXPECT_EQ(put("text/html", "", {}, "customer").status, 403);
  EXPECT_TRUE(pictures.requests.empty());
}

TEST_F(PictureRoutesTest, KnowNoPictureWithoutAProductAndNoneThatNeverCame) {
  EXPECT_EQ(get("/products/tea/image").status, 404);
  EXPECT_EQ(get("/products/nothing/image").status, 404);
  EXPECT_EQ(get("/products/no%20id/image").status, 404);
  EXPECT_EQ(put("image/svg+xml", drawing, {}, "admin", "nothing").status, 404);
  EXPECT_EQ(put("image/svg+xml", drawing, {}, "admin", "no%20id").status, 404);
  const auto other = ask(facade.port(), "DELETE", "/products/tea/image");
  EXPECT_EQ(other.status, 405);
  EXPECT_THAT(other.headers.at("allow"), HasSubstr("PUT"));
}

TEST_F(PictureRoutesTest, ReplaceAPictureOnlyIfItIsTheOneTheClientMeans) {
  EXPECT_EQ(put("image/svg+xml", drawing, {"If-Match: *"}).status, 412);
  EXPECT_EQ(put("image/svg+xml", drawing).status, 204);
  EXPECT_EQ(put("image/svg+xml", drawing, {"If-Match: \"1\""}).status, 412);
  EXPECT_EQ(put("image/svg+xml", drawing, {"If-Match: W/\"2\""}).status, 412);
  EXPECT_EQ(put("image/svg+xml", drawing, {"If-Match: \"2\"", "Idempotency-Key: k"}).status, 204);
  EXPECT_EQ(pictures.requests.back(), "k@/products/tea/image");
}

}  // namespace
}  // namespace shop::product::testing
