/// Bytes that have come and are not read yet: the first of them in memory, the rest in a file without a name, which is
/// gone with the process. Internal to the streams; for one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shop::services {

class Spool {
 public:
  static constexpr std::size_t most_in_memory = 256 * 1024;

  /// `folder`: of the file, which is made when it is needed; empty: the system's folder for temporary files.
  explicit Spool(std::string folder) : folder_(std::move(folder)) {}
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// False when the disk has no room, or cannot be written.
  bool put(std::string_view bytes);
  /// The next bytes, at most `most`; empty when there are none. Throws std::system_error if the file cannot be read.
  std::string take(std::size_t most);
  bool empty() const { return memory_.empty() && written_ == read_; }
  void clear();

 private:
  bool open();
  std::string folder_;
  std::string memory_;
  int file_ = -1;
  std::uint64_t written_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace shop::services
