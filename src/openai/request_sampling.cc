#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "openai/request_fields.h"

namespace baton::openai {
namespace {

using nlohmann::json;

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

std::vector<TokenId> read_stop_token_ids(FieldReader& fields) {
  const json* list = fields.find("stop_token_ids");
  if (list == nullptr) return {};
  std::vector<TokenId> ids;
  const bool short_array = list->is_array() && list->size() <= kMaxLogitBias;
  if (short_array) {
    for (const json& item : *list) {
      const auto id = as_integer(item);
      if (!id || *id < 0 || *id > INT32_MAX) break;
      ids.push_back(static_cast<TokenId>(*id));
    }
  }
  if (!short_array || ids.size() != list->size()) {
    fields.fail(Errc::invalid_request,
                "'stop_token_ids' must be an array of at most " + std::to_string(kMaxLogitBias) +
                    " token ids (integers from 0).",
                "stop_token_ids");
  }
  return ids;
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
  sampling.logprobs = endpoint == Endpoint::chat ? read_chat_logprobs(fields) : read_completion_logprobs(fields);
  sampling.min_tokens = to_int(fields.integer("min_tokens", {0, INT32_MAX}), 0);
  sampling.ignore_eos = fields.boolean("ignore_eos").value_or(false);
  sampling.stop_token_ids = read_stop_token_ids(fields);
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

}  // namespace baton::openai
