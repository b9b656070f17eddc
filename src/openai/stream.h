#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "baton/error.h"
#include "openai/json_buffer.h"
#include "openai/response.h"

namespace baton::openai {

struct StreamOptions {
  bool include_usage = false;     ///< a last chunk with usage; `usage:null` before
  bool continuous_usage = false;  ///< usage so far in every chunk
  bool logprobs = false;
  bool token_ids = false;
  std::vector<std::vector<TokenId>> prompts = {};  ///< with token_ids: those of each prompt
  int choices_per_prompt = 1;
};

/// Writes the server-sent events of one streamed answer into a buffer it owns. Every event ends with an empty line and
/// holds one line of JSON. No allocation per token once the buffer has grown.
class AnswerStream {
 public:
  virtual ~AnswerStream() = default;

  /// What a client hears of choice `index` before its text; once, further calls say nothing.
  virtual void begin_choice(int index, const Usage& so_far) = 0;
  virtual void piece(int index, const Piece& piece, const Usage& so_far) = 0;
  virtual void finish(int index, const ChoiceEnd& end, const Usage& so_far) = 0;
  /// The last events of a whole answer.
  virtual void end(const Usage& usage) = 0;
  /// The last events of one that failed after its first byte.
  virtual void fail(const Error& error) = 0;

  /// Whole events not taken yet.
  std::size_t pending_bytes() const { return json_.size(); }
  /// Hands over the pending events; `reuse` (any old buffer) becomes the next one.
  std::string swap_out(std::string reuse) { return json_.swap_out(std::move(reuse)); }

 protected:
  JsonBuffer json_;
};

/// The stream of the endpoint. Chat: the role, pieces, an empty delta with the finish reason; completions: pieces, an
/// empty text with the finish reason; then, if asked for, one chunk with the usage and no choices, and [DONE].
/// Responses: the typed events from response.created to response.completed; one choice only.
std::unique_ptr<AnswerStream> make_stream(const ResponseHead& head, StreamOptions options);

}  // namespace baton::openai
