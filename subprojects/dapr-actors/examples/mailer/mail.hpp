// A mail that leaves once: something outside, which no transaction holds. The actor keeps the intention in its state,
// does it after the commit, and does it again until it knows the outcome.
#pragma once

#include <dapr/actors/actor.hpp>
#include <dapr/actors/named_id.hpp>

namespace mailer {

namespace actors = dapr::actors;
namespace json = dapr::actors::json;

struct Send {
  std::string to;
  std::string text;
  DAPR_ACTORS_JSON(to, text)
};

struct MailState {
  std::string to;
  std::string text;
  std::optional<actors::Time> next;  ///< when to try again; none before it is wanted and after it is done
  std::int64_t tries = 0;            // came later: documents without it are read all the same
  bool operator==(const MailState&) const = default;
  DAPR_ACTORS_JSON(to, text, next, tries)
  DAPR_ACTORS_JSON_DEFAULTED(tries)
};

class Mail final : public actors::Actor<MailState> {
 public:
  actors::Result<void> send(const Send& command) {
    if (command.to.empty()) return actors::refuse(actors::Reason::Unprocessable, "no_recipient", "say to whom");
    if (!std::as_const(*this).state().to.empty())
      return actors::refuse(actors::Reason::Conflict, "sent_already", "a mail is sent once: take another id");
    state().to = command.to;
    state().text = command.text;
    try_it();
    return {};
  }
  void sent() { state().next.reset(); }
  MailState view() const { return state(); }

  std::optional<actors::Time> due() const override { return state().next; }
  actors::Task<void> tend() override {
    try_it();
    co_return;
  }

 private:
  void try_it();
};

}  // namespace mailer

template <>
struct dapr::actors::Describe<mailer::Mail> {
  static constexpr auto table = dapr::actors::type<mailer::Mail>("Mail")
                                    .settings({.work_at_once = 8})
                                    .method<&mailer::Mail::send>("Send")
                                    .method<&mailer::Mail::sent>("Sent")
                                    .method<&mailer::Mail::view>("View");
};

namespace mailer {

/// Outside the turn, without the actor's lock. What comes of it returns as a call of its own.
inline actors::Task<void> hand_over(actors::Calls calls, std::string id, Send mail) {
  // Under one name at each try: a gateway that has it already changes nothing. An id may hold what a path may not.
  actors::HttpRequest request("PUT", "/mails/" + actors::named_id(id), actors::json::to_string(mail));
  request.patience = std::chrono::seconds(10);
  const auto answer = co_await calls.invoke("mail-gateway", request);
  if (answer.status / 100 != 2) co_return;  // `tend` tries again
  co_await calls.proxy<Mail>(id).call<&Mail::sent>();
}

inline void Mail::try_it() {
  state().tries += 1;
  state().next = now() + std::chrono::seconds(30);
  const Send mail{state().to, state().text};
  after_commit([id = id(), mail](actors::Calls calls) { return hand_over(std::move(calls), id, mail); });
}

}  // namespace mailer
