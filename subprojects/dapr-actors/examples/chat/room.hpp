// A chat room: a history that grows without a bound, somebody who is muted for a while, a timer that notices silence,
// and an event for each of it.
#pragma once

#include <dapr/actors/actor.hpp>

#include <algorithm>

namespace chat {

namespace actors = dapr::actors;
namespace json = dapr::actors::json;

// --- what is said to a room, and what it answers

struct Post {
  std::string author;
  std::string text;
  DAPR_ACTORS_JSON(author, text)
};

struct Mute {
  std::string author;
  std::int64_t seconds = 0;
  DAPR_ACTORS_JSON(author, seconds)
};

struct Line {
  std::int64_t number = 0;  ///< from 1
  std::string author;
  std::string text;
  actors::Time at;
  bool operator==(const Line&) const = default;
  DAPR_ACTORS_JSON(number, author, text, at)
};

/// Has something told later. The same name again replaces it.
struct Announce {
  std::string name;
  std::string text;
  std::int64_t seconds = 0;
  DAPR_ACTORS_JSON(name, text, seconds)
};
struct Announcement {
  std::string text;
  DAPR_ACTORS_JSON(text)
};

/// The details of the refusal `muted`.
struct Muted {
  actors::Time until;
  DAPR_ACTORS_JSON(until)
};

/// Asks for the page that holds a line.
struct Look {
  std::int64_t number = 0;
  DAPR_ACTORS_JSON(number)
};

// --- what a room tells others

struct Posted {
  static constexpr actors::EventType event_type{"chat.posted", "chat-events"};
  std::string room;
  Line line;
  DAPR_ACTORS_JSON(room, line)
};

struct Unmuted {
  static constexpr actors::EventType event_type{"chat.unmuted", "chat-events"};
  std::string room;
  std::string author;
  DAPR_ACTORS_JSON(room, author)
};

struct Announced {
  static constexpr actors::EventType event_type{"chat.announced", "chat-events"};
  std::string room;
  std::string text;
  DAPR_ACTORS_JSON(room, text)
};

struct FellSilent {
  static constexpr actors::EventType event_type{"chat.fell_silent", "chat-events"};
  std::string room;
  std::int64_t lines = 0;
  DAPR_ACTORS_JSON(room, lines)
};

// --- the room

/// Small, since it is written with every turn: the lines themselves are in pages, each a key of the actor's own.
struct RoomState {
  std::int64_t lines = 0;
  std::map<std::string, actors::Time> muted;  ///< until when
  bool operator==(const RoomState&) const = default;
  DAPR_ACTORS_JSON(lines, muted)
};

class Room final : public actors::Actor<RoomState> {
 public:
  static constexpr std::int64_t lines_a_page = 50;
  static constexpr auto silence = std::chrono::minutes(5);

  actors::Task<actors::Result<Line>> post(Post command) {
    if (command.text.empty())
      co_return actors::refuse(actors::Reason::Unprocessable, "no_text", "write something to post");
    const auto& room = std::as_const(*this).state();
    if (const auto muted = room.muted.find(command.author); muted != room.muted.end() && now() < muted->second)
      co_return actors::refuse_with(actors::Reason::Forbidden, "muted", command.author + " is muted in this room",
                                    Muted{muted->second});
    const Line line{room.lines + 1, command.author, command.text, now()};
    auto page = co_await page_of(line.number);
    page.push_back(line);
    write(key_of(line.number), page);
    state().lines = line.number;
    publish(Posted{id(), line});
    start_timer<&Room::fall_silent>(silence);  // again, if it runs already
    co_return line;
  }

  actors::Task<std::vector<Line>> page(Look at) const { return page_of(at.number); }

  actors::Result<void> mute(const Mute& command) {
    if (command.seconds <= 0)
      return actors::refuse(actors::Reason::Unprocessable, "no_time", "say for how many seconds, at least one");
    state().muted[command.author] = now() + std::chrono::seconds(command.seconds);
    return {};
  }

  void announce_later(const Announce& command) {
    remind_as<&Room::announce>(command.name, std::chrono::seconds(command.seconds), {}, command.text);
  }
  void call_off(const std::string& name) { forget_as<&Room::announce>(name); }
  void announce(const Announcement& announcement) { publish(Announced{id(), announcement.text}); }

  /// A timer is lost with its sidecar, and a room that then says nothing of its silence is none the worse. What must
  /// happen is `due`.
  void fall_silent() { publish(FellSilent{id(), state().lines}); }

  std::optional<actors::Time> due() const override {
    std::optional<actors::Time> first;
    for (const auto& [_, until] : state().muted) first = std::min(first.value_or(until), until);
    return first;
  }

  actors::Task<void> tend() override {
    std::erase_if(state().muted, [this](const auto& muted) {
      if (now() < muted.second) return false;
      publish(Unmuted{id(), muted.first});
      return true;
    });
    co_return;
  }

 private:
  static std::string key_of(std::int64_t number) { return "page/" + std::to_string((number - 1) / lines_a_page); }

  actors::Task<std::vector<Line>> page_of(std::int64_t number) const {
    auto page = co_await read<std::vector<Line>>(key_of(number));
    co_return page ? std::move(*page) : std::vector<Line>{};
  }
};

}  // namespace chat

template <>
struct dapr::actors::Describe<chat::Room> {
  static constexpr auto table = dapr::actors::type<chat::Room>("Room")
                                    .method<&chat::Room::post>("Post")
                                    .method<&chat::Room::page>("Page")
                                    .method<&chat::Room::mute>("Mute")
                                    .method<&chat::Room::announce_later>("AnnounceLater")
                                    .method<&chat::Room::call_off>("CallOff")
                                    .reminder<&chat::Room::announce>("announce")
                                    .timer<&chat::Room::fall_silent>("fall-silent");
};
