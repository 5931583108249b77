#include "dapr/actors/testing/stored_json.hpp"

#include <map>

#include "dapr/actors/json.hpp"

namespace dapr::actors::testing {
namespace {

void write_sorted(json::Writer& writer, const json::Value& value) {
  if (value.IsObject()) {
    std::map<std::string_view, const json::Value*, std::greater<>> members;
    for (const auto& member : value.GetObject()) members[json::detail::text_of(member.name)] = &member.value;
    writer.StartObject();
    for (const auto& [name, member] : members) {
      json::write(writer, name);
      write_sorted(writer, *member);
    }
    writer.EndObject();
  } else if (value.IsArray()) {
    writer.StartArray();
    for (const auto& element : value.GetArray()) write_sorted(writer, element);
    writer.EndArray();
  } else {
    value.Accept(writer);
  }
}

}  // namespace

std::string as_the_store_gives_it(const std::string& text) {
  try {
    const auto document = json::detail::parse_document(text);
    rapidjson::StringBuffer buffer;
    json::Writer writer(buffer);
    write_sorted(writer, document);
    return {buffer.GetString(), buffer.GetSize()};
  } catch (const json::Error&) {
    return text;
  }
}

}  // namespace dapr::actors::testing
