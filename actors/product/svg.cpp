#include "actors/product/svg.hpp"

#include <dapr/actors/utf8.hpp>
#include <expat.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace shop::product {
namespace {

constexpr std::size_t most_levels = 32;
constexpr std::size_t most_elements = 5'000;
constexpr std::size_t most_drawn = 20'000;
/// What references and nesting together may reach; a drawing needs a few.
constexpr std::size_t most_steps = 100;

/// Between a namespace and a name, as expat gives them; expat refuses namespaces that hold it.
constexpr char separator = '\n';
constexpr std::string_view svg_namespace = "http://www.w3.org/2000/svg";
constexpr std::string_view xlink_namespace = "http://www.w3.org/1999/xlink";
constexpr std::string_view xml_namespace = "http://www.w3.org/XML/1998/namespace";

// Sorted, for a binary search.
constexpr std::string_view elements[] = {
    "circle",
    "clipPath",
    "defs",
    "desc",
    "ellipse",
    "feBlend",
    "feColorMatrix",
    "feComponentTransfer",
    "feComposite",
    "feDropShadow",
    "feFlood",
    "feFuncA",
    "feFuncB",
    "feFuncG",
    "feFuncR",
    "feGaussianBlur",
    "feMerge",
    "feMergeNode",
    "feMorphology",
    "feOffset",
    "filter",
    "g",
    "line",
    "linearGradient",
    "marker",
    "mask",
    "path",
    "pattern",
    "polygon",
    "polyline",
    "radialGradient",
    "rect",
    "stop",
    "style",
    "svg",
    "symbol",
    "text",
    "textPath",
    "title",
    "tspan",
    "use",
};

constexpr std::string_view attributes[] = {
    "alignment-baseline",
    "amplitude",
    "baseProfile",
    "baseline-shift",
    "class",
    "clip-path",
    "clip-rule",
    "clipPathUnits",
    "color",
    "color-interpolation",
    "color-interpolation-filters",
    "color-rendering",
    "cx",
    "cy",
    "d",
    "direction",
    "display",
    "dominant-baseline",
    "dx",
    "dy",
    "edgeMode",
    "enable-background",
    "exponent",
    "fill",
    "fill-opacity",
    "fill-rule",
    "filter",
    "filterUnits",
    "flood-color",
    "flood-opacity",
    "font-family",
    "font-size",
    "font-size-adjust",
    "font-stretch",
    "font-style",
    "font-variant",
    "font-weight",
    "fr",
    "fx",
    "fy",
    "gradientTransform",
    "gradientUnits",
    "height",
    "id",
    "image-rendering",
    "in",
    "in2",
    "intercept",
    "isolation",
    "k1",
    "k2",
    "k3",
    "k4",
    "lang",
    "lengthAdjust",
    "letter-spacing",
    "marker",
    "marker-end",
    "marker-mid",
    "marker-start",
    "markerHeight",
    "markerUnits",
    "markerWidth",
    "mask",
    "mask-type",
    "maskContentUnits",
    "maskUnits",
    "media",
    "method",
    "mix-blend-mode",
    "mode",
    "offset",
    "opacity",
    "operator",
    "orient",
    "overflow",
    "paint-order",
    "pathLength",
    "patternContentUnits",
    "patternTransform",
    "patternUnits",
    "points",
    "preserveAspectRatio",
    "primitiveUnits",
    "r",
    "radius",
    "refX",
    "refY",
    "result",
    "role",
    "rotate",
    "rx",
    "ry",
    "shape-rendering",
    "side",
    "slope",
    "spacing",
    "spreadMethod",
    "startOffset",
    "stdDeviation",
    "stop-color",
    "stop-opacity",
    "stroke",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-opacity",
    "stroke-width",
    "style",
    "tableValues",
    "text-anchor",
    "text-decoration",
    "text-rendering",
    "textLength",
    "transform",
    "transform-origin",
    "type",
    "unicode-bidi",
    "values",
    "vector-effect",
    "version",
    "viewBox",
    "visibility",
    "width",
    "word-spacing",
    "writing-mode",
    "x",
    "x1",
    "x2",
    "xChannelSelector",
    "y",
    "y1",
    "y2",
    "yChannelSelector",
};

/// Values that are read as text or names, never as CSS.
constexpr std::string_view texts[] = {"class", "id", "lang", "result", "role"};

constexpr std::string_view functions[] = {
    "blur",       "brightness", "calc",   "contrast",  "drop-shadow", "grayscale",  "hsl",       "hsla",
    "hue-rotate", "invert",     "matrix", "max",       "min",         "not",        "nth-child", "nth-of-type",
    "opacity",    "rgb",        "rgba",   "rotate",    "saturate",    "scale",      "scalex",    "scaley",
    "sepia",      "skewx",      "skewy",  "translate", "translatex",  "translatey", "var",
};

template <std::size_t Count>
constexpr bool is_sorted(const std::string_view (&list)[Count]) {
  for (std::size_t i = 1; i < Count; ++i)
    if (list[i - 1] >= list[i]) return false;
  return true;
}
static_assert(is_sorted(elements) && is_sorted(attributes) && is_sorted(texts) && is_sorted(functions));

template <std::size_t Count>
bool is_listed(const std::string_view (&list)[Count], std::string_view name) {
  return std::binary_search(std::begin(list), std::end(list), name);
}

bool is_css_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}
bool is_css_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

