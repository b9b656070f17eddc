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
  std::string id;            ///< "chatcmpl-…", "cmpl-…" or "resp_…"
  std::int64_t created = 0;  ///< Unix seconds
  std::string model;         ///< served name
  std::string echo_json;     ///< responses: members that repeat the request
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

/// One token with its alternatives, best first.
struct LogprobEntry {
  LogprobToken token;
  std::vector<LogprobToken> top;
  std::int64_t text_offset = 0;  ///< completions: characters before it in the text of the choice
  bool first = false;            ///< nothing stands before it, so it has no logprob
};

/// One token of a tool call's way from the model to the client: the first delta of a call has id and name.
struct ToolCallDelta {
  int index = 0;  ///< of the call within its choice
  std::string id;
  std::string name;
  std::string arguments;
};

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  ///< JSON text as the model wrote it
};

/// What some tokens of a choice came to. A stream sends them one by one; a whole answer is their sum.
struct Piece {
  std::string text;
  std::vector<ToolCallDelta> calls;
  std::vector<LogprobEntry> logprobs;
  std::vector<TokenId> token_ids;

  bool empty() const { return text.empty() && calls.empty() && logprobs.empty() && token_ids.empty(); }
  /// Keeps the capacities.
  void clear();
};

/// What ended a choice early, for `stop_reason`: nothing (EOS, length), a token id, or a stop string.
using StopReason = std::variant<std::monostate, TokenId, std::string>;

struct ChoiceEnd {
  FinishReason reason = FinishReason::stop;
  StopReason stop_reason;
  bool called_tools = false;
};

/// One finished choice of a whole answer.
struct Choice {
  std::string text;
  std::vector<ToolCall> calls;
  std::optional<std::vector<LogprobEntry>> logprobs;  ///< absent: not asked for
  std::vector<TokenId> token_ids;
  ChoiceEnd end;

  void append(Piece& piece);
};

/// One prompt token for `prompt_logprobs`.
struct PromptToken {
  struct Candidate {
    TokenId id = 0;
    LogprobToken token;
    int rank = 0;  ///< 1: the most likely; 0: not among those that were ranked
  };
  std::vector<Candidate> candidates;  ///< its own first; empty for the first token of a prompt
};

/// What an answer says of one prompt.
struct PromptPart {
  std::optional<std::vector<TokenId>> token_ids;
  std::optional<std::vector<PromptToken>> logprobs;
};

/// A whole answer. Choices are numbered in order, prompt by prompt, as many for each.
struct Answer {
  ResponseHead head;
  std::vector<Choice> choices;
  std::vector<PromptPart> prompts;
  Usage usage;
  bool token_ids = false;  ///< show them
};
std::string encode_response(const Answer& answer);

/// {"error":{message,type,param,code}} as openai_code and openai_type of the Errc say.
std::string encode_error(const Error& error);

struct ModelCard {
  std::string id;
  std::int64_t created = 0;
  std::int64_t max_model_len = 0;  ///< 0: unknown, left out
};
std::string encode_model(const ModelCard& model);
std::string encode_model_list(std::span<const ModelCard> models);

/// Answers of /tokenize (`strings` absent: null) and /detokenize.
std::string encode_tokens(std::span<const TokenId> tokens, std::int64_t max_model_len,
                          const std::optional<std::vector<std::string>>& strings);
std::string encode_prompt(std::string_view text);

}  // namespace baton::openai
