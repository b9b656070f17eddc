#include "router/generation.h"

#include <algorithm>
#include <utility>

namespace baton::router {
namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

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
    : x_context(context),
      x_request(request),
      x_head(std::move(head)),
      x_encoder(x_head, {.include_usage = request.include_usage,
                         .continuous_usage = request.continuous_usage,
                         .logprobs = request.sampling.logprobs >= 0}),
      x_arrival(arrival),
      x_wake(context.executor, kNever) {
  x_context.metrics.in_flight.add(1);
}

Generation::~Generation() {
  abandon();
  x_context.metrics.in_flight.add(-1);
}

void Generation::start(std::vector<std::shared_ptr<const GenerationSpec>> specs, TimePoint deadline) {
  const auto n = static_cast<std::size_t>(x_request.n);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (i % n == 0) x_usage.prompt_tokens += static_cast<std::int64_t>(specs[i]->tokens.size());
    x_choices.emplace_back(x_context.model.tokenizer, x_request);
  }
  x_running = specs.size();
  x_context.metrics.prompt_tokens.add(static_cast<std::uint64_t>(x_usage.prompt_tokens));
  for (std::size_t i = 0; i < specs.size() && !ended(); ++i) {
    const RequestId id = x_context.dispatcher.submit(std::move(specs[i]), deadline, *this, i);
    x_choices[i].id = id;
  }
}

void Generation::abandon() {
  x_abandoned = true;
  for (ChoiceState& choice : x_choices) {
    if (choice.running && choice.id.value != 0) x_context.dispatcher.abandon(choice.id);
    choice.running = false;
  }
  wake();
}

aio::asio::awaitable<void> Generation::wait() {
  while (!ended() && pending_bytes() == 0) {
    auto [error] = co_await x_wake.async_wait(aio::kNoThrow);
    (void)error;
  }
}

void Generation::on_token(std::size_t index, const TokenOut& token) {
  ChoiceState& choice = x_choices[index];
  if (!choice.running) return;
  note_latency(choice);
  ++choice.tokens;
  ++x_usage.completion_tokens;
  x_context.metrics.generation_tokens.add();
  if (token.stop_token) {
    const auto& wanted = x_request.sampling.stop_token_ids;
    if (std::ranges::find(wanted, token.token) != wanted.end()) choice.result.stop_reason = token.token;
    choice.result.finish = token.finish;
    return;
  }
  if (choice.result.logprobs) add_logprob(choice, token);
  const std::string text = choice.detokenizer.feed(token.token);
  const bool unchecked = choice.tokens < x_request.sampling.min_tokens;
  text::StopMatcher::Step step = unchecked ? choice.stop.feed_unchecked(text) : choice.stop.feed(text);
  show(index, step.text);
  choice.result.finish = token.finish;
  if (!step.stop) return;
  choice.result.stop_reason = std::move(*step.stop);
  x_context.dispatcher.abandon(choice.id);
  end_choice(index, FinishReason::stop);
}

void Generation::note_latency(ChoiceState& choice) {
  const TimePoint now = Clock::now();
  if (!std::exchange(x_first_token_seen, true)) x_context.metrics.ttft_s.observe(seconds(now - x_arrival));
  if (choice.tokens > 0) x_context.metrics.itl_s.observe(seconds(now - choice.last_token));
  choice.last_token = now;
}

void Generation::add_logprob(ChoiceState& choice, const TokenOut& token) {
  const text::Tokenizer& tokenizer = x_context.model.tokenizer;
  openai::LogprobEntry entry;
  entry.token = logprob_token(tokenizer, token.token, token.logprob);
  entry.text_offset = choice.text_offset;
  for (const TokenLogprob& top : token.top) entry.top.push_back(logprob_token(tokenizer, top.token, top.logprob));
  choice.text_offset += characters(entry.token.bytes);
  choice.held_logprobs.push_back(std::move(entry));
}

/// Hands out text that is final, with the logprobs of all tokens up to it. A streamed choice says something at its first
/// token even if no text is final yet, because clients measure the time to it.
void Generation::show(std::size_t index, std::string_view text) {
  ChoiceState& choice = x_choices[index];
  const bool greet = x_request.stream && choice.tokens == 1;
  if (text.empty() && !greet) return;
  if (x_request.stream) {
    const bool logprobs = choice.result.logprobs.has_value();
    if (!text.empty() || logprobs) {
      x_encoder.text(static_cast<int>(index), text, choice.held_logprobs, x_usage);
    } else {
      x_encoder.begin_choice(static_cast<int>(index), x_usage);
    }
    choice.held_logprobs.clear();
    wake();
  } else {
    choice.result.text += text;
  }
}

void Generation::on_finish(std::size_t index, const schedule::Finish& finish) {
  ChoiceState& choice = x_choices[index];
  if (!choice.running) return;
  // Samples of one prompt share it; its cached part is counted once, as the prompt is.
  if (index % static_cast<std::size_t>(x_request.n) == 0) {
    x_usage.cached_tokens += finish.cached_tokens;
    x_context.metrics.cached_prompt_tokens.add(static_cast<std::uint64_t>(std::max(0, finish.cached_tokens)));
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
  ChoiceState& choice = x_choices[index];
  choice.running = false;
  choice.result.finish = reason;
  if (x_request.stream) {
    const int number = static_cast<int>(index);
    if (choice.result.logprobs && !choice.held_logprobs.empty()) {
      x_encoder.text(number, "", choice.held_logprobs, x_usage);
    }
    x_encoder.finish(number, reason, choice.result.stop_reason, x_usage);
  } else if (choice.result.logprobs) {
    *choice.result.logprobs = std::move(choice.held_logprobs);
  }
  --x_running;
  wake();
}

void Generation::on_fail(std::size_t index, const Error& error) {
  ChoiceState& choice = x_choices[index];
  if (!choice.running) return;
  choice.running = false;
  if (!x_failure) x_failure = error;
  wake();
}

std::string Generation::whole_response() const {
  std::vector<openai::Choice> choices;
  choices.reserve(x_choices.size());
  for (const ChoiceState& choice : x_choices) choices.push_back(choice.result);
  return openai::encode_response(x_head, choices, x_usage);
}

}  // namespace baton::router
