#include "dapr/actors/testing/stored_json.hpp"

#include <map>

#include "dapr/actors/json.hpp"

namespace dapr::actors::testing {
namespace {

void write_sorted(json::Writer& writer, const json::Value& value) {
  if (value.is_object()) {
    std::map<std::string_view, json::Value, std::greater<>> members;
    for (std::size_t i = 0; i < value.size(); ++i) members.insert_or_assign(value.name(i), value[i]);
    writer.start_object();
    for (const auto& [name, member] : members) {
      writer.key(name);
      write_sorted(writer, member);
    }
    writer.end_object();
  } else if (value.is_array()) {
    writer.start_array();
    for (std::size_t i = 0; i < value.size(); ++i) write_sorted(writer, value[i]);
    writer.end_array();
  } else {
    writer.raw(value.text());
  }
}

}  // namespace

std::string as_the_store_gives_it(const std::string& text) {
  try {
    const json::Document document(text);
    json::Writer writer;
    write_sorted(writer, document.root());
    return writer.text();
  } catch (const json::Error&) {
    return text;
  }
}

}  // namespace dapr::actors::testing