/// What is told of a name: it may be as long as the picture. Cut between characters, so that it stays UTF-8.
std::string start_of(std::string_view name) {
  std::size_t length = std::min<std::size_t>(name.size(), 60);
  while (length < name.size() && length > 0 && (static_cast<unsigned char>(name[length]) & 0xc0) == 0x80) --length;
  return std::string(name.substr(0, length));
}

/// The id of `#id`; nothing for any other reference.
std::optional<std::string> local_id(std::string_view reference) {
  if (reference.size() < 2 || reference.front() != '#') return std::nullopt;
  reference.remove_prefix(1);
  for (const char c : reference)
    if (!is_css_name(c) && c != '.' && c != ':') return std::nullopt;
  return std::string(reference);
}

/// What CSS or a presentation attribute refers to; or why it is refused.
struct Css {
  std::vector<std::string> ids;
  std::string refusal;
};

/// Looks at the functions a value calls and at what could name a function or a rule in another way. Whoever reads CSS
/// otherwise than this can only find fewer functions: without escapes and at-rules, what runs a function or loads
/// something is always a name right before a parenthesis.
Css read_css(std::string_view text) {
  Css css;
  for (std::size_t at = 0; at < text.size() && css.refusal.empty(); ++at) {
    if (text[at] == '\\') css.refusal = "an escape in CSS";
    if (text[at] == '@') css.refusal = "an at-rule in CSS";
    if (text[at] != '(') continue;
    auto begin = at;
    while (begin > 0 && is_css_name(text[begin - 1])) --begin;
    if (begin == at) continue;  // parentheses alone group
    const auto name = lower_case(text.substr(begin, at - begin));
    if (name != "url") {
      if (!is_listed(functions, name)) css.refusal = "the function " + start_of(name) + "() in CSS";
      continue;
    }
    const auto end = text.find(')', at);
    auto reference = text.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
    while (!reference.empty() && is_css_space(reference.front())) reference.remove_prefix(1);
    while (!reference.empty() && is_css_space(reference.back())) reference.remove_suffix(1);
    if (reference.size() >= 2 && (reference.front() == '"' || reference.front() == '\'') &&
        reference.back() == reference.front())
      reference = reference.substr(1, reference.size() - 2);
    auto id = end == std::string_view::npos ? std::nullopt : local_id(reference);
    if (id)
      css.ids.push_back(*std::move(id));
    else
      css.refusal = "a reference to something outside of it in CSS";
  }
  const auto lower = css.refusal.empty() ? lower_case(text) : std::string();
  for (const std::string_view word : {"javascript:", "vbscript:", "data:", "behavior", "-moz-binding"})
    if (css.refusal.empty() && lower.find(word) != std::string::npos)
      css.refusal = "\"" + std::string(word) + "\" in CSS";
  return css;
}

