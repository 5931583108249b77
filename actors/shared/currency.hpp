/// Currencies that something may be sold in.
#pragma once

#include <string_view>

namespace shop {

/// Is this a code of ISO 4217's list one that is in use? Funds, metals, units of account, the codes for tests (XTS) and
/// for no currency (XXX), and codes that were withdrawn are none. For what comes from outside: what is stored already
/// may hold a code that was withdrawn since, and has the form of a price (`is_price`) all the same. From any thread.
bool is_currency(std::string_view code);

}  // namespace shop
