// A state whose form has changed twice: documents of every version are read, the newest is written, and one that is
// newer than the program is left alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dapr/actors/testing/bench.hpp"

namespace dapr::actors {
namespace {

using actors::testing::Bench;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct BasketV1 {
  std::string product;
  int quantity = 0;
  DAPR_ACTORS_JSON(product, quantity)
};

struct LineV2 {
  std::string product;
  int quantity = 0;
  bool operator==(const LineV2&) const = default;
  DAPR_ACTORS_JSON(product, quantity)
};
struct BasketV2 {
  std::vector<LineV2> lines;
  DAPR_ACTORS_JSON(lines)

  static constexpr int stored_form = 2;
  static BasketV2 upcast(const BasketV1& older) {
    BasketV2 basket;
    if (!older.product.empty()) basket.lines.push_back({older.product, older.quantity});
    return basket;
  }
};

/// The same name as before means something else now: pieces, where it was dozens.
struct Basket {
  std::map<std::string, int> lines;
  bool operator==(const Basket&) const = default;
  DAPR_ACTORS_JSON(lines)

  static constexpr int stored_form = 3;
  static Basket upcast(BasketV2 older) {
    Basket basket;
    for (auto& line : older.lines) {
      if (line.quantity < 0) throw std::runtime_error("less than nothing of " + line.product);
      basket.lines[line.product] += 12 * line.quantity;
    }
    return basket;
  }
};

class Shopper final : public Actor<Basket> {
 public:
  int put(std::string product) { return ++state().lines[product]; }
  std::map<std::string, int> lines() const { return state().lines; }
};

struct Plain {
  int value = 0;
  bool operator==(const Plain&) const = default;
  DAPR_ACTORS_JSON(value)
};
class PlainOne final : public Actor<Plain> {
 public:
  int add() { return ++state().value; }
  int value() const { return state().value; }
};

}  // namespace

template <>
struct Describe<Shopper> {
  static constexpr auto table =
      type<Shopper>("Shopper").method<&Shopper::put>("Put").method<&Shopper::lines>("Lines").settings(
          {.handled_in_document = 0});
};
template <>
struct Describe<PlainOne> {
  static constexpr auto table = type<PlainOne>("PlainOne")
                                    .method<&PlainOne::add>("Add")
                                    .method<&PlainOne::value>("Value")
                                    .settings({.handled_in_document = 0});
};

namespace {

using Lines = std::map<std::string, int>;

// Documents as each version left them.
constexpr auto golden_1 =
    R"({"version":3,"revision":4,"data":{"product":"eggs","quantity":2},"outbox":[],"handled":[]})";
constexpr auto golden_1_before_revisions =
    R"({"version":3,"data":{"product":"eggs","quantity":2},"outbox":[],"handled":[]})";
constexpr auto golden_2 =
    R"({"version":3,"revision":4,"form":2,"data":{"lines":[{"product":"eggs","quantity":2}]},"outbox":[],"handled":[]})";
constexpr auto golden_3 =
    R"({"version":3,"revision":4,"form":3,"data":{"lines":{"eggs":24}},"outbox":[],"handled":[]})";

class StoredForms : public ::testing::Test {
 protected:
  StoredForms() { bench.add<Shopper>().add<PlainOne>(); }
  void put(const char* document) { bench.sidecar.put(shopper, "state", document); }
  Lines lines() { return bench.call<&Shopper::lines>("s").value(); }
  std::string document() { return bench.sidecar.stored(shopper, "state").value_or(""); }

  const ActorId shopper{"Shopper", "s"};
  Bench bench;
};

TEST_F(StoredForms, of_every_version_are_read) {
  for (const auto* document : {golden_1, golden_1_before_revisions, golden_2, golden_3}) {
    SCOPED_TRACE(document);
    put(document);
    EXPECT_EQ(lines(), (Lines{{"eggs", 24}}));
    EXPECT_EQ(this->document(), document) << "a read writes nothing";
    bench.restart();
  }
}

TEST_F(StoredForms, are_written_as_the_newest_says_and_read_back) {
  for (const auto* document : {golden_1, golden_2, golden_3}) {
    SCOPED_TRACE(document);
    put(document);
    EXPECT_EQ(bench.call<&Shopper::put>("s", "eggs"), 25);
    EXPECT_EQ(this->document(),
              R"({"version":4,"revision":5,"form":3,"data":{"lines":{"eggs":25}},"outbox":[],"handled":[]})");
    bench.restart();
    EXPECT_EQ(lines(), (Lines{{"eggs", 25}}));
    bench.restart();
  }
}

TEST_F(StoredForms, that_are_newer_than_the_program_end_the_activation_and_stay_as_they_are) {
  const std::string newer =
      R"({"version":3,"revision":4,"form":4,"data":{"lines":{"eggs":24},"voucher":"x"},"outbox":[],"handled":[]})";
  put(newer.c_str());
  EXPECT_THROW(bench.call<&Shopper::put>("s", "eggs"), SidecarError);
  EXPECT_THROW(lines(), SidecarError);
  EXPECT_THAT(bench.failures(), SizeIs(2));
  EXPECT_THAT(bench.failures()[0],
              AllOf(HasSubstr("stored in form 4"), HasSubstr("forms 1 to 3"), HasSubstr("a newer version")));
  EXPECT_EQ(document(), newer);
  put(golden_3);
  EXPECT_EQ(lines(), (Lines{{"eggs", 24}})) << "the next call looks again";
}

TEST_F(StoredForms, whose_number_is_none_are_refused) {
  for (const auto* form : {"0", "-1", "\"2\"", "99999999999", "2.5"}) {
    SCOPED_TRACE(form);
    const auto document =
        std::string(R"({"version":3,"form":)") + form + R"(,"data":{"lines":{}},"outbox":[],"handled":[]})";
    put(document.c_str());
    EXPECT_THROW(lines(), SidecarError);
    EXPECT_EQ(this->document(), document);
  }
}

TEST_F(StoredForms, that_a_step_cannot_bring_up_fail_the_turn_and_stay_as_they_are) {
  const std::string odd =
      R"({"version":3,"form":2,"data":{"lines":[{"product":"eggs","quantity":-1}]},"outbox":[],"handled":[]})";
  put(odd.c_str());
  EXPECT_THROW(bench.call<&Shopper::put>("s", "eggs"), SidecarError);
  EXPECT_THAT(bench.failures(), ElementsAre("less than nothing of eggs"));
  EXPECT_EQ(document(), odd);
}

TEST_F(StoredForms, that_nobody_declared_have_no_number_and_documents_look_as_they_always_did) {
  bench.call<&PlainOne::add>("p");
  const ActorId plain{"PlainOne", "p"};
  EXPECT_EQ(bench.sidecar.stored(plain, "state"),
            R"({"version":1,"revision":1,"data":{"value":1},"outbox":[],"handled":[]})");
  bench.restart();
  bench.sidecar.put(plain, "state", R"({"version":1,"form":2,"data":{"value":1},"outbox":[],"handled":[]})");
  EXPECT_THROW(bench.call<&PlainOne::value>("p"), SidecarError) << "a newer program has forms";
}

}  // namespace
}  // namespace dapr::actors
