/// Keeps the changes of one process out of each other's way: who changes the same items does so one after the other,
/// instead of failing on each other's ETags. Between processes the ETags decide.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "actors/runtime/task.hpp"

namespace actors::records {

/// Thread-safe. Whoever waits is let in in the order of arrival, as soon as none of its keys is taken.
class Lanes {
 public:
  /// Holds its keys while it lives.
  class Hold {
   public:
    Hold(Lanes& lanes, std::vector<std::string> keys) : lanes_(&lanes), keys_(std::move(keys)) {}
    Hold(Hold&& other) noexcept : lanes_(std::exchange(other.lanes_, nullptr)), keys_(std::move(other.keys_)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold() { release(); }
    void release();

   private:
    Lanes* lanes_;
    std::vector<std::string> keys_;
  };

  Task<Hold> enter(std::vector<std::string> keys);

 private:
  struct Waiting {
    std::vector<std::string> keys;
    Completion<void> enter;
  };
  bool taken(const std::vector<std::string>& keys) const;
  void leave(const std::vector<std::string>& keys);

  std::mutex mutex_;
  std::set<std::string> taken_;
  std::list<Waiting> waiting_;
};

}  // namespace actors::records
