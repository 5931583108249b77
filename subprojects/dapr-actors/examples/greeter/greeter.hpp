// The guide's example: an actor that greets a person, remembers how often, and tells others.
#pragma once

#include <dapr/actors/actor.hpp>

namespace actors = dapr::actors;

namespace guide {

// [state]
struct GreeterState {
  int greetings = 0;
  bool operator==(const GreeterState&) const = default;
  DAPR_ACTORS_JSON(greetings)
};

struct Greet {
  std::string name;
  DAPR_ACTORS_JSON(name)
};

struct Greeted {
  static constexpr actors::EventType event_type{"greeter.greeted", "greeter-events"};
  std::string name;
  DAPR_ACTORS_JSON(name)
};
// [state]

// [actor]
class Greeter final : public actors::Actor<GreeterState> {
 public:
  actors::Result<std::string> greet(const Greet& command) {
    if (command.name.empty()) return actors::refuse(actors::Reason::Unprocessable, "no_name", "tell whom to greet");
    state().greetings += 1;          // on a draft
    publish(Greeted{command.name});  // leaves after the commit
    remind<&Greeter::forget_everything>(std::chrono::hours(24));
    return "Hello, " + command.name + "!";
  }
  int greetings() const { return state().greetings; }  // const: a read
  void forget_everything() { state() = {}; }
};
// [actor]

}  // namespace guide

// [describe]
template <>
struct actors::Describe<guide::Greeter> {
  static constexpr auto table = actors::type<guide::Greeter>("Greeter")
                                    .method<&guide::Greeter::greet>("Greet")
                                    .method<&guide::Greeter::greetings>("Greetings")
                                    .reminder<&guide::Greeter::forget_everything>("forget-everything");
};
// [describe]
