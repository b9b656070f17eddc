#include <algorithm>
#include <charconv>
#include <cmath>

#include "openai/json.h"
#include "openai/request_fields.h"

namespace baton::openai {
namespace {

using json = Json;

constexpr double kHuge = 1e6;

float to_float(std::optional<double> value, float otherwise) {
  return value ? static_cast<float>(*value) : otherwise;
}

std::int32_t to_int(std::optional<std::int64_t> value, std::int32_t otherwise) {
  return value ? static_cast<std::int32_t>(*value) : otherwise;
}

std::vector<std::pair<TokenId, float>> read_logit_bias(FieldReader& fields) {
  const json* map = fields.find("logit_bias");
  if (map == nullptr) return {};
  if (!map->is_object()) {
    fields.fail_type("logit_bias", "an object", *map);
    return {};
  }
  if (map->size() > kMaxLogitBias) {
    fields.fail(Errc::invalid_request,
                "'logit_bias' has " + std::to_string(map->size()) + " entries; at most " +
                    std::to_string(kMaxLogitBias) + " are allowed.",
                "logit_bias");
    return {};
  }
  std::vector<std::pair<TokenId, float>> bias;
  for (const auto& [key, value] : map->items()) {
    TokenId token = 0;
    const auto parsed = std::from_chars(key.data(), key.data() + key.size(), token);
    const bool whole = parsed.ec == std::errc{} && parsed.ptr == key.data() + key.size();
    if (!whole || token < 0 || !value.is_number() || !(std::abs(value.get<double>()) <= 100)) {
      fields.fail(Errc::invalid_request, "'logit_bias' must map token ids to numbers in [-100, 100].", "logit_bias");
      return {};
    }
    bias.emplace_back(token, value.get<float>());
  }
  return bias;
}

std::int32_t read_chat_logprobs(FieldReader& fields) {
  const bool wanted = fields.boolean("logprobs").value_or(false);
  const auto top = fields.integer("top_logprobs", {0, kMaxLogprobs});
  if (top && !wanted) {
    fields.fail(Errc::invalid_request, "'top_logprobs' requires 'logprobs' to be true.", "top_logprobs");
  }
  return wanted ? to_int(top, 0) : -1;
}

/// Completions give a count; some clients send the boolean of the chat endpoint there.
std::int32_t read_completion_logprobs(FieldReader& fields) {
  const json* value = fields.find("logprobs");
  if (value != nullptr && value->is_boolean()) return value->get<bool>() ? 0 : -1;
  return to_int(fields.integer("logprobs", {0, kMaxLogprobs}), -1);
}

}  // namespace

std::vector<TokenId> read_token_ids(FieldReader& fields, std::string_view name, std::size_t limit) {
  const json* list = fields.find(name);
  if (list == nullptr) return {};
  std::vector<TokenId> ids;
  const bool fits = list->is_array() && list->size() <= limit;
  if (fits) {
    ids.reserve(list->size());
    for (const json& item : *list) {
      const auto id = as_integer(item);
      if (!id || *id < 0 || *id > INT32_MAX) break;
      ids.push_back(static_cast<TokenId>(*id));
    }
  }
  if (!fits || ids.size() != list->size()) {
    const std::string most = limit == SIZE_MAX ? "" : "at most " + std::to_string(limit) + " ";
    fields.fail(Errc::invalid_request,
                "'" + std::string(name) + "' must be an array of " + most + "token ids (integers from 0).", name);
  }
  return ids;
}

SamplingParams read_sampling(FieldReader& fields, Endpoint endpoint) {
  SamplingParams sampling;
  sampling.temperature = to_float(fields.number("temperature", {0, 2}), 1.0F);
  sampling.top_p = to_float(fields.number("top_p", {0, 1, true}), 1.0F);
  sampling.top_k = std::max(0, to_int(fields.integer("top_k", {-1, INT32_MAX}), 0));
  sampling.min_p = to_float(fields.number("min_p", {0, 1}), 0.0F);
  sampling.repetition_penalty = to_float(fields.number("repetition_penalty", {0, kHuge, true}), 1.0F);
  sampling.presence_penalty = to_float(fields.number("presence_penalty", {-2, 2}), 0.0F);
  sampling.frequency_penalty = to_float(fields.number("frequency_penalty", {-2, 2}), 0.0F);
  sampling.logit_bias = read_logit_bias(fields);
  sampling.logprobs = takes_messages(endpoint) ? read_chat_logprobs(fields) : read_completion_logprobs(fields);
  sampling.min_tokens = to_int(fields.integer("min_tokens", {0, INT32_MAX}), 0);
  sampling.ignore_eos = fields.boolean("ignore_eos").value_or(false);
  sampling.stop_token_ids = read_token_ids(fields, "stop_token_ids", kMaxLogitBias);
  sampling.allowed_token_ids = read_token_ids(fields, "allowed_token_ids", kMaxAllowedTokens);
  if (const json* allowed = fields.find("allowed_token_ids"); allowed != nullptr && allowed->empty()) {
    fields.fail(Errc::invalid_request, "'allowed_token_ids' must not be empty.", "allowed_token_ids");
  }
  return sampling;
}

std::vector<std::string> read_stop(FieldReader& fields) {
  json* value = fields.find("stop");
  if (value == nullptr) return {};
  std::vector<std::string> stop;
  if (value->is_string()) {
    stop.push_back(std::move(value->get_ref<std::string&>()));
    if (stop.front().empty()) return {};  // many clients send "" for none
  } else if (value->is_array() && value->size() <= kMaxStopStrings &&
             std::ranges::all_of(*value, [](const json& item) { return item.is_string(); })) {
    for (json& item : *value) stop.push_back(std::move(item.get_ref<std::string&>()));
  } else {
    fields.fail(Errc::invalid_request,
                "'stop' must be a string or an array of at most " + std::to_string(kMaxStopStrings) + " strings.",
                "stop");
    return {};
  }
  const bool usable =
      std::ranges::all_of(stop, [](const std::string& text) { return !text.empty() && text.size() <= kMaxStopBytes; });
  if (!usable) {
    fields.fail(Errc::invalid_request,
                "Each 'stop' string must have between 1 and " + std::to_string(kMaxStopBytes) + " bytes.", "stop");
  }
  return stop;
}

std::vector<std::string> read_bad_words(FieldReader& fields) {
  json* list = fields.find("bad_words");
  if (list == nullptr) return {};
  std::vector<std::string> words;
  const bool usable =
      list->is_array() && list->size() <= kMaxBadWords && std::ranges::all_of(*list, [](const json& item) {
        return item.is_string() && !item.get_ref<const std::string&>().empty();
      });
  if (!usable) {
    fields.fail(Errc::invalid_request,
                "'bad_words' must be an array of at most " + std::to_string(kMaxBadWords) + " non-empty strings.",
                "bad_words");
    return words;
  }
  for (json& item : *list) words.push_back(std::move(item.get_ref<std::string&>()));
  return words;
}

/// echo with logprobs shows those of the prompt in the place of the text; prompt_logprobs in a field of its own.
void read_shown(FieldReader& fields, Request& request) {
  Shown& shown = request.shown;
  SamplingParams& sampling = request.sampling;
  shown.echo = fields.boolean("echo").value_or(false);
  shown.token_ids = fields.boolean("return_token_ids").value_or(false);
  shown.tokens_as_ids = fields.boolean("return_tokens_as_token_ids").value_or(false);
  shown.include_stop = fields.boolean("include_stop_str_in_output").value_or(false);
  shown.skip_special = fields.boolean("skip_special_tokens").value_or(true);
  shown.logprobs = sampling.logprobs;
  shown.prompt_logprobs = to_int(fields.integer("prompt_logprobs", {0, kMaxLogprobs}), -1);
  if (shown.prompt_logprobs >= 0 && request.stream) {
    fields.fail(Errc::invalid_request, "'prompt_logprobs' cannot be streamed; set 'stream' to false.",
                "prompt_logprobs");
  }
  const bool echoes_prompt = shown.echo && request.endpoint == Endpoint::completions;
  sampling.prompt_logprobs = std::max(shown.prompt_logprobs, echoes_prompt ? shown.logprobs : -1);
  if (request.best_of > request.n) sampling.logprobs = std::max(sampling.logprobs, 0);  // they choose the best
  if (request.max_tokens == 0) {
    shown.discard_output = true;
    request.max_tokens = 1;  // a worker makes at least one token
  }
}

}  // namespace baton::openai
