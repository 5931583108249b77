/// Items of a store as they were read together, and what is to become of them.
#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "dapr/actors/sidecar.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors::records {

/// A change would make an item larger than the store takes.
class ItemTooLarge : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// For one thread.
class Items {
 public:
  Items(std::vector<std::string> keys, std::vector<std::optional<StateItem>> found);

  /// The item under a key that was read, as it is by now; none if there is none. Throws std::runtime_error for one that
  /// cannot be understood.
  template <class T>
  std::optional<T> read(const std::string& key) const {
    const auto text = current(key);
    if (!text) return std::nullopt;
    try {
      return json::parse<T>(*text);
    } catch (const json::Error& error) {
      // Of our own making: it must not pass for a mistake of the request.
      throw std::runtime_error("the item " + key + " cannot be read: " + error.what());
    }
  }
  /// A key that was not read is created, and must not exist. Throws ItemTooLarge beyond 380 KB: an item of DynamoDB
  /// holds 400 KB, its key and attributes included.
  template <class T>
  void write(const std::string& key, const T& value) {
    write_text(key, json::to_string(value));
  }
  void write_text(const std::string& key, std::string text);
  /// Has no condition: DynamoDB ignores the ETag of a delete. What guards it is another item of the same change.
  void erase(const std::string& key);

  /// Each change only if the item still is as it was read.
  std::vector<StateChange> changes() const;
  /// Whether any item that was read is another one in `newer`.
  bool moved(const Items& newer) const;

  /// Takes back what was changed since `position()` gave this number.
  void rollback(std::size_t position);
  std::size_t position() const { return undo_.size(); }

 private:
  enum class Fate { Kept, Written, Erased };
  struct Item {
    bool was_read = false;
    std::optional<StateItem> found;
    Fate fate = Fate::Kept;
    std::string text;  // if written
  };
  std::optional<std::string_view> current(const std::string& key) const;
  void change(const std::string& key, Fate fate, std::string text);

  std::map<std::string, Item> items_;
  std::vector<std::pair<std::string, std::pair<Fate, std::string>>> undo_;
};

}  // namespace dapr::actors::records

#pragma GCC visibility pop
