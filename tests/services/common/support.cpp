#include "tests/services/common/support.hpp"

#include <arpa/inet.h>
#include <openssl/hmac.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace shop::services::testing {

ThreadRunner::ThreadRunner()
    : thread_([this] {
        std::unique_lock lock(mutex_);
        for (;;) {
          changed_.wait(lock, [this] { return ending_ || !work_.empty(); });
          if (work_.empty()) return;
          auto next = std::move(work_.front());
          work_.pop_front();
          lock.unlock();
          next();
          lock.lock();
        }
      }) {}

ThreadRunner::~ThreadRunner() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ThreadRunner::post(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  changed_.notify_all();
}

Connection::Connection(unsigned short port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{10, 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect");
}

Connection::~Connection() {
  ::close(socket_);
}

void Connection::send(const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const auto count = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;  // the answer says why
    sent += static_cast<std::size_t>(count);
  }
}

bool Connection::more() {
  char buffer[16384];
  const auto count = ::recv(socket_, buffer, sizeof buffer, 0);
  if (count <= 0) return false;
  pending_.append(buffer, static_cast<std::size_t>(count));
  return true;
}

std::optional<std::string> Connection::read_some() {
  if (pending_.empty() && !more()) return std::nullopt;
  return std::exchange(pending_, {});
}

void Connection::finish() {
  ::shutdown(socket_, SHUT_WR);
}

std::optional<Answer> Connection::read(bool bodiless) {
  std::size_t end = 0;
  while ((end = pending_.find("\r\n\r\n")) == std::string::npos)
    if (!more()) return std::nullopt;
  Answer answer;
  answer.status = std::stoi(pending_.substr(pending_.find(' ') + 1, 3));
  for (std::size_t at = pending_.find("\r\n") + 2; at < end + 2;) {
    const auto line_end = pending_.find("\r\n", at);
    const auto colon = pending_.find(':', at);
    auto name = pending_.substr(at, colon - at);
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    if (!answer.headers.emplace(name, pending_.substr(colon + 2, line_end - colon - 2)).second)
      throw std::runtime_error("twice in one answer: " + name);
    at = line_end + 2;
  }
  pending_.erase(0, end + 4);
  const auto length = answer.headers.find("content-length");
  if (bodiless || length == answer.headers.end()) return answer;
  const auto size = static_cast<std::size_t>(std::stoul(length->second));
  while (pending_.size() < size)
    if (!more()) return std::nullopt;
  answer.body = pending_.substr(0, size);
  pending_.erase(0, size);
  return answer;
}

Answer ask(unsigned short port, const std::string& verb, const std::string& target,
           const std::vector<std::string>& headers, const std::string& body) {
  Connection connection(port);
  std::string request = verb + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  for (const auto& header : headers) request += header + "\r\n";
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  connection.send(request + "\r\n" + body);
  auto answer = connection.read(verb == "HEAD");
  if (!answer) throw std::runtime_error("no answer to " + verb + " " + target);
  return *answer;
}

namespace {
std::string base64url(const std::string& bytes) {
  static const char* alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned buffer = 0;
  int bits = 0;
  for (const unsigned char byte : bytes) {
    buffer = buffer << 8 | byte;
    for (bits += 8; bits >= 6;) {
      bits -= 6;
      text += alphabet[buffer >> bits & 63];
    }
  }
  if (bits > 0) text += alphabet[buffer << (6 - bits) & 63];
  return text;
}
}  // namespace

std::string signed_token(const std::string& header, const std::string& claims, const std::string& with, int bits) {
  const auto text = base64url(header) + "." + base64url(claims);
  if (bits == 0) return text + ".";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(bits == 512 ? EVP_sha512() : EVP_sha256(), with.data(), static_cast<int>(with.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return text + "." + base64url(std::string(reinterpret_cast<char*>(digest), size));
}

std::string token(const std::string& sub, const std::string& role) {
  return signed_token(R"({"alg":"HS256","typ":"JWT"})",
                      R"({"sub":")" + sub + R"(","role":")" + role + R"(","exp":4102444800})");
}

CapturedLog::CapturedLog(log::Level level) {
  log::start("test-service", level, [shared = shared_](std::string_view line) {
    std::lock_guard lock(shared->mutex);
    shared->lines.emplace_back(line);
  });
}
CapturedLog::~CapturedLog() {
  log::start("test-service", log::Level::Error, [](std::string_view) {});
}
std::vector<std::string> CapturedLog::lines() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->lines;
}

}  // namespace shop::services::testing
