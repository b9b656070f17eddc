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

enum class Endpoint : std::uint8_t { chat, completions };

/// One message of a chat. Text parts of a content array are joined with newlines, as vLLM does.
struct ChatMessage {
  std::string role;  ///< system, developer, user, assistant or tool
  std::string content;
  std::string name;             ///< empty: none
  std::string tool_call_id;     ///< role tool only
  std::string tool_calls_json;  ///< role assistant: the array as JSON text; empty: none
};

/// One prompt of /v1/completions: text to tokenise, or token ids used as they are.
using Prompt = std::variant<std::string, std::vector<TokenId>>;

/// A validated request: every number is in range, every field that would change the output is honoured.
/// Choices are numbered prompt-major: choice p·n + k is sample k of prompt p.
struct Request {
  Endpoint endpoint = Endpoint::chat;
  std::string model;                      ///< empty: the client named none
  std::vector<ChatMessage> messages;      ///< chat only, never empty there
  std::vector<Prompt> prompts;            ///< completions only, never empty there
  std::string tools_json;                 ///< chat: the tools array as JSON text; empty: none or tool_choice "none"
  std::string chat_template_kwargs_json;  ///< chat: object of extra template variables; empty: none
  bool add_generation_prompt = true;
  bool add_special_tokens = true;  ///< default: completions true, chat false (the template prints BOS itself)

  /// max_tokens and seed are set by the router from the two optionals below.
  SamplingParams sampling;
  std::optional<std::int32_t> max_tokens;  ///< completions default to 16 here; chat: up to the context length
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;  ///< at most 4, none empty
  bool include_stop_in_output = false;
  bool skip_special_tokens = true;
  std::int32_t n = 1;

  bool stream = false;
  bool include_usage = false;     ///< a last chunk with the usage
  bool continuous_usage = false;  ///< usage so far in every chunk

  std::size_t choice_count() const {
    const std::size_t prompt_count = endpoint == Endpoint::chat ? 1 : prompts.size();
    return prompt_count * static_cast<std::size_t>(n);
  }
};

/// Limits on what one request may ask for.
inline constexpr std::int32_t kMaxChoices = 128;
inline constexpr std::size_t kMaxStopStrings = 4;
inline constexpr std::size_t kMaxStopBytes = 1024;
inline constexpr std::int32_t kMaxLogprobs = 20;
inline constexpr std::size_t kMaxLogitBias = 1024;
inline constexpr int kMaxJsonDepth = 128;

/// Parses the body of POST /v1/chat/completions or /v1/completions. Fails with invalid_request or
/// unsupported_parameter; `param` names the field and the message says what would be accepted.
/// Unknown fields are ignored, null means absent, duplicate keys: the last one counts.
Result<Request> parse_request(Endpoint endpoint, std::string_view body);

}  // namespace baton::openai
