#include "services/product/service.hpp"

int main() {
  return shop::product::run();
}
