#include "openai/stream.h"

#include "openai/encode.h"
#include "openai/responses_body.h"

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

class ChunkStream final : public AnswerStream {
 public:
  ChunkStream(const ResponseHead& head, StreamOptions options)
      : prefix_(chunk_prefix(head)), chat_(head.endpoint == Endpoint::chat), options_(std::move(options)) {}

  void begin_choice(int index, const Usage& so_far) override;
  void piece(int index, const Piece& piece, const Usage& so_far) override;
  void finish(int index, const ChoiceEnd& end, const Usage& so_far) override;
  void end(const Usage& usage) override;
  void fail(const Error& error) override;

 private:
  void open(int index);
  void close(const ChoiceEnd& end);
  void close_chunk(const Usage& so_far);
  void write_delta(const Piece& piece);
  void write_logprobs(const Piece& piece);
  void write_prompt(int index);
  bool first_time(int index);

  std::string prefix_;  ///< `data: {"id":…,"choices":[`
  bool chat_;
  StreamOptions options_;
  std::vector<bool> begun_;  ///< by choice
};

const ChoiceEnd kGoesOn{.reason = FinishReason::none};

bool ChunkStream::first_time(int index) {
  const auto at = static_cast<std::size_t>(index);
  if (begun_.size() <= at) begun_.resize(at + 1);
  if (begun_[at]) return false;
  begun_[at] = true;
  return true;
}

void ChunkStream::open(int index) {
  json_.raw(prefix_);
  json_.raw(R"({"index":)");
  json_.integer(index);
}

void ChunkStream::close(const ChoiceEnd& end) {
  json_.raw(R"(,"finish_reason":)");
  write_finish_reason(json_, end);
}

void ChunkStream::close_chunk(const Usage& so_far) {
  if (options_.continuous_usage) {
    json_.raw(R"(,"usage":)");
    write_usage(json_, so_far);
  } else if (options_.include_usage) {
    json_.raw(R"(,"usage":null)");
  }
  json_.raw("}\n\n");
}

void ChunkStream::write_prompt(int index) {
  const auto prompt = static_cast<std::size_t>(index / options_.choices_per_prompt);
  if (!options_.token_ids || prompt >= options_.prompts.size()) return;
  json_.raw(R"(,"prompt_token_ids":)");
  write_token_ids(json_, options_.prompts[prompt]);
}

void ChunkStream::begin_choice(int index, const Usage& so_far) {
  if (!chat_ || !first_time(index)) return;
  open(index);
  json_.raw(R"(,"delta":{"role":"assistant","content":""},"logprobs":null)");
  close(kGoesOn);
  json_.raw("}]");
  write_prompt(index);
  close_chunk(so_far);
}

void ChunkStream::write_delta(const Piece& piece) {
  json_.raw(R"(,"delta":{)");
  if (!piece.text.empty() || piece.calls.empty()) {
    json_.raw(R"("content":)");
    json_.string(piece.text);
    if (!piece.calls.empty()) json_.raw(",");
  }
  if (!piece.calls.empty()) {
    json_.raw(R"("tool_calls":[)");
    write_items(json_, piece.calls, [this](const ToolCallDelta& call) {
      json_.raw(R"({"index":)");
      json_.integer(call.index);
      if (!call.name.empty()) {
        json_.raw(R"(,"id":)");
        json_.string(call.id);
        json_.raw(R"(,"type":"function")");
      }
      json_.raw(R"(,"function":{)");
      if (!call.name.empty()) {
        json_.raw(R"("name":)");
        json_.string(call.name);
        json_.raw(",");
      }
      json_.raw(R"("arguments":)");
      json_.string(call.arguments);
      json_.raw("}}");
    });
    json_.raw("]");
  }
  json_.raw("}");
}

void ChunkStream::write_logprobs(const Piece& piece) {
  json_.raw(R"(,"logprobs":)");
  if (!options_.logprobs) return json_.null();
  if (chat_) return write_chat_logprobs(json_, piece.logprobs);
  write_completion_logprobs(json_, piece.logprobs);
}

void ChunkStream::piece(int index, const Piece& piece, const Usage& so_far) {
  begin_choice(index, so_far);
  open(index);
  if (chat_) {
    write_delta(piece);
  } else {
    json_.raw(R"(,"text":)");
    json_.string(piece.text);
  }
  write_logprobs(piece);
  close(kGoesOn);
  if (options_.token_ids) {
    json_.raw(R"(,"token_ids":)");
    write_token_ids(json_, piece.token_ids);
  }
  if (!chat_ && first_time(index)) write_prompt(index);
  json_.raw("}]");
  close_chunk(so_far);
}

void ChunkStream::finish(int index, const ChoiceEnd& end, const Usage& so_far) {
  begin_choice(index, so_far);
  open(index);
  json_.raw(chat_ ? R"(,"delta":{},"logprobs":null,"stop_reason":)" : R"(,"text":"","logprobs":null,"stop_reason":)");
  write_stop_reason(json_, end.stop_reason);
  close(end);
  json_.raw("}]");
  close_chunk(so_far);
}

void ChunkStream::end(const Usage& usage) {
  if (options_.include_usage) {
    json_.raw(prefix_);
    json_.raw(R"(],"usage":)");
    write_usage(json_, usage);
    json_.raw("}\n\n");
  }
  json_.raw("data: [DONE]\n\n");
}

void ChunkStream::fail(const Error& error) {
  json_.raw(R"(data: {"error":)");
  write_error(json_, error);
  json_.raw("}\n\ndata: [DONE]\n\n");
}

}  // namespace

std::unique_ptr<AnswerStream> make_stream(const ResponseHead& head, StreamOptions options) {
  if (head.endpoint == Endpoint::responses) return make_responses_stream(head);
  return std::make_unique<ChunkStream>(head, std::move(options));
}

}  // namespace baton::openai
