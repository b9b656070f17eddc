#include "router/prompt.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace baton::router {
namespace {

using openai::ChatMessage;
using text::Value;

Result<Value> message_value(ChatMessage& message) {
  // Templates know "system"; "developer" is its newer name.
  std::vector<Value::Member> members{{"role", message.role == "developer" ? std::string("system") : message.role},
                                     {"content", std::move(message.content)}};
  if (!message.name.empty()) members.emplace_back("name", std::move(message.name));
  if (!message.tool_call_id.empty()) members.emplace_back("tool_call_id", std::move(message.tool_call_id));
  if (!message.tool_calls_json.empty()) {
    auto calls = Value::from_json_text(message.tool_calls_json);
    if (!calls) return std::unexpected(std::move(calls.error()));
    members.emplace_back("tool_calls", std::move(*calls));
  }
  return Value::map(std::move(members));
}

Result<Value> template_variables(const ServedModel& model, openai::Request& request) {
  std::vector<Value> messages;
  messages.reserve(request.messages.size());
  for (ChatMessage& message : request.messages) {
    auto value = message_value(message);
    if (!value) return value;
    messages.push_back(std::move(*value));
  }
  std::vector<Value::Member> members{{"messages", Value::array(std::move(messages))},
                                     {"add_generation_prompt", Value(request.add_generation_prompt)},
                                     {"bos_token", model.bos_token},
                                     {"eos_token", model.eos_token}};
  if (!request.tools_json.empty()) {
    auto tools = Value::from_json_text(request.tools_json);
    if (!tools) return tools;
    members.emplace_back("tools", std::move(*tools));
  }
  if (!request.chat_template_kwargs_json.empty()) {
    auto extra = Value::from_json_text(request.chat_template_kwargs_json);
    if (!extra) return extra;
    members.insert(members.end(), extra->members().begin(), extra->members().end());
  }
  return Value::map(std::move(members));
}

Result<std::string> render_chat(const ServedModel& model, openai::Request& request) {
  if (!model.chat) {
    return fail(Errc::invalid_request, "The model '" + model.name + "' has no chat template; use /v1/completions.",
                "messages");
  }
  auto variables = template_variables(model, request);
  if (!variables) return std::unexpected(Error{variables.error().code, variables.error().message, "messages"});
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  auto text = model.chat->render(*variables, {.now = now});
  if (!text) return std::unexpected(Error{text.error().code, text.error().message, "messages"});
  request.messages.clear();
  return text;
}

Result<void> check_ids(const ServedModel& model, const openai::Request& request, const std::vector<TokenId>& prompt) {
  const auto vocab = static_cast<std::int64_t>(model.tokenizer.vocab_size());
  const auto outside = [vocab](TokenId id) { return id >= vocab; };
  const auto failure = [vocab](const char* field) {
    return fail(Errc::invalid_request,
                "'" + std::string(field) + "' holds a token id beyond the vocabulary of " + std::to_string(vocab) + ".",
                field);
  };
  if (std::ranges::any_of(prompt, outside)) return failure("prompt");
  if (std::ranges::any_of(request.sampling.stop_token_ids, outside)) return failure("stop_token_ids");
  if (std::ranges::any_of(request.sampling.logit_bias, outside, &std::pair<TokenId, float>::first)) {
    return failure("logit_bias");
  }
  return {};
}

Result<std::vector<std::vector<TokenId>>> tokenize(const ServedModel& model, openai::Request& request) {
  std::vector<std::vector<TokenId>> prompts;
  const text::EncodeOptions options{.add_special_tokens = request.add_special_tokens};
  if (request.endpoint == openai::Endpoint::chat) {
    auto text = render_chat(model, request);
    if (!text) return std::unexpected(std::move(text.error()));
    prompts.push_back(model.tokenizer.encode(*text, options));
  }
  for (openai::Prompt& prompt : request.prompts) {
    if (auto* text = std::get_if<std::string>(&prompt)) {
      prompts.push_back(model.tokenizer.encode(*text, options));
    } else {
      prompts.push_back(std::move(std::get<std::vector<TokenId>>(prompt)));
    }
    prompt = std::string();  // the text is not needed any more
  }
  return prompts;
}

}  // namespace

Result<PreparedRequest> prepare_request(const ServedModel& model, openai::Endpoint endpoint, std::string_view body) {
  auto request = openai::parse_request(endpoint, body);
  if (!request) return std::unexpected(std::move(request.error()));
  if (!request->model.empty() && request->model != model.name) {
    return fail(
        Errc::model_not_found,
        "The model '" + request->model.substr(0, 256) + "' does not exist; this server has '" + model.name + "'.",
        "model");
  }
  auto prompts = tokenize(model, *request);
  if (!prompts) return std::unexpected(std::move(prompts.error()));
  for (const auto& prompt : *prompts) {
    if (prompt.empty()) return fail(Errc::invalid_request, "The prompt is empty: it has no token.", "prompt");
    if (auto ok = check_ids(model, *request, prompt); !ok) return std::unexpected(std::move(ok.error()));
  }
  return PreparedRequest{std::move(*request), std::move(*prompts)};
}

Result<std::vector<std::shared_ptr<const GenerationSpec>>> make_specs(PreparedRequest& prepared,
                                                                      std::int32_t max_context,
                                                                      std::mt19937_64& random) {
  const openai::Request& request = prepared.request;
  const bool chat = request.endpoint == openai::Endpoint::chat;
  const std::string limit = "This model's maximum context length is " + std::to_string(max_context) + " tokens. ";
  std::vector<std::shared_ptr<const GenerationSpec>> specs;
  specs.reserve(request.choice_count());
  for (auto& prompt : prepared.prompts) {
    const auto length = static_cast<std::int64_t>(prompt.size());
    const std::int64_t room = max_context - length;
    const std::int64_t wanted = request.max_tokens.value_or(0);
    if (room < std::max<std::int64_t>(1, wanted)) {
      return fail(Errc::context_length_exceeded,
                  limit + "However, you requested " + std::to_string(length + wanted) + " tokens (" +
                      std::to_string(length) + " in the " + (chat ? "messages" : "prompt") + ", " +
                      std::to_string(wanted) + " in the completion).",
                  chat ? "messages" : "prompt");
    }
    const std::uint64_t seed = request.seed.value_or(random());
    for (std::int32_t k = 0; k < request.n; ++k) {
      auto spec = std::make_shared<GenerationSpec>();
      const bool last = k + 1 == request.n;
      spec->tokens = last ? std::move(prompt) : prompt;
      spec->sampling = request.sampling;
      spec->sampling.seed = seed + static_cast<std::uint64_t>(k);
      spec->sampling.max_tokens = static_cast<std::int32_t>(request.max_tokens ? wanted : room);
      specs.push_back(std::move(spec));
    }
  }
  prepared.prompts.clear();
  return specs;
}

}  // namespace baton::router
