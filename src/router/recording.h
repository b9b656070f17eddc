#pragma once

#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "schedule/event_log.h"

namespace baton::router {

/// The event log of one shard in a file (key event_log), for `batonctl replay`. Written through a buffer on the loop's
/// thread; a disk that fails ends the recording with one line in the log, never the service.
class Recording {
 public:
  /// Replaces the file. Errors (io) name it.
  static Result<std::unique_ptr<Recording>> open(const std::string& path, const schedule::CoordinatorOptions& options);

  void write(const schedule::Event& event, TimePoint now, std::span<const schedule::Command> commands);

 private:
  explicit Recording(std::string path);

  std::string path_;
  std::ofstream file_;
  std::optional<schedule::EventWriter> writer_;  ///< none: recording ended
};

}  // namespace baton::router
