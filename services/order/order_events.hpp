/// `GET /orders/{id}/events`: an order as it happens, as server-sent events (https://html.spec.whatwg.org/multipage/
/// server-sent-events.html).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "actors/order/feed.hpp"
#include "services/common/streams.hpp"

namespace shop::order {

/// `feed` must outlive the streams.
void add_events(services::Streams& streams, Feed& feed);

/// Whether a header `Accept` takes `text/event-stream` (RFC 9110, 12.5.1); without one, anything is taken.
bool takes_events(const std::optional<std::string>& accept);
/// The version that a client has. What is none of ours says nothing: such a client is shown the newest state, while an
/// error would make a browser give up for good.
std::optional<std::int64_t> version_of(const std::optional<std::string>& last_event_id);
/// One event as it goes over the wire.
std::string block_of(const OrderEvent& event);

}  // namespace shop::order
