/// What was handled already, so that a repeat changes nothing. An actor's document keeps the answer with each id
/// (`HandledCalls`) and gives it again; an item of a store keeps the bare ids (`HandledRequests`), since every write of
/// the item pays for all of them, and its owner finds the answer in the item itself.
///
/// Both keep the latest few: an id is to be recognised while its sender may still repeat it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dapr/actors/json.hpp"
#include "dapr/actors/records/group_commit.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors::records {

/// Tells honest requests apart, nothing more. The same on every build and host: it is stored.
std::string fingerprint_of(std::string_view text);

/// A call or event that was carried out, with its answer. `fingerprint` is the request's, to tell the same request from
/// another one under the same id.
struct HandledEntry {
  std::string key;
  std::string fingerprint;
  json::Raw answer;
  DAPR_ACTORS_JSON(key, fingerprint, answer)
};

/// For one thread.
class HandledCalls {
 public:
  /// The answers take this much of a document, or one answer does.
  static constexpr std::size_t most_bytes = 32 * 1024;

  HandledCalls() = default;
  explicit HandledCalls(std::vector<HandledEntry> entries) : entries_(std::move(entries)) {}
  std::optional<HandledEntry> find(const std::string& key) const;
  /// Forgets the oldest beyond `most`.
  void add(HandledEntry entry, std::size_t most);
  const std::vector<HandledEntry>& entries() const { return entries_; }

 private:
  std::vector<HandledEntry> entries_;
};

/// For one thread. Stored as a list of strings.
struct HandledRequests {
  /// As many as are committed together at most: after a lost answer each must still find its own.
  static constexpr std::size_t kept = GroupCommit::most_changes;
  std::vector<std::string> ids;
  /// Whether `request` was handled, and wanted `what`.
  bool contain(const std::string& request, const std::string& what) const;
  /// Whether `request` was handled, whatever it wanted.
  bool contain_of(const std::string& request) const;
  void add(const std::string& request, const std::string& what);
  bool operator==(const HandledRequests&) const = default;
};

/// 32 hexadecimal digits that stand for `text`: the same ones for the same text.
std::string digest_of(std::string_view text);

}  // namespace dapr::actors::records

namespace dapr::actors::json {
template <>
struct Codec<records::HandledRequests> {
  static void write(Writer& writer, const records::HandledRequests& handled) { json::write(writer, handled.ids); }
  static void read(const Value& from, records::HandledRequests& handled, Reading& reading) {
    json::read(from, handled.ids, reading);
  }
};
}  // namespace dapr::actors::json

#pragma GCC visibility pop
