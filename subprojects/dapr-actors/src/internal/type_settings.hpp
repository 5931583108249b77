/// Settings of actor types from outside of the program, over those of their tables. Internal to the library.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dapr/actors/describe.hpp"

namespace dapr::actors {

class TypeSettingsText {
 public:
  TypeSettingsText() = default;
  /// `{"Cart": {"idleTimeout": 60000, "workAtOnce": 8}, …}`; empty: none. Throws `std::runtime_error` that names all
  /// that is wrong: text that is no such JSON, a name that is none, a value that no type can have.
  explicit TypeSettingsText(std::string_view text);

  /// What the text says of `type`, over `table`.
  TypeSettings over(const std::string& type, TypeSettings table) const;
  /// Throws `std::runtime_error` if the text names a type that is none of these.
  void all_of(const std::vector<std::string>& types) const;

 private:
  std::map<std::string, json::Raw> types_;
};

}  // namespace dapr::actors
