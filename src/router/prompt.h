#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"
#include "openai/request.h"
#include "openai/tool_parser.h"
#include "router/served_model.h"

namespace baton::router {

/// A validated request with its prompts as token ids (messages and prompts themselves are gone).
struct PreparedRequest {
  openai::Request request;
  std::vector<std::vector<TokenId>> prompts;
  std::vector<std::string> echo;  ///< what stands before the text of each prompt's choices; empty: nothing
  openai::ToolParser::Options tools;
};

/// Body to token ids: JSON, validation, chat template, tokenizer. Pure and thread-safe, so that a large one runs on
/// another thread than the event loop.
Result<PreparedRequest> prepare_request(const ServedModel& model, openai::Endpoint endpoint, std::string_view body);
/// The same for a request that was parsed already.
Result<PreparedRequest> prepare_parsed(const ServedModel& model, openai::Request request);

/// The model a client named must be the served one, or none.
Result<void> check_model(const ServedModel& model, std::string_view named);

/// One spec per choice, prompt-major, best_of for each prompt; leaves `prepared.prompts` empty. Checks prompt and
/// max_tokens against `max_context`. Seeds the client did not give come from `random`; choice k of a prompt gets
/// seed + k.
Result<std::vector<std::shared_ptr<const GenerationSpec>>> make_specs(PreparedRequest& prepared,
                                                                      std::int32_t max_context,
                                                                      std::mt19937_64& random);

}  // namespace baton::router
