#include "dapr/actors/calls.hpp"

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <stdexcept>

#include "internal/awaiting.hpp"
#include "internal/deadline.hpp"

namespace dapr::actors {
namespace {

SidecarError not_begun(const std::string& what) {
  return {0, deadline_exceeded, what + " is not begun: the deadline has passed already"};
}

/// What failed when the deadline had passed failed of that: whoever is asked gives up later than who asks.
template <class T>
Task<T> in_time(Deadline deadline, std::string what, Task<T> work) {
  std::optional<SidecarError> failure;
  try {
    co_return co_await std::move(work);
  } catch (const SidecarError& error) {
    if (!is_over(deadline)) throw;
    failure = error;
  }
  throw SidecarError(failure->status(), deadline_exceeded,
                     what + " has no answer in time; whether it took effect is not known: " + failure->what());
}

}  // namespace

std::string random_id() {
  thread_local boost::uuids::random_generator generate;  // reads the system's entropy source
  std::string text = to_string(generate());
  std::erase(text, '-');
  return text;
}

Calls::Calls(Sidecar& sidecar, Origin origin)
    : shared_(std::make_shared<Shared>(Shared{sidecar, std::move(origin)})), deadline_(shared_->origin.deadline) {}

Calls Calls::within(Duration limit) const {
  auto calls = *this;
  calls.deadline_ = std::min(deadline_, deadline_in(limit));
  return calls;
}

Task<Reply> Calls::call(ActorId actor, std::string method, std::string body, bool changes) const {
  const auto& origin = shared_->origin;
  if (is_awaiting(origin.awaited_by, actor))
    throw std::logic_error("a turn of the actor type " + origin.caller + " awaits " + method + " of " + actor.type +
                           "/" + actor.id +
                           ", whose own turn has not ended and waits for this one: neither would ever end. What an "
                           "actor asks of itself it does directly; what closes a circle belongs into after_commit");
  Call call{std::move(method), std::move(body), {}, origin.cause, origin.trace, origin.caller, origin.awaited_by};
  if (changes) {
    const int number = ++shared_->changing_calls;
    if (origin.id.empty())
      call.id = random_id();
    else
      call.id = number == 1 ? origin.id : origin.id + "/" + std::to_string(number);
  }
  call.deadline = deadline_;
  if (deadline_ == no_deadline) return shared_->sidecar.call_actor(std::move(actor), std::move(call));
  auto what = call.method + " of " + actor.type + "/" + actor.id;
  if (is_over(deadline_)) throw not_begun(what);
  return in_time(deadline_, std::move(what), shared_->sidecar.call_actor(std::move(actor), std::move(call)));
}

NamedProxy Calls::proxy(std::string type, std::string id) const {
  return NamedProxy(*this, ActorId(std::move(type), std::move(id)));
}

NamedProxy::NamedProxy(Calls calls, ActorId actor) : calls_(std::move(calls)), actor_(std::move(actor)) {
  if (actor_.type.empty() || actor_.id.empty()) throw std::invalid_argument("an actor has a type and an id");
}

Task<Reply> NamedProxy::read(std::string method, std::string message) const {
  return call(std::move(method), std::move(message), false);
}

SidecarError detail::forgotten(const std::string& method) {
  return {0, std::string(answer_forgotten),
          method + " has handled this event before and does not know any more what it answered"};
}

Task<Reply> NamedProxy::change(std::string method, std::string message) const {
  return call(std::move(method), std::move(message), true);
}

/// The call is made at once, so that the task does not hold on to the proxy and ids are given in program order.
Task<Reply> NamedProxy::call(std::string method, std::string message, bool changes) const {
  static constexpr auto known = [](Task<Reply> pending, std::string name) -> Task<Reply> {
    Reply reply = co_await std::move(pending);
    if (reply && reply->empty()) throw detail::forgotten(name);
    co_return reply;
  };
  if (method.empty()) throw std::invalid_argument("a method has a name");
  auto name = actor_.type + "." + method;
  return known(calls_.call(actor_, std::move(method), std::move(message), changes), std::move(name));
}

Task<HttpAnswer> Calls::invoke(std::string app_id, HttpRequest request) const {
  request.trace = shared_->origin.trace;
  if (deadline_ == no_deadline) return shared_->sidecar.invoke(std::move(app_id), std::move(request));
  auto what = request.verb + " " + request.path + " of " + app_id;
  if (is_over(deadline_)) throw not_begun(what);
  const auto left = time_left(deadline_);
  request.patience = request.patience > Duration{} ? std::min(request.patience, left) : left;
  return in_time(deadline_, std::move(what), shared_->sidecar.invoke(std::move(app_id), std::move(request)));
}

}  // namespace dapr::actors
