#include "services/product/import.hpp"

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "services/common/log.hpp"
#include "services/common/problem.hpp"
#include "services/product/import_lines.hpp"

namespace shop::product {

using actors::Completion;
using actors::Task;
using services::BodyEnd;
using services::Stream;

namespace {

using namespace std::chrono_literals;

/// A store that does not answer is asked again after these pauses; an outage that is over sooner costs no line.
constexpr std::array<std::chrono::milliseconds, 6> pauses{250ms, 500ms, 1000ms, 2000ms, 4000ms, 8000ms};

std::string answer_line(std::size_t number, const std::optional<std::string>& id, std::string_view status,
                        const std::vector<actors::json::Problem>& errors = {}) {
  actors::json::Writer writer;
  const auto text = [&](const char* name, std::string_view value) {
    writer.key(name);
    writer.string(value);
  };
  writer.start_object();
  writer.key("line");
  writer.unsigned_integer(number);
  if (id) text("id", *id);
  text("status", status);
  if (!errors.empty()) {
    writer.key("errors");
    writer.start_array();
    for (const auto& error : errors) {
      writer.start_object();
      text("pointer", error.pointer);
      text("detail", error.detail);
      writer.end_object();
    }
    writer.end_array();
  }
  writer.end_object();
  return writer.text() + '\n';
}

std::string refused_line(std::size_t number, const std::optional<std::string>& id, std::string detail) {
  return answer_line(number, id, "refused", {{"", std::move(detail)}});
}

std::string_view name_of(Imported::Status status) {
  switch (status) {
    case Imported::Status::Created: return "created";
    case Imported::Status::Replaced: return "replaced";
    case Imported::Status::Unchanged: return "unchanged";
  }
  return {};
}

/// The lines in hand, in their order. Whoever reads waits for room, whoever writes for the answer of the first. Neither
/// is resumed with the lock held.
class Window {
 public:
  struct Slot {
    std::optional<std::string> answer;
  };

  /// Waits until there is room for one more.
  Task<void> room() {
    return actors::suspend<void>([this](Completion<void> done) {
      {
        const std::lock_guard lock(mutex_);
        if (slots_.size() >= lines_in_hand && !abandoned_) {
          reader_ = done;
          return;
        }
      }
      done();
    });
  }
  std::shared_ptr<Slot> add() {
    const std::lock_guard lock(mutex_);
    return slots_.emplace_back(std::make_shared<Slot>());
  }
  void answer(Slot& slot, std::string line) {
    std::optional<Completion<void>> writer;
    {
      const std::lock_guard lock(mutex_);
      slot.answer = std::move(line);
      if (slots_.front()->answer) writer = std::exchange(writer_, std::nullopt);
    }
    if (writer) (*writer)();
  }
  /// No more is added.
  void close() {
    std::optional<Completion<void>> writer;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      if (slots_.empty()) writer = std::exchange(writer_, std::nullopt);
    }
    if (writer) (*writer)();
  }

  /// Waits until the first line is answered, or no more comes.
  Task<void> first_answered() {
    return actors::suspend<void>([this](Completion<void> done) {
      {
        const std::lock_guard lock(mutex_);
        if (slots_.empty() ? !closed_ : !slots_.front()->answer) {
          writer_ = done;
          return;
        }
      }
      done();
    });
  }
  /// The answers at the beginning; empty at the end.
  std::string take() {
    std::string lines;
    std::optional<Completion<void>> reader;
    {
      const std::lock_guard lock(mutex_);
      for (; !slots_.empty() && slots_.front()->answer; slots_.pop_front()) lines += *slots_.front()->answer;
      if (slots_.size() < lines_in_hand) reader = std::exchange(reader_, std::nullopt);
    }
    if (reader) (*reader)();
    return lines;
  }
  /// Nobody takes answers any more: what is in hand is finished, and nothing is begun.
  void abandon() {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  bool abandoned() {
    const std::lock_guard lock(mutex_);
    return abandoned_;
  }

 private:
  std::mutex mutex_;
  std::deque<std::shared_ptr<Slot>> slots_;
  std::optional<Completion<void>> reader_, writer_;
  bool closed_ = false;
  bool abandoned_ = false;
};

/// Lets in one line of a product at a time, in the order in which they come. `leave` is never called with the lock
/// held.
class Turns {
 public:
  /// Holds its turn while it lives.
  struct Hold {
    Hold(Turns& of, std::string id) : turns(of), key(std::move(id)) {}
    Hold(const Hold&) = delete;
    ~Hold() { turns.leave(key); }
    Turns& turns;
    const std::string key;
  };
  /// Whoever is let in makes a `Hold`.
  Task<void> enter(std::string key) {
    return actors::suspend<void>([this, key = std::move(key)](Completion<void> done) {
      {
        const std::lock_guard lock(mutex_);
        const auto [at, first] = waiting_.try_emplace(key);
        if (!first) {
          at->second.push_back(done);
          return;
        }
      }
      done();
    });
  }

