#include "services/product/import_lines.hpp"

#include <dapr/actors/named_id.hpp>
#include <dapr/actors/utf8.hpp>

#include <algorithm>
#include <array>
#include <charconv>

#include "services/common/problem.hpp"

namespace shop::product {
namespace {

using Problems = std::vector<actors::json::Problem>;

const std::string too_long = "is longer than " + std::to_string(most_line / 1024) + " KiB";
const std::string cut_off = "The file ends in the middle of this line. Everything before it stands.";

ImportLine refused(std::size_t number, std::string detail) {
  return {number, std::nullopt, std::nullopt, {{"", std::move(detail)}}};
}

/// A product that the file gives no id is named by what it is: the same line again is the same product. Another price
/// makes another one.
ProductId id_by_content(const NewProduct& product) {
  auto digits = actors::named_id("import:" + actors::json::to_string(product));
  std::erase(digits, '-');
  return ProductId(digits);
}

ImportLine checked(std::size_t number, NewProduct product, Problems problems) {
  ImportLine line{number, std::nullopt, std::nullopt, std::move(problems)};
  if (line.problems.empty()) line.problems = problems_of(product);
  if (!product.id && line.problems.empty()) product.id = id_by_content(product);
  if (product.id) line.id = product.id->value;
  if (line.problems.empty()) line.product = std::move(product);
  return line;
}

struct OnlyId {
  std::optional<ProductId> id;
  DAPR_ACTORS_JSON(id)
};

/// The id of a line that is wrong elsewhere.
std::optional<std::string> id_in(std::string_view text) {
  try {
    if (const auto found = actors::json::parse<OnlyId>(text); found.id) return found.id->value;
  } catch (const actors::json::Error&) {
    return std::nullopt;
  }
  return std::nullopt;
}

class NdjsonReader final : public ImportReader {
 public:
  bool is_ready() const override { return true; }
  std::optional<ImportLine> next() override {
    while (const auto byte = take()) {
      if (*byte != '\n') {
        if (text_.size() < most_line)
          text_ += *byte;
        else
          too_long_ = true;
        continue;
      }
      if (auto line = end_of_line(true)) return line;
    }
    if (ended_ != Ended::NotYet && (!text_.empty() || too_long_)) return end_of_line(false);
    return std::nullopt;
  }

 private:
  /// None for a blank line. `broken`: by a line break, and not by the file's end.
  std::optional<ImportLine> end_of_line(bool broken) {
    const auto number = line_++;
    const auto text = std::exchange(text_, {});
    if (!broken && ended_ == Ended::CutOff) return refused(number, cut_off);
    if (std::exchange(too_long_, false)) return refused(number, "The line " + too_long + ".");
    if (text.find_first_not_of(" \t\r") == std::string::npos) return std::nullopt;
    try {
      return checked(number, actors::json::parse<NewProduct>(text, actors::json::Unknown::Refuse), {});
    } catch (const actors::json::Error& error) {
      // Without its line break, a line that is no JSON is most likely half of one.
      if (!broken && error.problems().size() == 1 && error.problems().front().pointer.empty())
        return refused(number, cut_off);
      return ImportLine{number, std::nullopt, id_in(text), error.problems()};
    }
  }

  std::string text_;
  bool too_long_ = false;
};

enum class Column { Id, Name, Description, Category, Amount, Currency, Stock, ImageUrl };
constexpr std::size_t columns = 8;
constexpr std::array<std::pair<std::string_view, Column>, 12> names{{{"id", Column::Id},
                                                                     {"name", Column::Name},
                                                                     {"description", Column::Description},
                                                                     {"category", Column::Category},
                                                                     {"price.amount", Column::Amount},
                                                                     {"priceAmount", Column::Amount},
                                                                     {"amount", Column::Amount},
                                                                     {"price.currency", Column::Currency},
                                                                     {"priceCurrency", Column::Currency},
                                                                     {"currency", Column::Currency},
                                                                     {"stock", Column::Stock},
                                                                     {"imageUrl", Column::ImageUrl}}};
constexpr const char* known_columns =
    "id, name, description, category, price.amount, price.currency, stock and imageUrl";

std::int64_t whole_number(const std::string& text, const char* pointer, Problems& problems) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) problems.push_back({pointer, "must be a whole number"});
  return number;
}

