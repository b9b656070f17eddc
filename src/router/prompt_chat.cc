#include "router/prompt_chat.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "text/value_format.h"

namespace baton::router {
namespace {

using openai::ChatMessage;
using openai::ToolFormat;
using openai::Tools;
using text::Value;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// `error` as one of the request's field.
std::unexpected<Error> blame(std::string_view field, Error error) {
  error.param = field;
  return std::unexpected(std::move(error));
}

std::string tools_as_text(const Value& tools) {
  std::string text =
      "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function "
      "signatures within <tools></tools> XML tags:\n<tools>";
  for (const Value& tool : tools.items()) text += "\n" + text::to_json(tool).value_or("null");
  return text +
         "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
         "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": "
         "<args-json-object>}\n</tool_call>";
}

std::string calls_as_text(const Value& calls) {
  std::string text;
  for (const Value& call : calls.items()) {
    const Value* function = call.find("function");
    text += "\n<tool_call>\n" + text::to_json(function == nullptr ? call : *function).value_or("{}") + "\n</tool_call>";
  }
  return text;
}

/// Calls and their results as plain messages.
Result<void> write_out_tools(openai::Request& request) {
  for (ChatMessage& message : request.messages) {
    if (!message.tool_calls_json.empty()) {
      auto calls = Value::from_json_text(std::exchange(message.tool_calls_json, {}));
      if (!calls) return blame("messages", std::move(calls.error()));
      message.content += calls_as_text(*calls);
    }
    if (message.role == "tool") {
      message.role = "user";
      message.content = "<tool_response>\n" + message.content + "\n</tool_response>";
    }
    message.parts.clear();
  }
  if (request.tools.json.empty()) return {};
  auto tools = Value::from_json_text(std::exchange(request.tools.json, {}));
  if (!tools) return blame("tools", std::move(tools.error()));
  std::string text = tools_as_text(*tools);
  ChatMessage& first = request.messages.front();
  if (first.role == "system" || first.role == "developer") {
    first.content += "\n\n" + text;
  } else {
    request.messages.insert(request.messages.begin(), ChatMessage{.role = "system", .content = std::move(text)});
  }
  return {};
}

Value content_value(ChatMessage& message, bool as_parts) {
  if (!as_parts) return Value(std::move(message.content));
  if (message.parts.empty()) message.parts.push_back(std::move(message.content));
  std::vector<Value> parts;
  for (std::string& part : message.parts) {
    parts.push_back(Value::map({{"type", Value("text")}, {"text", Value(std::move(part))}}));
  }
  return Value::array(std::move(parts));
}

Result<Value> message_value(ChatMessage& message, bool as_parts) {
  // Templates know "system"; "developer" is its newer name.
  std::vector<Value::Member> members{{"role", message.role == "developer" ? std::string("system") : message.role},
                                     {"content", content_value(message, as_parts)}};
  if (!message.name.empty()) members.emplace_back("name", std::move(message.name));
  if (!message.tool_call_id.empty()) members.emplace_back("tool_call_id", std::move(message.tool_call_id));
  if (!message.tool_calls_json.empty()) {
    auto calls = Value::from_json_text(message.tool_calls_json);
    if (!calls) return std::unexpected(std::move(calls.error()));
    members.emplace_back("tool_calls", std::move(*calls));
  }
  return Value::map(std::move(members));
}

/// Adds the JSON text of a field as a variable of the template.
Result<void> add_variable(std::vector<Value::Member>& members, std::string_view name, const std::string& json) {
  if (json.empty()) return {};
  auto value = Value::from_json_text(json);
  if (!value) return blame(name, std::move(value.error()));
  members.emplace_back(name, std::move(*value));
  return {};
}

Result<Value> template_variables(const ServedModel& model, openai::Request& request, bool as_parts) {
  std::vector<Value::Member> members;
  if (!request.chat_template_kwargs_json.empty()) {
    auto extra = Value::from_json_text(request.chat_template_kwargs_json);
    if (!extra) return blame("chat_template_kwargs", std::move(extra.error()));
    members = extra->members();
  }
  std::vector<Value> messages;
  messages.reserve(request.messages.size());
  for (ChatMessage& message : request.messages) {
    auto value = message_value(message, as_parts);
    if (!value) return blame("messages", std::move(value.error()));
    messages.push_back(std::move(*value));
  }
  members.emplace_back("messages", Value::array(std::move(messages)));
  members.emplace_back("add_generation_prompt", Value(request.add_generation_prompt));
  members.emplace_back("bos_token", model.bos_token);
  members.emplace_back("eos_token", model.eos_token);
  if (auto added = add_variable(members, "tools", request.tools.json); !added) return std::unexpected(added.error());
  if (auto added = add_variable(members, "documents", request.documents_json); !added) {
    return std::unexpected(added.error());
  }
  return Value::map(std::move(members));
}

std::string_view trimmed(std::string_view text, bool end_too) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const std::size_t first = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(first);
  return end_too ? text.substr(0, text.find_last_not_of(kSpace) + 1) : text;
}

/// Cuts what the template put behind the last message, so that the model goes on with it.
Result<void> cut_after(std::string& prompt, std::string_view last_message) {
  const std::string_view bare = trimmed(last_message, true);
  const std::size_t at = prompt.rfind(bare);
  if (bare.empty() || at == std::string::npos) {
    return fail(Errc::invalid_request,
                "'continue_final_message' needs a last message with text that the chat template prints as it is.",
                "continue_final_message");
  }
  const std::string_view whole = trimmed(last_message, false);
  const bool keeps_space = std::string_view(prompt).substr(at).starts_with(whole);
  prompt.resize(at + (keeps_space ? whole.size() : bare.size()));
  return {};
}

struct Rendering {
  const text::ChatTemplate& chat;
  ChatAbilities abilities;
};

Result<std::string> render_with(const ServedModel& model, openai::Request& request, const Rendering& rendering) {
  if (!request.documents_json.empty() && !rendering.abilities.documents) {
    return fail(Errc::unsupported_parameter, "'documents' is not supported: the chat template does not use them.",
                "documents");
  }
  if (!rendering.abilities.tools) {
    if (auto written = write_out_tools(request); !written) return std::unexpected(std::move(written.error()));
  }
  const std::string last = request.continue_final_message ? request.messages.back().content : "";
  auto variables = template_variables(model, request, rendering.chat.iterates_content());
  if (!variables) return std::unexpected(std::move(variables.error()));
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  auto text = rendering.chat.render(*variables, {.now = now});
  if (!text) return blame("messages", std::move(text.error()));
  request.messages.clear();
  if (request.continue_final_message) {
    if (auto cut = cut_after(*text, last); !cut) return std::unexpected(std::move(cut.error()));
  }
  return text;
}

}  // namespace

