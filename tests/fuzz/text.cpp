// The small readers of text that all others are made of: percent-encoding, ids, times, numbers, lists of tags, traces;
// and what a search makes of a text.
// Input is the text; what a reader needs besides is parted by a line end.
//
// What is read is in the form that is promised, and is the same when written and read again.

#include <dapr/actors/time.hpp>

#include <algorithm>

#include "actors/product/read_model.hpp"
#include "actors/product/words.hpp"
#include "internal/http/text.hpp"
#include "actors/shared/values.hpp"
#include "services/common/problem.hpp"
#include "services/common/routes.hpp"
#include "services/common/trace.hpp"
#include "services/order/order_events.hpp"
#include "tests/fuzz/well_formed.hpp"

namespace http = actors::http;
namespace services = shop::services;
using fuzz::require;

namespace {

void encodings(std::string_view text) {
  const auto encoded = http::percent_encode(text);
  for (const char c : encoded)
    require(std::isalnum(static_cast<unsigned char>(c)) || std::string_view("-._~%").find(c) != std::string_view::npos,
            "what is encoded is one segment of a path", encoded);
  const auto decoded = http::percent_decode(encoded);
  require(!decoded || *decoded == text, "encoded and decoded: the same");
  for (const bool plus_is_space : {false, true})
    if (const auto read = services::percent_decoded(text, plus_is_space)) {
      require(fuzz::is_text(*read) && read->find('\0') == std::string::npos, "what is decoded is text", *read);
      require(services::percent_decoded(http::percent_encode(*read)) == read, "decoded, encoded, decoded: the same");
    }
  if (const auto read = http::percent_decode(text)) {
    require(fuzz::is_text(*read), "what the channel decodes is text", *read);
    for (const char c : *read)
      require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "what the channel decodes has no controls", *read);
    require(services::percent_decoded(text) == read, "two readers of the same encoding decode the same", *read);
  }
  if (const auto id = http::from_dapr_id(text)) {
    require(fuzz::is_text(*id), "an actor's id is text", *id);
    require(http::to_dapr_id(*id) == text, "an id has one form", *id);
    require(text.find('/') == std::string_view::npos && text != "." && text != "..", "an id survives a path", text);
  }
  const auto value = http::to_header_value(text);
  require(http::is_header_value(value), "what goes into a header may stand there", value);
  if (const auto read = http::percent_decode(value)) require(*read == text, "through a header: the same");
}

void times(std::string_view text) {
  const auto time = actors::from_rfc3339(text);
  if (!time) return;
  const auto written = actors::to_rfc3339(*time);
  require(written.size() == 24 && written.ends_with('Z'), "a time is written in one form", written);
  require(actors::from_rfc3339(written) == time, "a time is written and read the same", written);
  require(written.substr(0, 19) == text.substr(0, 19) || text.substr(17, 2) == "60", "a time is the one that was said",
          written);
}

template <class Read>
void queried(std::string_view text, Read read) {
  services::Request::Parts parts;
  parts.query.emplace("x", text);
  parts.parameters.emplace("x", text);
  const services::Request request(std::move(parts));
  try {
    read(request);
  } catch (const services::ProblemError& error) {
    require(error.problem().status == 400 || error.problem().status == 404, "what cannot be read is refused");
  }
}

