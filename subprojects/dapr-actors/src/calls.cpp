#include "dapr/actors/calls.hpp"

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <stdexcept>

#include "internal/awaiting.hpp"

namespace dapr::actors {

std::string random_id() {
  thread_local boost::uuids::random_generator generate;  // reads the system's entropy source
  std::string text = to_string(generate());
  std::erase(text, '-');
  return text;
}

Calls::Calls(Sidecar& sidecar, Origin origin) : shared_(std::make_shared<Shared>(Shared{sidecar, std::move(origin)})) {}

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
  return shared_->sidecar.call_actor(std::move(actor), std::move(call));
}

Task<HttpAnswer> Calls::invoke(std::string app_id, HttpRequest request) const {
  request.trace = shared_->origin.trace;
  return shared_->sidecar.invoke(std::move(app_id), std::move(request));
}

}  // namespace dapr::actors
