#include "engine/simulated_runner.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "core/check.h"
#include "core/hash.h"
#include "engine/step_rows.h"
#include "perf/cost_model.h"

namespace baton::engine {

namespace {

constexpr std::int32_t kLayers = 2;      // two, so that layer-wise hand-over and its damage show
constexpr std::int32_t kHeadDim = 8;     // bf16: 16 bytes of K, room for the hash
constexpr std::int32_t kUnitBytes = 64;  // of one token in one head: layers × (K, V) × 16
constexpr float kChosen = 60.0F;         // logit of the next token; the others' is 0
constexpr Duration kBackToBack = 1ms;    // a shorter pause between steps is the engine's own work
constexpr std::uint64_t kEmptyHistory = 0x6261746f6e73696dULL;

class SimulatedRunner final : public ModelRunner {
 public:
  SimulatedRunner(const SimulatedModel& model, const perf::Replica& replica, const SimulationConfig& config,
                  SimulatedTime time)
      : info_(model.info), words_(model.words), replica_(replica), config_(config), time_(std::move(time)) {
    BATON_CHECK(!words_.empty() && !info_.eos_tokens.empty());
  }

  const ModelInfo& info() const override { return info_; }

  KvLayout kv_layout(std::int32_t block_tokens) const override {
    return {.layers = kLayers,
            .kv_heads = std::max(1, (config_.kv_bytes_per_token + kUnitBytes - 1) / kUnitBytes),
            .block_tokens = block_tokens,
            .head_dim = kHeadDim,
            .dtype = DType::bf16};
  }

  void attach(KvPoolView pool) override { pool_ = pool; }

  Result<std::span<const float>> step(std::span<const SequenceRows> sequences,
                                      const std::function<void(std::int32_t)>& layer_done) override {
    const TimePoint now = time_.now();
    const TimePoint begin = now - last_end_ < kBackToBack ? last_end_ : now;
    const std::chrono::duration<double> duration(perf::step_s(replica_, step_rows(sequences)) * config_.time_scale);
    const auto at = [&](std::int32_t layers) {
      return begin + std::chrono::duration_cast<Duration>(duration * layers / kLayers);
    };
    if (auto chosen = write_first_layer(sequences); !chosen) return std::unexpected(std::move(chosen.error()));
    for (std::int32_t layer = 0; layer < kLayers; ++layer) {
      if (layer > 0) copy_layer(sequences, layer);
      time_.sleep_until(at(layer + 1));
      if (layer_done) layer_done(layer);
    }
    last_end_ = std::max(at(kLayers), now);
    return std::span<const float>(logits_).first(used_rows_ * static_cast<std::size_t>(info_.vocab));
  }

 private:
  std::byte* slot(std::int32_t layer, std::span<const BlockId> blocks, std::int32_t position) const {
    const BlockId block = blocks[static_cast<std::size_t>(position / pool_.layout.block_tokens)];
    const auto token = static_cast<std::size_t>(position % pool_.layout.block_tokens);
    return pool_.slab(layer, block) + token * kHeadDim * sizeof(std::uint16_t);
  }
  std::uint64_t load(std::int32_t layer, std::span<const BlockId> blocks, std::int32_t position) const {
    std::uint64_t value = 0;
    std::memcpy(&value, slot(layer, blocks, position), sizeof value);
    return value;
  }
  void store(std::int32_t layer, std::span<const BlockId> blocks, std::int32_t position, std::uint64_t value) const {
    std::memcpy(slot(layer, blocks, position), &value, sizeof value);
  }

  /// The history's hash before a sequence's first row. Every layer must hold the same.
  Result<std::uint64_t> history(const SequenceRows& rows) const {
    if (rows.start == 0) return kEmptyHistory;
    const std::uint64_t value = load(0, rows.blocks, rows.start - 1);
    for (std::int32_t layer = 1; layer < kLayers; ++layer) {
      if (load(layer, rows.blocks, rows.start - 1) == value) continue;
      return fail(Errc::internal, "the KV of token " + std::to_string(rows.start - 1) + " differs between layers");
    }
    return value;
  }

  Result<void> write_first_layer(std::span<const SequenceRows> sequences) {
    clear_logits();
    for (const SequenceRows& rows : sequences) {
      auto hash = history(rows);
      if (!hash) return std::unexpected(std::move(hash.error()));
      const auto count = static_cast<std::int32_t>(rows.tokens.size());
      for (std::int32_t i = 0; i < count; ++i) {
        *hash = hash_combine(*hash, static_cast<std::uint64_t>(rows.tokens[static_cast<std::size_t>(i)]));
        store(0, rows.blocks, rows.start + i, *hash);
        if (i >= count - rows.want_logits) add_logits(next_token(*hash));
      }
    }
    return {};
  }

  void copy_layer(std::span<const SequenceRows> sequences, std::int32_t layer) const {
    for (const SequenceRows& rows : sequences) {
      for (std::int32_t i = 0; i < static_cast<std::int32_t>(rows.tokens.size()); ++i) {
        store(layer, rows.blocks, rows.start + i, load(0, rows.blocks, rows.start + i));
      }
    }
  }

  TokenId next_token(std::uint64_t hash) const {
    const std::uint64_t draw = mix64(hash);
    if (draw % static_cast<std::uint64_t>(std::max(1, config_.output_tokens)) == 0) return info_.eos_tokens.front();
    return words_[mix64(draw) % words_.size()];
  }

  /// Rows are zero but for one value, so only that is ever written.
  void clear_logits() {
    for (const std::size_t at : peaks_) logits_[at] = 0;
    peaks_.clear();
    used_rows_ = 0;
  }
  void add_logits(TokenId token) {
    const auto vocab = static_cast<std::size_t>(info_.vocab);
    const std::size_t row = used_rows_++ * vocab;
    if (logits_.size() < row + vocab) logits_.resize(row + vocab);
    peaks_.push_back(row + static_cast<std::size_t>(token));
    logits_[peaks_.back()] = kChosen;
    // Where a constraint or min_tokens forbids it, the end token gives way to a word that does not depend on chance.
    if (token == info_.eos_tokens.front()) {
      peaks_.push_back(row + static_cast<std::size_t>(words_.front()));
      logits_[peaks_.back()] = kChosen / 2;
    }
  }

  ModelInfo info_;
  std::vector<TokenId> words_;
  perf::Replica replica_;
  SimulationConfig config_;
  SimulatedTime time_;
  KvPoolView pool_;
  TimePoint last_end_{};
  std::vector<float> logits_;  // [rows][vocab]
  std::vector<std::size_t> peaks_;
  std::size_t used_rows_ = 0;
};

}  // namespace

SimulatedTime wall_time() {
  return {.now = [] { return Clock::now(); },
          .sleep_until = [](TimePoint when) { std::this_thread::sleep_until(when); }};
}

std::unique_ptr<ModelRunner> create_simulated_runner(const SimulatedModel& model, const perf::Replica& replica,
                                                     const SimulationConfig& config, SimulatedTime time) {
  return std::make_unique<SimulatedRunner>(model, replica, config, std::move(time));
}

}  // namespace baton::engine
