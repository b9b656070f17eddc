#include <array>
#include <string>
#include <utility>

#include "openai/json.h"
#include "openai/request_fields.h"

namespace baton::openai {
namespace {

using json = Json;

constexpr std::array<std::string_view, 3> kRefused{"previous_response_id", "conversation", "prompt"};
constexpr std::array<std::string_view, 2> kRefusedWhenTrue{"store", "background"};

void refuse(FieldReader& fields, std::string_view name, std::string_view why) {
  fields.fail(Errc::unsupported_parameter, "'" + std::string(name) + "' is not supported: " + std::string(why) + ".",
              name);
}

void refuse_state(FieldReader& fields) {
  for (const std::string_view name : kRefused) {
    if (fields.find(name) != nullptr) refuse(fields, name, "answers are not kept; send the whole input");
  }
  for (const std::string_view name : kRefusedWhenTrue) {
    if (fields.boolean(name).value_or(false)) refuse(fields, name, "answers are not kept");
  }
  if (fields.string("truncation").value_or("disabled") != "disabled") {
    refuse(fields, "truncation", "an input that is too long is refused");
  }
  if (fields.integer("top_logprobs", {0, kMaxLogprobs}).value_or(0) > 0) {
    refuse(fields, "top_logprobs", "use /v1/chat/completions for logprobs");
  }
  const json* include = fields.find("include");
  if (include == nullptr) return;
  if (!include->is_array()) return fields.fail_type("include", "an array", *include);
  for (const json& item : *include) {
    if (item != "reasoning.encrypted_content") refuse(fields, "include", "there is nothing more to include");
  }
}

/// One input item as a message of the chat endpoint; null for items that say nothing (reasoning of earlier turns).
json message_of(json& item, std::string_view type) {
  if (type == "reasoning") return nullptr;
  if (type == "function_call") {
    json call{{"id", text_member(item, "call_id")}, {"type", "function"}};
    call["function"] = {{"name", text_member(item, "name")}, {"arguments", text_member(item, "arguments")}};
    json message{{"role", "assistant"}};
    message["tool_calls"] = json::array({std::move(call)});
    return message;
  }
  if (type == "function_call_output") {
    json message{{"role", "tool"}, {"tool_call_id", text_member(item, "call_id")}};
    message["content"] = item.contains("output") ? std::move(item["output"]) : json("");
    return message;
  }
  return std::move(item);
}

/// `input` as an array of chat messages. Calls of one turn that follow each other become one message.
void rewrite_input(FieldReader& fields, json& document) {
  json* input = fields.find("input");
  if (input == nullptr) return;  // the messages' reader says what is missing
  json messages = json::array();
  if (input->is_string()) {
    json message{{"role", "user"}};
    message["content"] = std::move(*input);
    messages.push_back(std::move(message));
    document["input"] = std::move(messages);
    return;
  }
  if (!input->is_array()) return fields.fail_type("input", "a string or an array of items", *input);
  for (json& item : *input) {
    if (!item.is_object()) return fields.fail_type("input", "an array of objects", item);
    const std::string type(item.contains("type") ? text_member(item, "type") : "message");
    if (type != "message" && type != "reasoning" && type != "function_call" && type != "function_call_output") {
      return refuse(fields, "input", "there are no items of type '" + type.substr(0, 64) + "' here");
    }
    for (const char* name : {"call_id", "name", "arguments"}) {
      if (type == "function_call" && text_member(item, name).empty()) {
        return fields.fail(Errc::invalid_request, "A function_call item needs a string '" + std::string(name) + "'.",
                           "input");
      }
    }
    json message = message_of(item, type);
    if (message.is_null()) continue;
    const bool joins = type == "function_call" && !messages.empty() && messages.back().contains("tool_calls");
    if (joins) {
      messages.back()["tool_calls"].push_back(std::move(message["tool_calls"][0]));
    } else {
      messages.push_back(std::move(message));
    }
  }
  document["input"] = std::move(messages);
}

/// {type, name, …} becomes {type, function: {name, …}}.
void rewrite_tools(FieldReader& fields, json& document) {
  if (json* tools = fields.find("tools"); tools != nullptr && tools->is_array()) {
    for (json& tool : *tools) {
      if (!tool.is_object() || text_member(tool, "type") != "function") {
        return refuse(fields, "tools", "only tools of type 'function' are there");
      }
      json function = std::move(tool);
      function.erase("type");
      tool = json{{"type", "function"}};
      tool["function"] = std::move(function);
    }
  }
  json* choice = fields.find("tool_choice");
  if (choice != nullptr && choice->is_object() && choice->contains("name")) {
    json named{{"type", "function"}};
    named["function"]["name"] = (*choice)["name"];
    document["tool_choice"] = std::move(named);
  }
}

void rewrite_text(FieldReader& fields, json& document) {
  json* text = fields.find("text");
  if (text == nullptr) return;
  if (!text->is_object()) return fields.fail_type("text", "an object", *text);
  if (!text->contains("format")) return;
  json format = (*text)["format"];
  if (format.is_object() && format.contains("schema")) format["json_schema"]["schema"] = format["schema"];
  document["response_format"] = std::move(format);
}

/// The members of the answer that repeat the request, without braces.
std::string echo_of(FieldReader& fields) {
  json echo = json::object();
  const auto copy = [&](const char* name, json otherwise) {
    const json* value = fields.find(name);
    echo[name] = value == nullptr ? std::move(otherwise) : *value;
  };
  copy("instructions", nullptr);
  copy("max_output_tokens", nullptr);
  copy("metadata", json::object());
  copy("parallel_tool_calls", true);
  copy("reasoning", json{{"effort", nullptr}, {"summary", nullptr}});
  copy("temperature", 1.0);
  copy("text", json{{"format", {{"type", "text"}}}});
  copy("tool_choice", "auto");
  copy("tools", json::array());
  copy("top_p", 1.0);
  copy("user", nullptr);
  const std::string text = echo.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.substr(1, text.size() - 2);
}

}  // namespace

void read_responses(FieldReader& fields, json& document, Request& request) {
  refuse_state(fields);
  if (fields.error()) return;
  request.echo_json = echo_of(fields);
  if (auto instructions = fields.string("instructions"); instructions && !instructions->empty()) {
    request.messages.push_back({.role = "system", .content = std::move(*instructions)});
  }
  if (const json* limit = fields.find("max_output_tokens")) {
    fields.integer("max_output_tokens", {1, INT32_MAX});
    document["max_tokens"] = json(*limit);
  }
  if (json* reasoning = fields.find("reasoning"); reasoning != nullptr && reasoning->is_object()) {
    if (reasoning->contains("effort") && !(*reasoning)["effort"].is_null()) {
      document["reasoning_effort"] = json((*reasoning)["effort"]);
    }
  }
  rewrite_text(fields, document);
  rewrite_tools(fields, document);
  rewrite_input(fields, document);
  document.erase("stream_options");  // obfuscation of this endpoint's streams, which there is none of
  document.erase("n");
}

}  // namespace baton::openai
