#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"
#include "openai/request.h"

namespace baton::openai {

/// What every part of one answer repeats.
struct ResponseHead {
  Endpoint endpoint = Endpoint::chat;
  std::string id;            ///< "chatcmpl-…" or "cmpl-…"
  std::int64_t created = 0;  ///< Unix seconds
  std::string model;         ///< served name
};

/// Counts of tokens. Prompts are counted once whatever n is; completions include the stop token that was sampled.
struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t cached_tokens = 0;
};

/// One candidate token. `bytes` are the token's own, which need not be whole UTF-8 characters.
struct LogprobToken {
  std::string bytes;
  float logprob = 0.0F;
};

/// One generated token with its alternatives, best first.
struct LogprobEntry {
  LogprobToken token;
  std::vector<LogprobToken> top;
  std::int64_t text_offset = 0;  ///< completions: characters before it in prompt-less output
};

/// What ended a choice early, for `stop_reason`: nothing (EOS, length), a token id, or a stop string.
using StopReason = std::variant<std::monostate, TokenId, std::string>;

/// One finished choice of a whole answer.
struct Choice {
  std::string text;
  FinishReason finish = FinishReason::stop;
  StopReason stop_reason;
  std::optional<std::vector<LogprobEntry>> logprobs;  ///< absent: not asked for
};

/// The body of a whole answer; choices are numbered in order.
std::string encode_response(const ResponseHead& head, std::span<const Choice> choices, const Usage& usage);

/// {"error":{message,type,param,code}} as openai_code and openai_type of the Errc say.
std::string encode_error(const Error& error);

struct ModelCard {
  std::string id;
  std::int64_t created = 0;
  std::int64_t max_model_len = 0;  ///< 0: unknown, left out
};
std::string encode_model(const ModelCard& model);
std::string encode_model_list(std::span<const ModelCard> models);

}  // namespace baton::openai
