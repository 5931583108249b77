/// The bytes of a connection that have come in and are not parsed yet. Fixed in size: what does not fit a message's
/// head is handed on as it comes. Internal to the library.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>

namespace dapr::actors::http {

class ReadBuffer {
 public:
  static constexpr std::size_t capacity = 16 * 1024;

  const char* data() const { return bytes_.get() + begin_; }
  std::size_t size() const { return end_ - begin_; }
  void consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  /// Room for the next read; not to be moved (`make_room`) while that read is pending.
  char* room() { return bytes_.get() + end_; }
  std::size_t room_size() const { return capacity - end_; }
  void commit(std::size_t count) { end_ += count; }
  void make_room() {
    if (begin_ == 0) return;
    std::memmove(bytes_.get(), bytes_.get() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }

 private:
  std::unique_ptr<char[]> bytes_{new char[capacity]};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace dapr::actors::http
