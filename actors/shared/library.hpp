/// The actor library under the name that the shop's code calls it by.
#pragma once

namespace dapr::actors {}

namespace actors = dapr::actors;
