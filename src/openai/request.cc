#include "openai/request.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "openai/field_reader.h"
#include "openai/json_guard.h"
#include "openai/request_fields.h"

namespace baton::openai {
namespace {

using nlohmann::json;

Result<json> parse_object(std::string_view body) {
  if (body.empty()) return fail(Errc::invalid_request, "The request body is empty; send a JSON object.");
  if (!json_depth_within(body, kMaxJsonDepth)) {
    return fail(Errc::invalid_request, "The JSON body nests deeper than " + std::to_string(kMaxJsonDepth) + " levels.");
  }
  try {
    json document = json::parse(body);
    if (document.is_object()) return document;
    return fail(Errc::invalid_request,
                "The request body must be a JSON object, but is " + std::string(type_name(document)) + ".");
  } catch (const json::parse_error& e) {
    return fail(Errc::invalid_request, "Could not parse the JSON body: syntax error or invalid UTF-8 near byte " +
                                           std::to_string(e.byte) + ".");
  } catch (const json::exception&) {
    return fail(Errc::invalid_request, "Could not parse the JSON body: a number is out of range.");
  }
}

void read_stream_options(FieldReader& fields, Request& request) {
  json* options = fields.find("stream_options");
  if (options == nullptr) return;
  if (!options->is_object()) return fields.fail_type("stream_options", "an object", *options);
  if (!request.stream) {
    return fields.fail(Errc::invalid_request, "'stream_options' is only allowed when 'stream' is true.",
                       "stream_options");
  }
  FieldReader inner(*options, "stream_options.");
  request.include_usage = inner.boolean("include_usage").value_or(false);
  request.continuous_usage = inner.boolean("continuous_usage_stats").value_or(false);
  if (inner.error()) fields.fail(inner.error()->code, inner.error()->message, inner.error()->param);
}

/// max_completion_tokens is the newer name and wins.
std::optional<std::int32_t> read_max_tokens(FieldReader& fields) {
  const IntegerRange range{1, INT32_MAX};
  const auto older = fields.integer("max_tokens", range);
  const auto newer = fields.integer("max_completion_tokens", range);
  const auto chosen = newer ? newer : older;
  return chosen ? std::optional(static_cast<std::int32_t>(*chosen)) : std::nullopt;
}

void read_template_options(FieldReader& fields, Request& request) {
  request.add_generation_prompt = fields.boolean("add_generation_prompt").value_or(true);
  if (const json* kwargs = fields.find("chat_template_kwargs")) {
    if (!kwargs->is_object()) return fields.fail_type("chat_template_kwargs", "an object", *kwargs);
    request.chat_template_kwargs_json = kwargs->dump();
  }
  const json* tools = fields.find("tools");
  if (tools == nullptr) return;
  if (!tools->is_array()) return fields.fail_type("tools", "an array", *tools);
  const json* choice = fields.find("tool_choice");
  if (!tools->empty() && (choice == nullptr || *choice != "none")) request.tools_json = tools->dump();
}

void read_common(FieldReader& fields, Request& request) {
  request.model = fields.string("model").value_or("");
  request.sampling = read_sampling(fields, request.endpoint);
  request.max_tokens = read_max_tokens(fields);
  if (const auto seed = fields.integer("seed", {INT64_MIN, INT64_MAX})) {
    request.seed = static_cast<std::uint64_t>(*seed);
  }
  request.stop = read_stop(fields);
  request.include_stop_in_output = fields.boolean("include_stop_str_in_output").value_or(false);
  request.skip_special_tokens = fields.boolean("skip_special_tokens").value_or(true);
  request.n = static_cast<std::int32_t>(fields.integer("n", {1, kMaxChoices}).value_or(1));
  request.stream = fields.boolean("stream").value_or(false);
  read_stream_options(fields, request);
}

void check_together(FieldReader& fields, const Request& request) {
  if (request.max_tokens && request.sampling.min_tokens > *request.max_tokens) {
    fields.fail(Errc::invalid_request,
                "'min_tokens' (" + std::to_string(request.sampling.min_tokens) + ") is greater than 'max_tokens' (" +
                    std::to_string(*request.max_tokens) + ").",
                "min_tokens");
  }
  if (request.choice_count() > static_cast<std::size_t>(kMaxChoices)) {
    fields.fail(Errc::invalid_request,
                "The request asks for " + std::to_string(request.choice_count()) + " choices; at most " +
                    std::to_string(kMaxChoices) + " are served at once.",
                "n");
  }
}

}  // namespace

Result<Request> parse_request(Endpoint endpoint, std::string_view body) {
  auto document = parse_object(body);
  if (!document) return std::unexpected(std::move(document.error()));

  FieldReader fields(*document);
  Request request;
  request.endpoint = endpoint;
  refuse_unsupported(fields, endpoint);
  read_common(fields, request);
  if (endpoint == Endpoint::chat) {
    request.add_special_tokens = fields.boolean("add_special_tokens").value_or(false);
    read_template_options(fields, request);
    request.messages = read_messages(fields);
  } else {
    request.add_special_tokens = fields.boolean("add_special_tokens").value_or(true);
    if (!request.max_tokens) request.max_tokens = std::max(16, request.sampling.min_tokens);
    request.prompts = read_prompts(fields);
  }
  check_together(fields, request);
  if (fields.error()) return std::unexpected(*fields.error());
  return request;
}

}  // namespace baton::openai
