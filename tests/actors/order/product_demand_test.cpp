#include "actors/order/product_demand.hpp"

#include <dapr/actors/testing/bench.hpp>
#include <gtest/gtest.h>

#include "tests/actors/order/samples.hpp"

namespace shop::order {
namespace {

using namespace std::chrono_literals;
using actors::Cause;
using actors::Origin;
using actors::Reason;
using actors::SidecarError;
using actors::testing::Bench;
using actors::testing::CommitFailure;

class ProductDemandTest : public ::testing::Test {
 protected:
  ProductDemandTest() { bench.add<ProductDemand>(); }
  void item_added(const std::string& id, int quantity) {
    bench.call_as<&ProductDemand::item_added>(Origin{id, Cause::Event, {}}, "tea", samples::item_added(quantity));
  }
  void sold(const std::string& order, int quantity) {
    bench.call<&ProductDemand::count_sale>("tea", CountSale{OrderId(order), quantity});
  }
  DemandView demand() { return *bench.call<&ProductDemand::view>("tea"); }
  Bench bench;
};

TEST_F(ProductDemandTest, begins_with_the_product) {
  EXPECT_EQ(bench.call<&ProductDemand::view>("tea").error().reason, Reason::NotFound);
  bench.call<&ProductDemand::product_created>("tea", samples::product_created());
  EXPECT_EQ(demand(), (DemandView{ProductId("tea"), 0, 0, 0, 0}));
}

TEST_F(ProductDemandTest, counts_what_is_wanted_before_the_product_is_heard_of) {
  item_added("1", 3);
  bench.call<&ProductDemand::product_created>("tea", samples::product_created());
  EXPECT_EQ(demand(), (DemandView{ProductId("tea"), 1, 3, 0, 0}));
}

TEST_F(ProductDemandTest, counts_an_event_once_however_late_it_comes_again) {
  item_added("first", 2);
  for (int i = 0; i < 100; ++i) item_added("other-" + std::to_string(i), 1);
  bench.restart();
  bench.advance(24h * 14);
  item_added("first", 2);
  EXPECT_EQ(demand(), (DemandView{ProductId("tea"), 101, 102, 0, 0}));
}

TEST_F(ProductDemandTest, counts_an_order_once_under_whatever_call) {
  sold("o-1", 2);
  sold("o-1", 2);
  bench.restart();
  bench.advance(24h * 14);
  sold("o-1", 2);
  sold("o-2", 1);
  EXPECT_EQ(demand(), (DemandView{ProductId("tea"), 0, 0, 2, 3}));
}

TEST_F(ProductDemandTest, counts_once_when_the_answer_of_a_commit_is_lost) {
  for (const auto failure : {CommitFailure::NotStored, CommitFailure::StoredButUnanswered}) {
    bench.sidecar.fail_next_commit(failure);
    const auto id = "event-" + std::to_string(static_cast<int>(failure));
    EXPECT_THROW(item_added(id, 5), SidecarError);
    item_added(id, 5);
  }
  EXPECT_EQ(demand().units_added, 10);
}

TEST_F(ProductDemandTest, keeps_no_list_that_grows) {
  for (int i = 0; i < 200; ++i) {
    item_added("event-" + std::to_string(i), 1);
    sold("o-" + std::to_string(i), 1);
  }
  EXPECT_LT(bench.sidecar.stored({"ProductDemand", "tea"}, "state")->size(), 200u);
}

}  // namespace
}  // namespace shop::order