class CsvReader final : public ImportReader {
 public:
  bool is_ready() const override { return header_.has_value(); }
  std::optional<ImportLine> next() override {
    while (auto record = next_record()) {
      if (!header_) {
        take_header(*record);
        continue;
      }
      if (!record->wrong.empty()) return refused(record->number, record->wrong);
      return line_of(*record);
    }
    if (ended_ != Ended::NotYet && !header_)
      throw services::ProblemError(
          400, "",
          "The file is empty: its first line must name the columns, which are " + std::string(known_columns) + ".");
    return std::nullopt;
  }

 private:
  struct Record {
    std::size_t number = 0;
    std::vector<std::string> fields;
    std::string wrong;  ///< why it is no record
  };
  enum class State {
    Start,     ///< of a field
    Plain,     ///< in a field without quotes
    Quoted,    ///< between its quotes
    Quote,     ///< behind a quote that ends the field, unless another one follows
    Returned,  ///< behind a carriage return outside of quotes
  };

  std::optional<Record> next_record() {
    while (const auto byte = take())
      if (step(*byte))
        if (auto record = end_of_record()) return record;
    if (ended_ == Ended::NotYet || !begun_) return std::nullopt;
    const bool open = state_ == State::Quoted;
    if (state_ == State::Returned) wrong("A carriage return must be followed by a line feed.");
    auto record = end_of_record();
    if (!record) return record;
    const bool short_of_fields = header_ && record->fields.size() < header_->size();
    if (record->wrong.empty() && (ended_ == Ended::CutOff || open || short_of_fields)) record->wrong = cut_off;
    return record;
  }

  /// Whether the byte ends a record.
  bool step(char byte) {
    if (!begun_) {
      begun_ = true;
      first_line_ = line_;
    }
    if (byte == '\n') ++line_;
    if (++size_ > most_line && wrong_.empty()) {
      // What follows is still read as the same record: text in quotes must never be taken for products.
      wrong("The record " + too_long + (state_ == State::Quoted ? "; perhaps a quote is not closed." : "."));
    }
    switch (state_) {
      case State::Start:
        if (byte == '"') return state_ = State::Quoted, false;
        state_ = State::Plain;
        [[fallthrough]];
      case State::Plain:
        if (byte == '"')
          wrong("A quote in a field that does not begin with one: put quotes around it, and write each in it twice.");
        return unquoted(byte);
      case State::Quoted:
        if (byte == '"') return state_ = State::Quote, false;
        return keep(byte), false;
      case State::Quote:
        if (byte == '"') return state_ = State::Quoted, keep(byte), false;
        if (byte != ',' && byte != '\r' && byte != '\n')
          wrong("Behind a field's closing quote there must be a comma or the line's end.");
        return unquoted(byte);
      case State::Returned:
        if (byte == '\n') return true;
        wrong("A carriage return must be followed by a line feed.");
        state_ = State::Plain;
        return unquoted(byte);
    }
    return false;
  }

  bool unquoted(char byte) {
    if (byte == '\n') return true;
    if (byte == '\r') return state_ = State::Returned, false;
    if (byte == ',') {
      state_ = State::Start;
      if (fields_.size() <= columns * 2) fields_.push_back(std::exchange(field_, {}));
      return false;
    }
    state_ = State::Plain;
    keep(byte);
    return false;
  }

  void keep(char byte) {
    if (wrong_.empty()) field_ += byte;
  }
  void wrong(std::string why) {
    if (wrong_.empty()) wrong_ = std::move(why);
    field_.clear();
  }

  /// None for a blank line.
  std::optional<Record> end_of_record() {
    fields_.push_back(std::exchange(field_, {}));
    Record record{first_line_, std::exchange(fields_, {}), std::exchange(wrong_, {})};
    const bool quoted = state_ == State::Quote || state_ == State::Quoted;
    state_ = State::Start;
    begun_ = false;
    size_ = 0;
    const bool blank = record.fields.size() == 1 && !quoted && record.wrong.empty() &&
                       record.fields.front().find_first_not_of(" \t") == std::string::npos;
    if (blank) return std::nullopt;
    return record;
  }

