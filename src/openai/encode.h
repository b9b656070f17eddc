#pragma once

#include <span>

#include "openai/json_buffer.h"
#include "openai/response.h"

namespace baton::openai {

/// Pieces shared by whole answers and stream chunks; each appends one JSON value to `json`.
void write_usage(JsonBuffer& json, const Usage& usage);
void write_finish_reason(JsonBuffer& json, FinishReason reason);
void write_stop_reason(JsonBuffer& json, const StopReason& reason);
/// {"content":[…]} of the chat endpoint.
void write_chat_logprobs(JsonBuffer& json, std::span<const LogprobEntry> entries);
/// {"tokens":[…],"token_logprobs":[…],"top_logprobs":[…],"text_offset":[…]} of the completions endpoint.
void write_completion_logprobs(JsonBuffer& json, std::span<const LogprobEntry> entries);
/// The error object without the envelope.
void write_error(JsonBuffer& json, const Error& error);

}  // namespace baton::openai
