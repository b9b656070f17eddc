#pragma once

#include "openai/field_reader.h"
#include "openai/json_fwd.h"
#include "openai/request.h"

namespace baton::openai {

/// Each reads one group of fields; errors stick to the reader. The returned or amended parts are complete only when
/// fields.error() is empty afterwards.
SamplingParams read_sampling(FieldReader& fields, Endpoint endpoint);
std::vector<std::string> read_stop(FieldReader& fields);
std::vector<std::string> read_bad_words(FieldReader& fields);
/// `name`: the field that holds the array.
std::vector<ChatMessage> read_messages(FieldReader& fields, std::string_view name);
std::vector<Prompt> read_prompts(FieldReader& fields);
/// Token ids of the array in `name`; nothing if there is no such array of ids.
std::vector<TokenId> read_token_ids(FieldReader& fields, std::string_view name, std::size_t limit);
/// Reads response_format, structured_outputs and the guided_* fields, of which at most one may be set, into the
/// request's constraint.
void read_constraint(FieldReader& fields, Request& request);
/// Reads tools, tool_choice and parallel_tool_calls. A forced call becomes the constraint, which must be none then.
void read_tools(FieldReader& fields, Request& request);
/// chat_template, chat_template_kwargs, documents, add_generation_prompt, ...
void read_template_options(FieldReader& fields, Request& request);
/// What is shown of prompt and tokens; sets what the workers must report for it in request.sampling.
void read_shown(FieldReader& fields, Request& request);
/// Rewrites the fields of /v1/responses to those of the chat endpoint (messages stay in `input`), and notes what the
/// answer repeats of the request.
void read_responses(FieldReader& fields, Json& document, Request& request);
/// Fails on every field that asks for a feature which would change the output and is not there.
void refuse_unsupported(FieldReader& fields, Endpoint endpoint);

}  // namespace baton::openai