 private:
  void leave(const std::string& key) {
    std::optional<Completion<void>> next;
    {
      const std::lock_guard lock(mutex_);
      const auto at = waiting_.find(key);
      if (at->second.empty()) {
        waiting_.erase(at);
      } else {
        next = at->second.front();
        at->second.pop_front();
      }
    }
    if (next) (*next)();
  }
  std::mutex mutex_;
  std::map<std::string, std::deque<Completion<void>>> waiting_;  ///< behind the one that is in
};

/// One import; kept by what works on it.
struct Import : std::enable_shared_from_this<Import> {
  Import(std::shared_ptr<Stream> from, std::unique_ptr<ImportReader> lines, const ImportOne& one, const Pause& wait)
      : stream(std::move(from)), reader(std::move(lines)), import_one(one), pause(wait) {}

  Task<void> run();
  Task<BodyEnd> take_piece();
  Task<void> read(BodyEnd end);
  Task<void> write();
  void begin(ImportLine line);
  Task<std::string> answer(ImportLine line);

  const std::shared_ptr<Stream> stream;
  const std::unique_ptr<ImportReader> reader;
  const ImportOne& import_one;
  const Pause& pause;
  Turns turns;  ///< two lines of one product are done in their order
  Window window;
};

/// Why the file was not read to its end; empty if it was.
std::string why(BodyEnd end) {
  switch (end) {
    case BodyEnd::NotYet:
    case BodyEnd::Complete: return {};
    case BodyEnd::CutOff: return "The request ended before the file did.";
    case BodyEnd::TooLong:
      return "An import may have up to " + std::to_string(most_import / 1024 / 1024) +
             " MiB: send the rest in another one.";
    case BodyEnd::Idle: return "The rest of the file did not arrive in time.";
    case BodyEnd::NoRoom: return "The server has no room to keep what it has not imported yet.";
    case BodyEnd::Stopping: return "This server is shutting down.";
  }
  return {};
}

/// Hands the next piece of the body to the reader; answers how the body ended, if it has.
Task<BodyEnd> Import::take_piece() {
  const auto piece = co_await stream->read();
  if (piece.end == BodyEnd::NotYet)
    reader->put(piece.bytes);
  else
    reader->finish(piece.end == BodyEnd::Complete);
  co_return piece.end;
}

/// Until the reader has read its header, if it has one: what is wrong with that is the answer to the request.
Task<void> Import::run() {
  auto end = BodyEnd::NotYet;
  std::optional<ImportLine> first;
  while (end == BodyEnd::NotYet && !first) {
    end = co_await take_piece();
    first = reader->next();
    if (reader->is_ready()) break;
  }
  stream->begin({200, {}, "application/x-ndjson", {{"Cache-Control", "no-store"}}});
  // The two sides at once: answers leave while the rest is read.
  if (first) begin(*std::move(first));
  std::vector<Task<int>> both;
  const auto counted = [](Task<void> side) -> Task<int> {
    co_await std::move(side);
    co_return 0;
  };
  both.push_back(counted(read(end)));
  both.push_back(counted(write()));
  co_await actors::when_all(std::move(both));
}

Task<void> Import::read(BodyEnd end) {
  std::exception_ptr error;
  try {
    for (;;) {
      while (auto line = reader->next()) {
        co_await window.room();
        if (window.abandoned()) break;
        begin(*std::move(line));
      }
      if (end != BodyEnd::NotYet || window.abandoned()) break;
      end = co_await take_piece();
    }
    if (const auto reason = why(end); !reason.empty() && !window.abandoned()) {
      co_await window.room();
      const auto last = window.add();
      window.answer(
          *last,
          refused_line(reader->line_number(), std::nullopt,
                       reason + " From this line on nothing was imported; what was answered before stands, and the "
                                "same import again goes on."));
    }
  } catch (...) {
    error = std::current_exception();
  }
  window.close();
  if (error) std::rethrow_exception(error);
}

Task<void> Import::write() {
  for (;;) {
    co_await window.first_answered();
    auto lines = window.take();
    if (lines.empty()) co_return;
    const bool heard = window.abandoned() || co_await stream->write(std::move(lines));
    if (!heard) window.abandon();
  }
}

void Import::begin(ImportLine line) {
  const auto slot = window.add();
  const auto number = line.number;
  auto id = line.id;
  actors::spawn(answer(std::move(line)), [self = shared_from_this(), slot, number,
                                          id = std::move(id)](actors::Outcome<std::string> outcome) {
    if (!outcome.failed()) return self->window.answer(*slot, std::move(outcome.get()));
    std::string what = "something that is no std::exception";
    try {
      outcome.get();
    } catch (const std::exception& error) {
      what = error.what();
    } catch (...) {
    }
    services::log::warning("an import's line failed", {{"line", number}, {"error", what}});
    self->window.answer(*slot,
                        refused_line(number, id, "The line failed for a reason nobody foresaw; it has been logged."));
  });
}

Task<std::string> Import::answer(ImportLine line) {
  if (!line.product) co_return answer_line(line.number, line.id, "refused", line.problems);
  auto id = *line.id;
  co_await turns.enter(std::move(id));
  const Turns::Hold hold(turns, *line.id);
  const auto request_name = actors::random_id();
  for (std::size_t attempt = 0;; ++attempt) {
    bool unavailable = false;
    try {
      auto product = *line.product;
      auto trace = stream->request().origin().trace;
      auto request = request_name;
      const auto imported = co_await import_one(std::move(product), std::move(trace), std::move(request));
      if (!imported) co_return refused_line(line.number, line.id, imported.error().message);
      co_return answer_line(line.number, imported->id.value, name_of(imported->status));
    } catch (const actors::SidecarError&) {
      unavailable = true;
    }
    if (!unavailable || attempt == pauses.size() || stream->stopping() || stream->gone()) break;
    co_await pause(pauses[attempt]);
  }
  co_return refused_line(line.number, line.id,
                         "The store does not answer, so whether this line was imported is not known. Import it again.");
}

std::unique_ptr<ImportReader> reader_for(const services::Request& request) {
  const auto encoding = request.header("Content-Encoding");
  if (encoding && *encoding != "identity")
    throw services::ProblemError(415, "", "An import must not be compressed (Content-Encoding).");
  auto type = request.header("Content-Type").value_or("");
  for (char& c : type)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  const auto semicolon = type.find(';');
  auto media = type.substr(0, semicolon);
  media.erase(media.find_last_not_of(" \t") + 1);
  const auto charset = type.find("charset=");
  const bool is_utf8 = charset == std::string::npos || type.find("utf-8", charset) == charset + 8 ||
                       type.find("\"utf-8\"", charset) == charset + 8 || type.find("us-ascii", charset) == charset + 8;
  if (is_utf8 && media == "application/x-ndjson") return read_ndjson();
  if (is_utf8 && media == "text/csv") return read_csv();
  throw services::ProblemError(415, "", "An import must be application/x-ndjson or text/csv, in UTF-8.");
}

Task<void> import(const ImportOne& import_one, const Pause& pause, std::shared_ptr<Stream> stream) {
  auto reader = reader_for(stream->request());
  const auto import = std::make_shared<Import>(std::move(stream), std::move(reader), import_one, pause);
  co_await import->run();
}

}  // namespace

void add_import(services::Streams& streams, ImportOne import_one, Pause pause) {
  streams.route("POST", "/products/import", services::Access::Admin, {most_import},
                [import_one = std::move(import_one), pause = std::move(pause)](std::shared_ptr<Stream> stream) {
                  return import(import_one, pause, std::move(stream));
                });
}

}  // namespace shop::product
