#include "openai/response.h"

#include "openai/encode.h"
#include "openai/json_buffer.h"

namespace baton::openai {
namespace {

void write_choice(JsonBuffer& json, Endpoint endpoint, const Choice& choice, std::size_t index) {
  json.raw(R"({"index":)");
  json.integer(static_cast<std::int64_t>(index));
  json.raw(endpoint == Endpoint::chat ? R"(,"message":{"role":"assistant","content":)" : R"(,"text":)");
  json.string(choice.text);
  if (endpoint == Endpoint::chat) json.raw(R"(,"refusal":null})");
  json.raw(R"(,"logprobs":)");
  if (!choice.logprobs) {
    json.null();
  } else if (endpoint == Endpoint::chat) {
    write_chat_logprobs(json, *choice.logprobs);
  } else {
    write_completion_logprobs(json, *choice.logprobs);
  }
  json.raw(R"(,"finish_reason":)");
  write_finish_reason(json, choice.finish);
  json.raw(R"(,"stop_reason":)");
  write_stop_reason(json, choice.stop_reason);
  json.raw("}");
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

std::string encode_response(const ResponseHead& head, std::span<const Choice> choices, const Usage& usage) {
  JsonBuffer json;
  json.raw(R"({"id":)");
  json.string(head.id);
  json.raw(head.endpoint == Endpoint::chat ? R"(,"object":"chat.completion","created":)"
                                           : R"(,"object":"text_completion","created":)");
  json.integer(head.created);
  json.raw(R"(,"model":)");
  json.string(head.model);
  json.raw(R"(,"choices":[)");
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i != 0) json.raw(",");
    write_choice(json, head.endpoint, choices[i], i);
  }
  json.raw(R"(],"usage":)");
  write_usage(json, usage);
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
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (i != 0) json.raw(",");
    write_model(json, models[i]);
  }
  json.raw("]}");
  return json.take();
}

}  // namespace baton::openai
