#include "openai/request.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "openai/field_reader.h"
#include "openai/json.h"
#include "openai/json_body.h"
#include "openai/request_fields.h"

namespace baton::openai {
namespace {

using json = Json;

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

/// max_completion_tokens is the newer name and wins. None at all is fine where the prompt is echoed.
std::optional<std::int32_t> read_max_tokens(FieldReader& fields, const Request& request) {
  const bool echoes = request.endpoint == Endpoint::completions && fields.boolean("echo").value_or(false);
  const IntegerRange range{echoes ? 0 : 1, INT32_MAX};
  const auto older = fields.integer("max_tokens", range);
  const auto newer = fields.integer("max_completion_tokens", range);
  const auto chosen = newer ? newer : older;
  return chosen ? std::optional(static_cast<std::int32_t>(*chosen)) : std::nullopt;
}

void read_choices(FieldReader& fields, Request& request) {
  request.n = static_cast<std::int32_t>(fields.integer("n", {1, kMaxChoices}).value_or(1));
  request.best_of = static_cast<std::int32_t>(fields.integer("best_of", {1, kMaxChoices}).value_or(request.n));
  if (request.best_of < request.n) {
    fields.fail(Errc::invalid_request, "'best_of' must not be less than 'n'.", "best_of");
  }
  if (request.best_of > request.n && request.stream) {
    fields.fail(Errc::invalid_request, "'best_of' above 'n' cannot be streamed: the best are known only at the end.",
                "best_of");
  }
}

void read_request_id(FieldReader& fields, Request& request) {
  request.request_id = fields.string("request_id").value_or("");
  const bool printable =
      std::ranges::all_of(request.request_id, [](char c) { return c > 0x20 && c < 0x7F && c != '"' && c != '\\'; });
  if (!printable || request.request_id.size() > 128) {
    fields.fail(Errc::invalid_request, "'request_id' must be at most 128 printable ASCII characters.", "request_id");
  }
}

void read_truncation(FieldReader& fields, Request& request) {
  const auto tokens = fields.integer("truncate_prompt_tokens", {-1, INT32_MAX});
  if (tokens == 0) {
    fields.fail(Errc::invalid_request, "'truncate_prompt_tokens' must be -1 or at least 1.", "truncate_prompt_tokens");
  }
  request.truncate_prompt_tokens = static_cast<std::int32_t>(tokens.value_or(0));
  const auto side = fields.string("truncation_side").value_or("left");
  if (side != "left" && side != "right") {
    fields.fail(Errc::invalid_request, "'truncation_side' must be 'left' or 'right'.", "truncation_side");
  }
  request.truncate_right = side == "right";
}

void read_common(FieldReader& fields, Request& request) {
  request.model = fields.string("model").value_or("");
  read_request_id(fields, request);
  request.sampling = read_sampling(fields, request.endpoint);
  read_constraint(fields, request);
  request.bad_words = read_bad_words(fields);
  request.max_tokens = read_max_tokens(fields, request);
  if (const auto seed = fields.integer("seed", {INT64_MIN, INT64_MAX})) {
    request.seed = static_cast<std::uint64_t>(*seed);
  }
  request.stop = read_stop(fields);
  request.stream = fields.boolean("stream").value_or(false);
  read_choices(fields, request);
  read_stream_options(fields, request);
  read_truncation(fields, request);
  const bool chat = takes_messages(request.endpoint);
  request.add_special_tokens = fields.boolean("add_special_tokens").value_or(!chat);
}

void check_together(FieldReader& fields, const Request& request) {
  if (request.max_tokens && request.sampling.min_tokens > *request.max_tokens) {
    fields.fail(Errc::invalid_request,
                "'min_tokens' (" + std::to_string(request.sampling.min_tokens) + ") is greater than 'max_tokens' (" +
                    std::to_string(*request.max_tokens) + ").",
                "min_tokens");
  }
  const std::size_t choices = request.prompt_count() * static_cast<std::size_t>(request.best_of);
  if (choices > static_cast<std::size_t>(kMaxChoices)) {
    fields.fail(Errc::invalid_request,
                "The request asks for " + std::to_string(choices) + " choices; at most " + std::to_string(kMaxChoices) +
                    " are served at once.",
                request.best_of > request.n ? "best_of" : "n");
  }
}

Result<Request> read_request(Endpoint endpoint, json& document) {
  FieldReader fields(document);
  Request request;
  request.endpoint = endpoint;
  refuse_unsupported(fields, endpoint);
  if (endpoint == Endpoint::responses) read_responses(fields, document, request);
  read_common(fields, request);
  if (takes_messages(endpoint)) {
    read_template_options(fields, request);
    read_tools(fields, request);
    auto messages = read_messages(fields, endpoint == Endpoint::chat ? "messages" : "input");
    request.messages.insert(request.messages.end(), std::make_move_iterator(messages.begin()),
                            std::make_move_iterator(messages.end()));
  } else {
    if (!request.max_tokens) request.max_tokens = std::max(16, request.sampling.min_tokens);
    request.prompts = read_prompts(fields);
  }
  read_shown(fields, request);
  check_together(fields, request);
  if (fields.error()) return std::unexpected(*fields.error());
  return request;
}

}  // namespace

Result<Request> parse_request(Endpoint endpoint, std::string_view body) {
  auto document = parse_body(body);
  if (!document) return std::unexpected(std::move(document.error()));
  return read_request(endpoint, *document);
}

Result<TokenizeRequest> parse_tokenize(std::string_view body) {
  auto document = parse_body(body);
  if (!document) return std::unexpected(std::move(document.error()));
  FieldReader fields(*document);
  const bool chat = fields.find("messages") != nullptr;
  const bool strings = fields.boolean("return_token_strs").value_or(false);
  if (fields.error()) return std::unexpected(*fields.error());
  auto request = read_request(chat ? Endpoint::chat : Endpoint::completions, *document);
  if (!request) return std::unexpected(std::move(request.error()));
  return TokenizeRequest{std::move(*request), strings};
}

Result<DetokenizeRequest> parse_detokenize(std::string_view body) {
  auto document = parse_body(body);
  if (!document) return std::unexpected(std::move(document.error()));
  FieldReader fields(*document);
  DetokenizeRequest request{fields.string("model").value_or(""), {}};
  if (fields.find("tokens") == nullptr)
    fields.fail(Errc::invalid_request, "'tokens' must be an array of token ids.", "tokens");
  request.tokens = read_token_ids(fields, "tokens", SIZE_MAX);
  if (fields.error()) return std::unexpected(*fields.error());
  return request;
}

}  // namespace baton::openai
