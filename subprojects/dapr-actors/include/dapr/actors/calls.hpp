/// Typed calls of actors: where a call goes is decided here alone.
///
///     auto cart = calls.proxy<Cart>("c-1");
///     Result<CartView> view = co_await cart.call<&Cart::add>("p-17", 2);  // the message's fields, in their order
///     const AddItem tea{.product_id = "p-17", .quantity = 2};
///     view = co_await cart.call<&Cart::add>(tea);                         // or the message, which has a name
///
/// A message that is written into the call, `call<&Cart::add>(AddItem{…})`, does not compile. g++ 12 destroys some
/// temporaries of an expression that holds a `co_await` twice, and the library cannot undo that for the caller. What we
/// found with 12.2, at every level of optimisation; clang has none of it:
///
/// | a temporary in the awaited expression | |
/// |---|---|
/// | an aggregate whose destructor does something, as `T{…}`, `T{.a = …}` or `T(…)`, at any depth | destroyed twice |
/// | a closure that owns what it captured, also where a `std::function` is made from it | destroyed twice |
/// | a braced list of elements, as in `std::vector<T>{a, b}` | does not compile: "array used as initializer" |
/// | a class that has constructors, an aggregate of numbers, what a function answers, `std::move(named)` | is right |
///
/// The library's own types that are written into such expressions (`ActorId`, `Origin`, `Trace`, `HttpRequest`) have
/// constructors for that reason. For your own, give the value a name in a statement before.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "dapr/actors/describe.hpp"
#include "dapr/actors/refusal_details.hpp"
#include "dapr/actors/sidecar.hpp"

#pragma GCC visibility push(default)

namespace dapr::actors {

/// On whose behalf calls are made. `id` is the idempotency key of the whole piece of work, minted at the door (or the
/// client's own): the first changing call carries it as it is, further ones get `/2`, `/3`, … in program order, so that
/// the same work done again makes the same calls. An empty id is replaced by a random one.
struct Origin {
  std::string id;
  Cause cause = Cause::Call;
  Trace trace = {};
  std::string caller = {};  ///< the type of the actor whose turn makes the calls, if one does
  /// The turns that wait for what is called, in a form of the library's own: a call of one of their actors is refused.
  std::string awaited_by = {};
  /// Until when the answers are worth waiting for, see `Calls::within`.
  Deadline deadline = no_deadline;

  Origin() = default;
  Origin(std::string id, Cause cause = Cause::Call, Trace trace = {}, std::string caller = {})
      : id(std::move(id)), cause(cause), trace(std::move(trace)), caller(std::move(caller)) {}
};

/// A random id, unguessable (RFC 4122 version 4), 32 hexadecimal digits without hyphens.
std::string random_id();

/// The code of the `SidecarError` for an event that was handled before and whose answer is not known any more.
inline constexpr std::string_view answer_forgotten = "ANSWER_FORGOTTEN";

namespace detail {
SidecarError forgotten(const std::string& method);
}  // namespace detail

template <class A>
class Proxy;
class NamedProxy;

/// Makes calls on behalf of one origin. Copies share the numbering, also with other deadlines. Not to be used from two
/// threads at once.
class Calls {
 public:
  Calls(Sidecar& sidecar, Origin origin);

  template <class A>
  Proxy<A> proxy(std::string id) const {
    return Proxy<A>(*this, std::move(id));
  }
  /// An actor of a type that this program has no class of: by name, in JSON.
  NamedProxy proxy(std::string type, std::string id) const;
  const Origin& origin() const { return shared_->origin; }
  /// The same calls, whose answers are waited for until `limit` from now, or until an earlier deadline that there is
  /// already. Afterwards they fail with `SidecarError` `DEADLINE_EXCEEDED`, and the deadline goes with them: a turn
  /// that is let in after it is not carried out, and what a turn awaits in time inherits what is left. A turn that has
  /// begun by then goes on and may commit all the same: who must know asks again under the same id.
  Calls within(Duration limit) const;
  Deadline deadline() const { return deadline_; }
  /// Another application's HTTP API, through the sidecars (service invocation). The origin's trace is added.
  Task<HttpAnswer> invoke(std::string app_id, HttpRequest request) const;
  /// The untyped call behind the proxies. Throws `std::logic_error` for a call in a circle: of the actor whose turn
  /// makes it, or of one whose turn waits for that turn.
  Task<Reply> call(ActorId actor, std::string method, std::string body, bool changes) const;

