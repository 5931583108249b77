// Boost.Asio and Boost.Beast, compiled once (BOOST_ASIO_SEPARATE_COMPILATION, BOOST_BEAST_SEPARATE_COMPILATION): a
// translation unit that only declares them compiles in a fraction of the time.
#include <utility>  // first: Boost 1.74 forgets it under g++ 12

#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
