#include "services/payment/service.hpp"

int main() {
  return shop::payment::run();
}
