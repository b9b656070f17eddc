#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "openai/response.h"
#include "openai/tool_parser.h"
#include "router/prompt.h"
#include "router/served_model.h"
#include "text/detokenizer.h"
#include "text/stop_matcher.h"

namespace baton::router {

/// Turns the tokens of one choice into what its client sees: text up to a stop string, tool calls, logprobs, token ids.
/// What is final lies in piece(); a stream sends it when ready(), a whole answer adds all of it up.
class ChoiceText {
 public:
  ChoiceText(const ServedModel& model, const PreparedRequest& prepared);

  /// What stands before the first token: the echoed prompt, with logprobs if those of its tokens are known.
  void begin(std::string_view echo, std::span<const PromptLogprobs::Entry> prompt);
  /// The next token. True: a stop string ended the choice.
  bool take(const TokenOut& token);
  /// No token follows. The piece then holds all that was left.
  void finish();

  /// There is something to show.
  bool ready() const { return !piece_.text.empty() || !piece_.calls.empty(); }
  openai::Piece& piece() { return piece_; }
  /// How it ended; after finish() or a stop string.
  openai::ChoiceEnd end() const;
  std::int32_t tokens() const { return tokens_; }
  /// Mean logprob of the tokens so far, for best_of.
  double mean_logprob() const { return tokens_ == 0 ? 0.0 : logprob_sum_ / tokens_; }
  /// What an answer says of a prompt token.
  openai::PromptToken prompt_token(const PromptLogprobs::Entry& entry, bool first) const;

 private:
  openai::LogprobToken logprob_token(TokenLogprob token) const;
  void add_logprob(TokenLogprob token, std::span<const TokenLogprob> top);
  void add_text(std::string_view text);

  const ServedModel& model_;
  const openai::Request& request_;
  text::IncrementalDetokenizer detokenizer_;
  text::StopMatcher stop_;
  openai::ToolParser parser_;
  bool parses_tools_;
  bool short_ids_;  ///< the template takes call ids of nine characters only
  openai::Piece piece_;
  openai::ChoiceEnd end_;
  std::int32_t tokens_ = 0;
  std::int64_t text_offset_ = 0;  ///< characters before the next token
  double logprob_sum_ = 0.0;
};

}  // namespace baton::router
