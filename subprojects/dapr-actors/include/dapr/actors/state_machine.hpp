/// A state machine as a table: which event leads from which state to which. The compiler checks it.
///
///     inline constexpr dapr::actors::Transition<Status, Trigger> transitions[] = {
///         {Status::Open, Trigger::Pay,    Status::Paid     },
///         {Status::Open, Trigger::Cancel, Status::Cancelled},
///         {Status::Paid, Trigger::Ship,   Status::Shipped  },
///     };
///     using Machine = dapr::actors::StateMachine<transitions, Status::Open, Status::Cancelled, Status::Shipped>;
///
///     if (const auto next = Machine::next(state().status, Trigger::Pay)) state().status = *next;
///
/// It decides, and does nothing: what a change of state brings with it (events, reminders, refusals) is the actor's own
/// code, within its turn.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

namespace dapr::actors {

/// A row of the table. States and events are enumerations.
template <class State, class Event>
struct Transition {
  State from;
  Event event;
  State to;
};

namespace detail {

template <class State, class Event, std::size_t N>
constexpr bool decides(const Transition<State, Event> (&rows)[N]) {
  for (std::size_t i = 0; i < N; ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (rows[i].from == rows[j].from && rows[i].event == rows[j].event) return false;
  return true;
}

template <class State, class Event, std::size_t N>
constexpr bool leaves(const Transition<State, Event> (&rows)[N], State state) {
  for (const auto& row : rows)
    if (row.from == state) return true;
  return false;
}

template <class State, class Event, std::size_t N>
constexpr bool leads(const Transition<State, Event> (&rows)[N], State first, State to) {
  std::array<State, N + 1> reached{first};
  std::size_t count = 1;
  const auto knows = [&](State state) {
    for (std::size_t i = 0; i < count; ++i)
      if (reached[i] == state) return true;
    return false;
  };
  for (std::size_t i = 0; i < count; ++i)
    for (const auto& row : rows)
      if (row.from == reached[i] && !knows(row.to)) reached[count++] = row.to;
  return knows(to);
}

template <class State, std::size_t N>
constexpr bool is_among(const std::array<State, N>& states, State state) {
  for (const auto& each : states)
    if (each == state) return true;
  return false;
}

template <class State, class Event, std::size_t N, std::size_t F>
constexpr bool leads_to_all(const Transition<State, Event> (&rows)[N], State first, const std::array<State, F>& final) {
  for (const auto& row : rows)
    if (!leads(rows, first, row.from)) return false;
  for (const auto& state : final)
    if (!leads(rows, first, state)) return false;
  return true;
}

template <class State, class Event, std::size_t N, std::size_t F>
constexpr bool leaves_any(const Transition<State, Event> (&rows)[N], const std::array<State, F>& states) {
  for (const auto& state : states)
    if (leaves(rows, state)) return true;
  return false;
}

template <class State, class Event, std::size_t N, std::size_t F>
constexpr bool ends_only_in(const Transition<State, Event> (&rows)[N], const std::array<State, F>& states) {
  for (const auto& row : rows)
    if (!leaves(rows, row.to) && !is_among(states, row.to)) return false;
  return true;
}

}  // namespace detail

/// The table `Rows`, which begins in the state `First` and ends in one of `Final`, if it ends at all. Such a table does
/// not compile
///
/// - if two rows have the same state and event,
/// - if `First` does not lead to the state of a row, or to one of `Final`,
/// - if one of `Final` can be left, or if a state that is none of them cannot.
///
/// All functions may be called from any thread, and while the program is compiled.
template <const auto& Rows, auto First, decltype(First)... Final>
class StateMachine {
 public:
  using State = decltype(First);
  using Event = decltype(Rows[0].event);

  static constexpr std::array<State, sizeof...(Final)> final_states{Final...};

  static_assert(detail::decides(Rows), "two transitions have the same state and event");
  static_assert(detail::leads_to_all(Rows, First, final_states),
                "the first state does not lead to each state of the table");
  static_assert(!detail::leaves_any(Rows, final_states), "a final state can be left");
  static_assert(detail::ends_only_in(Rows, final_states), "a state that cannot be left is not named as final");

  /// Where `event` leads from `state`; none if nothing comes of it there.
  static constexpr std::optional<State> next(State state, Event event) {
    for (const auto& row : Rows)
      if (row.from == state && row.event == event) return row.to;
    return std::nullopt;
  }
  static constexpr bool is_final(State state) { return detail::is_among(final_states, state); }
  /// Whether any events lead there from the first state.
  static constexpr bool reaches(State state) { return detail::leads(Rows, First, state); }
  /// The same of each state in the names of a `json::EnumCodec`: an enumerator that the table forgets is among them.
  template <class Names>
  static constexpr bool reaches_each(const Names& names) {
    for (const auto& [state, name] : names)
      if (!reaches(state)) return false;
    return true;
  }
};

}  // namespace dapr::actors
