#include "openai/responses_body.h"

#include <utility>

#include "openai/encode.h"

namespace baton::openai {
namespace {

enum class Status : std::uint8_t { in_progress, completed, incomplete, failed };

std::string_view status_name(Status status) {
  switch (status) {
    case Status::in_progress:
      return "in_progress";
    case Status::completed:
      return "completed";
    case Status::incomplete:
      return "incomplete";
    case Status::failed:
      break;
  }
  return "failed";
}

Status status_of(const ChoiceEnd& end) {
  return end.reason == FinishReason::length ? Status::incomplete : Status::completed;
}

void write_text_part(JsonBuffer& json, std::string_view text) {
  json.raw(R"({"type":"output_text","text":)");
  json.string(text);
  json.raw(R"(,"annotations":[],"logprobs":[]})");
}

/// A message item; without text its content is empty, as at its beginning.
void write_message_item(JsonBuffer& json, const ResponseHead& head, const std::string* text, Status status) {
  json.raw(R"({"type":"message","id":)");
  json.string("msg_" + head.id);
  json.raw(R"(,"status":")");
  json.raw(status_name(status));
  json.raw(R"(","role":"assistant","content":[)");
  if (text != nullptr) write_text_part(json, *text);
  json.raw("]}");
}

void write_call_item(JsonBuffer& json, const ToolCall& call, Status status) {
  json.raw(R"({"type":"function_call","id":)");
  json.string("fc_" + call.id);
  json.raw(R"(,"call_id":)");
  json.string(call.id);
  json.raw(R"(,"name":)");
  json.string(call.name);
  json.raw(R"(,"arguments":)");
  json.string(call.arguments);
  json.raw(R"(,"status":")");
  json.raw(status_name(status));
  json.raw(R"("})");
}

void write_responses_usage(JsonBuffer& json, const Usage& usage) {
  json.raw(R"({"input_tokens":)");
  json.integer(usage.prompt_tokens);
  json.raw(R"(,"input_tokens_details":{"cached_tokens":)");
  json.integer(usage.cached_tokens);
  json.raw(R"(},"output_tokens":)");
  json.integer(usage.completion_tokens);
  json.raw(R"(,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":)");
  json.integer(usage.prompt_tokens + usage.completion_tokens);
  json.raw("}");
}

/// The answer object; `choice` and `usage` are absent while it is under way.
void write_object(JsonBuffer& json, const ResponseHead& head, Status status, const Choice* choice, const Usage* usage,
                  const Error* error) {
  json.raw(R"({"id":)");
  json.string(head.id);
  json.raw(R"(,"object":"response","created_at":)");
  json.integer(head.created);
  json.raw(R"(,"status":")");
  json.raw(status_name(status));
  json.raw(R"(","background":false,"error":)");
  if (error == nullptr) {
    json.null();
  } else {
    json.raw(R"({"code":"server_error","message":)");
    json.string(error->message);
    json.raw("}");
  }
  json.raw(status == Status::incomplete ? R"(,"incomplete_details":{"reason":"max_output_tokens"},"model":)"
                                        : R"(,"incomplete_details":null,"model":)");
  json.string(head.model);
  json.raw(R"(,"output":[)");
  if (choice != nullptr) {
    const bool message = !choice->text.empty() || choice->calls.empty();
    if (message) write_message_item(json, head, &choice->text, status);
    for (std::size_t i = 0; i < choice->calls.size(); ++i) {
      if (message || i != 0) json.raw(",");
      write_call_item(json, choice->calls[i], status);
    }
  }
  json.raw(R"(],"previous_response_id":null,"service_tier":"default","store":false,"truncation":"disabled","usage":)");
  if (usage == nullptr) json.null();
  if (usage != nullptr) write_responses_usage(json, *usage);
  if (!head.echo_json.empty()) {
    json.raw(",");
    json.raw(head.echo_json);
  }
  json.raw("}");
}

class ResponsesStream final : public AnswerStream {
 public:
  explicit ResponsesStream(const ResponseHead& head) : head_(head) {}

  void begin_choice(int index, const Usage& so_far) override;
  void piece(int index, const Piece& piece, const Usage& so_far) override;
  void finish(int index, const ChoiceEnd& end, const Usage& so_far) override;
  void end(const Usage& usage) override;
  void fail(const Error& error) override;

 private:
  enum class Item : std::uint8_t { none, message, call };

  void open(std::string_view type);
  void close() { json_.raw("}\n\n"); }
  void item_members(std::string_view id, const char* extra);
  void open_message();
  void open_call(ToolCall call);
  void close_item(Status status);
  void add_text(std::string_view text);
  void add_call(const ToolCallDelta& delta);

