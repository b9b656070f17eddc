#include "openai/encode.h"

namespace baton::openai {
namespace {

void write_bytes(JsonBuffer& json, std::string_view bytes) {
  json.raw("[");
  write_items(json, bytes, [&](char byte) { json.integer(static_cast<unsigned char>(byte)); });
  json.raw("]");
}

/// The fields of one chat logprob object, without the closing brace.
void write_chat_token(JsonBuffer& json, const LogprobToken& token) {
  json.raw(R"({"token":)");
  json.string(token.bytes);
  json.raw(R"(,"logprob":)");
  json.number(token.logprob);
  json.raw(R"(,"bytes":)");
  write_bytes(json, token.bytes);
}

void write_string_or_null(JsonBuffer& json, std::string_view text) {
  if (text.empty()) return json.null();
  json.string(text);
}

template <class Write>
void write_list(JsonBuffer& json, std::string_view key, std::span<const LogprobEntry> entries, Write write) {
  json.raw(key);
  write_items(json, entries, write);
  json.raw("]");
}

/// A map from token text to logprob, the token itself included. Two tokens may print alike; the better one then stands.
void write_top_map(JsonBuffer& json, const LogprobEntry& entry) {
  if (entry.first) return json.null();
  json.raw("{");
  bool own = false;
  for (std::size_t i = 0; i < entry.top.size(); ++i) {
    bool repeated = false;
    for (std::size_t j = 0; j < i; ++j) repeated = repeated || entry.top[j].bytes == entry.top[i].bytes;
    if (repeated) continue;
    own = own || entry.top[i].bytes == entry.token.bytes;
    if (i != 0) json.raw(",");
    json.string(entry.top[i].bytes);
    json.raw(":");
    json.number(entry.top[i].logprob);
  }
  if (!own) {
    if (!entry.top.empty()) json.raw(",");
    json.string(entry.token.bytes);
    json.raw(":");
    json.number(entry.token.logprob);
  }
  json.raw("}");
}

}  // namespace

void write_usage(JsonBuffer& json, const Usage& usage) {
  json.raw(R"({"prompt_tokens":)");
  json.integer(usage.prompt_tokens);
  json.raw(R"(,"completion_tokens":)");
  json.integer(usage.completion_tokens);
  json.raw(R"(,"total_tokens":)");
  json.integer(usage.prompt_tokens + usage.completion_tokens);
  json.raw(R"(,"prompt_tokens_details":{"cached_tokens":)");
  json.integer(usage.cached_tokens);
  json.raw("}}");
}

void write_finish_reason(JsonBuffer& json, const ChoiceEnd& end) {
  switch (end.reason) {
    case FinishReason::none:
      return json.null();
    case FinishReason::stop:
      return json.raw(end.called_tools ? R"("tool_calls")" : R"("stop")");
    case FinishReason::length:
      return json.raw(R"("length")");
  }
}

void write_token_ids(JsonBuffer& json, std::span<const TokenId> ids) {
  json.raw("[");
  write_items(json, ids, [&](TokenId id) { json.integer(id); });
  json.raw("]");
}

void write_stop_reason(JsonBuffer& json, const StopReason& reason) {
  if (const auto* id = std::get_if<TokenId>(&reason)) return json.integer(*id);
  if (const auto* text = std::get_if<std::string>(&reason)) return json.string(*text);
  json.null();
}

void write_chat_logprobs(JsonBuffer& json, std::span<const LogprobEntry> entries) {
  write_list(json, R"({"content":[)", entries, [&](const LogprobEntry& entry) {
    write_chat_token(json, entry.token);
    json.raw(R"(,"top_logprobs":[)");
    write_items(json, entry.top, [&](const LogprobToken& token) {
      write_chat_token(json, token);
      json.raw("}");
    });
    json.raw("]}");
  });
  json.raw(R"(,"refusal":null})");
}

void write_completion_logprobs(JsonBuffer& json, std::span<const LogprobEntry> entries) {
  write_list(json, R"({"tokens":[)", entries, [&](const LogprobEntry& e) { json.string(e.token.bytes); });
  write_list(json, R"(,"token_logprobs":[)", entries, [&](const LogprobEntry& e) {
    if (e.first) return json.null();
    json.number(e.token.logprob);
  });
  write_list(json, R"(,"top_logprobs":[)", entries, [&](const LogprobEntry& e) { write_top_map(json, e); });
  write_list(json, R"(,"text_offset":[)", entries, [&](const LogprobEntry& e) { json.integer(e.text_offset); });
  json.raw("}");
}

void write_prompt_logprobs(JsonBuffer& json, std::span<const PromptToken> tokens) {
  json.raw("[");
  write_items(json, tokens, [&](const PromptToken& token) {
    if (token.candidates.empty()) return json.null();
    json.raw("{");
    write_items(json, token.candidates, [&](const PromptToken::Candidate& candidate) {
      json.raw("\"");
      json.integer(candidate.id);
      json.raw(R"(":{"logprob":)");
      json.number(candidate.token.logprob);
      json.raw(R"(,"rank":)");
      if (candidate.rank == 0) json.null();
      if (candidate.rank != 0) json.integer(candidate.rank);
      json.raw(R"(,"decoded_token":)");
      json.string(candidate.token.bytes);
      json.raw("}");
    });
    json.raw("}");
  });
  json.raw("]");
}

void write_error(JsonBuffer& json, const Error& error) {
  const ErrcInfo& info = errc_info(error.code);
  json.raw(R"({"message":)");
  json.string(error.message);
  json.raw(R"(,"type":)");
  write_string_or_null(json, info.openai_type);
  json.raw(R"(,"param":)");
  write_string_or_null(json, error.param);
  json.raw(R"(,"code":)");
  write_string_or_null(json, info.openai_code);
  json.raw("}");
}

}  // namespace baton::openai
