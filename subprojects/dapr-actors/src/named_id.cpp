#include "dapr/actors/named_id.hpp"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

namespace dapr::actors {

std::string named_id(std::string_view name) {
  static const boost::uuids::name_generator_sha1 generate(boost::uuids::ns::oid());
  return to_string(generate(name.data(), name.size()));
}

}  // namespace dapr::actors
