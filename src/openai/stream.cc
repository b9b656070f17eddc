#include "openai/stream.h"

#include <utility>

#include "openai/encode.h"

namespace baton::openai {
namespace {

std::string chunk_prefix(const ResponseHead& head) {
  JsonBuffer json;
  json.raw(R"(data: {"id":)");
  json.string(head.id);
  json.raw(head.endpoint == Endpoint::chat ? R"(,"object":"chat.completion.chunk","created":)"
                                           : R"(,"object":"text_completion","created":)");
  json.integer(head.created);
  json.raw(R"(,"model":)");
  json.string(head.model);
  json.raw(R"(,"choices":[)");
  return json.take();
}

}  // namespace

StreamEncoder::StreamEncoder(const ResponseHead& head, Options options)
    : x_prefix(chunk_prefix(head)), x_endpoint(head.endpoint), x_options(options) {}

void StreamEncoder::open_choice(int index) {
  x_json.raw(x_prefix);
  x_json.raw(R"({"index":)");
  x_json.integer(index);
}

void StreamEncoder::close_choice(FinishReason reason, const Usage& so_far) {
  x_json.raw(R"(,"finish_reason":)");
  write_finish_reason(x_json, reason);
  x_json.raw("}]");
  if (x_options.continuous_usage) {
    x_json.raw(R"(,"usage":)");
    write_usage(x_json, so_far);
  } else if (x_options.include_usage) {
    x_json.raw(R"(,"usage":null)");
  }
  x_json.raw("}\n\n");
}

void StreamEncoder::begin_choice(int index, const Usage& so_far) {
  const auto at = static_cast<std::size_t>(index);
  if (x_role_sent.size() <= at) x_role_sent.resize(at + 1);
  if (x_endpoint != Endpoint::chat || x_role_sent[at]) return;
  x_role_sent[at] = true;
  open_choice(index);
  x_json.raw(R"(,"delta":{"role":"assistant","content":""},"logprobs":null)");
  close_choice(FinishReason::none, so_far);
}

void StreamEncoder::text(int index, std::string_view text, std::span<const LogprobEntry> logprobs,
                         const Usage& so_far) {
  begin_choice(index, so_far);
  const bool chat = x_endpoint == Endpoint::chat;
  open_choice(index);
  x_json.raw(chat ? R"(,"delta":{"content":)" : R"(,"text":)");
  x_json.string(text);
  x_json.raw(chat ? R"(},"logprobs":)" : R"(,"logprobs":)");
  if (!x_options.logprobs) {
    x_json.null();
  } else if (chat) {
    write_chat_logprobs(x_json, logprobs);
  } else {
    write_completion_logprobs(x_json, logprobs);
  }
  close_choice(FinishReason::none, so_far);
}

void StreamEncoder::finish(int index, FinishReason reason, const StopReason& stop_reason, const Usage& so_far) {
  begin_choice(index, so_far);
  open_choice(index);
  x_json.raw(x_endpoint == Endpoint::chat ? R"(,"delta":{},"logprobs":null,"stop_reason":)"
                                          : R"(,"text":"","logprobs":null,"stop_reason":)");
  write_stop_reason(x_json, stop_reason);
  close_choice(reason, so_far);
}

void StreamEncoder::usage(const Usage& usage) {
  if (!x_options.include_usage) return;
  x_json.raw(x_prefix);
  x_json.raw(R"(],"usage":)");
  write_usage(x_json, usage);
  x_json.raw("}\n\n");
}

void StreamEncoder::error(const Error& error) {
  x_json.raw(R"(data: {"error":)");
  write_error(x_json, error);
  x_json.raw("}\n\n");
}

void StreamEncoder::done() { x_json.raw("data: [DONE]\n\n"); }

std::string StreamEncoder::swap_out(std::string reuse) { return x_json.swap_out(std::move(reuse)); }

}  // namespace baton::openai
