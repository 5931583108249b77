#include "actors/order/feed.hpp"

#include <algorithm>
#include <utility>

namespace shop::order {

using actors::Result;
using actors::Task;

/// An order that has readers here.
struct Feed::Followed {
  explicit Followed(OrderId order) : id(std::move(order)) {}
  const OrderId id;
  Party party;                       ///< of somebody who may see it
  std::int64_t newest = -1;          ///< version; -1: not known yet
  bool last = false;                 ///< nothing can follow it
  std::deque<OrderEvent> events;     ///< up to the newest, without a gap, as far back as a reader needs them
  std::optional<TellerTerm> teller;  ///< who tells of what follows
  Time look_at = Time::max();
  bool looking = false;
  int in_vain = 0;  ///< looks since somebody told of it
  std::set<Reader*> readers;
};

Feed::Feed(std::string name, Look look, Post post, FeedSettings settings, Now now)
    : name_(std::move(name)),
      look_(std::move(look)),
      post_(std::move(post)),
      settings_(settings),
      now_(std::move(now)) {}

std::shared_ptr<Feed::Reader> Feed::open(OrderId order, Party party, std::optional<std::int64_t> after) {
  const std::lock_guard lock(mutex_);
  if (readers_ >= settings_.readers) return nullptr;
  auto& followed = orders_[order];
  if (!followed) followed = std::make_shared<Followed>(order);
  auto reader = std::make_shared<Reader>(*this, followed, std::move(party), after);
  reader->ended_ = stopped_;
  followed->readers.insert(reader.get());
  ++readers_;
  return reader;
}

void Feed::close(Reader& reader) {
  const std::lock_guard lock(mutex_);
  auto& followed = *reader.followed_;
  followed.readers.erase(&reader);
  --readers_;
  if (followed.readers.empty()) orders_.erase(followed.id);
}

std::size_t Feed::readers() const {
  const std::lock_guard lock(mutex_);
  return readers_;
}

Heard Feed::hear(const WatchNews& news) {
  Heard heard;
  Wakes wakes;
  {
    const std::lock_guard lock(mutex_);
    const auto now = now_();
    auto& told = tellers_[news.teller.name];
    told.at = now;
    if (std::exchange(told.term, news.teller.term) != news.teller.term)
      for (auto& [_, followed] : orders_)
        if (followed->teller && followed->teller->name == news.teller.name && *followed->teller != news.teller) {
          followed->teller.reset();
          look_at(*followed, now);
        }
    const auto find = [&](const OrderId& order) -> Followed* {
      const auto found = orders_.find(order);
      if (found != orders_.end()) return found->second.get();
      heard.unwatched.push_back(order);
      return nullptr;
    };
    for (const auto& [order, event] : news.events)
      if (auto* followed = find(order)) {
        note(*followed, event);
        wake(*followed, wakes);
      }
    for (const auto& order : news.left)
      if (auto* followed = find(order)) {
        // An order that was asked for again meanwhile, elsewhere, has another teller.
        if (followed->teller && followed->teller->name == news.teller.name) followed->teller.reset();
        look_at(*followed, now);
      }
  }
  resume(std::move(wakes));
  return heard;
}

void Feed::tick() {
  Wakes wakes;
  std::vector<std::shared_ptr<Followed>> due;
  {
    const std::lock_guard lock(mutex_);
    const auto now = now_();
    std::set<std::string> silent;
    for (auto teller = tellers_.begin(); teller != tellers_.end();) {
      if (now - teller->second.at <= settings_.silence) {
        ++teller;
        continue;
      }
      silent.insert(teller->first);
      teller = tellers_.erase(teller);
    }
    for (auto& [_, followed] : orders_) {
      if (followed->teller && silent.contains(followed->teller->name)) {
        followed->teller.reset();
        look_at(*followed, now);
      }
      if (followed->look_at <= now && !followed->looking && looks_ + due.size() < settings_.looks_at_once)
        due.push_back(followed);
      wake(*followed, wakes);
    }
    looks_ += due.size();
    for (const auto& followed : due) followed->looking = true;
  }
  resume(std::move(wakes));
  for (const auto& followed : due) start_look(followed);
}

void Feed::stop() {
  Wakes wakes;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (auto& [_, followed] : orders_) {
      for (auto* reader : followed->readers) reader->ended_ = true;
      wake(*followed, wakes);
    }
  }
  resume(std::move(wakes));
}

void Feed::note(Followed& followed, const OrderEvent& event) {
  if (event.version <= followed.newest) return;
  if (followed.newest >= 0 && event.version > followed.newest + 1) return look_at(followed, now_());
  followed.newest = event.version;
  followed.last = event.last;
  followed.events.push_back(event);
  if (followed.events.size() > settings_.kept) followed.events.pop_front();
  look_later(followed);
}

void Feed::settle(Followed& followed, const Watched& watched) {
  const auto before = followed.newest;
  if (before < 0) {
    followed.newest = watched.version;
    followed.last = watched.last;
    look_later(followed);
  } else {
    for (const auto& event : watched.events) note(followed, event);
  }
  followed.teller = watched.teller;
  if (const auto& teller = watched.teller) {
    const auto known = tellers_.try_emplace(teller->name, Told{teller->term, now_()}).first;
    if (known->second.term > teller->term) followed.teller.reset();  // it has forgotten since
  }
  if (followed.teller)
    followed.in_vain = 0;
  else
    look_again(followed);
  if (followed.newest < watched.version) look_at(followed, now_());  // the answer was to somebody who knew more
}

