#include "openai/response.h"

#include <iterator>
#include <utility>

#include "openai/encode.h"
#include "openai/json_buffer.h"
#include "openai/responses_body.h"

namespace baton::openai {
namespace {

void write_calls(JsonBuffer& json, std::span<const ToolCall> calls) {
  json.raw(R"(,"tool_calls":[)");
  write_items(json, calls, [&](const ToolCall& call) {
    json.raw(R"({"id":)");
    json.string(call.id);
    json.raw(R"(,"type":"function","function":{"name":)");
    json.string(call.name);
    json.raw(R"(,"arguments":)");
    json.string(call.arguments);
    json.raw("}}");
  });
  json.raw("]");
}

void write_message(JsonBuffer& json, const Choice& choice) {
  json.raw(R"(,"message":{"role":"assistant","content":)");
  // Clients tell an answer that only calls tools by its missing content.
  if (choice.text.empty() && !choice.calls.empty()) {
    json.null();
  } else {
    json.string(choice.text);
  }
  json.raw(R"(,"refusal":null)");
  if (!choice.calls.empty()) write_calls(json, choice.calls);
  json.raw("}");
}

void write_choice(JsonBuffer& json, const Answer& answer, std::size_t index) {
  const Choice& choice = answer.choices[index];
  const bool chat = answer.head.endpoint == Endpoint::chat;
  json.raw(R"({"index":)");
  json.integer(static_cast<std::int64_t>(index));
  if (chat) {
    write_message(json, choice);
  } else {
    json.raw(R"(,"text":)");
    json.string(choice.text);
  }
  json.raw(R"(,"logprobs":)");
  if (!choice.logprobs) {
    json.null();
  } else if (chat) {
    write_chat_logprobs(json, *choice.logprobs);
  } else {
    write_completion_logprobs(json, *choice.logprobs);
  }
  json.raw(R"(,"finish_reason":)");
  write_finish_reason(json, choice.end);
  json.raw(R"(,"stop_reason":)");
  write_stop_reason(json, choice.end.stop_reason);
  if (answer.token_ids) {
    json.raw(R"(,"token_ids":)");
    write_token_ids(json, choice.token_ids);
  }
}

/// What is said of a prompt: with each choice of a completion, once for a chat.
void write_prompt_part(JsonBuffer& json, const PromptPart& prompt) {
  if (prompt.token_ids) {
    json.raw(R"(,"prompt_token_ids":)");
    write_token_ids(json, *prompt.token_ids);
  }
  if (prompt.logprobs) {
    json.raw(R"(,"prompt_logprobs":)");
    write_prompt_logprobs(json, *prompt.logprobs);
  }
}

void write_model(JsonBuffer& json, const ModelCard& model) {
  json.raw(R"({"id":)");
  json.string(model.id);
  json.raw(R"(,"object":"model","created":)");
  json.integer(model.created);
  json.raw(R"(,"owned_by":"baton","root":)");
  json.string(model.id);
  json.raw(R"(,"parent":null)");
  if (model.max_model_len > 0) {
    json.raw(R"(,"max_model_len":)");
    json.integer(model.max_model_len);
  }
  json.raw("}");
}

}  // namespace

void Piece::clear() {
  text.clear();
  calls.clear();
  logprobs.clear();
  token_ids.clear();
}

void Choice::append(Piece& piece) {
  text += piece.text;
  for (ToolCallDelta& delta : piece.calls) {
    if (!delta.name.empty()) calls.push_back({std::move(delta.id), std::move(delta.name), {}});
    if (!calls.empty()) calls.back().arguments += delta.arguments;
  }
  if (logprobs) std::ranges::move(piece.logprobs, std::back_inserter(*logprobs));
  token_ids.insert(token_ids.end(), piece.token_ids.begin(), piece.token_ids.end());
}

std::string encode_response(const Answer& answer) {
  const ResponseHead& head = answer.head;
  JsonBuffer json;
  if (head.endpoint == Endpoint::responses) {
    write_responses_answer(json, head, answer.choices.front(), answer.usage);
    return json.take();
  }
  const bool chat = head.endpoint == Endpoint::chat;
  json.raw(R"({"id":)");
  json.string(head.id);
  json.raw(chat ? R"(,"object":"chat.completion","created":)" : R"(,"object":"text_completion","created":)");
  json.integer(head.created);
  json.raw(R"(,"model":)");
  json.string(head.model);
  json.raw(R"(,"choices":[)");
  const std::size_t per_prompt = answer.prompts.empty() ? 1 : answer.choices.size() / answer.prompts.size();
  for (std::size_t i = 0; i < answer.choices.size(); ++i) {
    if (i != 0) json.raw(",");
    write_choice(json, answer, i);
    if (!chat && i / per_prompt < answer.prompts.size()) write_prompt_part(json, answer.prompts[i / per_prompt]);
    json.raw("}");
  }
  json.raw(R"(],"usage":)");
  write_usage(json, answer.usage);
  if (chat && !answer.prompts.empty()) write_prompt_part(json, answer.prompts.front());
  json.raw("}");
  return json.take();
}

std::string encode_error(const Error& error) {
  JsonBuffer json;
  json.raw(R"({"error":)");
  write_error(json, error);
  json.raw("}");
  return json.take();
}

std::string encode_model(const ModelCard& model) {
  JsonBuffer json;
  write_model(json, model);
  return json.take();
}

std::string encode_model_list(std::span<const ModelCard> models) {
  JsonBuffer json;
  json.raw(R"({"object":"list","data":[)");
  write_items(json, models, [&](const ModelCard& model) { write_model(json, model); });
  json.raw("]}");
  return json.take();
}

std::string encode_tokens(std::span<const TokenId> tokens, std::int64_t max_model_len,
                          const std::optional<std::vector<std::string>>& strings) {
  JsonBuffer json;
  json.raw(R"({"count":)");
  json.integer(static_cast<std::int64_t>(tokens.size()));
  json.raw(R"(,"max_model_len":)");
  json.integer(max_model_len);
  json.raw(R"(,"tokens":)");
  write_token_ids(json, tokens);
  json.raw(R"(,"token_strs":)");
  if (strings) {
    json.raw("[");
    write_items(json, *strings, [&](const std::string& text) { json.string(text); });
    json.raw("]");
  } else {
    json.null();
  }
  json.raw("}");
  return json.take();
}

std::string encode_prompt(std::string_view text) {
  JsonBuffer json;
  json.raw(R"({"prompt":)");
  json.string(text);
  json.raw("}");
  return json.take();
}

}  // namespace baton::openai
