#include <array>

#include "openai/json.h"
#include "openai/request_fields.h"

namespace baton::openai {
namespace {

using json = Json;

/// Fields that would change the output whenever they hold anything but null, false, "", [] or {}.
constexpr std::array<std::string_view, 13> kRefusedWhenSet{"suffix",
                                                           "use_beam_search",
                                                           "functions",
                                                           "logits_processors",
                                                           "logprob_token_ids",
                                                           "cache_salt",
                                                           "return_prompt_text",
                                                           "audio",
                                                           "web_search_options",
                                                           "prompt_embeds",
                                                           "vllm_xargs",
                                                           "kv_transfer_params",
                                                           "repetition_detection"};

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

void refuse_modalities(FieldReader& fields) {
  const json* modalities = fields.find("modalities");
  if (modalities == nullptr || *modalities == json::array({"text"})) return;
  refuse(fields, "modalities", " with a value other than [\"text\"]");
}

/// Requests wait in the order of their classes; one that asks for another order would be misled.
void refuse_priority(FieldReader& fields) {
  const auto priority = fields.integer("priority", {INT32_MIN, INT32_MAX});
  if (priority.value_or(0) != 0) refuse(fields, "priority", " with a value other than 0");
}

}  // namespace

void refuse_unsupported(FieldReader& fields, Endpoint endpoint) {
  for (const std::string_view name : kRefusedWhenSet) {
    const json* value = fields.find(name);
    if (value != nullptr && is_set(*value)) refuse(fields, name, "");
  }
  refuse_modalities(fields);
  refuse_priority(fields);
  if (endpoint == Endpoint::completions && fields.find("tools") != nullptr && is_set(*fields.find("tools"))) {
    refuse(fields, "tools", " by this endpoint; use /v1/chat/completions");
  }
  const json* call = fields.find("function_call");
  if (call != nullptr && *call != "none" && *call != "auto") refuse(fields, "function_call", "");
}

}  // namespace baton::openai
