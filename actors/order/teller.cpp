#include "actors/order/teller.hpp"

#include <algorithm>
#include <iterator>

namespace shop::order {

Teller::Teller(std::string name, Send send, Spawn spawn, Now now)
    : name_(std::move(name)),
      send_(std::move(send)),
      spawn_(std::move(spawn)),
      now_(std::move(now)),
      last_tick_(now_()) {}

std::optional<TellerTerm> Teller::watch(const OrderId& order, const std::string& watcher, std::int64_t version) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return std::nullopt;
  if (const auto [known, is_new] = watchers_.try_emplace(watcher); is_new)
    known->second.heard = known->second.told = now_();
  orders_[order][watcher] = {version, ++notes_};
  return TellerTerm{name_, term_};
}

void Teller::changed(const OrderId& order, std::int64_t version, const EventsAfter& events) {
  Outgoing outgoing;
  {
    const std::lock_guard lock(mutex_);
    const auto found = orders_.find(order);
    if (found == orders_.end()) return;
    auto known = version;
    for (const auto& [_, noted] : found->second) known = std::min(known, noted.version);
    if (known == version) return;
    const auto news = events(known);
    for (auto& [name, noted] : found->second) {
      auto& watcher = watchers_.at(name);
      for (const auto& event : news)
        if (event.version > noted.version) watcher.next.events.push_back({order, event});
      noted.version = version;
      take(name, watcher, outgoing);
    }
    if (!news.empty() && news.back().last) orders_.erase(found);
  }
  send_all(std::move(outgoing));
}

void Teller::left(const OrderId& order) {
  Outgoing outgoing;
  {
    const std::lock_guard lock(mutex_);
    const auto found = orders_.find(order);
    if (found == orders_.end()) return;
    for (const auto& [name, _] : found->second) {
      auto& watcher = watchers_.at(name);
      watcher.next.left.push_back(order);
      take(name, watcher, outgoing);
    }
    orders_.erase(found);
  }
  send_all(std::move(outgoing));
}

void Teller::tick() {
  Outgoing outgoing;
  {
    const std::lock_guard lock(mutex_);
    const auto now = now_();
    if (now - std::exchange(last_tick_, now) > stillness) forget_all(outgoing);
    for (auto& [name, watcher] : watchers_)
      if (!watcher.next.events.empty() || !watcher.next.left.empty() || now - watcher.told >= beat)
        take(name, watcher, outgoing);
  }
  send_all(std::move(outgoing));
}

void Teller::stop() {
  Outgoing outgoing;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    forget_all(outgoing);
  }
  send_all(std::move(outgoing));
}

/// What is new to the watcher is on its way from now on, unless something is already.
void Teller::take(const std::string& name, Watcher& watcher, Outgoing& outgoing) {
  if (watcher.sending) return;
  watcher.sending = true;
  watcher.term = term_;
  watcher.told = now_();
  watcher.next.teller = {name_, term_};
  outgoing.emplace_back(name, std::exchange(watcher.next, {}));
}

void Teller::forget(const std::string& name) {
  for (auto order = orders_.begin(); order != orders_.end();) {
    order->second.erase(name);
    order = order->second.empty() ? orders_.erase(order) : std::next(order);
  }
  watchers_.erase(name);
}

/// The next message shows each watcher another term.
void Teller::forget_all(Outgoing& outgoing) {
  ++term_;
  orders_.clear();
  for (auto& [name, watcher] : watchers_) take(name, watcher, outgoing);
}

void Teller::send_all(Outgoing outgoing) {
  std::int64_t notes = 0;
  {
    const std::lock_guard lock(mutex_);
    notes = notes_;
  }
  for (auto& [name, news] : outgoing) spawn_(send(std::move(name), std::move(news), notes));
}

actors::Task<void> Teller::send(std::string name, WatchNews news, std::int64_t notes) {
  std::optional<Heard> heard;
  try {
    auto pending = send_(name, news);
    heard = co_await std::move(pending);
  } catch (const std::exception&) {
    heard.reset();  // tried again with the next tick
  }
  Outgoing outgoing;
  {
    const std::lock_guard lock(mutex_);
    const auto found = watchers_.find(name);
    if (found == watchers_.end()) co_return;
    auto& watcher = found->second;
    watcher.sending = false;
    if (heard) {
      watcher.heard = now_();
      for (const auto& order : heard->unwatched) {
        const auto watched = orders_.find(order);
        if (watched == orders_.end()) continue;
        // A note that was made while the message was on its way is not what it answers.
        const auto noted = watched->second.find(name);
        if (noted != watched->second.end() && noted->second.number <= notes) watched->second.erase(noted);
        if (watched->second.empty()) orders_.erase(watched);
      }
      const auto is_noted = [&] {
        return std::any_of(orders_.begin(), orders_.end(),
                           [&](const auto& each) { return each.second.contains(name); });
      };
      if (!watcher.next.events.empty() || !watcher.next.left.empty() || watcher.term != term_)
        take(name, watcher, outgoing);
      else if (news.events.empty() && news.left.empty() && !is_noted())
        watchers_.erase(found);
    } else if (now_() - watcher.heard > patience) {
      forget(name);
    } else {
      auto& next = watcher.next;
      next.events.insert(next.events.begin(), std::make_move_iterator(news.events.begin()),
                         std::make_move_iterator(news.events.end()));
      next.left.insert(next.left.begin(), news.left.begin(), news.left.end());
    }
  }
  send_all(std::move(outgoing));
}

}  // namespace shop::order
