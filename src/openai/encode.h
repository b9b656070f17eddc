#pragma once

#include <span>

#include "openai/json_buffer.h"
#include "openai/response.h"

namespace baton::openai {

/// Pieces shared by whole answers and stream chunks; each appends one JSON value to `json`.
void write_usage(JsonBuffer& json, const Usage& usage);
void write_finish_reason(JsonBuffer& json, const ChoiceEnd& end);
void write_stop_reason(JsonBuffer& json, const StopReason& reason);
void write_token_ids(JsonBuffer& json, std::span<const TokenId> ids);
/// {"content":[…]} of the chat endpoint.
void write_chat_logprobs(JsonBuffer& json, std::span<const LogprobEntry> entries);
/// {"tokens":[…],"token_logprobs":[…],"top_logprobs":[…],"text_offset":[…]} of the completions endpoint.
void write_completion_logprobs(JsonBuffer& json, std::span<const LogprobEntry> entries);
/// [null,{"id":{"logprob":…,"rank":…,"decoded_token":…},…},…]
void write_prompt_logprobs(JsonBuffer& json, std::span<const PromptToken> tokens);
/// The error object without the envelope.
void write_error(JsonBuffer& json, const Error& error);

/// Writes the items of a range with commas between them.
template <class Range, class Write>
void write_items(JsonBuffer& json, const Range& range, Write write) {
  bool first = true;
  for (const auto& item : range) {
    if (!first) json.raw(",");
    first = false;
    write(item);
  }
}

}  // namespace baton::openai
