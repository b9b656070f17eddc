#include <iostream>
#include <string_view>
#include <vector>

#include "ctl/command.h"

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  return baton::ctl::run(arguments, {std::cout, std::cerr});
}
