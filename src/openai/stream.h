#pragma once

#include <span>
#include <string>
#include <string_view>

#include "baton/error.h"
#include "openai/json_buffer.h"
#include "openai/response.h"

namespace baton::openai {

/// Writes the server-sent events of one streamed answer into a buffer it owns. What a client gets, per choice:
/// chat: the role, text chunks, an empty delta with the finish reason; completions: text chunks, an empty text with the
/// finish reason. Then, if asked for, one chunk with the usage and no choices, and [DONE].
/// Every event is `data: ` + one line + "\n\n". No allocation per token once the buffer has grown.
class StreamEncoder {
 public:
  struct Options {
    bool include_usage = false;     ///< a last chunk with usage; `usage:null` before
    bool continuous_usage = false;  ///< usage so far in every chunk
    bool logprobs = false;
  };
  StreamEncoder(const ResponseHead& head, Options options);

  /// The role chunk of choice `index` if it was not written yet; nothing for completions.
  void begin_choice(int index, const Usage& so_far);
  /// A piece of text of choice `index`. The first call for a choice of a chat writes the role chunk before it.
  /// `logprobs` belong to this piece and are written only if asked for.
  void text(int index, std::string_view text, std::span<const LogprobEntry> logprobs, const Usage& so_far);
  /// Ends choice `index`.
  void finish(int index, FinishReason reason, const StopReason& stop_reason, const Usage& so_far);
  /// The last usage chunk; writes nothing unless it was asked for.
  void usage(const Usage& usage);
  /// An error event: how a failure after the first byte reaches the client.
  void error(const Error& error);
  void done();

  /// Whole events not taken yet.
  std::size_t pending_bytes() const { return json_.size(); }
  /// Hands over the pending events; `reuse` (any old buffer) becomes the next one.
  std::string swap_out(std::string reuse);

 private:
  void open_choice(int index);
  void close_choice(FinishReason reason, const Usage& so_far);

  JsonBuffer json_;
  std::string prefix_;  ///< `data: {"id":…,"choices":[`
  Endpoint endpoint_;
  Options options_;
  std::vector<bool> role_sent_;  ///< by choice
};

}  // namespace baton::openai