 private:
  struct Shared {
    Sidecar& sidecar;
    Origin origin;
    int changing_calls = 0;
  };
  std::shared_ptr<Shared> shared_;
  Deadline deadline_ = no_deadline;
};

template <class A>
class Proxy {
 public:
  Proxy(Calls calls, std::string id) : calls_(std::move(calls)), id_(std::move(id)) {}

  /// Calls the method and answers what it answers; a refusal comes back as it was made, a failure as `SidecarError`
  /// (`UNREADABLE_REPLY`: the other one answers what the method's type is not; `ANSWER_FORGOTTEN`: a redelivered event
  /// is known, its answer is not, since answers of events were more than a document keeps; `DEADLINE_EXCEEDED`: see
  /// `Calls::within`).
  /// `args` are the method's message or the message's fields. They are written out before this function returns, so
  /// the task holds on to none of them.
  template <auto Method, class... Args>
  Task<Result<method_value<Method>>> call(Args&&... args) const {
    static_assert(
        !(detail::destroyed_twice<Args&&> || ...),
        "name the message first (`const Add add{…}; co_await cart.call<&Cart::add>(add);`) or give its fields "
        "(`call<&Cart::add>(…, …)`): g++ 12 destroys an aggregate that is written into an awaited call twice");
    constexpr auto entry = Describe<A>::table.template entry<Method>();
    return decode<method_value<Method>>(calls_.call({std::string(Describe<A>::table.name), id_}, entry.name,
                                                    encode_arguments<Method>(args...), !method_is_const<Method>),
                                        entry.name);
  }

 private:
  template <class T>
  static Task<Result<T>> decode(Task<Reply> pending, const char* method) {
    Reply reply = co_await std::move(pending);
    if (!reply) co_return tl::unexpected(std::move(reply.error()));
    if constexpr (std::is_void_v<T>) {
      co_return Result<T>{};
    } else {
      if (reply->empty()) throw detail::forgotten(std::string(Describe<A>::table.name) + "." + method);
      co_return read<T>(*reply, method);
    }
  }
  /// An answer that cannot be read must not pass for a mistake of whoever asked us: it is no `json::Error`.
  template <class T>
  static T read(const std::string& reply, const char* method) {
    try {
      return json::parse<T>(reply);
    } catch (const json::Error& error) {
      throw SidecarError(0, "UNREADABLE_REPLY",
                         std::string(Describe<A>::table.name) + " answered " + method +
                             " with what its type cannot be read from: " + error.what());
    }
  }

  Calls calls_;
  std::string id_;
};

/// The methods of an actor by their names on the wire, for a type whose class is elsewhere: in another program, in
/// another language.
///
///     const auto cart = calls.proxy("Cart", "c-1");
///     Reply view = co_await cart.read("View");
///     view = co_await cart.change("AddItem", R"({"productId":"p-17","quantity":2})");
///
/// Nobody but the caller knows here which method changes something: `change` carries an id, so that the call is carried
/// out once however often it is repeated; `read` carries none. To `read` with a method that changes something is
/// possible, and a repeat then changes it twice.
///
/// `message` is the method's message as JSON, empty for a method that takes none; the actor refuses what it cannot read
/// (`invalid_arguments`). The answer is its JSON, `null` for a method that answers nothing. Failures are those of
/// `Proxy::call`, and `std::invalid_argument` for an empty type, id or method.
class NamedProxy {
 public:
  NamedProxy(Calls calls, ActorId actor);
  Task<Reply> read(std::string method, std::string message = {}) const;
  Task<Reply> change(std::string method, std::string message = {}) const;

 private:
  Task<Reply> call(std::string method, std::string message, bool changes) const;
  Calls calls_;
  ActorId actor_;
};

}  // namespace dapr::actors

#pragma GCC visibility pop
