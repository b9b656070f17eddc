#include "engine/step_rows.h"

#include <algorithm>

namespace baton::engine {

perf::StepRows step_rows(std::span<const SequenceRows> sequences) {
  perf::StepRows out;
  double context = 0, attention = 0;  // attention: Σ n·p + n²/2
  for (const SequenceRows& rows : sequences) {
    const auto n = static_cast<double>(rows.tokens.size());
    const double p = rows.start;
    if (rows.tokens.size() == 1 && rows.want_logits > 0 && rows.start > 0) {
      out.batch += 1;
      context += p + 1;
    } else {
      out.prefill_tokens += n;
      attention += n * p + n * n / 2;
    }
  }
  if (out.batch > 0) out.decode_context = context / out.batch;
  if (out.prefill_tokens > 0) {
    out.prefill_context = std::max(0.0, attention / out.prefill_tokens - out.prefill_tokens / 2);
  }
  return out;
}

}  // namespace baton::engine