struct Node {
  bool gradient = false;
  std::vector<std::size_t> children;
  std::vector<std::string> refers_to;
  std::size_t drawn = 0;  ///< elements, with every reference followed; 0: not counted yet
  bool counting = false;
};

class Check {
 public:
  std::optional<actors::Refusal> run(std::string_view text);

 private:
  static Check& of(void* self) { return *static_cast<Check*>(self); }
  void begin(std::string_view name, const char** given);
  void end();
  void take_text(std::string_view text) {
    if (in_style_) sheet_ += text;
  }
  void take_declaration(const char* version, const char* encoding);
  void attribute(Node& node, std::string_view element, std::string_view name, std::string_view value);
  void reference(Node& node, std::string_view element, std::string_view value);
  void style_sheet();
  std::size_t drawn(std::size_t index, std::size_t steps);

  void refuse(const char* code, std::string why) {
    if (refusal_) return;
    refusal_ = actors::Refusal{actors::Reason::Unprocessable, code, std::move(why)};
    XML_StopParser(parser_.get(), XML_FALSE);
  }
  void active(const std::string& what) {
    refuse("active_picture", "An SVG may only draw, and no more than the shop can bear; this one has " + what +
                                 ". Save it without that.");
  }
  void invalid(const std::string& why) { refuse("invalid_picture", "The body is not an SVG: " + why + "."); }

  struct Free {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
  };
  std::unique_ptr<std::remove_pointer_t<XML_Parser>, Free> parser_;
  std::vector<Node> nodes_;
  std::vector<std::size_t> open_;
  std::map<std::string, std::size_t, std::less<>> ids_;
  bool in_style_ = false;
  std::string sheet_;
  std::vector<std::string> sheet_refers_to_;
  std::optional<actors::Refusal> refusal_;
};

void Check::take_declaration(const char* version, const char* encoding) {
  if (refusal_) return;
  if (version && std::string_view(version) != "1.0") return invalid("its XML is not of version 1.0");
  // Who draws it reads it in the encoding that it names, and must read what was looked at here.
  if (encoding && lower_case(encoding) != "utf-8") invalid("its encoding is not UTF-8");
}

void Check::begin(std::string_view name, const char** given) {
  if (refusal_) return;
  const auto cut = name.find(separator);
  const auto space = cut == std::string_view::npos ? std::string_view() : name.substr(0, cut);
  const auto local = cut == std::string_view::npos ? name : name.substr(cut + 1);
  if (nodes_.empty() && (space != svg_namespace || local != "svg"))
    return invalid("its root is not an svg of the namespace " + std::string(svg_namespace));
  if (space != svg_namespace || !is_listed(elements, local)) return active("the element " + start_of(local));
  if (open_.size() >= most_levels) return active("more than " + std::to_string(most_levels) + " levels");
  if (nodes_.size() >= most_elements) return active("more than " + std::to_string(most_elements) + " elements");
  if (in_style_) return active("an element in a style sheet");

  const auto index = nodes_.size();
  nodes_.emplace_back();
  if (!open_.empty()) nodes_[open_.back()].children.push_back(index);
  open_.push_back(index);
  nodes_[index].gradient = local == "linearGradient" || local == "radialGradient";
  in_style_ = local == "style";
  for (; *given; given += 2) attribute(nodes_[index], local, given[0], given[1]);
}

void Check::end() {
  if (refusal_ || open_.empty()) return;
  open_.pop_back();
  if (std::exchange(in_style_, false)) style_sheet();
}

void Check::attribute(Node& node, std::string_view element, std::string_view name, std::string_view value) {
  if (refusal_) return;
  const auto cut = name.find(separator);
  const auto space = cut == std::string_view::npos ? std::string_view() : name.substr(0, cut);
  const auto local = cut == std::string_view::npos ? name : name.substr(cut + 1);
  if (local == "href" && (space.empty() || space == xlink_namespace)) return reference(node, element, value);
  if (space == xml_namespace && (local == "space" || local == "lang")) return;
  if (space.empty() && local.starts_with("aria-")) return;
  if (!space.empty() || !is_listed(attributes, local)) return active("the attribute " + start_of(local));
  if (local == "id") {
    if (!ids_.emplace(value, nodes_.size() - 1).second) active("two elements of the same id");
    return;
  }
  if (element == "style" && local == "type" && value != "text/css") return active("a style sheet that is not CSS");
  if (is_listed(texts, local)) return;
  auto css = read_css(value);
  if (!css.refusal.empty()) return active(css.refusal);
  std::move(css.ids.begin(), css.ids.end(), std::back_inserter(node.refers_to));
}

