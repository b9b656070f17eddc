#include "router/generation_choice.h"

#include <algorithm>
#include <utility>

#include "router/answers.h"
#include "router/prompt_chat.h"

namespace baton::router {
namespace {

using openai::ToolFormat;

constexpr std::size_t kShortId = 9;

std::int64_t characters(std::string_view utf8) {
  return std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; });
}

/// Mistral's mark of a call is a special token, which must reach the parser.
bool skips_special(const PreparedRequest& prepared) {
  return prepared.request.shown.skip_special && prepared.tools.format != ToolFormat::mistral;
}

}  // namespace

ChoiceText::ChoiceText(const ServedModel& model, const PreparedRequest& prepared)
    : model_(model),
      request_(prepared.request),
      detokenizer_(model.tokenizer, {.skip_special = skips_special(prepared), .continues_text = true}),
      stop_({.stops = prepared.request.stop, .include_stop = prepared.request.shown.include_stop}),
      parser_(prepared.tools),
      parses_tools_(prepared.tools.format != ToolFormat::none),
      short_ids_(tool_format(model, prepared.request.tools) == ToolFormat::mistral) {}

openai::LogprobToken ChoiceText::logprob_token(TokenLogprob token) const {
  if (request_.shown.tokens_as_ids) return {"token_id:" + std::to_string(token.token), token.logprob};
  return {std::string(model_.tokenizer.token_bytes(token.token)), token.logprob};
}

void ChoiceText::add_logprob(TokenLogprob token, std::span<const TokenLogprob> top) {
  openai::LogprobEntry entry;
  entry.token = logprob_token(token);
  entry.text_offset = text_offset_;
  const auto shown = std::min(top.size(), static_cast<std::size_t>(request_.shown.logprobs));
  for (const TokenLogprob& other : top.first(shown)) entry.top.push_back(logprob_token(other));
  if (!request_.shown.skip_special || !model_.tokenizer.is_special(token.token)) {
    text_offset_ += characters(model_.tokenizer.token_bytes(token.token));
  }
  piece_.logprobs.push_back(std::move(entry));
}

void ChoiceText::begin(std::string_view echo, std::span<const PromptLogprobs::Entry> prompt) {
  piece_.text += echo;
  if (request_.shown.logprobs < 0 || echo.empty() || request_.endpoint != openai::Endpoint::completions) return;
  for (const PromptLogprobs::Entry& entry : prompt) add_logprob(entry.token, entry.top);
  if (!piece_.logprobs.empty()) piece_.logprobs.front().first = true;
}

bool ChoiceText::take(const TokenOut& token) {
  if (request_.shown.discard_output) {
    end_.reason = FinishReason::length;
    return false;
  }
  ++tokens_;
  logprob_sum_ += token.logprob;
  end_.reason = token.finish;
  if (request_.shown.token_ids) piece_.token_ids.push_back(token.token);
  if (token.stop_token) {
    const auto& wanted = request_.sampling.stop_token_ids;
    if (std::ranges::find(wanted, token.token) != wanted.end()) end_.stop_reason = token.token;
    return false;
  }
  if (request_.shown.logprobs >= 0) add_logprob({token.token, token.logprob}, token.top);
  const std::string text = detokenizer_.feed(token.token);
  const bool unchecked = tokens_ < request_.sampling.min_tokens;
  text::StopMatcher::Step step = unchecked ? stop_.feed_unchecked(text) : stop_.feed(text);
  add_text(step.text);
  if (!step.stop) return false;
  end_.stop_reason = std::move(*step.stop);
  end_.reason = FinishReason::stop;
  if (parses_tools_) parser_.finish(piece_);
  return true;
}

void ChoiceText::finish() {
  const std::string tail = detokenizer_.finish();
  text::StopMatcher::Step step = stop_.feed(tail);
  if (step.stop) {
    end_.stop_reason = std::move(*step.stop);
    end_.reason = FinishReason::stop;
  }
  add_text(step.text);
  add_text(stop_.finish());
  if (parses_tools_) parser_.finish(piece_);
}

void ChoiceText::add_text(std::string_view text) {
  if (!parses_tools_) {
    piece_.text += text;
    return;
  }
  if (text.empty()) return;
  parser_.feed(text, piece_);
  for (openai::ToolCallDelta& call : piece_.calls) {
    if (call.name.empty() || !call.id.empty()) continue;
    call.id = short_ids_ ? random_name("").substr(0, kShortId) : random_name("call_");
  }
}

openai::ChoiceEnd ChoiceText::end() const {
  openai::ChoiceEnd end = end_;
  end.called_tools = parser_.called();
  return end;
}

/// The token itself first, then the best ones, as many as were asked for.
openai::PromptToken ChoiceText::prompt_token(const PromptLogprobs::Entry& entry, bool first) const {
  openai::PromptToken token;
  if (first) return token;
  const auto text = [this](TokenLogprob of) {
    return openai::LogprobToken{std::string(model_.tokenizer.token_bytes(of.token)), of.logprob};
  };
  token.candidates.push_back({entry.token.token, text(entry.token), 0});
  const auto shown = std::min(entry.top.size(), static_cast<std::size_t>(request_.shown.prompt_logprobs));
  for (std::size_t i = 0; i < entry.top.size(); ++i) {
    const int rank = static_cast<int>(i) + 1;
    if (entry.top[i].token == entry.token.token) {
      token.candidates.front().rank = rank;
    } else if (i < shown) {
      token.candidates.push_back({entry.top[i].token, text(entry.top[i]), rank});
    }
  }
  return token;
}

}  // namespace baton::router
