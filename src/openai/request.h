#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"

namespace baton::openai {

enum class Endpoint : std::uint8_t { chat, completions, responses };

/// Whether an endpoint takes messages, which the chat template turns into the prompt.
constexpr bool takes_messages(Endpoint endpoint) {
  return endpoint != Endpoint::completions;
}

/// One message of a chat. Text parts of a content array are joined with newlines, as vLLM does.
struct ChatMessage {
  std::string role;  ///< system, developer, user, assistant or tool
  std::string content;
  std::vector<std::string> parts;  ///< the parts of a content array, for templates that walk through them
  std::string name;                ///< empty: none
  std::string tool_call_id;        ///< role tool only
  /// Role assistant: the array as JSON text, arguments as objects (templates print them); empty: none.
  std::string tool_calls_json;
};

/// One prompt of /v1/completions: text to tokenise, or token ids used as they are.
using Prompt = std::variant<std::string, std::vector<TokenId>>;

/// Tools of a chat. For `required` and `named` the request's constraint already forces the calls.
struct Tools {
  enum class Choice : std::uint8_t { none, automatic, required, named };
  Choice choice = Choice::none;
  std::string json;                ///< the array as JSON text; empty with choice none
  std::vector<std::string> names;  ///< of all functions
  std::string named;               ///< with choice named: the function to call
};

/// What the client wants to see of the prompt and of the tokens, beside the text.
struct Shown {
  bool echo = false;                  ///< completions: the prompt before the text; chat: an assistant's last message
  bool token_ids = false;             ///< ids of prompt and output
  bool tokens_as_ids = false;         ///< "token_id:7" instead of a token's text in logprobs
  bool include_stop = false;          ///< the stop string stays at the end of the text
  bool skip_special = true;           ///< special tokens are not text
  bool discard_output = false;        ///< max_tokens 0: only the prompt is asked for
  std::int32_t logprobs = -1;         ///< -1: none; how many alternatives per output token
  std::int32_t prompt_logprobs = -1;  ///< the field `prompt_logprobs` of an answer; echo's are in `logprobs`
};

/// A validated request: every number is in range, every field that would change the output is honoured.
/// Choices are numbered prompt-major: choice p·n + k is sample k of prompt p.
struct Request {
  Endpoint endpoint = Endpoint::chat;
  std::string model;                      ///< empty: the client named none
  std::string request_id;                 ///< the client's name for the answer; empty: none
  std::vector<ChatMessage> messages;      ///< chat and responses only, never empty there
  std::vector<Prompt> prompts;            ///< completions only, never empty there
  Tools tools;                            ///< chat and responses
  std::string documents_json;             ///< chat: array for the template; empty: none
  std::string chat_template;              ///< chat: used instead of the model's own; empty: none
  std::string chat_template_kwargs_json;  ///< chat: object of extra template variables; empty: none
  std::string echo_json;                  ///< responses: members of the answer that repeat the request
  bool add_generation_prompt = true;
  bool continue_final_message = false;      ///< the answer goes on where the last message stops
  bool add_special_tokens = true;           ///< default: completions true, chat false (the template prints BOS itself)
  std::int32_t truncate_prompt_tokens = 0;  ///< 0: no; n: the n tokens kept; -1: as many as the context takes
  bool truncate_right = false;              ///< keep the first tokens instead of the last

  /// max_tokens and seed are set by the router from the two optionals below, bad_words from the texts.
  SamplingParams sampling;
  std::string constraint_field;  ///< which field asked for sampling.constraint
  std::vector<std::string> bad_words;
  std::optional<std::int32_t> max_tokens;  ///< completions default to 16 here; chat: up to the context length
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;  ///< at most 4, none empty
  std::int32_t n = 1;
  std::int32_t best_of = 1;  ///< choices generated per prompt, of which the n best are shown; at least n
  Shown shown;

  bool stream = false;
  bool include_usage = false;     ///< a last chunk with the usage
  bool continuous_usage = false;  ///< usage so far in every chunk

  std::size_t prompt_count() const { return takes_messages(endpoint) ? 1 : prompts.size(); }
};

/// Limits on what one request may ask for.
inline constexpr std::int32_t kMaxChoices = 128;
inline constexpr std::size_t kMaxStopStrings = 4;
inline constexpr std::size_t kMaxStopBytes = 1024;
inline constexpr std::int32_t kMaxLogprobs = 20;
inline constexpr std::size_t kMaxLogitBias = 1024;
inline constexpr std::size_t kMaxAllowedTokens = 1U << 18;
inline constexpr std::size_t kMaxBadWords = 256;
inline constexpr std::size_t kMaxTools = 128;
inline constexpr int kMaxJsonDepth = 128;

/// Parses the body of POST /v1/chat/completions, /v1/completions or /v1/responses. Fails with invalid_request or
/// unsupported_parameter; `param` names the field and the message says what would be accepted.
/// Unknown fields are ignored, null means absent, duplicate keys: the last one counts.
Result<Request> parse_request(Endpoint endpoint, std::string_view body);

/// The body of POST /tokenize: a request of which only the prompt is wanted.
struct TokenizeRequest {
  Request request;
  bool token_strings = false;
};
Result<TokenizeRequest> parse_tokenize(std::string_view body);

/// The body of POST /detokenize.
struct DetokenizeRequest {
  std::string model;
  std::vector<TokenId> tokens;
};
Result<DetokenizeRequest> parse_detokenize(std::string_view body);

}  // namespace baton::openai
