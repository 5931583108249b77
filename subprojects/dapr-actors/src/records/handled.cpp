#include "dapr/actors/records/handled.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "dapr/actors/named_id.hpp"

namespace dapr::actors::records {

namespace {

std::string short_digest_of(std::string_view text) {
  return digest_of(text).substr(0, 12);
}

}  // namespace

/// FNV-1a, 64 bits.
std::string fingerprint_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return std::to_string(hash);
}

std::string digest_of(std::string_view text) {
  auto digits = named_id(text);
  std::erase(digits, '-');
  return digits;
}

std::optional<HandledEntry> HandledCalls::find(const std::string& key) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&key](const auto& entry) { return entry.key == key; });
  return found == entries_.end() ? std::nullopt : std::optional(*found);
}

void HandledCalls::add(HandledEntry entry, std::size_t most) {
  entries_.push_back(std::move(entry));
  std::size_t bytes = 0;
  for (const auto& kept : entries_) bytes += kept.answer.text.size();
  while (entries_.size() > most || (bytes > most_bytes && entries_.size() > 1)) {
    bytes -= entries_.front().answer.text.size();
    entries_.erase(entries_.begin());
  }
}

bool HandledRequests::contain(const std::string& request, const std::string& what) const {
  // The form before, of up to 300 bytes each: with the request's name, and what it wanted or its digest.
  const auto former = request + '\n';
  const std::array<std::string, 3> forms{short_digest_of(request) + '.' + short_digest_of(what), former + what,
                                         former + digest_of(what)};
  return std::find_first_of(ids.begin(), ids.end(), forms.begin(), forms.end()) != ids.end();
}

bool HandledRequests::contain_of(const std::string& request) const {
  const auto now = short_digest_of(request) + '.', former = request + '\n';
  return std::any_of(ids.begin(), ids.end(),
                     [&](const auto& id) { return id.starts_with(now) || id.starts_with(former); });
}

void HandledRequests::add(const std::string& request, const std::string& what) {
  ids.push_back(short_digest_of(request) + '.' + short_digest_of(what));
  if (ids.size() > kept) ids.erase(ids.begin());
}

}  // namespace dapr::actors::records