  ResponseHead head_;
  bool begun_ = false;
  Item item_ = Item::none;
  int items_ = 0;
  std::int64_t sequence_ = 0;
  Choice whole_;
};

/// `event: TYPE`, and the beginning of its data.
void ResponsesStream::open(std::string_view type) {
  json_.raw("event: ");
  json_.raw(type);
  json_.raw("\ndata: {\"type\":\"");
  json_.raw(type);
  json_.raw(R"(","sequence_number":)");
  json_.integer(sequence_++);
}

void ResponsesStream::item_members(std::string_view id, const char* extra) {
  json_.raw(R"(,"item_id":)");
  json_.string(id);
  json_.raw(R"(,"output_index":)");
  json_.integer(items_ - 1);
  json_.raw(extra);
}

void ResponsesStream::begin_choice(int, const Usage&) {
  if (std::exchange(begun_, true)) return;
  for (const std::string_view type : {"response.created", "response.in_progress"}) {
    open(type);
    json_.raw(R"(,"response":)");
    write_object(json_, head_, Status::in_progress, nullptr, nullptr, nullptr);
    close();
  }
}

void ResponsesStream::open_message() {
  item_ = Item::message;
  ++items_;
  open("response.output_item.added");
  json_.raw(R"(,"output_index":)");
  json_.integer(items_ - 1);
  json_.raw(R"(,"item":)");
  write_message_item(json_, head_, nullptr, Status::in_progress);
  close();
  open("response.content_part.added");
  item_members("msg_" + head_.id, R"(,"content_index":0,"part":)");
  write_text_part(json_, "");
  close();
}

void ResponsesStream::open_call(ToolCall call) {
  item_ = Item::call;
  ++items_;
  whole_.calls.push_back(std::move(call));
  open("response.output_item.added");
  json_.raw(R"(,"output_index":)");
  json_.integer(items_ - 1);
  json_.raw(R"(,"item":)");
  write_call_item(json_, whole_.calls.back(), Status::in_progress);
  close();
}

void ResponsesStream::close_item(Status status) {
  const Item item = std::exchange(item_, Item::none);
  if (item == Item::none) return;
  if (item == Item::message) {
    open("response.output_text.done");
    item_members("msg_" + head_.id, R"(,"content_index":0,"logprobs":[],"text":)");
    json_.string(whole_.text);
    close();
    open("response.content_part.done");
    item_members("msg_" + head_.id, R"(,"content_index":0,"part":)");
    write_text_part(json_, whole_.text);
    close();
  } else {
    open("response.function_call_arguments.done");
    item_members("fc_" + whole_.calls.back().id, R"(,"name":)");
    json_.string(whole_.calls.back().name);
    json_.raw(R"(,"arguments":)");
    json_.string(whole_.calls.back().arguments);
    close();
  }
  open("response.output_item.done");
  json_.raw(R"(,"output_index":)");
  json_.integer(items_ - 1);
  json_.raw(R"(,"item":)");
  if (item == Item::message) write_message_item(json_, head_, &whole_.text, status);
  if (item == Item::call) write_call_item(json_, whole_.calls.back(), status);
  close();
}

/// Text behind a call joins the one message of the answer; no event tells of it.
void ResponsesStream::add_text(std::string_view text) {
  if (item_ == Item::none && whole_.calls.empty()) open_message();
  whole_.text += text;
  if (item_ != Item::message) return;
  open("response.output_text.delta");
  item_members("msg_" + head_.id, R"(,"content_index":0,"logprobs":[],"delta":)");
  json_.string(text);
  close();
}

void ResponsesStream::add_call(const ToolCallDelta& delta) {
  if (!delta.name.empty()) {
    close_item(Status::completed);
    open_call({delta.id, delta.name, {}});
  }
  if (delta.arguments.empty() || item_ != Item::call) return;
  whole_.calls.back().arguments += delta.arguments;
  open("response.function_call_arguments.delta");
  item_members("fc_" + whole_.calls.back().id, R"(,"delta":)");
  json_.string(delta.arguments);
  close();
}

void ResponsesStream::piece(int index, const Piece& piece, const Usage& so_far) {
  begin_choice(index, so_far);
  if (!piece.text.empty()) add_text(piece.text);
  for (const ToolCallDelta& delta : piece.calls) add_call(delta);
}

void ResponsesStream::finish(int index, const ChoiceEnd& end, const Usage& so_far) {
  begin_choice(index, so_far);
  if (items_ == 0) open_message();
  close_item(status_of(end));
  whole_.end = end;
}

void ResponsesStream::end(const Usage& usage) {
  const Status status = status_of(whole_.end);
  open(status == Status::incomplete ? "response.incomplete" : "response.completed");
  json_.raw(R"(,"response":)");
  write_object(json_, head_, status, &whole_, &usage, nullptr);
  close();
}

void ResponsesStream::fail(const Error& error) {
  begin_choice(0, {});
  open("response.failed");
  json_.raw(R"(,"response":)");
  write_object(json_, head_, Status::failed, &whole_, nullptr, &error);
  close();
}

}  // namespace

void write_responses_answer(JsonBuffer& json, const ResponseHead& head, const Choice& choice, const Usage& usage) {
  write_object(json, head, status_of(choice.end), &choice, &usage, nullptr);
}

std::unique_ptr<AnswerStream> make_responses_stream(const ResponseHead& head) {
  return std::make_unique<ResponsesStream>(head);
}

}  // namespace baton::openai
