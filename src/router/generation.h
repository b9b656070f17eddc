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
#include "router/decision_log.h"
#include "router/dispatcher.h"
#include "router/generation_choice.h"
#include "router/prompt.h"
#include "router/served_model.h"

namespace baton::router {

/// One client request while workers generate for it: hands the tokens of its choices to their ChoiceText, collects the
/// answer or encodes its stream, and wakes the coroutine that writes it. Lives on the handler's frame; its destruction
/// abandons whatever still runs.
class Generation final : public GenerationSink {
 public:
  struct Context {
    const ServedModel& model;
    Dispatcher& dispatcher;
    RouterMetrics& metrics;
    DecisionLog& decisions;
    aio::asio::any_io_executor executor;
  };
  /// `prepared` must outlive it; its prompts are gone already.
  Generation(Context context, const PreparedRequest& prepared, openai::ResponseHead head, TimePoint arrival);
  ~Generation() override;
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  /// How every choice is submitted.
  struct Orders {
    TimePoint deadline = kNever;
    classify::Features features;
    std::string request_name;         ///< in the decision log
    std::vector<SpecDigest> digests;  ///< one for each spec, or none
  };
  /// Submits every choice. A failure shows in failure().
  void start(std::vector<std::shared_ptr<const GenerationSpec>> specs, Orders orders);
  /// Stops everything that runs; the answer is no longer wanted.
  void abandon();

  /// Waits until there is something to send, the request ended, or abandon() was called.
  aio::asio::awaitable<void> wait();

  bool ended() const { return running_ == 0 || failure_ || abandoned_; }
  bool abandoned() const { return abandoned_; }
  const std::optional<Error>& failure() const { return failure_; }
  std::size_t pending_bytes() const { return stream_ ? stream_->pending_bytes() : 0; }
  /// Of a request that is streamed; made by start().
  openai::AnswerStream& stream() { return *stream_; }
  const openai::Usage& usage() const { return usage_; }
  /// Of the first choice's last placement, if it was asked for.
  const std::shared_ptr<const schedule::Explanation>& why() const { return why_; }
  /// The whole answer; after ended() without failure. Call once.
  std::string whole_response();

  void on_token(std::size_t choice, const TokenOut& token) override;
  void on_prompt_logprobs(std::size_t choice, const PromptLogprobs& logprobs) override;
  void on_explained(std::size_t choice, std::shared_ptr<const schedule::Explanation> why) override;
  void on_finish(std::size_t choice, const schedule::Finish& finish) override;
  void on_fail(std::size_t choice, const Error& error) override;

 private:
  struct ChoiceState {
    ChoiceState(const ServedModel& model, const PreparedRequest& prepared);
    RequestId id;
    ChoiceText text;
    bool begun = false;
    bool running = true;
    TimePoint last_token{};
    std::vector<PromptLogprobs::Entry> prompt_logprobs;  ///< of the prompt's first tokens, so far
    openai::Choice result;
  };

  std::size_t per_prompt() const { return static_cast<std::size_t>(prepared_.request.best_of); }
  void note_latency(ChoiceState& choice);
  void begin(std::size_t index);
  void show(std::size_t index);
  void end_choice(std::size_t index);
  std::vector<openai::PromptPart> prompt_parts();
  std::vector<openai::Choice> best_choices();
  void wake() { wake_.cancel(); }

  Context context_;
  const PreparedRequest& prepared_;
  openai::ResponseHead head_;
  std::unique_ptr<openai::AnswerStream> stream_;
  openai::Usage usage_;
  std::deque<ChoiceState> choices_;
  std::vector<std::shared_ptr<const GenerationSpec>> prompts_;  ///< one per prompt, where its ids are shown
  std::size_t running_ = 0;
  TimePoint arrival_;
  bool first_token_seen_ = false;
  bool abandoned_ = false;
  std::optional<Error> failure_;
  std::string request_name_;
  std::shared_ptr<const schedule::Explanation> why_;
  aio::asio::steady_timer wake_;
};

}  // namespace baton::router
