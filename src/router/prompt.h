#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"
#include "openai/request.h"
#include "router/served_model.h"

namespace baton::router {

/// A validated request with its prompts as token ids (messages and prompts themselves are gone).
struct PreparedRequest {
  openai::Request request;
  std::vector<std::vector<TokenId>> prompts;
};

/// Body to token ids: JSON, validation, chat template, tokenizer. Pure and thread-safe, so that a large one runs on
/// another thread than the event loop.
Result<PreparedRequest> prepare_request(const ServedModel& model, openai::Endpoint endpoint, std::string_view body);

/// One spec per choice, prompt-major; leaves `prepared.prompts` empty. Checks prompt and max_tokens against
/// `max_context`. Seeds the client did not give come from `random`; choice k of a prompt gets seed + k.
Result<std::vector<std::shared_ptr<const GenerationSpec>>> make_specs(PreparedRequest& prepared,
                                                                      std::int32_t max_context,
                                                                      std::mt19937_64& random);

}  // namespace baton::router
