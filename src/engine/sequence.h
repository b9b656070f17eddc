#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "baton/types.h"
#include "engine/engine.h"
#include "grammar/grammar.h"
#include "kv/block_pool.h"

namespace baton::engine {

enum class SequenceKind : std::uint8_t {
  generate,  ///< prefill and decode here
  prefill,   ///< prefill and first token here, then hold the blocks
  adopted,   ///< KV comes from another worker; decode here
};

enum class SequencePhase : std::uint8_t {
  waiting,   ///< no blocks; for admission or, once preempted, readmission
  ready,     ///< committed, has its blocks, waits for room in the batch
  running,   ///< in the batch
  held,      ///< prefill done; blocks kept until release()
  reserved,  ///< its writer fills the blocks
  draining,  ///< dropped; its writer may still write
};

/// One sequence of the engine.
struct Sequence {
  SequenceId id;
  SequenceKind kind = SequenceKind::generate;
  SequencePhase phase = SequencePhase::waiting;
  Objective objective;
  std::vector<TokenId> tokens;     ///< prompt, then output
  std::int32_t prompt_tokens = 0;  ///< of them the request's prompt
  std::int32_t given_tokens = 0;   ///< of them in the spec (a replay's spec has output tokens too)
  SamplingParams sampling;
  std::optional<grammar::Matcher> matcher;  ///< of the constraint, after the output so far
  std::int32_t computed = 0;        ///< KV of tokens [0, computed) is in the blocks
  std::int32_t rows = 0;            ///< tokens computed by the step in progress
  std::int32_t cached_tokens = -1;  ///< found in the prefix cache at first admission; -1 before
  std::int32_t prompt_logprobs_done = 0;  ///< prompt tokens whose logprobs were reported
  bool prefilled = false;           ///< PrefilledEvent was emitted or is not due
  bool writer_done = false;         ///< drained() came before drop()
  std::int32_t work = 0;            ///< tokens to prefill when it arrived, or when it got its blocks: less what is cached
  std::int64_t arrival = 0;         ///< engine's count of prefilled tokens when it arrived
  kv::BlockLease lease;
  kv::PrefixCursor published;

  std::int32_t size() const { return static_cast<std::int32_t>(tokens.size()); }
  std::int32_t remaining() const { return size() - computed; }
  /// Every prompt token must still be computed for its logprobs.
  bool owes_prompt_logprobs() const {
    return sampling.prompt_logprobs >= 0 && prompt_logprobs_done < prompt_tokens && kind != SequenceKind::adopted;
  }
  /// Order of prefill, lowest first, when the engine has prefilled `done` tokens: the shorter prompt first, equals
  /// in order of arrival. A prompt goes by its whole work, not by what is left of it: a long one keeps giving way until
  /// its end. But it lets at most kPatience times its own work of tokens go by from its arrival on (its own included),
  /// then it comes before all that are younger, so nobody starves.
  std::tuple<bool, std::int64_t, SequenceId> rank(std::int64_t done) const {
    const bool is_overdue = done - arrival > kPatience * work;
    return {!is_overdue, is_overdue ? arrival : std::int64_t{work}, id};
  }
  static constexpr std::int64_t kPatience = 4;
};

}  // namespace baton::engine
