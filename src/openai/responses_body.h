#pragma once

#include <memory>

#include "openai/json_buffer.h"
#include "openai/response.h"
#include "openai/stream.h"

namespace baton::openai {

/// The answer object of /v1/responses.
void write_responses_answer(JsonBuffer& json, const ResponseHead& head, const Choice& choice, const Usage& usage);

/// The typed events of /v1/responses.
std::unique_ptr<AnswerStream> make_responses_stream(const ResponseHead& head);

}  // namespace baton::openai
