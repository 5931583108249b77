// Event types and topics stand in code and in dapr-config/platform.json, which routes, queues and deployment are made
// from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <map>
#include <sstream>

#include "actors/cart/cart_product.hpp"
#include "actors/cart/contract.hpp"
#include "actors/order/contract.hpp"
#include "actors/order/order.hpp"
#include "actors/order/product_demand.hpp"
#include "actors/payment/contract.hpp"
#include "actors/payment/payment.hpp"
#include "actors/product/contract.hpp"

namespace {

struct Event {
  std::string topic;
  DAPR_ACTORS_JSON(topic)
};
struct Delivery {
  int visibility_seconds = 0;
  int receives = 0;
  DAPR_ACTORS_JSON(visibility_seconds, receives)
};
struct Facts {
  std::map<std::string, Event> events;
  std::vector<std::string> topics;
  Delivery delivery;
  DAPR_ACTORS_JSON(events, topics, delivery)
};

Facts facts() {
  std::ostringstream text;
  text << std::ifstream(FACT_FILE).rdbuf();
  return actors::json::parse<Facts>(text.str());
}

template <class... E>
std::map<std::string, std::string> topics_of() {
  return {{E::event_type.name, E::event_type.topic}...};
}

TEST(Names, every_event_in_code_is_in_the_fact_file_with_its_topic_and_the_other_way_round) {
  std::map<std::string, std::string> known;
  for (const auto& [type, event] : facts().events) known[type] = event.topic;
  const auto in_code =
      topics_of<shop::product::Created, shop::product::Updated, shop::product::Deleted, shop::product::LowStock,
                shop::cart::ItemAdded, shop::cart::CheckoutCompleted, shop::order::Created, shop::order::Confirmed,
                shop::order::Cancelled, shop::order::Shipped, shop::payment::Requested, shop::payment::Completed,
                shop::payment::Failed, shop::payment::Refunded>();
  EXPECT_EQ(in_code, known);
}

TEST(Delivery, whoever_an_event_calls_knows_it_for_longer_than_its_queue_gives_it) {
  const auto delivery = facts().delivery;
  const auto given = std::chrono::seconds(delivery.visibility_seconds) * delivery.receives;
  ASSERT_GT(given, std::chrono::seconds(0));
  using actors::Describe;
  for (const auto& [type, settings] :
       {std::pair("Order", Describe<shop::order::Order>::table.type_settings),
        std::pair("Payment", Describe<shop::payment::Payment>::table.type_settings),
        std::pair("CartProduct", Describe<shop::cart::CartProduct>::table.type_settings)}) {
    EXPECT_GT(settings.handled_in_document, 0u) << type;
    EXPECT_GT(settings.events_in_document, 0u) << type;
    EXPECT_GE(settings.events_known_for, 10 * given) << type << ": its broker may have been away meanwhile";
  }
  EXPECT_GE(shop::order::ProductDemand::memory, 10 * given);
}

TEST(Names, every_topic_of_an_event_is_a_topic) {
  const auto known = facts();
  for (const auto& [type, event] : known.events) EXPECT_THAT(known.topics, ::testing::Contains(event.topic)) << type;
}

}  // namespace
