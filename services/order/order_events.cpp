#include "services/order/order_events.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "services/common/actor_routes.hpp"
#include "services/order/routes.hpp"

namespace shop::order {

using actors::Task;
using services::Access;
using services::Problem;
using services::ProblemError;
using services::Stream;

namespace {

constexpr std::string_view event_stream = "text/event-stream";
/// A client that lost its stream comes back after so many milliseconds: not at once, since thousands may have lost
/// theirs.
constexpr std::string_view come_back = "retry: 1000\n";
constexpr std::string_view comment = ":\n\n";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// What comes before `mark`, which is taken away with it.
std::string_view cut(std::string_view& text, char mark) {
  const auto part = text.substr(0, text.find(mark));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return trimmed(part);
}

bool equal(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b; });
}

[[noreturn]] void refuse_another_reader() {
  Problem problem;
  problem.status = 503;
  problem.detail = "As many orders are being watched as one process can show at a time. Try again.";
  problem.headers = {{"Retry-After", "5"}};
  throw ProblemError(std::move(problem));
}

std::string blocks_of(const std::vector<OrderEvent>& events) {
  std::string text;
  for (const auto& event : events) text += block_of(event);
  return text;
}

Task<void> show(Feed& feed, std::shared_ptr<Stream> stream) {
  const auto& request = stream->request();
  if (!takes_events(request.header("Accept")))
    throw ProblemError(406, "", "This answers text/event-stream, which the header Accept does not take.");
  const auto reader =
      feed.open(OrderId(request.id("id")), services::party_of(request), version_of(request.header("Last-Event-ID")));
  if (!reader) refuse_another_reader();
  stream->on_end([weak = std::weak_ptr(reader)] {
    if (const auto still = weak.lock()) still->end();
  });

  auto first = co_await reader->first();
  const auto events = value_or_problem(std::move(first));
  if (events.empty() && reader->complete()) {  // the one answer after which a browser does not come back
    stream->begin({204, {}, {}, {{"Cache-Control", "no-store"}}});
    co_return;
  }
  stream->begin({200, {}, std::string(event_stream), {{"Cache-Control", "no-store"}}});
  auto text = std::string(come_back) + (events.empty() ? std::string(comment) : blocks_of(events));
  for (;;) {
    const bool heard = co_await stream->write(std::move(text));
    if (!heard) co_return;
    const auto next = co_await reader->next();
    if (next.kind == Feed::Next::Kind::End) co_return;
    text = next.kind == Feed::Next::Kind::News ? blocks_of(next.events) : std::string(comment);
  }
}

}  // namespace

void add_events(services::Streams& streams, Feed& feed) {
  streams.route("GET", "/orders/{id}/events", Access::Anyone, {.most_body = 0, .most_unsent = 0},
                [&feed](std::shared_ptr<Stream> stream) { return show(feed, std::move(stream)); });
}

bool takes_events(const std::optional<std::string>& accept) {
  if (!accept) return true;
  // The most specific range that fits decides.
  constexpr std::string_view ranges[] = {"*/*", "text/*", event_stream};
  int decided = -1;
  bool taken = false;
  for (std::string_view rest = *accept; !rest.empty();) {
    auto parameters = cut(rest, ',');
    const auto range = cut(parameters, ';');
    const auto fits = std::find_if(std::begin(ranges), std::end(ranges), [&](auto each) { return equal(range, each); });
    const auto specific = static_cast<int>(fits - std::begin(ranges));
    if (fits == std::end(ranges) || specific < decided) continue;
    decided = specific;
    taken = true;
    while (!parameters.empty()) {
      auto weight = cut(parameters, ';');
      if (equal(cut(weight, '='), "q")) taken = std::strtod(std::string(weight).c_str(), nullptr) > 0;
    }
  }
  return taken;
}

std::optional<std::int64_t> version_of(const std::optional<std::string>& last_event_id) {
  if (!last_event_id) return std::nullopt;
  std::int64_t version = 0;
  const auto* end = last_event_id->data() + last_event_id->size();
  const auto [rest, error] = std::from_chars(last_event_id->data(), end, version);
  if (error != std::errc{} || rest != end || version < 0) return std::nullopt;
  return version;
}

std::string block_of(const OrderEvent& event) {
  return "id: " + std::to_string(event.version) + "\nevent: order\ndata: " + event.order.text + "\n\n";
}

}  // namespace shop::order
