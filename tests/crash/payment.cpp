#include "services/payment/service.hpp"
#include "tests/crash/crash_points.hpp"

int main() {
  return shop::crash::run_with_points(shop::payment::run);
}
