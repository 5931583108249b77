/// The events that an actor has handled, as its document keeps them: short digests by the minute in which they were
/// handled. A broker redelivers for minutes, and how many other events come meanwhile nobody knows: by number alone
/// (`HandledCalls`) an id is forgotten too soon (docs/decisions/0039-events-are-known-by-age.md). Internal to the
/// library.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dapr/actors/json.hpp"

namespace dapr::actors {

/// For one thread.
class HandledEvents {
 public:
  /// What was handled in one minute: digests of `digest_size` characters, one after the other, and the answers that are
  /// not `null`, by digest.
  struct Group {
    std::int64_t minute = 0;  ///< since 1970-01-01T00:00Z
    std::string digests;
    std::optional<std::map<std::string, json::Raw>> answers;
    DAPR_ACTORS_JSON(minute, digests, answers)
  };
  static constexpr std::size_t digest_size = 11;
  /// All answers take no more than this of a document. An event whose answer is forgotten is still known.
  static constexpr std::size_t most_answer_bytes = 8 * 1024;

  HandledEvents() = default;
  /// Throws `json::Error` for groups that this class does not write.
  explicit HandledEvents(std::vector<Group> groups);

  /// The answer of the event under `key`, or none if it is not known. Empty if the answer itself is forgotten.
  std::optional<std::string> find(const std::string& key) const;
  /// Forgets what is older than `age`, and the oldest beyond `most`; answers whether any of those was younger.
  bool add(const std::string& key, const std::string& answer, Time now, Duration age, std::size_t most);
  const std::vector<Group>& groups() const { return groups_; }

 private:
  void forget_answers();
  std::vector<Group> groups_;  // the oldest first
};

}  // namespace dapr::actors