  void take_header(const Record& record) {
    const auto refuse = [&](const std::string& what) {
      throw services::ProblemError(
          400, "invalid_columns", "The first line must name the columns: " + what + " They are " + known_columns + ".");
    };
    if (!record.wrong.empty()) refuse(record.wrong);
    std::vector<Column> header;
    for (const auto& name : record.fields) {
      const auto known = std::find_if(names.begin(), names.end(), [&](const auto& each) { return each.first == name; });
      if (known == names.end())
        refuse(actors::is_utf8(name) && name.size() <= 100 ? "\"" + name + "\" is not known." : "one is not known.");
      if (std::find(header.begin(), header.end(), known->second) != header.end())
        refuse("\"" + name + "\" is there twice.");
      header.push_back(known->second);
    }
    for (const auto& [needed, name] : {std::pair(Column::Name, "name"),
                                       {Column::Category, "category"},
                                       {Column::Amount, "price.amount"},
                                       {Column::Currency, "price.currency"},
                                       {Column::Stock, "stock"}})
      if (std::find(header.begin(), header.end(), needed) == header.end()) refuse(std::string(name) + " is missing.");
    header_ = std::move(header);
  }

  ImportLine line_of(const Record& record) {
    if (record.fields.size() != header_->size())
      return refused(record.number, "The line has " + std::to_string(record.fields.size()) +
                                        " fields, and the header " + std::to_string(header_->size()) + ".");
    if (!std::all_of(record.fields.begin(), record.fields.end(),
                     [](const auto& text) { return actors::is_utf8(text); }))
      return refused(record.number, "The line is not UTF-8.");
    NewProduct product;
    Problems problems;
    for (std::size_t i = 0; i < header_->size(); ++i) {
      const auto& text = record.fields[i];
      switch ((*header_)[i]) {
        case Column::Id:
          if (text.empty()) break;
          if (is_id(text))
            product.id = ProductId(text);
          else
            problems.push_back({"/id", "must have 1 to 64 letters, digits, \"_\" or \"-\""});
          break;
        case Column::Name: product.name = text; break;
        case Column::Description:
          if (!text.empty()) product.description = text;
          break;
        case Column::Category: product.category = text; break;
        case Column::Amount: product.price.amount = whole_number(text, "/price/amount", problems); break;
        case Column::Currency: product.price.currency = text; break;
        case Column::Stock: product.stock = whole_number(text, "/stock", problems); break;
        case Column::ImageUrl:
          if (!text.empty()) product.image_url = text;
          break;
      }
    }
    // All that is wrong with the line at once; of one place, once.
    for (auto& found : problems_of(product))
      if (std::none_of(problems.begin(), problems.end(),
                       [&](const auto& known) { return known.pointer == found.pointer; }))
        problems.push_back(std::move(found));
    return checked(record.number, std::move(product), std::move(problems));
  }

  std::optional<std::vector<Column>> header_;
  State state_ = State::Start;
  bool begun_ = false;  ///< a record
  std::size_t first_line_ = 1;
  std::size_t size_ = 0;
  std::string field_;
  std::vector<std::string> fields_;
  std::string wrong_;
};

}  // namespace

void ImportReader::put(std::string_view bytes) {
  static constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  bytes_.erase(0, std::exchange(at_, 0));
  bytes_ += bytes;
  if (began_) return;
  // The mark may come in pieces; what begins like it is no product either.
  if (bytes_.size() < byte_order_mark.size() && byte_order_mark.starts_with(bytes_)) {
    held_ = true;
    return;
  }
  held_ = false;
  began_ = true;
  if (std::string_view(bytes_).starts_with(byte_order_mark)) bytes_.erase(0, byte_order_mark.size());
}

void ImportReader::finish(bool whole) {
  held_ = false;
  ended_ = whole ? Ended::Whole : Ended::CutOff;
}

std::unique_ptr<ImportReader> read_ndjson() {
  return std::make_unique<NdjsonReader>();
}
std::unique_ptr<ImportReader> read_csv() {
  return std::make_unique<CsvReader>();
}

}  // namespace shop::product
