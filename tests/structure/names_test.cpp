// Event types and topics stand in code and in dapr-config/platform.json, which routes, queues and deployment are made
// from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "actors/cart/contract.hpp"
#include "actors/order/contract.hpp"
#include "actors/payment/contract.hpp"
#include "actors/product/contract.hpp"

namespace {

struct Event {
  std::string topic;
  DAPR_ACTORS_JSON(topic)
};
struct Facts {
  std::map<std::string, Event> events;
  std::vector<std::string> topics;
  DAPR_ACTORS_JSON(events, topics)
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

TEST(Names, every_topic_of_an_event_is_a_topic) {
  const auto known = facts();
  for (const auto& [type, event] : known.events) EXPECT_THAT(known.topics, ::testing::Contains(event.topic)) << type;
}

}  // namespace
