/// What filters, facets and orders look at, of all products, in memory: a look at every product takes a millisecond for
/// 100,000 of them, and answers everything about a page but its texts.
///
/// Threads: reading functions together, or one of the others alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actors/product/query.hpp"
#include "actors/product/search.hpp"

namespace shop::product {

/// Products are numbered in the order they came. A deleted one keeps its number, so that its version is remembered.
using Slot = std::uint32_t;

/// What is known of a product but its texts.
struct Record {
  std::string id;
  std::string name;
  std::string category;
  std::string currency;
  std::int64_t amount = 0;
  std::int64_t version = 0;
  std::int64_t stock_revision = -1;
  Time created_at{};
  std::uint8_t name_words = 0;  ///< 255 and more are 255
  bool live = false;            ///< neither deleted nor still to come
  bool deleted = false;
  bool in_stock = false;
};

/// Numbers for names of which there are few.
class Names {
 public:
  std::uint32_t number(const std::string& name);
  std::optional<std::uint32_t> find(const std::string& name) const;
  const std::string& name(std::uint32_t number) const { return *names_[number]; }
  std::size_t size() const { return names_.size(); }
  const std::map<std::string, std::uint32_t>& by_name() const { return numbers_; }

 private:
  std::map<std::string, std::uint32_t> numbers_;
  std::vector<const std::string*> names_;
};

/// All live products by one key. What changed is put in its place when somebody needs the order, so that many changes
/// in a row cost little.
class Order {
 public:
  void changed(Slot slot) { changed_.push_back(slot); }
  bool is_tidy() const { return changed_.empty(); }
  const std::vector<Slot>& slots() const { return slots_; }
  std::uint32_t place(Slot slot) const { return places_[slot]; }

  template <class IsLive, class Before>
  void tidy(std::size_t slots, IsLive is_live, Before before);

 private:
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> places_;
  std::vector<Slot> changed_;
};

class Columns {
 public:
  struct Known {
    std::int64_t version = 0;
    bool deleted = false;
    bool in_stock = false;
    std::int64_t stock_revision = 0;
  };

  Columns() = default;
  Columns(const Columns&) = delete;

  std::optional<Slot> find(std::string_view id) const;
  /// How many numbers are given; the next one.
  Slot end() const { return static_cast<Slot>(rows_.size()); }
  std::size_t live() const { return live_; }
  Record record(Slot slot) const;
  Known known(Slot slot) const;
  bool is_live(Slot slot) const { return facts_[slot].live; }
  /// A new one has the number `end()`.
  void put(Slot slot, const Record& record);

  std::vector<Category> categories() const;

  /// An order must be tidy before `select` asks for it.
  bool is_tidy(Sort sort) const { return (this->*order_of(sort)).is_tidy(); }
  void tidy(Sort sort);

  struct Selection {
    std::vector<Slot> slots;
    std::optional<std::string> next;
    std::size_t total = 0;
    Facets facets;
  };
  /// `matches`: what the words of the query were found in; none if it has no words.
  Selection select(const Query& query, Sort sort, const std::optional<Position>& after,
                   const std::vector<Match>* matches) const;

 private:
  /// Small, since all of them are walked through.
  struct Facts {
    std::int64_t amount = 0;
    std::uint32_t category = 0;
    std::uint16_t currency = 0;
    std::uint8_t name_words = 0;
    bool live : 1 = false;
    bool deleted : 1 = false;
    bool in_stock : 1 = false;
  };
  struct Row {
    std::string id;
    std::string name;
    std::int64_t version = 0;
    std::int64_t stock_revision = -1;
    Time created_at{};
  };
  struct Hash {
    using is_transparent = void;
    const std::vector<Row>* rows;
    std::size_t operator()(std::string_view id) const { return std::hash<std::string_view>()(id); }
    std::size_t operator()(Slot slot) const { return (*this)((*rows)[slot].id); }
  };
  struct Equal {
    using is_transparent = void;
    const std::vector<Row>* rows;
    bool operator()(Slot left, Slot right) const { return left == right; }
    bool operator()(std::string_view id, Slot slot) const { return id == (*rows)[slot].id; }
    bool operator()(Slot slot, std::string_view id) const { return id == (*rows)[slot].id; }
  };
  using NameKey = std::tuple<std::string_view, std::string_view>;
  using PriceKey = std::tuple<std::int64_t, std::string_view>;
  using AgeKey = std::tuple<Time, std::string_view>;
  NameKey name_key(Slot slot) const { return {rows_[slot].name, rows_[slot].id}; }
  PriceKey price_key(Slot slot) const { return {facts_[slot].amount, rows_[slot].id}; }
  AgeKey age_key(Slot slot) const { return {rows_[slot].created_at, rows_[slot].id}; }

  static Order Columns::*order_of(Sort sort);
  /// How many products of the order stand before the position, and how many of them or at it.
  std::pair<std::size_t, std::size_t> around(const Position& position, Sort sort) const;
  Position position_of(Slot slot, Sort sort, std::uint64_t key) const;

  std::vector<Facts> facts_;
  std::vector<Row> rows_;
  Names categories_, currencies_;
  std::vector<std::size_t> in_category_;  ///< live products of each
  std::size_t live_ = 0;
  Order by_name_, by_price_, by_age_;
  std::unordered_set<Slot, Hash, Equal> by_id_{0, Hash{&rows_}, Equal{&rows_}};
};

}  // namespace shop::product
