#pragma once

#include <nlohmann/json_fwd.hpp>

#include "openai/field_reader.h"
#include "openai/request.h"

namespace baton::openai {

/// Each reads one group of fields; errors stick to the reader. The returned or amended parts are complete only when
/// fields.error() is empty afterwards.
SamplingParams read_sampling(FieldReader& fields, Endpoint endpoint);
std::vector<std::string> read_stop(FieldReader& fields);
std::vector<ChatMessage> read_messages(FieldReader& fields);
std::vector<Prompt> read_prompts(FieldReader& fields);
/// Fails on every field that asks for a feature which would change the output and is not there.
void refuse_unsupported(FieldReader& fields, Endpoint endpoint);

}  // namespace baton::openai