/// Orders whose streams were opened at once are not looked at at once.
void Feed::look_later(Followed& followed) {
  const auto share = static_cast<long>(std::hash<std::string>{}(followed.id.value) % 1024);
  look_at(followed, now_() + settings_.look * (1024 + share) / 2048);
}

/// Soon, and less soon each time.
void Feed::look_again(Followed& followed) {
  const auto wait = settings_.retry * (1 << std::min(followed.in_vain++, 4));
  look_at(followed, std::min(followed.look_at, now_() + wait));
}

void Feed::look_at(Followed& followed, Time when) {
  followed.look_at = followed.last ? Time::max() : when;
}

void Feed::start_look(const std::shared_ptr<Followed>& followed) {
  Watch request;
  {
    const std::lock_guard lock(mutex_);
    request.by = followed->party;
    if (followed->newest >= 0) request.after = followed->newest;
    request.watcher = name_;
    look_later(*followed);  // whatever comes of this one
  }
  actors::spawn(look(followed, std::move(request)), [](const actors::Outcome<void>&) {});
}

Task<void> Feed::look(std::shared_ptr<Followed> followed, Watch request) {
  std::optional<Result<Watched>> watched;
  try {
    auto pending = look_(followed->id, std::move(request));
    watched = co_await std::move(pending);
  } catch (const std::exception&) {
    watched.reset();
  }
  Wakes wakes;
  {
    const std::lock_guard lock(mutex_);
    followed->looking = false;
    --looks_;
    if (!watched)
      look_again(*followed);
    else if (*watched)
      settle(*followed, **watched);
    else
      for (auto* reader : followed->readers) reader->ended_ = true;
    wake(*followed, wakes);
  }
  resume(std::move(wakes));
}

/// Whoever has something to do now is to go on, once the mutex is free.
void Feed::wake(Followed& followed, Wakes& wakes) {
  for (auto* reader : followed.readers)
    if (reader->waiting_ && reader->ready() != Reader::Ready::No)
      wakes.push_back(*std::exchange(reader->waiting_, std::nullopt));
}

void Feed::resume(Wakes wakes) {
  for (const auto& done : wakes) post_([done] { done(); });
}

Feed::Reader::Reader(Feed& feed, std::shared_ptr<Followed> followed, Party party, std::optional<std::int64_t> after)
    : feed_(feed), followed_(std::move(followed)), party_(std::move(party)), after_(after) {}

Feed::Reader::~Reader() {
  feed_.close(*this);
}

Task<Result<std::vector<OrderEvent>>> Feed::Reader::first() {
  Watch request{party_, after_, feed_.name_};
  auto pending = feed_.look_(followed_->id, std::move(request));
  auto watched = co_await std::move(pending);
  if (!watched) co_return tl::unexpected(std::move(watched.error()));
  Wakes wakes;
  {
    const std::lock_guard lock(feed_.mutex_);
    has_ = watched->version;
    followed_->party = party_;
    feed_.settle(*followed_, *watched);
    quiet_at_ = feed_.now_() + feed_.settings_.quiet;
    feed_.wake(*followed_, wakes);
  }
  feed_.resume(std::move(wakes));
  co_return std::move(watched->events);
}

/// Under the mutex.
Feed::Reader::Ready Feed::Reader::ready() const {
  if (ended_) return Ready::End;
  if (has_ < followed_->newest) return Ready::News;
  if (followed_->last) return Ready::End;
  return feed_.now_() >= quiet_at_ ? Ready::Quiet : Ready::No;
}

/// Under the mutex.
Feed::Next Feed::Reader::take() {
  auto& events = followed_->events;
  quiet_at_ = feed_.now_() + feed_.settings_.quiet;
  switch (ready()) {
    case Ready::News: break;
    case Ready::End: return {Next::Kind::End};
    default: return {Next::Kind::Quiet};
  }
  if (events.empty() || events.front().version > has_ + 1) return {Next::Kind::End};
  Next next{Next::Kind::News};
  for (const auto& event : events)
    if (event.version > has_) next.events.push_back(event);
  has_ = followed_->newest;
  auto slowest = has_;
  for (const auto* reader : followed_->readers) slowest = std::min(slowest, reader->has_);
  while (!events.empty() && events.front().version <= slowest) events.pop_front();
  return next;
}

Task<Feed::Next> Feed::Reader::next() {
  const auto wait = [this](actors::Completion<void> done) {
    const std::lock_guard lock(feed_.mutex_);
    if (ready() == Ready::No)
      waiting_ = done;
    else
      feed_.post_([done] { done(); });
  };
  co_await actors::suspend<void>(wait);
  const std::lock_guard lock(feed_.mutex_);
  co_return take();
}

void Feed::Reader::end() {
  Wakes wakes;
  {
    const std::lock_guard lock(feed_.mutex_);
    ended_ = true;
    feed_.wake(*followed_, wakes);
  }
  feed_.resume(std::move(wakes));
}

bool Feed::Reader::complete() const {
  const std::lock_guard lock(feed_.mutex_);
  return followed_->last && has_ == followed_->newest;
}

}  // namespace shop::order
