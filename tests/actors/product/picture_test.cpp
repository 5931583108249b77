#include "actors/product/picture.hpp"

#include <dapr/actors/utf8.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "actors/product/svg.hpp"
#include "tests/actors/product/support.hpp"
#include "actors/product/picture_store.hpp"

namespace shop::product::testing {
namespace {

namespace files = std::filesystem;
using actors::Reason;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string content(const files::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string type_of(const files::path& path) {
  const auto ending = path.extension().string().substr(1);
  return ending == "svg" ? "image/svg+xml" : ending == "jpg" ? "image/jpeg" : "image/" + ending;
}

std::vector<files::path> files_of(const char* folder) {
  std::vector<files::path> found;
  for (const auto& file : files::directory_iterator(folder)) found.push_back(file.path());
  return found;
}

/// "code: message", or nothing.
std::string said(const Picture& picture) {
  const auto problem = problem_of(picture);
  return problem ? problem->code + ": " + problem->message : std::string();
}

Picture sample(const std::string& name) {
  const auto path = files::path(PICTURES_FOLDER) / name;
  return {type_of(path), content(path)};
}

std::string svg(const std::string& inside, const std::string& attributes = {}) {
  return R"x(<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9" )x" +
         attributes + ">" + inside + "</svg>";
}

std::string said_of_svg(const std::string& text) {
  return said({"image/svg+xml", text});
}

// --- PNG, JPEG, WebP

TEST(Pictures, AreTakenAsEncodersMakeThem) {
  const auto samples = files_of(PICTURES_FOLDER);
  ASSERT_THAT(samples, SizeIs(7));
  for (const auto& path : samples) EXPECT_EQ(said({type_of(path), content(path)}), "") << path;
}

TEST(Pictures, AreRefusedUnderAnotherType) {
  for (const auto& path : files_of(PICTURES_FOLDER)) {
    for (const auto& type : picture_types) {
      if (type == type_of(path)) continue;
      EXPECT_THAT(said({std::string(type), content(path)}), HasSubstr("invalid_picture")) << path << type;
    }
  }
  EXPECT_THAT(said({"text/html", "<html/>"}), HasSubstr("invalid_picture"));
  EXPECT_THAT(said({"image/gif", "GIF89a"}), HasSubstr("invalid_picture"));
}

TEST(Pictures, AreRefusedWhereverTheyAreCutOff) {
  for (const auto& path : files_of(PICTURES_FOLDER)) {
    const auto whole = content(path);
    for (std::size_t length = 0; length < whole.size(); ++length)
      ASSERT_THAT(said({type_of(path), whole.substr(0, length)}), HasSubstr("invalid_picture")) << path << length;
  }
}

TEST(Pictures, AreRefusedWithSomethingBehindTheirEnd) {
  for (const auto& path : files_of(PICTURES_FOLDER))
    for (const auto& tail : {std::string(1, '\0'), std::string("<script>alert(1)</script>"), std::string("PK\x03\x04")})
      EXPECT_THAT(said({type_of(path), content(path) + tail}), HasSubstr("invalid_picture")) << path;
}

TEST(Pictures, OfPngAreCheckedChunkByChunk) {
  const auto png = sample("true.png");
  for (std::size_t at = 0; at < png.bytes.size(); ++at) {
    auto damaged = png;
    damaged.bytes[at] = static_cast<char>(damaged.bytes[at] ^ 0x20);
    EXPECT_THAT(said(damaged), HasSubstr("invalid_picture")) << at;
  }
}

/// A PNG's header chunk, with its checksum.
std::string png_of(const std::string& header) {
  std::string chunk = "IHDR" + header;
  std::uint32_t sum = 0xffffffff;
  for (const char c : chunk) {
    sum ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
  }
  sum = ~sum;
  std::string text("\x89PNG\r\n\x1a\n\0\0\0\x0d", 12);
  text += chunk;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(sum >> shift & 0xff);
  return text;
}

TEST(Pictures, MayHaveSidesOf8192PixelsAtMost) {
  const auto png = [](const char* sides) {
    return Picture{"image/png", png_of(std::string(sides, 8) + std::string("\x08\x02\0\0\0", 5))};
  };
  EXPECT_THAT(said(png("\0\0\x20\x00\0\0\x20\x00")), HasSubstr("end is missing"));  // as far as it goes
  EXPECT_THAT(said(png("\0\0\x20\x01\0\0\x20\x00")), HasSubstr("8192 pixels"));
  EXPECT_THAT(said(png("\x7f\xff\xff\xff\x7f\xff\xff\xff")), HasSubstr("8192 pixels"));
  EXPECT_THAT(said(png("\0\0\0\0\0\0\0\x01")), HasSubstr("no pixels"));
  auto jpeg = sample("baseline.jpg");
  const auto frame = jpeg.bytes.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.bytes.replace(frame + 5, 2, "\x20\x01");
  EXPECT_THAT(said(jpeg), HasSubstr("8192 pixels"));
  auto webp = sample("lossy.webp");
  webp.bytes.replace(26, 2, "\x01\x20");
  EXPECT_THAT(said(webp), HasSubstr("8192 pixels"));
}

TEST(Pictures, MayHave512Kilobytes) {
  EXPECT_EQ(said_of_svg(svg(std::string(largest_picture - svg("").size(), ' '))), "");
  const auto problem = problem_of({"image/png", std::string(largest_picture + 1, ' ')});
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->reason, Reason::TooLarge);
}

// --- SVG that draws

TEST(Svg, MayDraw) {
  const std::string drawings[] = {
      "",
      "<!-- a comment --><title>A pot</title><desc>Blue &amp; \xe8\x8c\xb6</desc>",
      R"x(<g id="all" class="a b" style="fill:#fff;stroke:rgb(1,2,3)" transform="rotate(30 4 4) translate(1)"><path d="M0 0L1 1z"/></g>)x",
      R"x(<defs><linearGradient id="g" gradientTransform="matrix(1 0 0 1 0 0)"><stop offset="0" stop-color="#fff"/></linearGradient></defs><rect fill="url(#g)" width="4" height="4"/>)x",
      R"x(<linearGradient id="a"/><radialGradient id="b" xlink:href="#a"/><circle r="1" style="fill: url( '#b' )"/>)x",
      R"x(<symbol id="s"><rect width="1" height="1"/></symbol><use href="#s"/><use xlink:href="#s" x="2"/>)x",
      R"x(<clipPath id="c"><circle r="1"/></clipPath><mask id="m"><rect/></mask><pattern id="p"><path d="M0 0"/></pattern><g clip-path="url(#c)" mask="url(#m)" fill="url(#p)"/>)x",
      R"x(<filter id="f"><feGaussianBlur stdDeviation="2"/><feMerge><feMergeNode in="SourceGraphic"/></feMerge></filter><g filter="url(#f)"/>)x",
      R"x(<style>.a{fill:#123;font-family:'Noto Sans'} g:not(.a)>path{stroke:rgba(0,0,0,.5)}</style><path class="a"/>)x",
      R"x(<style type="text/css"><![CDATA[.a{fill:url(#g)}]]></style><linearGradient id="g"/>)x",
      R"x(<text x="1" y="2" font-family="serif" text-anchor="middle" aria-label="cup(s)">url(http://text.example) <tspan>javascript:</tspan></text>)x",
      R"x(<g xml:space="preserve" role="img"/>)x",
  };
  for (const auto& drawing : drawings) EXPECT_EQ(said_of_svg(svg(drawing)), "") << drawing;
  EXPECT_EQ(said_of_svg(R"x(<?xml version="1.0" encoding="utf-8" standalone="no"?>)x" + svg("<g/>")), "");
  EXPECT_EQ(said_of_svg("\xef\xbb\xbf" + svg("<g/>")), "") << "a byte order mark of UTF-8";
  EXPECT_EQ(said_of_svg(R"x(<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:g/></s:svg>)x"), "");
}

// --- SVG that does more

TEST(Svg, MayHoldNoOtherElements) {
  for (const std::string element :
       {"script",        "foreignObject", "image",   "a",        "iframe",     "animate", "animateTransform",
        "animateMotion", "set",           "switch",  "video",    "audio",      "canvas",  "embed",
        "object",        "feImage",       "handler", "listener", "view",       "cursor",  "font-face-uri",
        "discard",       "metadata",      "SCRIPT",  "tref",     "solidcolor", "mesh"})
    EXPECT_THAT(said_of_svg(svg("<g><" + element + "/></g>")), HasSubstr("active_picture")) << element;
}

TEST(Svg, MayHoldNothingOfAnotherNamespace) {
  const std::string hostile[] = {
      R"x(<h:script xmlns:h="http://www.w3.org/1999/xhtml">alert(1)</h:script>)x",
      R"x(<script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>)x",
      R"x(<g xmlns="http://www.w3.org/1999/xhtml"/>)x",
      R"x(<g xmlns=""/>)x",
      R"x(<x:g xmlns:x="http://www.w3.org/2001/XInclude"/>)x",
      R"x(<g xmlns:x="http://www.w3.org/1999/xhtml" x:onload="alert(1)"/>)x",
      R"x(<g xmlns:x="http://example.org/" x:fill="red"/>)x",
      R"x(<s:script xmlns:s="http://www.w3.org/2000/svg">alert(1)</s:script>)x",
      R"x(<g xmlns:x="http://www.w3.org/2001/xml-events" x:event="click"/>)x",
      R"x(<g xml:base="http://example.org/"/>)x",
  };
  for (const auto& drawing : hostile) EXPECT_THAT(said_of_svg(svg(drawing)), HasSubstr("active_picture")) << drawing;
}

TEST(Svg, MayHandleNoEvents) {
  for (const std::string name : {"onload", "onclick", "onerror", "onmouseover", "onbegin", "onend", "onfocusin",
                                 "onanimationend", "ONLOAD", "OnLoad"}) {
    EXPECT_THAT(said_of_svg(svg("", name + R"x(="alert(1)")x")), HasSubstr("active_picture")) << name;
    EXPECT_THAT(said_of_svg(svg("<g " + name + R"x(=""/>)x")), HasSubstr("active_picture")) << name;
  }
}

TEST(Svg, MayReferToItselfOnly) {
  for (const std::string to : {"http://example.org/a.svg#b",
                               "https://example.org",
                               "//example.org/x",
                               "/x.svg",
                               "other.svg#a",
                               "javascript:alert(1)",
                               "JaVaScRiPt:alert(1)",
                               " javascript:alert(1)",
                               "java&#10;script:alert(1)",
                               "&#106;avascript:alert(1)",
                               "data:image/svg+xml;base64,PHN2Zz4=",
                               "data:text/html,x",
                               "",
                               "#",
                               "# a",
                               "#a b",
                               "#a)",
                               "#a'",
                               " #a",
                               "blob:x",
                               "file:///etc/passwd",
                               "#xpointer(id('a'))"})
    for (const std::string attribute : {"href", "xlink:href"})
      EXPECT_THAT(said_of_svg(svg("<use " + attribute + "=\"" + to + "\"/>")), HasSubstr("active_picture")) << to;
  EXPECT_THAT(said_of_svg(svg(R"x(<g href="#a"/>)x")), HasSubstr("active_picture"));
  EXPECT_THAT(said_of_svg(svg(R"x(<g src="x"/>)x")), HasSubstr("active_picture"));
  EXPECT_THAT(said_of_svg(svg(R"x(<use xmlns:y="http://www.w3.org/1999/xlink" y:href="http://example.org"/>)x")),
              HasSubstr("active_picture"));
}

TEST(Svg, MayNotLoadThroughCss) {
  const std::string hostile[] = {
      "url(http://example.org/x)",
      "URL(//example.org)",
      "url( 'x.png' )",
      "url(\"data:image/png;base64,AAAA\")",
      "url(",
      "url()",
      "url(#a",
      "url(x#a)",
      "url('#a)",
      "url(/**/#a)",
      "\\75rl(http://example.org)",
      "u\\72l(x)",
      "@import 'x.css'",
      "@import url(#a)",
      "@font-face{src:url(#a)}",
      "@charset \"utf-7\"",
      "expression(alert(1))",
      "exp/**/ression(alert(1))",
      "image(x)",
      "image-set(\"x.png\" 1x)",
      "-webkit-image-set(\"x.png\" 1x)",
      "cross-fade(\"a\")",
      "src(\"http://example.org\")",
      "attr(href url)",
      "element(#a)",
      "paint(x)",
      "behavior:x",
      "-moz-binding:x",
      "javascript:alert(1)",
      "u/**/rl(http://example.org)",
      "env(x)",
  };
  for (const auto& css : hostile) {
    std::string quoted = css;
    for (std::size_t at = 0; (at = quoted.find('"', at)) != std::string::npos;) quoted.replace(at, 1, "&quot;");
    EXPECT_THAT(said_of_svg(svg("<g style=\"fill:" + quoted + "\"/>")), HasSubstr("active_picture")) << css;
    EXPECT_THAT(said_of_svg(svg("<g fill=\"" + quoted + "\"/>")), HasSubstr("active_picture")) << css;
    EXPECT_THAT(said_of_svg(svg("<style>a{fill:" + css + "}</style>")), HasSubstr("active_picture")) << css;
    EXPECT_THAT(said_of_svg(svg("<style><![CDATA[a{fill:" + css + "}]]></style>")), HasSubstr("active_picture")) << css;
  }
  EXPECT_THAT(said_of_svg(svg("<style>a{fill:u<!-- -->rl(http://example.org)}</style>")), HasSubstr("active_picture"));
  EXPECT_THAT(said_of_svg(svg("<style>a{fill:u&#114;l&#40;http://example.org)}</style>")), HasSubstr("active_picture"));
  EXPECT_THAT(said_of_svg(svg("<style>a{<g/>}</style>")), HasSubstr("active_picture"));
  EXPECT_THAT(said_of_svg(svg(R"x(<style type="text/javascript">x</style>)x")), HasSubstr("active_picture"));
  EXPECT_THAT(said_of_svg(svg(R"x(<style>a{mask:url(#m)}</style><mask id="m"/>)x")), HasSubstr("active_picture"));
}

TEST(Svg, MayHaveNoDocumentTypeAndNoInstructions) {
  const std::string hostile[] = {
      "<!DOCTYPE svg>",
      R"x(<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">)x",
      R"x(<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>)x",
      R"x(<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>)x",
      R"x(<!DOCTYPE svg [<!ATTLIST svg onload CDATA "alert(1)">]>)x",
      R"x(<!DOCTYPE svg [<!ENTITY % x SYSTEM "http://example.org/x.dtd"> %x;]>)x",
      R"x(<?xml-stylesheet href="http://example.org/x.css"?>)x",
      "<?php echo 1 ?>",
  };
  for (const auto& head : hostile) EXPECT_THAT(said_of_svg(head + svg("")), HasSubstr("active_picture")) << head;
  EXPECT_THAT(said_of_svg(svg("<?xml-stylesheet href=\"#a\"?>")), HasSubstr("active_picture"));
  EXPECT_THAT(said_of_svg(svg("") + "<?xml-stylesheet href=\"x\"?>"), HasSubstr("active_picture"));
}

TEST(Svg, MustBeOne) {
  const std::string wrong[] = {
      "",
      " ",
      "<svg/>",
      "<svg",
      "GIF89a",
      "<html xmlns=\"http://www.w3.org/1999/xhtml\"/>",
      R"x(<g xmlns="http://www.w3.org/2000/svg"/>)x",
      R"x(<svg xmlns="http://www.w3.org/2000/svg"><g></svg>)x",
      R"x(<svg xmlns="http://www.w3.org/2000/svg">&undefined;</svg>)x",
      R"x(<svg xmlns="http://www.w3.org/2000/svg" id="a" id="b"/>)x",
      R"x(<svg xmlns="http://www.w3.org/2000/svg
x"/>)x",
      svg("") + svg(""),
      svg("") + "trailing",
      "text" + svg(""),
      svg(std::string(1, '\0')),
      svg("\xff"),
      svg("\xed\xa0\x80"),
      R"x(<?xml version="1.1"?>)x" + svg(""),
      R"x(<?xml version="1.0" encoding="utf-7"?>)x" + svg(""),
      R"x(<?xml version="1.0" encoding="iso-8859-1"?>)x" + svg(""),
      R"x(<?xml version="1.0" encoding="utf-16"?>)x" + svg(""),
      R"x(<?xml version="1.0" encoding="iso-2022-jp"?>)x" + svg(""),
      std::string("\xff\xfe<\0s\0v\0g\0/\0>\0", 14),
      " <?xml version=\"1.0\"?>" + svg(""),
  };
  for (const auto& text : wrong) EXPECT_THAT(said_of_svg(text), HasSubstr("invalid_picture")) << text;
}

std::string repeated(std::size_t count, const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST(Svg, IsBoundedInDepthAndLength) {
  EXPECT_EQ(said_of_svg(svg(repeated(31, "<g>") + repeated(31, "</g>"))), "");
  EXPECT_THAT(said_of_svg(svg(repeated(32, "<g>") + repeated(32, "</g>"))), HasSubstr("levels"));
  EXPECT_THAT(said_of_svg(svg(repeated(50'000, "<g>"))), HasSubstr("levels"));
  EXPECT_EQ(said_of_svg(svg(repeated(4'999, "<g/>"))), "");
  EXPECT_THAT(said_of_svg(svg(repeated(5'000, "<g/>"))), HasSubstr("5000 elements"));
}

TEST(Svg, IsRefusedInWordsThatAreText) {
  for (std::size_t ahead = 50; ahead < 64; ++ahead) {
    const auto name = std::string(ahead, 'a') + repeated(100, "\xe8\x8c\xb6");
    for (const auto& drawing : {"<" + name + "/>", "<g " + name + "=''/>", "<g fill='" + name + "(1)'/>"}) {
      const auto refused = said_of_svg(svg(drawing));
      EXPECT_THAT(refused, HasSubstr("active_picture"));
      EXPECT_TRUE(actors::is_utf8(refused)) << refused;
      EXPECT_LT(refused.size(), 300u);
    }
  }
}

TEST(Svg, MayNotGrowWhenItIsDrawn) {
  std::string uses = R"x(<g id="a0"><path d="M0 0"/></g>)x",
              patterns = R"x(<pattern id="a0"><path d="M0 0"/></pattern>)x", chain;
  for (int level = 1; level < 9; ++level) {
    const auto to = std::to_string(level - 1);
    uses += "<g id=\"a" + std::to_string(level) + "\">" + repeated(10, "<use href=\"#a" + to + "\"/>") + "</g>";
    patterns += "<pattern id=\"a" + std::to_string(level) + "\">" + repeated(10, "<rect fill=\"url(#a" + to + ")\"/>") +
                "</pattern>";
  }
  for (int step = 0; step < 2'000; ++step)
    chain += "<g id=\"c" + std::to_string(step) + "\"><use href=\"#c" + std::to_string(step + 1) + "\"/></g>";
  EXPECT_THAT(said_of_svg(svg(uses)), HasSubstr("20000 elements"));
  EXPECT_THAT(said_of_svg(svg(patterns)), HasSubstr("20000 elements"));
  EXPECT_THAT(said_of_svg(svg(chain)), HasSubstr("too deep"));
  EXPECT_THAT(said_of_svg(svg(R"x(<g id="a"><use href="#a"/></g>)x")), HasSubstr("refers to itself"));
  EXPECT_THAT(said_of_svg(svg(R"x(<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>)x")),
              HasSubstr("refers to itself"));
  EXPECT_THAT(said_of_svg(svg(R"x(<mask id="m"><g mask="url(#m)"/></mask>)x")), HasSubstr("refers to itself"));
  EXPECT_THAT(said_of_svg(svg(R"x(<use href="#all"/>)x", R"x(id="all")x")), HasSubstr("refers to itself"));
  EXPECT_THAT(said_of_svg(svg(R"x(<g id="a"/><g id="a"><use href="#a"/></g>)x")), HasSubstr("same id"));
}

TEST(Svg, OfTheSampleCatalogIsTaken) {
  const auto drawings = files_of(SAMPLE_PICTURES_FOLDER);
  EXPECT_THAT(drawings, SizeIs(48));
  for (const auto& path : drawings) EXPECT_EQ(said({type_of(path), content(path)}), "") << path;
}

// --- how they are kept

Picture of_size(std::size_t size) {
  Picture picture{"image/png", std::string(size, '\0')};
  for (std::size_t i = 0; i < size; ++i) picture.bytes[i] = static_cast<char>(i * 31 + i / 256);
  return picture;
}

class PictureStoreTest : public CatalogTest {};

TEST_F(PictureStoreTest, KeepsEveryByteOfEverySize) {
  for (const std::size_t size : {std::size_t(1), std::size_t(2), std::size_t(3), picture_piece - 1, picture_piece,
                                 picture_piece + 1, 2 * picture_piece, largest_picture}) {
    const auto picture = of_size(size);
    const ProductId id("p-" + std::to_string(size));
    auto changes = pieces(id, 7, picture);
    std::size_t together = 0;
    for (const auto& change : changes) {
      EXPECT_LE(change.value->size(), 380'000u);
      together += change.value->size();
    }
    EXPECT_LE(changes.size(), 3u);
    EXPECT_LE(together, 700'000u);
    run(store.transact(std::move(changes)));
    EXPECT_EQ(run(read_picture(store, id, record_of(picture, 7))), picture) << size;
  }
}

TEST_F(PictureStoreTest, ReadsNothingOfAPictureThatWasReplaced) {
  const ProductId id("tea");
  const auto old = of_size(largest_picture);
  run(store.transact(pieces(id, 2, old)));
  auto changes = pieces(id, 3, of_size(10));
  for (auto& change : without_pieces(id, record_of(old, 2))) changes.push_back(std::move(change));
  run(store.transact(std::move(changes)));
  EXPECT_EQ(run(read_picture(store, id, record_of(old, 2))), std::nullopt);
  EXPECT_EQ(run(read_picture(store, id, record_of(of_size(10), 3))), of_size(10));
  const auto left = run(store.get_all(piece_keys(id, record_of(old, 2))));
  EXPECT_THAT(left, SizeIs(3));
  EXPECT_THAT(left, Each(::testing::Eq(std::nullopt)));
}

TEST_F(PictureStoreTest, ShowsNoPictureThatIsNotTheOneThatCame) {
  const ProductId id("tea");
  run(store.transact(pieces(id, 2, of_size(100))));
  EXPECT_THROW(run(read_picture(store, id, record_of(of_size(99), 2))), std::runtime_error);
  auto record = record_of(of_size(100), 2);
  record.digest = digest_of("something else");
  EXPECT_THROW(run(read_picture(store, id, record)), std::runtime_error);
  for (const std::string damaged :
       {"\"\"", "\"A\"", "\"AAA=\"", "\"A===\"", "\"====\"", "\"!!!!\"", "7", "", "\"AAAA"}) {
    std::vector<actors::StateChange> changes{{piece_keys(id, record)[0], damaged}};
    run(store.transact(std::move(changes)));
    EXPECT_THROW(run(read_picture(store, id, record_of(of_size(100), 2))), std::runtime_error) << damaged;
  }
}

TEST_F(PictureStoreTest, NamesItsKeysAndItsAddressByVersion) {
  const auto record = record_of(of_size(picture_piece + 1), 12);
  EXPECT_THAT(piece_keys(ProductId("tea"), record), ::testing::ElementsAre("picture.tea.12.0", "picture.tea.12.1"));
  EXPECT_EQ(picture_url(ProductId("tea"), record), "/products/tea/image?v=12");
}

}  // namespace
}  // namespace shop::product::testing
