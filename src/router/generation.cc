#include "router/generation.h"

#include <algorithm>
#include <utility>

#include "router/traits.h"

namespace baton::router {
namespace {

/// Stream bytes a slow reader may leave unsent before it is given up, beside the time limit of a write.
constexpr std::size_t kMaxPendingBytes = 4U << 20;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Generation::ChoiceState::ChoiceState(const ServedModel& model, const PreparedRequest& prepared)
    : text(model, prepared) {
  if (prepared.request.shown.logprobs >= 0) result.logprobs.emplace();
}

Generation::Generation(Context context, const PreparedRequest& prepared, openai::ResponseHead head, TimePoint arrival)
    : context_(context),
      prepared_(prepared),
      head_(std::move(head)),
      arrival_(arrival),
      wake_(context.executor, kNever) {
  context_.metrics.in_flight.add(1);
}

Generation::~Generation() {
  abandon();
  context_.metrics.in_flight.add(-1);
}

void Generation::start(std::vector<std::shared_ptr<const GenerationSpec>> specs, Orders orders) {
  const openai::Request& request = prepared_.request;
  openai::StreamOptions options{.include_usage = request.include_usage,
                                .continuous_usage = request.continuous_usage,
                                .logprobs = request.shown.logprobs >= 0,
                                .token_ids = request.shown.token_ids,
                                .choices_per_prompt = request.n};
  for (std::size_t i = 0; i < specs.size(); ++i) {
    choices_.emplace_back(context_.model, prepared_);
    if (i % per_prompt() != 0) continue;
    usage_.prompt_tokens += static_cast<std::int64_t>(specs[i]->tokens.size());
    if (request.shown.token_ids) prompts_.push_back(specs[i]);
    if (request.shown.token_ids && request.stream) options.prompts.push_back(specs[i]->tokens);
  }
  if (request.stream) stream_ = openai::make_stream(head_, std::move(options));
  running_ = specs.size();
  request_name_ = orders.request_name;
  context_.metrics.prompt_tokens.add(static_cast<std::uint64_t>(usage_.prompt_tokens));
  for (std::size_t i = 0; i < specs.size() && !ended(); ++i) {
    Submission submission{std::move(specs[i]), orders.deadline, orders.features, context_.decisions.enabled()};
    if (!orders.digests.empty()) submission.digest = std::move(orders.digests[i]);
    submission.features.template_prefix = template_prefix(submission.spec->tokens);
    const RequestId id = context_.dispatcher.submit(std::move(submission), *this, i);
    choices_[i].id = id;
  }
}

void Generation::abandon() {
  abandoned_ = true;
  for (ChoiceState& choice : choices_) {
    if (choice.running && choice.id.value != 0) context_.dispatcher.abandon(choice.id, Dispatcher::Why::unwanted);
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

void Generation::on_prompt_logprobs(std::size_t index, const PromptLogprobs& logprobs) {
  auto& collected = choices_[index].prompt_logprobs;
  collected.insert(collected.end(), logprobs.tokens.begin(), logprobs.tokens.end());
}

/// What a choice shows before its first token: the echo.
void Generation::begin(std::size_t index) {
  ChoiceState& choice = choices_[index];
  if (std::exchange(choice.begun, true) || prepared_.echo.empty()) return;
  choice.text.begin(prepared_.echo[index / per_prompt()], choice.prompt_logprobs);
}

void Generation::on_token(std::size_t index, const TokenOut& token) {
  ChoiceState& choice = choices_[index];
  if (!choice.running) return;
  note_latency(choice);
  begin(index);
  const std::int32_t before = choice.text.tokens();
  const bool stopped = choice.text.take(token);
  usage_.completion_tokens += choice.text.tokens() - before;
  context_.metrics.generation_tokens.add();
  if (!stopped) return show(index);
  context_.dispatcher.abandon(choice.id, Dispatcher::Why::complete);
  end_choice(index);
}

void Generation::note_latency(ChoiceState& choice) {
  const TimePoint now = Clock::now();
  if (!std::exchange(first_token_seen_, true)) context_.metrics.ttft_s.observe(seconds(now - arrival_));
  if (choice.begun) context_.metrics.itl_s.observe(seconds(now - choice.last_token));
  choice.last_token = now;
}

/// Hands out what is final. A streamed choice says something at its first token even if no text is final yet, because
/// clients measure the time to it.
void Generation::show(std::size_t index) {
  ChoiceState& choice = choices_[index];
  openai::Piece& piece = choice.text.piece();
  if (!stream_) {
    choice.result.append(piece);
    return piece.clear();
  }
  if (pending_bytes() > kMaxPendingBytes) return abandon();
  const int number = static_cast<int>(index);
  if (choice.text.ready()) {
    stream_->piece(number, piece, usage_);
    piece.clear();
  } else {
    stream_->begin_choice(number, usage_);
  }
  wake();
}

void Generation::on_explained(std::size_t index, std::shared_ptr<const schedule::Explanation> why) {
  if (index == 0) why_ = why;
  context_.decisions.add(request_name_, std::move(why));
}

void Generation::on_finish(std::size_t index, const schedule::Finish& finish) {
  ChoiceState& choice = choices_[index];
  if (!choice.running) return;
  // Samples of one prompt share it; its cached part is counted once, as the prompt is.
  if (index % per_prompt() == 0) {
    usage_.cached_tokens += finish.cached_tokens;
    context_.metrics.cached_prompt_tokens.add(static_cast<std::uint64_t>(std::max(0, finish.cached_tokens)));
  }
  begin(index);
  choice.text.finish();
  end_choice(index);
}

/// Logprobs and ids of tokens that showed no text of their own travel with an empty last piece.
void Generation::end_choice(std::size_t index) {
  ChoiceState& choice = choices_[index];
  choice.running = false;
  openai::Piece& rest = choice.text.piece();
  choice.result.end = choice.text.end();
  if (stream_) {
    const int number = static_cast<int>(index);
    if (!rest.empty()) stream_->piece(number, rest, usage_);
    stream_->finish(number, choice.result.end, usage_);
  } else {
    choice.result.append(rest);
  }
  rest.clear();
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

std::vector<openai::PromptPart> Generation::prompt_parts() {
  const openai::Shown& shown = prepared_.request.shown;
  std::vector<openai::PromptPart> parts(choices_.size() / per_prompt());
  for (std::size_t p = 0; p < parts.size(); ++p) {
    if (shown.token_ids) parts[p].token_ids = prompts_[p]->tokens;
    if (shown.prompt_logprobs < 0) continue;
    const ChoiceState& choice = choices_[p * per_prompt()];
    auto& tokens = parts[p].logprobs.emplace();
    for (const auto& entry : choice.prompt_logprobs) {
      tokens.push_back(choice.text.prompt_token(entry, tokens.empty()));
    }
  }
  return parts;
}

/// The n of each prompt's choices that the model found most likely, best first; all in their order without best_of.
std::vector<openai::Choice> Generation::best_choices() {
  const auto n = static_cast<std::size_t>(prepared_.request.n);
  std::vector<openai::Choice> chosen;
  for (std::size_t first = 0; first < choices_.size(); first += per_prompt()) {
    std::vector<std::size_t> order;
    for (std::size_t k = 0; k < per_prompt(); ++k) order.push_back(first + k);
    if (n < per_prompt()) {
      std::ranges::stable_sort(order, std::greater{},
                               [this](std::size_t i) { return choices_[i].text.mean_logprob(); });
    }
    for (std::size_t k = 0; k < n; ++k) chosen.push_back(std::move(choices_[order[k]].result));
  }
  return chosen;
}

std::string Generation::whole_response() {
  return openai::encode_response({.head = head_,
                                  .choices = best_choices(),
                                  .prompts = prompt_parts(),
                                  .usage = usage_,
                                  .token_ids = prepared_.request.shown.token_ids});
}

}  // namespace baton::router
