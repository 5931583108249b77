#include "services/order/service.hpp"

int main() {
  return shop::order::run();
}
