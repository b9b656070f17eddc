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
    : prefix_(chunk_prefix(head)), endpoint_(head.endpoint), options_(options) {}

void StreamEncoder::open_choice(int index) {
  json_.raw(prefix_);
  json_.raw(R"({"index":)");
  json_.integer(index);
}

void StreamEncoder::close_choice(FinishReason reason, const Usage& so_far) {
  json_.raw(R"(,"finish_reason":)");
  write_finish_reason(json_, reason);
  json_.raw("}]");
  if (options_.continuous_usage) {
    json_.raw(R"(,"usage":)");
    write_usage(json_, so_far);
  } else if (options_.include_usage) {
    json_.raw(R"(,"usage":null)");
  }
  json_.raw("}\n\n");
}

void StreamEncoder::begin_choice(int index, const Usage& so_far) {
  const auto at = static_cast<std::size_t>(index);
  if (role_sent_.size() <= at) role_sent_.resize(at + 1);
  if (endpoint_ != Endpoint::chat || role_sent_[at]) return;
  role_sent_[at] = true;
  open_choice(index);
  json_.raw(R"(,"delta":{"role":"assistant","content":""},"logprobs":null)");
  close_choice(FinishReason::none, so_far);
}

void StreamEncoder::text(int index, std::string_view text, std::span<const LogprobEntry> logprobs,
                         const Usage& so_far) {
  begin_choice(index, so_far);
  const bool chat = endpoint_ == Endpoint::chat;
  open_choice(index);
  json_.raw(chat ? R"(,"delta":{"content":)" : R"(,"text":)");
  json_.string(text);
  json_.raw(chat ? R"(},"logprobs":)" : R"(,"logprobs":)");
  if (!options_.logprobs) {
    json_.null();
  } else if (chat) {
    write_chat_logprobs(json_, logprobs);
  } else {
    write_completion_logprobs(json_, logprobs);
  }
  close_choice(FinishReason::none, so_far);
}

void StreamEncoder::finish(int index, FinishReason reason, const StopReason& stop_reason, const Usage& so_far) {
  begin_choice(index, so_far);
  open_choice(index);
  json_.raw(endpoint_ == Endpoint::chat ? R"(,"delta":{},"logprobs":null,"stop_reason":)"
                                        : R"(,"text":"","logprobs":null,"stop_reason":)");
  write_stop_reason(json_, stop_reason);
  close_choice(reason, so_far);
}

void StreamEncoder::usage(const Usage& usage) {
  if (!options_.include_usage) return;
  json_.raw(prefix_);
  json_.raw(R"(],"usage":)");
  write_usage(json_, usage);
  json_.raw("}\n\n");
}

void StreamEncoder::error(const Error& error) {
  json_.raw(R"(data: {"error":)");
  write_error(json_, error);
  json_.raw("}\n\n");
}

void StreamEncoder::done() {
  json_.raw("data: [DONE]\n\n");
}

std::string StreamEncoder::swap_out(std::string reuse) {
  return json_.swap_out(std::move(reuse));
}

}  // namespace baton::openai
