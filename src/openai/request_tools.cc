#include <algorithm>
#include <string>
#include <utility>

#include "openai/json.h"
#include "openai/request_fields.h"

namespace baton::openai {
namespace {

using json = Json;

bool is_function_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == ':';
  });
}

/// Checks one element of `tools` and gives its function object; nullptr after an error.
json* function_of(FieldReader& fields, json& tool, const std::string& path) {
  const bool usable = tool.is_object() && (!tool.contains("type") || text_member(tool, "type") == "function") &&
                      tool.contains("function") && tool["function"].is_object();
  if (!usable) {
    fields.fail(Errc::invalid_request, "'" + path + R"(' must be {"type": "function", "function": {"name": …}}.)",
                path);
    return nullptr;
  }
  json& function = tool["function"];
  if (!is_function_name(text_member(function, "name"))) {
    fields.fail(Errc::invalid_request,
                "'" + path + ".function.name' must be 1 to 128 letters, digits, '_', '-', '.' or ':'.",
                path + ".function.name");
    return nullptr;
  }
  const auto parameters = function.find("parameters");
  if (parameters != function.end() && !parameters->is_object() && !parameters->is_null()) {
    fields.fail_type(path + ".function.parameters", "a JSON schema", *parameters);
    return nullptr;
  }
  return &function;
}

json parameters_of(const json& function) {
  const auto found = function.find("parameters");
  return found == function.end() || !found->is_object() || found->empty() ? json{{"type", "object"}} : *found;
}

/// Definitions are looked up from the root of a schema, so those of a schema that becomes a part move there.
void hoist_definitions(json& schema, json& root) {
  for (const char* name : {"$defs", "definitions"}) {
    if (!schema.contains(name) || !schema[name].is_object()) continue;
    for (auto& [key, value] : schema[name].items()) root[name][key] = value;
    schema.erase(name);
  }
}

/// An array of one or more calls: {"name": one of the functions, "parameters": what its schema says}.
json calls_schema(const std::vector<json*>& functions, bool parallel) {
  json root{{"type", "array"}, {"minItems", 1}};
  if (!parallel) root["maxItems"] = 1;
  json any = json::array();
  for (const json* function : functions) {
    json parameters = parameters_of(*function);
    hoist_definitions(parameters, root);
    json call{{"type", "object"}};
    call["properties"]["name"]["const"] = (*function)["name"];
    call["properties"]["parameters"] = std::move(parameters);
    call["required"] = {"name", "parameters"};
    call["additionalProperties"] = false;
    any.push_back(std::move(call));
  }
  root["items"]["anyOf"] = std::move(any);
  return root;
}

/// The name in {"type": "function", "function": {"name": …}}; empty if that is not its form.
std::string_view named_function(const json& choice) {
  if (!choice.is_object() || text_member(choice, "type") != "function" || !choice.contains("function")) return {};
  return choice["function"].is_object() ? text_member(choice["function"], "name") : std::string_view();
}

/// Sets choice and name from `tool_choice`.
void read_tool_choice(FieldReader& fields, Tools& tools) {
  json* choice = fields.find("tool_choice");
  if (choice == nullptr || *choice == "auto") {
    tools.choice = Tools::Choice::automatic;
  } else if (*choice == "none") {
    tools.choice = Tools::Choice::none;
  } else if (*choice == "required") {
    tools.choice = Tools::Choice::required;
  } else if (!named_function(*choice).empty()) {
    tools.choice = Tools::Choice::named;
    tools.named = named_function(*choice);
    if (std::ranges::find(tools.names, tools.named) == tools.names.end()) {
      fields.fail(Errc::invalid_request, "'tool_choice' names a function that is not in 'tools'.", "tool_choice");
    }
  } else {
    fields.fail(Errc::invalid_request,
                R"('tool_choice' must be "none", "auto", "required" or {"type": "function", "function": {"name": …}}.)",
                "tool_choice");
  }
}

void constrain(FieldReader& fields, const Tools& tools, const std::vector<json*>& functions, bool parallel,
               Request& request) {
  const bool required = tools.choice == Tools::Choice::required;
  if (!required && tools.choice != Tools::Choice::named) return;
  Constraint& constraint = request.sampling.constraint;
  if (constraint.kind != Constraint::Kind::none) {
    return fields.fail(Errc::invalid_request,
                       "'tool_choice' that forces a call cannot be combined with another constraint on the output.",
                       "tool_choice");
  }
  request.constraint_field = "tools";
  if (required) {
    constraint = {Constraint::Kind::json_schema, calls_schema(functions, parallel).dump()};
    return;
  }
  const auto at = std::ranges::find(tools.names, tools.named) - tools.names.begin();
  constraint = {Constraint::Kind::json_schema, parameters_of(*functions[static_cast<std::size_t>(at)]).dump()};
}

}  // namespace

void read_tools(FieldReader& fields, Request& request) {
  Tools& tools = request.tools;
  const bool parallel = fields.boolean("parallel_tool_calls").value_or(true);
  json* list = fields.find("tools");
  if (list == nullptr || (list->is_array() && list->empty())) {
    const json* choice = fields.find("tool_choice");
    if (choice != nullptr && *choice != "none" && *choice != "auto") {
      fields.fail(Errc::invalid_request, "'tool_choice' needs 'tools'.", "tool_choice");
    }
    return;
  }
  if (!list->is_array() || list->size() > kMaxTools) {
    fields.fail(Errc::invalid_request, "'tools' must be an array of at most " + std::to_string(kMaxTools) + " tools.",
                "tools");
    return;
  }
  std::vector<json*> functions;
  for (json& tool : *list) {
    json* function = function_of(fields, tool, "tools[" + std::to_string(functions.size()) + "]");
    if (function == nullptr) return;
    functions.push_back(function);
    tools.names.push_back((*function)["name"].get<std::string>());
  }
  read_tool_choice(fields, tools);
  if (fields.error()) return;
  constrain(fields, tools, functions, parallel, request);
  if (tools.choice != Tools::Choice::none) tools.json = list->dump();
}

void read_template_options(FieldReader& fields, Request& request) {
  const auto generation = fields.boolean("add_generation_prompt");
  request.continue_final_message = fields.boolean("continue_final_message").value_or(false);
  if (request.continue_final_message && generation.value_or(false)) {
    fields.fail(Errc::invalid_request, "'continue_final_message' and 'add_generation_prompt' cannot both be true.",
                "continue_final_message");
  }
  request.add_generation_prompt = generation.value_or(!request.continue_final_message);
  request.chat_template = fields.string("chat_template").value_or("");
  json variables = json::object();
  if (json* effort = fields.find("reasoning_effort")) variables["reasoning_effort"] = *effort;
  if (json* kwargs = fields.find("chat_template_kwargs")) {
    if (!kwargs->is_object()) return fields.fail_type("chat_template_kwargs", "an object", *kwargs);
    variables.update(*kwargs);
  }
  if (!variables.empty()) request.chat_template_kwargs_json = variables.dump();
  if (const json* documents = fields.find("documents")) {
    if (!documents->is_array()) return fields.fail_type("documents", "an array", *documents);
    if (!documents->empty()) request.documents_json = documents->dump();
  }
}

}  // namespace baton::openai
