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

  bool ended() const { return x_running == 0 || x_failure || x_abandoned; }
  bool abandoned() const { return x_abandoned; }
  const std::optional<Error>& failure() const { return x_failure; }
  std::size_t pending_bytes() const { return x_encoder.pending_bytes(); }
  openai::StreamEncoder& encoder() { return x_encoder; }
  const openai::Usage& usage() const { return x_usage; }
  /// The whole answer; after ended() without failure.
  std::string whole_response() const;

  void on_token(std::size_t choice, const TokenOut& token) override;
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
    openai::Choice result;
  };

  void note_latency(ChoiceState& choice);
  void add_logprob(ChoiceState& choice, const TokenOut& token);
  void show(std::size_t index, std::string_view text);
  void end_choice(std::size_t index, FinishReason reason);
  void wake() { x_wake.cancel(); }

  Context x_context;
  const openai::Request& x_request;
  openai::ResponseHead x_head;
  openai::StreamEncoder x_encoder;
  openai::Usage x_usage;
  std::deque<ChoiceState> x_choices;
  std::size_t x_running = 0;
  TimePoint x_arrival;
  bool x_first_token_seen = false;
  bool x_abandoned = false;
  std::optional<Error> x_failure;
  aio::asio::steady_timer x_wake;
};

}  // namespace baton::router
