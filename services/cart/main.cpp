#include "services/cart/service.hpp"

int main() {
  return shop::cart::run();
}
