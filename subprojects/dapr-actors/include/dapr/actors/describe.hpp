/// The wire surface of an actor type, in one table beside its class:
///
///     template <> struct dapr::actors::Describe<Cart> {
///       static constexpr auto table = dapr::actors::type<Cart>("Cart")
///           .method<&Cart::add>("AddItem")
///           .method<&Cart::check_out>("CheckOut", dapr::actors::remember_for(24h))
///           .reminder<&Cart::expire>("expire");
///     };
///
/// A method takes nothing or one struct, and answers `T`, `Result<T>`, `Task<T>` or `Task<Result<T>>`. A const method
/// is a read: it makes no draft and carries no id. Names are unique within their kind; a reminder
/// that is called `tend` or `tend-…` is the library's own.
#pragma once

#include <chrono>
#include <string>
#include <tuple>
#include <type_traits>

#include "dapr/actors/json.hpp"
#include "dapr/actors/result.hpp"
#include "dapr/actors/task.hpp"
#include "dapr/actors/time.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

template <class A>
struct Describe;

/// How long a handled call or event is known. By default its id and answer are among the last few in the actor's own
/// document, and the id of an event for some minutes besides (`TypeSettings`); with `remember_for` each has a key of
/// its own that lives that long, for actors that many senders write to and for promises in hours. Such keys take Dapr's
/// feature `ActorStateTTL`.
struct Memory {
  std::chrono::seconds key_lives{0};  ///< zero: in the document
};
constexpr Memory remember_for(std::chrono::seconds lifetime) {
  return {lifetime};
}

/// What work after a commit is to those who wait: `Next` takes the actor's own business a step on, and somebody may be
/// waiting for it; `News` tells others what has happened, and may be late.
enum class Work { Next, News };

/// Per-type settings; what is here too the sidecar learns from `GET /dapr/config`. Whoever runs the program can change
/// them without compiling it: see `HostSettings::type_settings`.
struct TypeSettings {
  /// Without a call for this long the actor leaves the memory of its host and of the sidecar; a read brings it back.
  Duration idle_timeout = std::chrono::minutes(5);
  /// What a running turn gets when actors of its type move. Shorter than the placement's dissemination timeout (8 s): a
  /// round that fails while a turn drains leaves the type locked in a 1.18 sidecar until that is restarted. And short
  /// in itself: a turn that awaits another actor waits for the round, which waits for the turn.
  Duration drain_timeout = std::chrono::seconds(3);
  Duration tend_period = std::chrono::seconds(30);  ///< between two looks at unfinished business
  /// How many handled ids the document keeps; 0 keeps none, of events neither: for actors that know themselves what
  /// they have done.
  std::size_t handled_in_document = 16;
  /// An event that was handled is known for at least this long, however many others come: as long as a broker may
  /// redeliver it. 11 bytes an event; beyond `events_in_document` the oldest are forgotten sooner, which the log says.
  Duration events_known_for = std::chrono::minutes(15);
  std::size_t events_in_document = 512;
  /// How much work after commits of this type runs at once on a host; more waits for its turn. Such work is begun by
  /// turns whose callers have their answers, so nothing else keeps it from taking the store from those who wait. News
  /// has a bound of its own, so that neither kind waits behind the other.
  std::size_t work_at_once = 64;
  std::size_t news_at_once = 64;
  std::size_t work_waiting = 10'000;  ///< how much of either kind may wait; what comes then is left to `tend`
  DAPR_ACTORS_JSON(idle_timeout, drain_timeout, tend_period, handled_in_document, events_known_for, events_in_document,
                   work_at_once, news_at_once, work_waiting)
  DAPR_ACTORS_JSON_DEFAULTED(idle_timeout, drain_timeout, tend_period, handled_in_document, events_known_for,
                             events_in_document, work_at_once, news_at_once, work_waiting)
};

namespace detail {
template <class T>
struct MethodTraits;
template <class R, class C, class... P>
struct MethodTraits<R (C::*)(P...)> {
  using Returned = R;
  using Class = C;
  using Arguments = std::tuple<std::remove_cvref_t<P>...>;
  static constexpr bool is_const = false;
};
template <class R, class C, class... P>
struct MethodTraits<R (C::*)(P...) const> : MethodTraits<R (C::*)(P...)> {
  static constexpr bool is_const = true;
};
template <class R, class C, class... P>
struct MethodTraits<R (C::*)(P...) noexcept> : MethodTraits<R (C::*)(P...)> {};
template <class R, class C, class... P>
struct MethodTraits<R (C::*)(P...) const noexcept> : MethodTraits<R (C::*)(P...) const> {};

template <class T>
struct Unwrapped {
  using type = T;
};
template <class T>
struct Unwrapped<Task<T>> : Unwrapped<T> {};
template <class T>
struct Unwrapped<tl::expected<T, Refusal>> {
  using type = T;
};
}  // namespace detail

