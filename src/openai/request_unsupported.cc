#include <array>
#include <nlohmann/json.hpp>

#include "openai/request_fields.h"

namespace baton::openai {
namespace {

using nlohmann::json;

/// Fields that would change the output whenever they hold anything but null, false, "", [] or {}.
constexpr std::array<std::string_view, 26> kRefusedWhenSet{"suffix",
                                                           "echo",
                                                           "use_beam_search",
                                                           "prompt_logprobs",
                                                           "structured_outputs",
                                                           "guided_json",
                                                           "guided_regex",
                                                           "guided_choice",
                                                           "guided_grammar",
                                                           "guided_whitespace_pattern",
                                                           "bad_words",
                                                           "functions",
                                                           "logits_processors",
                                                           "allowed_token_ids",
                                                           "logprob_token_ids",
                                                           "documents",
                                                           "chat_template",
                                                           "truncate_prompt_tokens",
                                                           "continue_final_message",
                                                           "return_token_ids",
                                                           "return_tokens_as_token_ids",
                                                           "return_prompt_text",
                                                           "audio",
                                                           "web_search_options",
                                                           "prompt_embeds",
                                                           "vllm_xargs"};

bool is_set(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  if (value.is_structured()) return !value.empty();
  return true;
}

void refuse(FieldReader& fields, std::string_view name, std::string_view detail) {
  fields.fail(Errc::unsupported_parameter, "'" + std::string(name) + "' is not supported" + std::string(detail) + ".",
              name);
}

void refuse_response_format(FieldReader& fields) {
  json* format = fields.find("response_format");
  if (format == nullptr) return;
  if (!format->is_object()) return fields.fail_type("response_format", "an object", *format);
  const auto type = format->find("type");
  if (type != format->end() && *type == "text") return;
  refuse(fields, "response_format", " with a type other than 'text'");
}

void refuse_tool_choice(FieldReader& fields) {
  const json* choice = fields.find("tool_choice");
  if (choice == nullptr || *choice == "none" || *choice == "auto") return;
  refuse(fields, "tool_choice", " with a value other than 'none' or 'auto'");
}

void refuse_modalities(FieldReader& fields) {
  const json* modalities = fields.find("modalities");
  if (modalities == nullptr || *modalities == json::array({"text"})) return;
  refuse(fields, "modalities", " with a value other than [\"text\"]");
}

void refuse_best_of(FieldReader& fields) {
  const auto best_of = fields.integer("best_of", {1, kMaxChoices});
  if (best_of && *best_of != fields.integer("n", {1, kMaxChoices}).value_or(1)) {
    refuse(fields, "best_of", " with a value other than that of 'n'");
  }
}

}  // namespace

void refuse_unsupported(FieldReader& fields, Endpoint endpoint) {
  for (const std::string_view name : kRefusedWhenSet) {
    const json* value = fields.find(name);
    if (value != nullptr && is_set(*value)) refuse(fields, name, "");
  }
  refuse_response_format(fields);
  refuse_tool_choice(fields);
  refuse_modalities(fields);
  if (endpoint == Endpoint::completions) refuse_best_of(fields);
  const json* call = fields.find("function_call");
  if (call != nullptr && *call != "none" && *call != "auto") refuse(fields, "function_call", "");
}

}  // namespace baton::openai
