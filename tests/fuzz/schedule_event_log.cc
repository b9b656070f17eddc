#include <cstddef>
#include <cstdint>
#include <string_view>

#include "schedule/event_log.h"

/// Reads any bytes as an event log; the Coordinator is left out, which relies on a sound history.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto reader = baton::schedule::EventReader::open({reinterpret_cast<const char*>(data), size});
  while (reader) {
    const auto record = reader->next();
    if (!record || *record == nullptr) break;
  }
  return 0;
}