template <auto Method>
using method_class = typename detail::MethodTraits<decltype(Method)>::Class;
template <auto Method>
using method_arguments = typename detail::MethodTraits<decltype(Method)>::Arguments;
template <auto Method>
using method_returned = typename detail::MethodTraits<decltype(Method)>::Returned;
/// What a method answers, without Task and Result around it.
template <auto Method>
using method_value = typename detail::Unwrapped<method_returned<Method>>::type;
template <auto Method>
inline constexpr bool method_is_const = detail::MethodTraits<decltype(Method)>::is_const;

enum class EntryKind { Method, Reminder, Timer };

template <auto M>
struct Entry {
  static constexpr auto member = M;
  EntryKind kind;
  const char* name;
  Memory memory;
};

template <class A, class... E>
struct TypeTable {
  const char* name;
  TypeSettings type_settings;
  std::tuple<E...> entries;

  template <auto M>
  constexpr auto method(const char* as, Memory memory = {}) const {
    static_assert(std::tuple_size_v<method_arguments<M>> <= 1, "a method takes nothing or one struct");
    return with(Entry<M>{EntryKind::Method, as, memory});
  }
  /// A method that is called when a reminder of that name is due. It takes nothing, or the struct that it was
  /// registered with: a member that a registered one may lack has to be a `std::optional` or to have a default.
  template <auto M>
  constexpr auto reminder(const char* as) const {
    static_assert(std::tuple_size_v<method_arguments<M>> <= 1, "a reminder's method takes nothing or one struct");
    return with(Entry<M>{EntryKind::Reminder, as, {}});
  }
  template <auto M>
  constexpr auto timer(const char* as) const {
    static_assert(std::tuple_size_v<method_arguments<M>> <= 1, "a timer's method takes nothing or one struct");
    return with(Entry<M>{EntryKind::Timer, as, {}});
  }
  constexpr TypeTable settings(TypeSettings changed) const { return {name, changed, entries}; }

  template <auto M>
  constexpr Entry<M> entry() const {
    static_assert((std::is_same_v<E, Entry<M>> || ...), "the method is not in the type's Describe table");
    return std::get<Entry<M>>(entries);
  }

 private:
  template <class Added>
  constexpr TypeTable<A, E..., Added> with(Added added) const {
    static_assert(!(std::is_same_v<E, Added> || ...), "the method is described twice: each entry needs one of its own");
    return {name, type_settings, std::tuple_cat(entries, std::tuple<Added>(added))};
  }
};

template <class A>
constexpr TypeTable<A> type(const char* name) {
  return {name, {}, {}};
}

namespace detail {
/// What g++ 12 destroys twice if it is a temporary of an awaited expression (see calls.hpp).
template <class Arg>
inline constexpr bool destroyed_twice =
    !std::is_lvalue_reference_v<Arg> && std::is_aggregate_v<std::remove_cvref_t<Arg>> &&
    !std::is_trivially_destructible_v<std::remove_cvref_t<Arg>>;

template <class Message, class... Fields>
concept MadeOf = requires(const Fields&... fields) {
  Message{fields...};
};
}  // namespace detail

/// The body of a call: the JSON of the method's message, or nothing. `args` are the message, or its fields in their
/// order.
template <auto Method, class... Args>
std::string encode_arguments(const Args&... args) {
  using Arguments = method_arguments<Method>;
  if constexpr (std::tuple_size_v<Arguments> == 0) {
    static_assert(sizeof...(Args) == 0, "the method takes nothing");
    return {};
  } else {
    static_assert(sizeof...(Args) > 0, "the method takes a message: give it, or its fields");
    using Message = std::tuple_element_t<0, Arguments>;
    if constexpr (sizeof...(Args) == 1 && (std::is_convertible_v<const Args&, const Message&> && ...)) {
      return json::to_string<Message>(args...);
    } else {
      constexpr bool fits = detail::MadeOf<Message, Args...>;
      static_assert(fits, "neither the method's message nor its fields: in their order, each of its type");
      if constexpr (fits) return json::to_string(Message{args...});
      return {};
    }
  }
}

}  // namespace dapr::actors

#pragma GCC visibility pop
