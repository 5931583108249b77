#include "internal/handled_events.hpp"

#include <charconv>

#include "dapr/actors/records/handled.hpp"

namespace dapr::actors {
namespace {

/// 64 bits of the key's digest, six a character. An event that had the digest of another one would be lost: among 512
/// that happens once in 10^16 events.
std::string event_digest(const std::string& key) {
  static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const auto digits = records::digest_of(key);  // all random but the 13th and the 17th
  const auto chosen = digits.substr(0, 12) + digits.substr(28, 4);
  std::uint64_t bits = 0;
  std::from_chars(chosen.data(), chosen.data() + chosen.size(), bits, 16);
  std::string digest;
  for (std::size_t i = 0; i < HandledEvents::digest_size; ++i, bits >>= 6) digest += alphabet[bits & 63];
  return digest;
}

/// In place of an answer: there was one. An answer that is `null` is not among the answers.
const json::Raw forgotten{"null"};

/// Where `digest` is among `digests`, or npos.
std::size_t place_of(const std::string& digests, const std::string& digest) {
  for (std::size_t at = 0; at < digests.size(); at += digest.size())
    if (digests.compare(at, digest.size(), digest) == 0) return at;
  return std::string::npos;
}

}  // namespace

HandledEvents::HandledEvents(std::vector<Group> groups) : groups_(std::move(groups)) {
  for (std::size_t i = 0; i < groups_.size(); ++i)
    if (groups_[i].digests.size() % digest_size != 0)
      throw json::Error({json::Problem{"/events/" + std::to_string(i) + "/digests", "must be whole digests"}});
}

std::optional<std::string> HandledEvents::find(const std::string& key) const {
  const auto digest = event_digest(key);
  for (const auto& group : groups_) {
    if (place_of(group.digests, digest) == std::string::npos) continue;
    if (!group.answers) return "null";
    const auto answer = group.answers->find(digest);
    if (answer == group.answers->end()) return "null";
    return answer->second == forgotten ? "" : answer->second.text;
  }
  return std::nullopt;
}

bool HandledEvents::add(const std::string& key, const std::string& answer, Time now, Duration age, std::size_t most) {
  using std::chrono::minutes;
  const auto minute_of = [](Time time) { return std::chrono::floor<minutes>(time.time_since_epoch()).count(); };
  const auto digest = event_digest(key);
  // Never back, whatever the clocks of two hosts say: the groups are in order.
  const auto minute = groups_.empty() ? minute_of(now) : std::max(minute_of(now), groups_.back().minute);
  if (groups_.empty() || groups_.back().minute != minute) groups_.push_back({minute, {}, {}});
  groups_.back().digests += digest;
  if (answer != "null") {
    auto& answers = groups_.back().answers;
    if (!answers) answers.emplace();
    (*answers)[digest] = {answer};
  }
  // A group is as old as the last event in it may be.
  const auto oldest = minute_of(now - age);
  std::erase_if(groups_, [&](const Group& group) { return group.minute < oldest; });
  std::size_t known = 0;
  for (const auto& group : groups_) known += group.digests.size() / digest_size;
  const bool too_many = known > most;
  for (; known > most && !groups_.empty(); --known) {
    auto& first = groups_.front();
    if (first.answers) first.answers->erase(first.digests.substr(0, digest_size));
    first.digests.erase(0, digest_size);
    if (first.digests.empty()) groups_.erase(groups_.begin());
  }
  forget_answers();
  return too_many;
}

/// Those of the oldest minutes first.
void HandledEvents::forget_answers() {
  std::size_t bytes = 0;
  for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
    if (!group->answers) continue;
    for (auto& [digest, answer] : *group->answers) {
      if (answer == forgotten) continue;
      bytes += answer.text.size();
      if (bytes > most_answer_bytes) answer = forgotten;
    }
  }
}

}  // namespace dapr::actors