ChatAbilities abilities_of(std::string_view source) {
  ChatAbilities abilities;
  abilities.tools = contains(source, "tools");
  abilities.documents = contains(source, "documents");
  if (contains(source, "<tool_call>") || !abilities.tools) {
    abilities.tool_format = ToolFormat::hermes;
  } else if (contains(source, "[TOOL_CALLS]")) {
    abilities.tool_format = ToolFormat::mistral;
  } else if (contains(source, "<|python_tag|>") || contains(source, "\"parameters\"")) {
    abilities.tool_format = ToolFormat::llama_json;
  }
  return abilities;
}

const ServedTemplate* template_for(const ServedModel& model, const Tools& tools) {
  if (tools.choice != Tools::Choice::none && model.tool_chat) return &*model.tool_chat;
  return model.chat ? &*model.chat : nullptr;
}

ToolFormat tool_format(const ServedModel& model, const Tools& tools) {
  const ServedTemplate* used = template_for(model, tools);
  return used == nullptr ? ChatAbilities{}.tool_format : used->abilities.tool_format;
}

Result<std::string> render_chat(const ServedModel& model, openai::Request& request) {
  if (!request.chat_template.empty()) {
    auto own = text::ChatTemplate::parse(request.chat_template);
    if (!own) return blame("chat_template", std::move(own.error()));
    return render_with(model, request, {*own, abilities_of(request.chat_template)});
  }
  const ServedTemplate* used = template_for(model, request.tools);
  if (used == nullptr) {
    return fail(Errc::invalid_request, "The model '" + model.name + "' has no chat template; use /v1/completions.",
                "messages");
  }
  return render_with(model, request, {used->chat, used->abilities});
}

openai::ToolParser::Options tool_options(const ServedModel& model, const openai::Request& request) {
  const Tools& tools = request.tools;
  openai::ToolParser::Options options{.format = ToolFormat::none, .names = tools.names, .named = tools.named};
  switch (tools.choice) {
    case Tools::Choice::none:
      break;
    case Tools::Choice::automatic:
      options.format =
          request.chat_template.empty() ? tool_format(model, tools) : abilities_of(request.chat_template).tool_format;
      break;
    case Tools::Choice::required:
      options.format = ToolFormat::call_list;
      break;
    case Tools::Choice::named:
      options.format = ToolFormat::arguments;
      break;
  }
  return options;
}

}  // namespace baton::router