void Check::reference(Node& node, std::string_view element, std::string_view value) {
  static constexpr std::array<std::string_view, 6> referring{"filter",         "linearGradient", "pattern",
                                                             "radialGradient", "textPath",       "use"};
  if (std::find(referring.begin(), referring.end(), element) == referring.end())
    return active("a link in the element " + std::string(element));
  auto id = local_id(value);
  if (!id) return active("a reference to something outside of it");
  node.refers_to.push_back(*std::move(id));
}

void Check::style_sheet() {
  auto css = read_css(sheet_);
  sheet_.clear();
  if (!css.refusal.empty()) return active(css.refusal);
  std::move(css.ids.begin(), css.ids.end(), std::back_inserter(sheet_refers_to_));
}

/// As many elements as drawing this one draws, at least. References that form a diamond are counted once each way, as
/// they are drawn: ten uses of ten uses of ten are a thousand.
std::size_t Check::drawn(std::size_t index, std::size_t steps) {
  if (refusal_ || nodes_[index].drawn > 0) return nodes_[index].drawn;
  if (nodes_[index].counting) return active("an element that refers to itself"), 0;
  if (steps > most_steps) return active("references that go too deep"), 0;
  nodes_[index].counting = true;
  std::size_t sum = 1;
  const auto add = [&](std::size_t other) { sum = std::min(sum + drawn(other, steps + 1), most_drawn + 1); };
  for (const auto child : nodes_[index].children) add(child);
  for (const auto& id : nodes_[index].refers_to)
    if (const auto found = ids_.find(id); found != ids_.end()) add(found->second);
  nodes_[index].counting = false;
  return nodes_[index].drawn = sum;
}

std::optional<actors::Refusal> Check::run(std::string_view text) {
  parser_.reset(XML_ParserCreateNS("UTF-8", separator));
  if (!parser_) throw std::bad_alloc();
  if (!actors::is_utf8(text)) {
    invalid("it is not UTF-8");
    return refusal_;
  }
  auto* parser = parser_.get();
  XML_SetUserData(parser, this);
  XML_SetElementHandler(
      parser, [](void* self, const char* name, const char** given) { of(self).begin(name, given); },
      [](void* self, const char*) { of(self).end(); });
  XML_SetCharacterDataHandler(parser, [](void* self, const char* from, int length) {
    of(self).take_text({from, static_cast<std::size_t>(length)});
  });
  XML_SetXmlDeclHandler(parser, [](void* self, const char* version, const char* encoding, int) {
    of(self).take_declaration(version, encoding);
  });
  XML_SetStartDoctypeDeclHandler(parser, [](void* self, const char*, const char*, const char*, int) {
    of(self).active("a document type (<!DOCTYPE>)");
  });
  XML_SetProcessingInstructionHandler(
      parser, [](void* self, const char*, const char*) { of(self).active("a processing instruction (<?…?>)"); });
  const auto status = XML_Parse(parser, text.data(), static_cast<int>(text.size()), XML_TRUE);
  if (!refusal_ && status != XML_STATUS_OK) {
    const auto line = XML_GetCurrentLineNumber(parser);
    invalid(std::string(XML_ErrorString(XML_GetErrorCode(parser))) + " in line " + std::to_string(line));
  }
  if (refusal_) return refusal_;
  if (drawn(0, 0) > most_drawn)
    active("more than " + std::to_string(most_drawn) + " elements once its references are followed");
  for (const auto& id : sheet_refers_to_)
    if (const auto found = ids_.find(id); found != ids_.end() && !nodes_[found->second].gradient)
      active("a style sheet that refers to something else than a gradient");
  return refusal_;
}

}  // namespace

std::optional<actors::Refusal> svg_problem(std::string_view text) {
  return Check().run(text);
}

}  // namespace shop::product
