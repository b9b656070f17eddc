#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "openai/response.h"
#include "openai/stream.h"
#include "router/dispatcher.h"
#include "router/served_model.h"
#include "text/detokenizer.h"
#include "text/stop_matcher.h"

namespace baton::router {

/// One client request while workers generate for it: turns the tokens of its choices into text, finds stop strings,
/// collects the answer or encodes its stream, and wakes the coroutine that writes it. Lives on the handler's frame; its
/// destruction abandons whatever still runs.
class Generation final : public GenerationSink {
 public:
  struct Context {
    const ServedModel& model;
    Dispatcher& dispatcher;
    RouterMetrics& metrics;
    aio::asio::any_io_executor executor;
  };
  Generation(Context context, const openai::Request& request, openai::ResponseHead head, TimePoint arrival);
  ~Generation() override;
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  /// Submits every choice. A failure shows in failure().
  void start(std::vector<std::shared_ptr<const GenerationSpec>> specs, TimePoint deadline);
  /// Stops everything that runs; the answer is no longer wanted.
  void abandon();

  /// Waits until there is something to send, the request ended, or abandon() was called.
  aio::asio::awaitable<void> wait();

  bool ended() const { return running_ == 0 || failure_ || abandoned_; }
  bool abandoned() const { return abandoned_; }
  const std::optional<Error>& failure() const { return failure_; }
  std::size_t pending_bytes() const { return encoder_.pending_bytes(); }
  openai::StreamEncoder& encoder() { return encoder_; }
  const openai::Usage& usage() const { return usage_; }
  /// The whole answer; after ended() without failure.
  std::string whole_response() const;

  void on_token(std::size_t choice, const TokenOut& token) override;
  void on_prompt_logprobs(std::size_t choice, const PromptLogprobs& logprobs) override;
  void on_finish(std::size_t choice, const schedule::Finish& finish) override;
  void on_fail(std::size_t choice, const Error& error) override;

 private:
  struct ChoiceState {
    ChoiceState(const text::Tokenizer& tokenizer, const openai::Request& request);
    RequestId id;
    text::IncrementalDetokenizer detokenizer;
    text::StopMatcher stop;
    bool running = true;
    std::int32_t tokens = 0;
    TimePoint last_token{};
    std::int64_t text_offset = 0;                     ///< characters shown so far, for completions' logprobs
    std::vector<openai::LogprobEntry> held_logprobs;  ///< of tokens whose text is not shown yet
    std::vector<PromptLogprobs::Entry> prompt_logprobs;  ///< of the prompt's first tokens, so far
    openai::Choice result;
  };

  void note_latency(ChoiceState& choice);
  void add_logprob(ChoiceState& choice, const TokenOut& token);
  void show(std::size_t index, std::string_view text);
  void end_choice(std::size_t index, FinishReason reason);
  void wake() { wake_.cancel(); }

  Context context_;
  const openai::Request& request_;
  openai::ResponseHead head_;
  openai::StreamEncoder encoder_;
  openai::Usage usage_;
  std::deque<ChoiceState> choices_;
  std::size_t running_ = 0;
  TimePoint arrival_;
  bool first_token_seen_ = false;
  bool abandoned_ = false;
  std::optional<Error> failure_;
  aio::asio::steady_timer wake_;
};

}  // namespace baton::router
