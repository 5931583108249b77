// What does not compile, and the words it is refused with: `check.py` compiles this file and compares. Each line with
// `refused:` has exactly one error, with those words.
#include "dapr/actors/actor.hpp"
#include "dapr/actors/state_machine.hpp"

namespace actors = dapr::actors;

namespace refused {

struct Add {
  std::string product;
  int quantity = 0;
  DAPR_ACTORS_JSON(product, quantity)
};

struct State {
  int items = 0;
  bool operator==(const State&) const = default;
  DAPR_ACTORS_JSON(items)
};

class Cart final : public actors::Actor<State> {
 public:
  int add(const Add& command) { return state().items += command.quantity; }
  int items() const { return state().items; }
};

struct NotCompared {
  int items = 0;
  DAPR_ACTORS_JSON(items)
};
struct FirstForm {
  int items = 0;
  bool operator==(const FirstForm&) const = default;
  DAPR_ACTORS_JSON(items)
};
struct WithAGap : FirstForm {
  static constexpr int stored_form = 3;
  static WithAGap upcast(FirstForm older);
};
struct WithoutAStep : FirstForm {
  static constexpr int stored_form = 2;
};
struct WithoutANumber : FirstForm {
  static WithoutANumber upcast(FirstForm older);
};
struct NotWritten {
  int items = 0;
  bool operator==(const NotWritten&) const = default;
};

enum class Door { Open, Shut, Gone };
enum class Act { Push, Burn };
using Row = actors::Transition<Door, Act>;
constexpr Row undecided[] = {{Door::Open, Act::Push, Door::Shut}, {Door::Open, Act::Push, Door::Gone}};
constexpr Row apart[] = {{Door::Open, Act::Burn, Door::Gone}, {Door::Shut, Act::Push, Door::Open}};
constexpr Row back[] = {{Door::Open, Act::Push, Door::Shut}, {Door::Shut, Act::Push, Door::Open}};
constexpr Row stuck[] = {{Door::Open, Act::Push, Door::Shut}, {Door::Open, Act::Burn, Door::Gone}};

}  // namespace refused

template <>
struct dapr::actors::Describe<refused::Cart> {
  static constexpr auto table =
      actors::type<refused::Cart>("Cart").method<&refused::Cart::add>("Add").method<&refused::Cart::items>("Items");
};

namespace refused {

// clang-format off
actors::Task<void> calls(actors::Proxy<Cart> cart) {
  co_await cart.call<&Cart::add>(Add{"tea", 1});  // refused: name the message first
  co_await cart.call<&Cart::add>();  // refused: the method takes a message: give it, or its fields
  co_await cart.call<&Cart::add>(1, "tea");  // refused: neither the method's message nor its fields
  co_await cart.call<&Cart::items>(1);  // refused: the method takes nothing
}
class Uncompared final : public actors::Actor<NotCompared> {};  // refused: an actor's state needs `bool operator==
class Unwritten final : public actors::Actor<NotWritten> {};  // refused: an actor's state needs DAPR_ACTORS_JSON
class Gap final : public actors::Actor<WithAGap> {};  // refused: a gap in the stored forms
class NoStep final : public actors::Actor<WithoutAStep> {};  // refused: a stored form above 1 needs
class NoNumber final : public actors::Actor<WithoutANumber> {};  // refused: a form with an `upcast` needs its number
std::string no_form(const NotWritten& it) { return actors::json::to_string(it); }  // refused: give the type DAPR_ACTORS_JSON
std::string too_fine(std::chrono::microseconds it) { return actors::json::to_string(it); }  // refused: a duration is written in whole milliseconds
actors::StateMachine<undecided, Door::Open, Door::Shut, Door::Gone> two_ways;  // refused: two transitions have the same state and event
actors::StateMachine<apart, Door::Open, Door::Gone> no_way_there;  // refused: the first state does not lead to each state of the table
actors::StateMachine<back, Door::Open, Door::Shut> a_way_out;  // refused: a final state can be left
actors::StateMachine<stuck, Door::Open, Door::Gone> no_way_out;  // refused: a state that cannot be left is not named as final
// clang-format on

}  // namespace refused
