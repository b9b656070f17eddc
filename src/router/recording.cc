#include "router/recording.h"

#include <utility>

#include "core/log.h"

namespace baton::router {

Recording::Recording(std::string path) : path_(std::move(path)), file_(path_, std::ios::binary | std::ios::trunc) {}

Result<std::unique_ptr<Recording>> Recording::open(const std::string& path,
                                                   const schedule::CoordinatorOptions& options) {
  std::unique_ptr<Recording> recording(new Recording(path));
  if (!recording->file_) return fail(Errc::io, "event_log: cannot write '" + path + "'.");
  const auto sink = [file = &recording->file_](std::string_view bytes) {
    file->write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  };
  recording->writer_.emplace(sink, options);
  return recording;
}

void Recording::write(const schedule::Event& event, TimePoint now, std::span<const schedule::Command> commands) {
  if (!writer_) return;
  writer_->write(event, now, commands);
  if (file_) return;
  log_error("router", "the event log ended: its file cannot be written", {{"file", path_}});
  writer_.reset();
}

}  // namespace baton::router
