#include "kv/plan.h"

#include <algorithm>
#include <string>

#include "core/check.h"

namespace baton::kv {

namespace {

void append_merged(std::vector<CopyRun>& runs, CopyRun run) {
  if (!runs.empty()) {
    CopyRun& last = runs.back();
    if (last.source + last.bytes == run.source && last.target + last.bytes == run.target) {
      last.bytes += run.bytes;
      return;
    }
  }
  runs.push_back(run);
}

/// Offset of one token of one (k|v, head) within the side's layer. `head` counts the model's heads.
std::size_t token_offset(const PlanSide& side, std::int32_t half, std::int32_t head, std::int32_t token) {
  const std::int32_t at = token - side.first_token;
  const auto block = static_cast<std::size_t>(side.blocks[static_cast<std::size_t>(at / side.layout.block_tokens)]);
  const auto run = static_cast<std::size_t>(half * side.layout.kv_heads + head - side.heads.first);
  const std::size_t token_bytes = side.layout.run_bytes() / static_cast<std::size_t>(side.layout.block_tokens);
  return block * side.layout.slab_bytes() + run * side.layout.run_bytes() +
         static_cast<std::size_t>(at % side.layout.block_tokens) * token_bytes;
}

/// First token after `token` that lies in another block.
std::int32_t block_end(const PlanSide& side, std::int32_t token) {
  return token + side.layout.block_tokens - (token - side.first_token) % side.layout.block_tokens;
}

Result<void> check_side(const PlanSide& side, const char* name, std::int32_t begin, std::int32_t end) {
  const auto bad = [&](const std::string& what) { return fail(Errc::protocol, std::string(name) + ": " + what); };
  if (side.layout.block_tokens <= 0 || side.heads.count != side.layout.kv_heads)
    return bad("heads or block size invalid");
  if (side.layout.run_bytes() % static_cast<std::size_t>(side.layout.block_tokens) != 0) {
    return bad("a token's KV is not a whole number of bytes");
  }
  const std::int64_t covered = side.first_token + std::ssize(side.blocks) * side.layout.block_tokens;
  if (begin < side.first_token || end > covered || begin > end) {
    return bad("blocks cover tokens [" + std::to_string(side.first_token) + ", " + std::to_string(covered) +
               "), not [" + std::to_string(begin) + ", " + std::to_string(end) + ")");
  }
  for (const BlockId block : side.blocks) {
    if (block < 0 || block >= side.layout.blocks) return bad("no block " + std::to_string(block) + " in the pool");
  }
  return {};
}

}  // namespace

bool same_geometry(const KvLayout& a, const KvLayout& b) {
  KvLayout same_size = b;
  same_size.blocks = a.blocks;
  return a == same_size;
}

std::vector<CopyRun> plan_blocks(const KvLayout& layout, std::span<const BlockId> source,
                                 std::span<const BlockId> target) {
  BATON_CHECK(source.size() == target.size());
  const std::size_t slab = layout.slab_bytes();
  std::vector<CopyRun> runs;
  for (std::size_t i = 0; i < source.size(); ++i) {
    append_merged(runs, {.source = static_cast<std::size_t>(source[i]) * slab,
                         .target = static_cast<std::size_t>(target[i]) * slab,
                         .bytes = slab});
  }
  return runs;
}

Result<HeadRange> rank_heads(std::int32_t model_heads, std::int32_t rank, std::int32_t ranks) {
  if (model_heads <= 0 || ranks <= 0 || rank < 0 || rank >= ranks ||
      (model_heads % ranks != 0 && ranks % model_heads != 0)) {
    return fail(Errc::config, std::to_string(model_heads) + " KV heads cannot be split over " + std::to_string(ranks) +
                                  " ranks: one number must divide the other");
  }
  if (ranks > model_heads) return HeadRange{.first = rank / (ranks / model_heads), .count = 1};
  const std::int32_t count = model_heads / ranks;
  return HeadRange{.first = rank * count, .count = count};
}

HeadRange intersect(HeadRange a, HeadRange b) {
  const std::int32_t first = std::max(a.first, b.first);
  const std::int32_t last = std::min(a.first + a.count, b.first + b.count);
  return {.first = first, .count = std::max(0, last - first)};
}

bool sends_heads(std::int32_t model_heads, std::int32_t rank, std::int32_t ranks) {
  return ranks <= model_heads || rank % (ranks / model_heads) == 0;
}

Result<std::vector<CopyRun>> plan_tokens(const PlanSide& source, const PlanSide& target, std::int32_t begin,
                                         std::int32_t end) {
  if (source.layout.head_dim != target.layout.head_dim || source.layout.dtype != target.layout.dtype) {
    return fail(Errc::protocol, "head size or KV dtype of sender and receiver differ");
  }
  if (auto good = check_side(source, "sender", begin, end); !good) return std::unexpected(good.error());
  if (auto good = check_side(target, "receiver", begin, end); !good) return std::unexpected(good.error());
  const std::size_t token_bytes = source.layout.run_bytes() / static_cast<std::size_t>(source.layout.block_tokens);
  const HeadRange heads = intersect(source.heads, target.heads);
  std::vector<CopyRun> runs;
  for (std::int32_t token = begin; token < end;) {
    const std::int32_t next = std::min({end, block_end(source, token), block_end(target, token)});
    for (std::int32_t half = 0; half < 2; ++half) {
      for (std::int32_t head = heads.first; head < heads.first + heads.count; ++head) {
        append_merged(runs, {.source = token_offset(source, half, head, token),
                             .target = token_offset(target, half, head, token),
                             .bytes = static_cast<std::size_t>(next - token) * token_bytes});
      }
    }
    token = next;
  }
  return runs;
}

}  // namespace baton::kv
