#include "router/generation.h"

#include <algorithm>
#include <utility>

namespace baton::router {
namespace {

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::int64_t characters(std::string_view utf8) {
  return std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; });
}

openai::LogprobToken logprob_token(const text::Tokenizer& tokenizer, TokenId id, float logprob) {
  return {std::string(tokenizer.token_bytes(id)), logprob};
}

}  // namespace

Generation::ChoiceState::ChoiceState(const text::Tokenizer& tokenizer, const openai::Request& request)
    : detokenizer(tokenizer, {.skip_special = request.skip_special_tokens, .continues_text = true}),
      stop({.stops = request.stop, .include_stop = request.include_stop_in_output}) {
  if (request.sampling.logprobs >= 0) result.logprobs.emplace();
}

Generation::Generation(Context context, const openai::Request& request, openai::ResponseHead head, TimePoint arrival)
    : context_(context),
      request_(request),
      head_(std::move(head)),
      encoder_(head_, {.include_usage = request.include_usage,
                       .continuous_usage = request.continuous_usage,
                       .logprobs = request.sampling.logprobs >= 0}),
      arrival_(arrival),
      wake_(context.executor, kNever) {
  context_.metrics.in_flight.add(1);
}

Generation::~Generation() {
  abandon();
  context_.metrics.in_flight.add(-1);
}

void Generation::start(std::vector<std::shared_ptr<const GenerationSpec>> specs, TimePoint deadline) {
  const auto n = static_cast<std::size_t>(request_.n);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (i % n == 0) usage_.prompt_tokens += static_cast<std::int64_t>(specs[i]->tokens.size());
    choices_.emplace_back(context_.model.tokenizer, request_);
  }
  running_ = specs.size();
  context_.metrics.prompt_tokens.add(static_cast<std::uint64_t>(usage_.prompt_tokens));
  for (std::size_t i = 0; i < specs.size() && !ended(); ++i) {
    const RequestId id = context_.dispatcher.submit(std::move(specs[i]), deadline, *this, i);
    choices_[i].id = id;
  }
}

void Generation::abandon() {
  abandoned_ = true;
  for (ChoiceState& choice : choices_) {
    if (choice.running && choice.id.value != 0) context_.dispatcher.abandon(choice.id);
    choice.running = false;
  }
  wake();
}

aio::asio::awaitable<void> Generation::wait() {
  while (!ended() && pending_bytes() == 0) {
    auto [error] = co_await wake_.async_wait(aio::kNoThrow);
    (void)error;
  }
}

void Generation::on_token(std::size_t index, const TokenOut& token) {
  ChoiceState& choice = choices_[index];
  if (!choice.running) return;
  note_latency(choice);
  ++choice.tokens;
  ++usage_.completion_tokens;
  context_.metrics.generation_tokens.add();
  if (token.stop_token) {
    const auto& wanted = request_.sampling.stop_token_ids;
    if (std::ranges::find(wanted, token.token) != wanted.end()) choice.result.stop_reason = token.token;
    choice.result.finish = token.finish;
    return;
  }
  if (choice.result.logprobs) add_logprob(choice, token);
  const std::string text = choice.detokenizer.feed(token.token);
  const bool unchecked = choice.tokens < request_.sampling.min_tokens;
  text::StopMatcher::Step step = unchecked ? choice.stop.feed_unchecked(text) : choice.stop.feed(text);
  show(index, step.text);
  choice.result.finish = token.finish;
  if (!step.stop) return;
  choice.result.stop_reason = std::move(*step.stop);
  context_.dispatcher.abandon(choice.id);
  end_choice(index, FinishReason::stop);
}

void Generation::note_latency(ChoiceState& choice) {
  const TimePoint now = Clock::now();
  if (!std::exchange(first_token_seen_, true)) context_.metrics.ttft_s.observe(seconds(now - arrival_));
  if (choice.tokens > 0) context_.metrics.itl_s.observe(seconds(now - choice.last_token));
  choice.last_token = now;
}

void Generation::add_logprob(ChoiceState& choice, const TokenOut& token) {
  const text::Tokenizer& tokenizer = context_.model.tokenizer;
  openai::LogprobEntry entry;
  entry.token = logprob_token(tokenizer, token.token, token.logprob);
  entry.text_offset = choice.text_offset;
  for (const TokenLogprob& top : token.top) entry.top.push_back(logprob_token(tokenizer, top.token, top.logprob));
  choice.text_offset += characters(entry.token.bytes);
  choice.held_logprobs.push_back(std::move(entry));
}

/// Hands out text that is final, with the logprobs of all tokens up to it. A streamed choice says something at its
/// first token even if no text is final yet, because clients measure the time to it.
void Generation::show(std::size_t index, std::string_view text) {
  ChoiceState& choice = choices_[index];
  const bool greet = request_.stream && choice.tokens == 1;
  if (text.empty() && !greet) return;
  if (request_.stream) {
    const bool logprobs = choice.result.logprobs.has_value();
    if (!text.empty() || logprobs) {
      encoder_.text(static_cast<int>(index), text, choice.held_logprobs, usage_);
    } else {
      encoder_.begin_choice(static_cast<int>(index), usage_);
    }
    choice.held_logprobs.clear();
    wake();
  } else {
    choice.result.text += text;
  }
}

void Generation::on_prompt_logprobs(std::size_t index, const PromptLogprobs& logprobs) {
  auto& collected = choices_[index].prompt_logprobs;
  collected.insert(collected.end(), logprobs.tokens.begin(), logprobs.tokens.end());
}

void Generation::on_finish(std::size_t index, const schedule::Finish& finish) {
  ChoiceState& choice = choices_[index];
  if (!choice.running) return;
  // Samples of one prompt share it; its cached part is counted once, as the prompt is.
  if (index % static_cast<std::size_t>(request_.n) == 0) {
    usage_.cached_tokens += finish.cached_tokens;
    context_.metrics.cached_prompt_tokens.add(static_cast<std::uint64_t>(std::max(0, finish.cached_tokens)));
  }
  const std::string tail = choice.detokenizer.finish();
  text::StopMatcher::Step step = choice.stop.feed(tail);
  if (step.stop) choice.result.stop_reason = std::move(*step.stop);
  const bool stopped = choice.stop.stopped();
  show(index, step.text + choice.stop.finish());
  end_choice(index, stopped ? FinishReason::stop : choice.result.finish);
}

/// Logprobs of tokens that showed no text of their own travel with an empty last piece.
void Generation::end_choice(std::size_t index, FinishReason reason) {
  ChoiceState& choice = choices_[index];
  choice.running = false;
  choice.result.finish = reason;
  if (request_.stream) {
    const int number = static_cast<int>(index);
    if (choice.result.logprobs && !choice.held_logprobs.empty()) {
      encoder_.text(number, "", choice.held_logprobs, usage_);
    }
    encoder_.finish(number, reason, choice.result.stop_reason, usage_);
  } else if (choice.result.logprobs) {
    *choice.result.logprobs = std::move(choice.held_logprobs);
  }
  --running_;
  wake();
}

void Generation::on_fail(std::size_t index, const Error& error) {
  ChoiceState& choice = choices_[index];
  if (!choice.running) return;
  choice.running = false;
  if (!failure_) failure_ = error;
  wake();
}

std::string Generation::whole_response() const {
  std::vector<openai::Choice> choices;
  choices.reserve(choices_.size());
  for (const ChoiceState& choice : choices_) choices.push_back(choice.result);
  return openai::encode_response(head_, choices, usage_);
}

}  // namespace baton::router
