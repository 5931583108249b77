#include "services/common/trace.hpp"

#include <dapr/actors/calls.hpp>

#include <algorithm>

#include "actors/shared/library.hpp"

namespace shop::services {
namespace {

constexpr std::size_t length = 55;  // 00-<32>-<16>-<2>

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool is_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

bool is_traceparent(std::string_view header) {
  if (header.size() < length || header[2] != '-' || header[35] != '-' || header[52] != '-') return false;
  const auto version = header.substr(0, 2);
  if (!is_hex(version) || version == "ff") return false;
  if (version == "00" ? header.size() != length : header.size() > length && header[length] != '-') return false;
  const auto trace = header.substr(3, 32), parent = header.substr(36, 16);
  return is_hex(trace) && !is_zero(trace) && is_hex(parent) && !is_zero(parent) && is_hex(header.substr(53, 2));
}

bool is_tracestate(std::string_view header) {
  return header.size() <= 512 && std::all_of(header.begin(), header.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

std::string_view trace_id(std::string_view traceparent) {
  return is_traceparent(traceparent) ? traceparent.substr(3, 32) : std::string_view();
}

std::string new_traceparent() {
  return "00-" + actors::random_id() + "-" + actors::random_id().substr(0, 16) + "-00";
}

}  // namespace shop::services
