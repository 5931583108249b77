#include "services/common/spool.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace shop::services {

Spool::~Spool() {
  if (file_ >= 0) ::close(file_);
}

bool Spool::open() {
  if (file_ >= 0) return true;
  std::error_code error;
  const auto folder = folder_.empty() ? std::filesystem::temp_directory_path(error) : std::filesystem::path(folder_);
  if (error) return false;
  file_ = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file_ < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {  // not every file system knows these
    auto name = (folder / "stream-XXXXXX").string();
    file_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (file_ >= 0) ::unlink(name.c_str());
  }
  return file_ >= 0;
}

bool Spool::put(std::string_view bytes) {
  if (written_ == read_ && memory_.size() + bytes.size() <= most_in_memory) {
    memory_ += bytes;
    return true;
  }
  if (!open()) return false;
  while (!bytes.empty()) {
    const auto count = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(written_));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    written_ += static_cast<std::uint64_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string Spool::take(std::size_t most) {
  if (!memory_.empty()) {
    auto taken = memory_.substr(0, most);
    memory_.erase(0, taken.size());
    return taken;
  }
  std::string taken(static_cast<std::size_t>(std::min<std::uint64_t>(most, written_ - read_)), '\0');
  for (std::size_t got = 0; got < taken.size();) {
    const auto count = ::pread(file_, taken.data() + got, taken.size() - got, static_cast<off_t>(read_));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0)
      throw std::system_error(count < 0 ? errno : EIO, std::generic_category(), "cannot read what was put by");
    read_ += static_cast<std::uint64_t>(count);
    got += static_cast<std::size_t>(count);
  }
  if (read_ == written_) clear();
  return taken;
}

void Spool::clear() {
  memory_.clear();
  if (written_ > 0 && ::ftruncate(file_, 0) != 0) ::close(std::exchange(file_, -1));
  written_ = read_ = 0;
}

}  // namespace shop::services
