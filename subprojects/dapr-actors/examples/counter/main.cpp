// The least there is to an actor: a number that survives everything. Run it as the guide runs its own example, with
// app id `counter-service`, and ask with
//
//     curl -s -X PUT 127.0.0.1:3500/v1.0/actors/Counter/visits/method/Add -d '{"by":2}'
#include <dapr/actors/run.hpp>

namespace actors = dapr::actors;

struct Count {
  std::int64_t value = 0;
  bool operator==(const Count&) const = default;
  DAPR_ACTORS_JSON(value)
};

struct Add {
  std::int64_t by = 0;
  DAPR_ACTORS_JSON(by)
};

class Counter final : public actors::Actor<Count> {
 public:
  std::int64_t add(const Add& command) { return state().value += command.by; }
  std::int64_t value() const { return state().value; }
};

template <>
struct actors::Describe<Counter> {
  static constexpr auto table =
      actors::type<Counter>("Counter").method<&Counter::add>("Add").method<&Counter::value>("Value");
};

int main() {
  return actors::run("counter-service", [](actors::Host& host) { host.add<Counter>(); });
}