void numbers(std::string_view text) {
  queried(text, [&](const services::Request& request) {
    if (const auto number = request.query_integer("x", -1000, 1'000'000'000)) {
      require(*number >= -1000 && *number <= 1'000'000'000, "a number is within its bounds");
      auto digits = std::string(text);
      const bool negative = digits.starts_with('-');
      digits.erase(0, negative ? 1 : 0);
      digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
      require(std::to_string(*number) == (negative && digits != "0" ? "-" : "") + digits, "a number is the one said",
              text);
    }
  });
  queried(text, [&](const services::Request& request) {
    if (const auto flag = request.query_flag("x"))
      require(text == (*flag ? "true" : "false"), "a flag is one of two words");
  });
  queried(text, [&](const services::Request& request) {
    if (const auto id = request.query_id("x")) require(*id == text && shop::is_id(text), "an id has its form");
  });
  queried(text, [&](const services::Request& request) {
    require(request.id("x") == text && shop::is_id(text), "an id has its form");
  });
  require(services::is_id(text) == shop::is_id(text), "doors and actors agree what an id is", text);
}

void headers(std::string_view text) {
  auto rest = text;
  const auto first = fuzz::take_until(rest, "\n");
  if (services::etag_listed(first, rest, false))
    require(services::etag_listed(first, rest, true), "what is listed strictly is listed weakly");
  require(http::same_secret(first, rest) == (first == rest), "secrets are the same if their letters are", text);
  require(http::same_name(first, rest) == http::same_name(rest, first), "names are the same both ways");
  const std::string header(first);
  if (const auto version = shop::order::version_of(header))
    require(*version >= 0 && header.find_first_not_of("0123456789") == std::string::npos, "a version is a number",
            header);
  require(shop::order::takes_events(header + ", text/event-stream"), "what is said of the type itself counts", header);
  require(!shop::order::takes_events(header + ", text/event-stream;q=0"), "what is said of the type itself counts",
          header);
  const auto trace = services::trace_id(text);
  require(services::is_traceparent(text) == !trace.empty(), "a trace has an id");
  require(trace.empty() || trace.size() == 32, "a trace's id has 32 digits", trace);
  if (services::is_tracestate(text)) fuzz::require_header_value(text);
  std::size_t bytes = 0;
  for (const auto part : http::segments(text)) {
    require(part.find('/') == std::string_view::npos, "a segment has no slash", part);
    bytes += part.size() + 1;
  }
  require(bytes + 1 >= text.size(), "segments leave nothing out");
}

void searches(std::string_view text) {
  namespace product = shop::product;
  std::string again;
  for (const auto& word : product::words_of(text)) {
    require(!word.letters.empty(), "a word has letters");
    require(word.kind == product::Word::Kind::Letters || word.letters.size() == 1, "others are one character");
    again += product::to_utf8(word.letters) + ' ';
  }
  require(fuzz::is_text(again), "words are text", again);
  std::size_t words = 0;
  for (const auto& piece : product::pieces_of(text)) words += piece.size();
  require(words == product::words_of(text).size(), "pieces leave no word out");

  static product::ReadModel model("");
  if (model.size() == 0) {
    product::Change change;
    change.product.id = shop::ProductId("a");
    change.product.name = "Grüner Tée, 50% für \"コーヒーカップ\"";
    change.product.description = "snake_case * чайник 녹차 ชาเขียว";
    change.product.version = 1;
    model.apply({change});
  }
  std::string query(text.substr(0, product::most_words));
  const auto page = model.select({.words = query});
  require(page && page->total == page->entries.size(), "every text can be looked for");
  // A product is found by its own name, whatever it is; the facade lets only text in.
  product::Change change;
  change.product.id = shop::ProductId("b");
  change.product.name = query;
  change.product.version = model.known(change.product.id).value_or(product::ReadModel::Known{}).version + 1;
  if (fuzz::is_text(query)) model.apply({change});
  const auto found = model.select({.words = query})->entries;
  const auto is_it = [](const auto& entry) { return entry.product.id.value == "b"; };
  require(!fuzz::is_text(query) || product::pieces_of(query).empty() || std::any_of(found.begin(), found.end(), is_it),
          "a name finds its product", query);

  const std::string cursor(text);
  for (const auto sort : {product::Sort::Relevance, product::Sort::Name, product::Sort::Price, product::Sort::Newest})
    if (const auto position = product::position_from(cursor, sort)) {
      require(product::position_from(product::to_cursor(*position), sort) == position, "a cursor is read and written");
      require(model.select({.words = "t", .sort = sort, .cursor = cursor}).has_value(),
              "a cursor is a place in a list");
    }
}

}  // namespace

void fuzz::run(std::string_view input) {
  encodings(input);
  times(input);
  numbers(input);
  headers(input);
  searches(input);
}
