/// Which handler a request's path and verb belong to, and the decoding of paths and queries (RFC 3986). Internal to the
/// facade. The table is built before requests come and then only read, by any thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/facade.hpp"

namespace shop::services {

/// Text without percent-encoding; none if the encoding is broken or what it stands for is not UTF-8 or has a zero byte.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space = false);

struct Endpoint {
  Access access = Access::Anyone;
  Facade::Handler handler;
};

class Routes {
 public:
  void add(const std::string& verb, const std::string& pattern, Endpoint endpoint);

  /// Where a path leads. Without a pattern: nowhere (404). With one and no endpoint: the verb is wrong (405).
  struct Match {
    const std::string* pattern = nullptr;
    const Endpoint* endpoint = nullptr;
    std::map<std::string, std::string, std::less<>> parameters = {};  ///< decoded
    bool undecodable = false;
    std::string allow = {};  ///< the verbs of the path, with HEAD and OPTIONS
  };
  /// `path` as it came, without query. HEAD is answered by GET's endpoint.
  Match find(std::string_view verb, std::string_view path) const;

 private:
  struct Pattern {
    std::string text;
    std::vector<std::string> segments;  ///< `{name}` matches any one segment that is not empty
    std::map<std::string, Endpoint, std::less<>> endpoints;
  };
  std::vector<Pattern> patterns_;  ///< the more literal of two comes first
};

}  // namespace shop::services
