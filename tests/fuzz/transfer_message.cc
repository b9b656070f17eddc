#include <cstdint>
#include <cstdlib>
#include <string>

#include "transfer/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto message = baton::transfer::parse_message(bytes);
  // What parses is canonical, but for an error text that is cut.
  if (message && message->error.message.size() <= 1024 && baton::transfer::encode_message(*message) != bytes) {
    std::abort();
  }
  const auto header = baton::transfer::parse_data_header(bytes);
  if (header && baton::transfer::encode_data_header(*header) != bytes) std::abort();
  return 0;
}
