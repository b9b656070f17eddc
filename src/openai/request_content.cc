#include <algorithm>
#include <array>

#include "openai/json.h"
#include "openai/json_guard.h"
#include "openai/request_fields.h"

namespace baton::openai {
namespace {

using json = Json;

constexpr std::array<std::string_view, 5> kRoles{"system", "developer", "user", "assistant", "tool"};

std::string read_part(FieldReader& fields, json& part) {
  if (part.is_string()) return std::move(part.get_ref<std::string&>());
  if (!part.is_object()) {
    fields.fail_type("content", "an array of parts", part);
    return {};
  }
  const std::string_view type = text_member(part, "type");
  const bool refusal = type == "refusal";
  if (type != "text" && type != "input_text" && type != "output_text" && !refusal) {
    fields.fail(Errc::unsupported_parameter,
                "Content parts of type '" + std::string(type.substr(0, 64)) +
                    "' are not supported; this model takes text only.",
                "content");
    return {};
  }
  const auto text = part.find(refusal ? "refusal" : "text");
  if (text == part.end() || !text->is_string()) {
    fields.fail(Errc::invalid_request, "A content part of type 'text' needs a string 'text'.", "content.text");
    return {};
  }
  return std::move(text->get_ref<std::string&>());
}

/// A string, or an array of text parts joined with newlines.
void read_content(FieldReader& fields, ChatMessage& message) {
  json* content = fields.find("content");
  if (content == nullptr) return;
  if (content->is_string()) {
    message.content = std::move(content->get_ref<std::string&>());
    return;
  }
  if (!content->is_array()) return fields.fail_type("content", "a string or an array of parts", *content);
  for (json& item : *content) {
    std::string part = read_part(fields, item);
    if (fields.error()) return;
    if (!message.content.empty()) message.content += '\n';
    message.content += part;
    message.parts.push_back(std::move(part));
  }
}

/// Clients send the arguments of a call as a string of JSON; templates print objects.
void parse_arguments(json& call) {
  if (!call.is_object() || !call.contains("function") || !call["function"].is_object()) return;
  json& function = call["function"];
  const auto arguments = function.find("arguments");
  if (arguments == function.end() || !arguments->is_string()) return;
  const auto& text = arguments->get_ref<const std::string&>();
  if (!json_depth_within(text, kMaxJsonDepth / 2)) return;
  json parsed = text.empty() ? json::object() : json::parse(text, nullptr, false);
  if (parsed.is_object()) *arguments = std::move(parsed);
}

std::string read_tool_calls(FieldReader& fields) {
  json* calls = fields.find("tool_calls");
  if (calls == nullptr || calls->empty()) return {};
  if (!calls->is_array()) {
    fields.fail_type("tool_calls", "an array", *calls);
    return {};
  }
  for (json& call : *calls) parse_arguments(call);
  return calls->dump();
}

ChatMessage read_message(FieldReader& fields) {
  ChatMessage message;
  message.role = fields.string("role").value_or("");
  if (!fields.error() && std::ranges::find(kRoles, message.role) == kRoles.end()) {
    fields.fail(Errc::invalid_request,
                message.role.empty() ? "A message needs a 'role'."
                                     : "Invalid role '" + message.role.substr(0, 64) +
                                           "'; use system, developer, user, assistant or tool.",
                "role");
  }
  message.name = fields.string("name").value_or("");
  message.tool_call_id = fields.string("tool_call_id").value_or("");
  message.tool_calls_json = read_tool_calls(fields);
  const bool has_content = fields.find("content") != nullptr;
  if (!has_content && !fields.error() && message.role != "assistant") {
    fields.fail(Errc::invalid_request, "A message with role '" + message.role + "' needs 'content'.", "content");
  }
  read_content(fields, message);
  return message;
}

std::optional<std::vector<TokenId>> as_token_ids(const json& array) {
  std::vector<TokenId> ids;
  ids.reserve(array.size());
  for (const json& item : array) {
    const auto id = as_integer(item);
    if (!id || *id < 0 || *id > INT32_MAX) return std::nullopt;
    ids.push_back(static_cast<TokenId>(*id));
  }
  return ids;
}

std::optional<Prompt> as_prompt(json& value) {
  if (value.is_string()) return std::move(value.get_ref<std::string&>());
  if (!value.is_array() || value.empty()) return std::nullopt;
  auto ids = as_token_ids(value);
  return ids ? std::optional<Prompt>(std::move(*ids)) : std::nullopt;
}

}  // namespace

std::vector<ChatMessage> read_messages(FieldReader& fields, std::string_view name) {
  json* list = fields.find(name);
  if (list == nullptr || !list->is_array() || list->empty()) {
    fields.fail(Errc::invalid_request, "'" + std::string(name) + "' must be a non-empty array of message objects.",
                name);
    return {};
  }
  std::vector<ChatMessage> messages;
  messages.reserve(list->size());
  for (json& item : *list) {
    const std::string path = std::string(name) + "[" + std::to_string(messages.size()) + "]";
    if (!item.is_object()) {
      fields.fail_type(path, "an object", item);
      break;
    }
    FieldReader inner(item, path + ".");
    messages.push_back(read_message(inner));
    if (inner.error()) {
      fields.fail(inner.error()->code, inner.error()->message, inner.error()->param);
      break;
    }
  }
  return messages;
}

std::vector<Prompt> read_prompts(FieldReader& fields) {
  const std::string_view rule = "'prompt' must be a string, an array of token ids, or a non-empty array of either.";
  std::vector<Prompt> prompts;
  json* value = fields.find("prompt");
  if (value == nullptr) {
    fields.fail(Errc::invalid_request, std::string(rule), "prompt");
    return prompts;
  }
  if (auto single = as_prompt(*value)) {
    prompts.push_back(std::move(*single));
    return prompts;
  }
  if (value->is_array()) {
    for (json& item : *value) {
      auto prompt = as_prompt(item);
      if (!prompt || prompts.size() >= static_cast<std::size_t>(kMaxChoices)) break;
      prompts.push_back(std::move(*prompt));
    }
  }
  if (prompts.empty() || prompts.size() != value->size()) {
    fields.fail(Errc::invalid_request, std::string(rule), "prompt");
  }
  return prompts;
}

}  // namespace baton::openai
