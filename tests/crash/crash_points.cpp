#include "tests/crash/crash_points.hpp"

#include <dapr/actors/testing/effect_points.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <mutex>

namespace shop::crash {
namespace {

using actors::testing::Moment;
using actors::testing::Point;

class Order {
 public:
  explicit Order(const std::string& folder)
      : armed_(folder + "/armed"),
        fired_(folder + "/fired"),
        effects_(::open((folder + "/effects").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)) {}

  /// At every point, on whatever thread.
  void reached(const Point& point) {
    const std::lock_guard lock(mutex_);
    const bool is_answer = point.effect.find(" answer ") != std::string::npos;
    if (point.moment == Moment::After || is_answer) {
      const auto line = point.effect + "\t" + point.subject + "\n";
      if (::write(effects_, line.data(), line.size()) < 0) std::cerr << "an effect was not recorded" << std::endl;
    }
    if (draining_) {
      if (point.effect == effect_ && (point.moment == Moment::After || is_answer)) die();
      return;
    }
    if (!read() || point.effect != effect_) return;
    if (moment_ == "drain") {
      if (point.moment != Moment::Before || ++count_ != number_) return;
      drain();
      if (is_answer) die();
    } else if ((point.moment == Moment::Before) == (moment_ == "before") && ++count_ == number_) {
      die();
    }
  }

 private:
  /// What is armed now; the count begins anew with every arming.
  bool read() {
    struct stat now {};
    if (::stat(armed_.c_str(), &now) != 0) return false;
    if (now.st_ino == inode_ && now.st_mtim.tv_nsec == changed_) return true;
    inode_ = now.st_ino;
    changed_ = now.st_mtim.tv_nsec;
    count_ = 0;
    std::ifstream in(armed_);
    std::getline(in, moment_, '\t');
    in >> number_;
    in.ignore();
    std::getline(in, effect_);
    return true;
  }
  /// Told to end, and the main thread has taken it. What is no part of a turn in hand may be left undone then.
  void drain() {
    draining_ = true;
    std::rename(armed_.c_str(), fired_.c_str());
    ::kill(::getpid(), SIGTERM);
    for (sigset_t pending; ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGTERM) == 1;) ::usleep(100);
  }
  [[noreturn]] void die() {
    std::rename(armed_.c_str(), fired_.c_str());
    actors::testing::end_process();
  }

  const std::string armed_, fired_;
  const int effects_;
  std::mutex mutex_;
  ino_t inode_ = 0;
  long changed_ = 0;
  std::string moment_, effect_;
  int number_ = 0;
  int count_ = 0;
  bool draining_ = false;
};

}  // namespace

int run_with_points(int (*run)(services::Substitutes)) {
  services::Environment environment;
  const auto folder = environment.text("CRASH_FOLDER");
  const auto speed = static_cast<int>(environment.integer("CRASH_SPEED", 1, 100, 1));
  const auto epoch = environment.integer("CRASH_EPOCH", 0, std::numeric_limits<std::int64_t>::max(), 0);
  try {
    environment.check();
  } catch (const services::SettingsError& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
  Order order(folder);
  actors::testing::EffectPoints points([&order](const Point& point) { order.reached(point); }, speed);
  const actors::testing::QuickClock clock(actors::Time(actors::Duration(epoch)), speed);
  return run({&points, &clock});
}

}  // namespace shop::crash
