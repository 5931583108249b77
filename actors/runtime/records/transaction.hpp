/// Changes of several items that happen as a whole or not at all, over Dapr's state API with ETags.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "actors/runtime/sidecar.hpp"

namespace actors::records {

/// A change would make an item larger than the store takes.
class ItemTooLarge : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Items as they were read together, and what is to become of them. For one thread.
class Items {
 public:
  Items(std::vector<std::string> keys, std::vector<std::optional<StateItem>> found);

  /// The item under a key that was read, or none. Throws std::runtime_error for one that cannot be understood.
  template <class T>
  std::optional<T> read(const std::string& key) const {
    const auto& item = at(key).found;
    if (!item) return std::nullopt;
    try {
      return json::parse<T>(item->value);
    } catch (const json::Error& error) {
      // Of our own making: it must not pass for a mistake of the request.
      throw std::runtime_error("the item " + key + " cannot be read: " + error.what());
    }
  }
  /// Throws ItemTooLarge beyond 380 KB: an item of DynamoDB holds 400 KB, its key and attributes included.
  template <class T>
  void write(const std::string& key, const T& value) {
    set(key, json::to_string(value));
  }

  /// Each change only if the item still is as it was read.
  std::vector<StateChange> changes() const;
  /// Whether any of these items is another one in `newer`.
  bool moved(const Items& newer) const;

 private:
  struct Item {
    std::optional<StateItem> found;
    std::optional<std::string> changed;
  };
  const Item& at(const std::string& key) const;
  void set(const std::string& key, std::string text);
  std::map<std::string, Item> items_;
};

/// Resumes after a delay: a host's `sleep`.
using Pause = std::function<Task<void>(Duration)>;

/// Carries out changes, optimistically. Thread-safe.
class Transactions {
 public:
  Transactions(StateStore& store, Pause pause) : store_(store), pause_(std::move(pause)) {}

  /// Reads `keys`, lets `decide(Items&)` write what is to change, and stores it; answers what `decide` answered.
  ///
  /// The sidecar answers a failed ETag like an outage, so after a failure everything is read again. An item that moved
  /// means that somebody else was faster, or that the change was carried out and its answer lost: `decide` is asked
  /// again, with what is there now, and must recognise a change of its own (`Writes`). If nothing moved, it is tried
  /// again after a moment, as DynamoDB also cancels transactions that meet; then it is an outage, and the failure is
  /// thrown.
  template <class Decide>
  Task<std::invoke_result_t<Decide&, Items&>> change(std::vector<std::string> keys, Decide decide) {
    auto found = co_await store_.get_all(keys);
    Items items(keys, std::move(found));
    for (int unmoved = 0;;) {
      auto result = decide(items);
      auto changes = items.changes();
      if (changes.empty()) co_return result;
      std::optional<SidecarError> failure;
      try {
        co_await store_.transact(std::move(changes));
      } catch (const SidecarError& error) {
        failure = error;
      }
      if (!failure) co_return result;
      found = co_await store_.get_all(keys);
      Items now(keys, std::move(found));
      if (!items.moved(now)) {
        if (is_over(*failure, ++unmoved)) throw *failure;
        const auto moment = moment_before(unmoved);
        co_await pause_(moment);
        found = co_await store_.get_all(keys);
        now = Items(keys, std::move(found));
      }
      items = std::move(now);
    }
  }

 private:
  static bool is_over(const SidecarError& failure, int unmoved);
  static Duration moment_before(int attempt);

  StateStore& store_;
  Pause pause_;
};

}  // namespace actors::records
