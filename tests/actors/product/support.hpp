/// Replicas of the catalog over one fake store and one fake broker, without a network.
#pragma once

#include <dapr/actors/observer.hpp>
#include <dapr/actors/testing/fake_sidecar.hpp>
#include <dapr/actors/testing/fake_state_store.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "actors/product/components.hpp"
#include "actors/shared/library.hpp"

namespace shop::product::testing {

/// Runs a task to its end, which fakes reach at once.
template <class T>
T run(actors::Task<T> task) {
  std::optional<actors::Outcome<T>> outcome;
  actors::spawn(std::move(task), [&](actors::Outcome<T> ended) { outcome.emplace(std::move(ended)); });
  if (!outcome) throw std::logic_error("the task waits for something that never comes");
  if constexpr (std::is_void_v<T>)
    outcome->get();
  else
    return std::move(outcome->get());
}

inline const actors::Trace trace{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ""};

inline NewProduct tea(const std::string& id = "tea", std::int64_t stock = 10) {
  return {ProductId(id), "Tea " + id, "A leaf.", "drinks", {450, "EUR"}, stock, "https://img.example/" + id + ".png"};
}
inline WholeProduct dearer_tea(std::optional<std::int64_t> stock = {}) {
  WholeProduct tea;
  tea.name = "Tea";
  tea.category = "drinks";
  tea.price = {500, "EUR"};
  tea.stock = stock;
  return tea;
}
inline order::Confirmed order_of(const std::string& id, const std::vector<std::pair<std::string, int>>& lines) {
  order::Confirmed order{OrderId(id), {}, {}, {}, PaymentId("pay-" + id)};
  for (const auto& [product, quantity] : lines)
    order.lines.push_back({ProductId(product), "Tea", quantity, {450, "EUR"}});
  order.total = total_of(order.lines);
  return order;
}
inline order::Cancelled cancellation_of(const order::Confirmed& order, bool stock_taken = true) {
  return {order.order_id, order.customer_id, order.lines, order.total, "changed my mind", stock_taken};
}

struct OwnModel {
  ReadModel model;
};
struct Replica final : OwnModel, Components {
  Replica(const std::string& file, std::function<void(const std::string&)> warn, actors::StateStore& store,
          actors::Sidecar& sidecar, const actors::Clock& clock, actors::Observer& observer, Pause pause,
          Oversold oversold)
      : OwnModel{ReadModel(file, std::move(warn))},
        Components(store, sidecar, clock, observer, std::move(pause), std::move(oversold), OwnModel::model) {}
};

class CatalogTest : public ::testing::Test {
 protected:
  /// A process of its own, with a memory of its own, or a file that outlives it.
  std::unique_ptr<Replica> start_replica(const std::string& file = "") {
    return std::make_unique<Replica>(
        file, [this](const std::string& why) { warnings.push_back(why); }, store, sidecar, clock, observer,
        [this](actors::Duration) -> actors::Task<void> {
          ++pauses;
          co_return;
        },
        [this](const OrderId& order, const ProductId& product, std::int64_t missing) {
          oversold.emplace_back(order.value, product.value, missing);
        });
  }
  View create(const NewProduct& product) { return run(replica->catalog.create(product, trace)).value(); }
  void remove(const std::string& id) { EXPECT_TRUE(run(replica->catalog.remove(ProductId(id), {}, trace))); }
  std::int64_t stock_of(const std::string& id) { return run(replica->catalog.find(ProductId(id))).value().stock; }
  void advance(actors::Duration duration) { clock.set(clock.now() + duration); }
  /// Every transaction fails without a trace, until `reach_store`.
  void cut_off_store() {
    store.before_next_transact([this] {
      store.fail_next(actors::testing::CommitFailure::NotStored);
      cut_off_store();
    });
  }
  void reach_store() { store.before_next_transact(nullptr); }

  template <class E>
  std::vector<E> published() const {
    std::vector<E> events;
    for (const auto& event : sidecar.published)
      if (event.type == E::event_type.name) events.push_back(actors::json::parse<E>(event.data.text));
    return events;
  }
  std::vector<std::string> published_ids() const {
    std::vector<std::string> ids;
    for (const auto& event : sidecar.published) ids.push_back(event.id);
    return ids;
  }
  /// Ids whose changes are in one log.
  static std::vector<std::string> neighbours(std::size_t count, std::size_t log = 7) {
    std::vector<std::string> ids;
    for (int i = 0; ids.size() < count; ++i)
      if (const auto id = "p-" + std::to_string(i); log_of(ProductId(id)) == log) ids.push_back(id);
    return ids;
  }

  actors::testing::VirtualClock clock;
  actors::testing::FakeStateStore store{clock};
  actors::testing::FakeSidecar sidecar{clock};
  actors::Observer observer;
  int pauses = 0;
  std::vector<std::string> warnings;
  std::vector<std::tuple<std::string, std::string, std::int64_t>> oversold;
  std::unique_ptr<Replica> replica = start_replica();
  std::unique_ptr<Replica> other = start_replica();
};

}  // namespace shop::product::testing
