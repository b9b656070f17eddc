#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/check.h"
#include "core/hash.h"
#include "engine/runner.h"

namespace baton::test {

struct FakeModel {
  std::int32_t vocab = 64;
  std::int32_t max_context = 512;
  std::int32_t layers = 2;
  std::vector<TokenId> eos_tokens = {0};
};

/// A deterministic ModelRunner whose logits are a hash of every KV byte of the sequence, read back from the pool
/// through the block table. Each position's KV depends on the whole prefix. One lost, stale, misplaced or foreign block
/// therefore changes every later token. Row-invariant as the contract demands.
class FakeRunner final : public engine::ModelRunner {
 public:
  explicit FakeRunner(FakeModel model = {})
      : model_(std::move(model)),
        info_{.vocab = model_.vocab, .max_context = model_.max_context, .eos_tokens = model_.eos_tokens} {}

  const engine::ModelInfo& info() const override { return info_; }

  /// 16 bytes each of K and V for a token in a layer.
  KvLayout kv_layout(std::int32_t block_tokens) const override {
    return {.layers = model_.layers,
            .blocks = 0,
            .kv_heads = 1,
            .block_tokens = block_tokens,
            .head_dim = 4,
            .dtype = DType::f32};
  }

  void attach(KvPoolView pool) override { pool_ = pool; }

  Result<std::span<const float>> step(std::span<const engine::SequenceRows> sequences,
                                      const std::function<void(std::int32_t)>& layer_done) override {
    ++steps;
    last_rows = 0;
    for (const auto& rows : sequences) check_rows(rows);
    if (before_step) before_step(sequences);
    for (std::int32_t layer = 0; layer < model_.layers; ++layer) {
      for (const auto& rows : sequences) write_layer(rows, layer);
      if (fail_next) break;  // a failed step leaves half-written KV behind
      if (layer_done) layer_done(layer);
    }
    if (fail_next) {
      Error error = *fail_next;
      fail_next.reset();
      return std::unexpected(std::move(error));
    }
    logits_.clear();
    for (const auto& rows : sequences) {
      const auto length = rows.start + static_cast<std::int32_t>(rows.tokens.size());
      for (std::int32_t row = length - rows.want_logits; row < length; ++row) {
        append_logits(logits_, model_, digest_of_pool(rows, row + 1));
      }
    }
    return std::span<const float>(logits_);
  }

  /// What step() must return for a sequence with these tokens, computed without a pool.
  static std::vector<float> logits_of(const FakeModel& model, std::span<const TokenId> tokens) {
    std::uint64_t digest = 0;
    for (std::int32_t layer = 0; layer < model.layers; ++layer) {
      std::uint64_t chain = 0;
      for (std::size_t p = 0; p < tokens.size(); ++p) {
        chain = link(chain, tokens[p], static_cast<std::int32_t>(p), layer);
        digest = fold(digest, {chain, key_tail(tokens[p], static_cast<std::int32_t>(p)), ~chain, mix64(chain)});
      }
    }
    std::vector<float> logits;
    append_logits(logits, model, digest);
    return logits;
  }

  std::uint64_t steps = 0;
  std::int64_t last_rows = 0;      ///< rows of the last step
  std::optional<Error> fail_next;  ///< the next step fails with this
  std::function<void(std::span<const engine::SequenceRows>)> before_step;

 private:
  struct Cell {
    std::uint64_t k0, k1, v0, v1;
  };

  static std::uint64_t link(std::uint64_t previous, TokenId token, std::int32_t position, std::int32_t layer) {
    const std::uint64_t word =
        (static_cast<std::uint64_t>(static_cast<std::uint32_t>(token)) << 32U) | static_cast<std::uint32_t>(position);
    return hash_combine(hash_combine(previous, word), static_cast<std::uint64_t>(layer));
  }
  static std::uint64_t key_tail(TokenId token, std::int32_t position) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(position)) << 32U) |
           static_cast<std::uint32_t>(token);
  }
  static std::uint64_t fold(std::uint64_t digest, Cell c) {
    return hash_combine(hash_combine(digest, c.k0 ^ mix64(c.k1)), c.v0 ^ mix64(c.v1));
  }
  static void append_logits(std::vector<float>& logits, const FakeModel& model, std::uint64_t digest) {
    for (std::int32_t v = 0; v < model.vocab; ++v) {
      const std::uint64_t bits = mix64(digest + 0x9e3779b97f4a7c15ULL * static_cast<std::uint64_t>(v + 1));
      logits.push_back(static_cast<float>(bits >> 40U) * 0x1p-21F - 4.0F);  // [-4, 4)
    }
  }

  std::byte* half(std::span<const BlockId> blocks, std::int32_t layer, std::int32_t position, std::size_t which) const {
    const auto block = blocks[static_cast<std::size_t>(position / pool_.layout.block_tokens)];
    return pool_.slab(layer, block) + which * pool_.layout.run_bytes() +
           static_cast<std::size_t>(position % pool_.layout.block_tokens) * 16;
  }
  Cell read(std::span<const BlockId> blocks, std::int32_t layer, std::int32_t position) const {
    Cell c{};
    std::memcpy(&c.k0, half(blocks, layer, position, 0), 16);
    std::memcpy(&c.v0, half(blocks, layer, position, 1), 16);
    return c;
  }
  void write_layer(const engine::SequenceRows& rows, std::int32_t layer) const {
    for (std::size_t i = 0; i < rows.tokens.size(); ++i) {
      const auto position = rows.start + static_cast<std::int32_t>(i);
      const std::uint64_t before = position == 0 ? 0 : read(rows.blocks, layer, position - 1).k0;
      const std::uint64_t chain = link(before, rows.tokens[i], position, layer);
      const Cell c{chain, key_tail(rows.tokens[i], position), ~chain, mix64(chain)};
      std::memcpy(half(rows.blocks, layer, position, 0), &c.k0, 16);
      std::memcpy(half(rows.blocks, layer, position, 1), &c.v0, 16);
    }
  }
  std::uint64_t digest_of_pool(const engine::SequenceRows& rows, std::int32_t length) const {
    std::uint64_t digest = 0;
    for (std::int32_t layer = 0; layer < model_.layers; ++layer) {
      for (std::int32_t p = 0; p < length; ++p) digest = fold(digest, read(rows.blocks, layer, p));
    }
    return digest;
  }
  void check_rows(const engine::SequenceRows& rows) {
    const auto end = rows.start + static_cast<std::int32_t>(rows.tokens.size());
    BATON_CHECK(!rows.tokens.empty() && end <= model_.max_context);
    BATON_CHECK(std::ssize(rows.blocks) * pool_.layout.block_tokens >= end);
    for (const BlockId block : rows.blocks) BATON_CHECK(block >= 0 && block < pool_.layout.blocks);
    last_rows += std::ssize(rows.tokens);
  }

  FakeModel model_;
  engine::ModelInfo info_;
  KvPoolView pool_;
  std::vector<float> logits_;
};

/// Memory for a pool, filled with junk.
class PoolMemory {
 public:
  PoolMemory(const engine::ModelRunner& runner, std::int32_t blocks, std::int32_t block_tokens)
      : layout_(runner.kv_layout(block_tokens)) {
    layout_.blocks = blocks;
    bytes_.assign(layout_.total_bytes(), std::byte{0xCD});
  }
  KvPoolView view() { return {.base = bytes_.data(), .layout = layout_}; }

 private:
  KvLayout layout_;
  std::vector<std::byte> bytes_;
};

}  // namespace baton::test
