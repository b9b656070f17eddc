#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/cpu_runner.h"

namespace baton::engine::testing {

inline std::filesystem::path golden_folder(const std::string& family) {
  return std::filesystem::path(BATON_SOURCE_DIR) / "tests" / "data" / "goldens" / family;
}

/// A runner with a pool of its own, full of NaN at first, and block tables in random order.
class RunnerHarness {
 public:
  RunnerHarness(const std::string& family, const CpuOptions& options, std::int32_t block_tokens = 16, std::int32_t blocks = 64) {
    auto loaded = load_cpu_runner(golden_folder(family), options);
    if (!loaded) throw std::runtime_error(loaded.error().message);
    runner = std::move(*loaded);
    layout = runner->kv_layout(block_tokens);
    layout.blocks = blocks;
    pool_.assign(layout.total_bytes(), std::byte{0xFF});
    runner->attach(KvPoolView{pool_.data(), layout});
    free_.resize(static_cast<std::size_t>(blocks));
    std::iota(free_.begin(), free_.end(), 0);
    std::shuffle(free_.begin(), free_.end(), std::mt19937(7));
  }

  std::vector<BlockId> take_blocks(std::int32_t tokens) {
    std::vector<BlockId> blocks;
    for (std::int32_t i = 0; i < layout.blocks_for(tokens); ++i) {
      blocks.push_back(free_.back());
      free_.pop_back();
    }
    return blocks;
  }
  void give_back(const std::vector<BlockId>& blocks) { free_.insert(free_.end(), blocks.begin(), blocks.end()); }

  std::vector<float> step(const std::vector<SequenceRows>& sequences) {
    auto logits = runner->step(sequences, {});
    if (!logits) throw std::runtime_error(logits.error().message);
    return {logits->begin(), logits->end()};
  }

  /// Logits after every token: token by token, or of the last one after chunks of `chunk` tokens.
  std::vector<float> prompt(const std::vector<TokenId>& tokens, std::int32_t chunk) {
    const auto size = static_cast<std::int32_t>(tokens.size());
    const auto blocks = take_blocks(size);
    std::vector<float> logits;
    for (std::int32_t start = 0; start < size; start += chunk) {
      const std::int32_t rows = std::min(chunk, size - start);
      const std::int32_t want = chunk == 1 || start + rows == size ? 1 : 0;
      const auto part = step({SequenceRows{std::span(tokens).subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(rows)),
                                           start, blocks, want}});
      logits.insert(logits.end(), part.begin(), part.end());
    }
    give_back(blocks);
    return logits;
  }

  std::unique_ptr<ModelRunner> runner;
  KvLayout layout;

 private:
  std::vector<std::byte> pool_;
  std::vector<BlockId> free_;
};

inline std::vector<TokenId> random_tokens(std::size_t n, std::int32_t vocab, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<TokenId> tokens(n);
  for (TokenId& token : tokens) token = static_cast<TokenId>(generator() % static_cast<std::uint32_t>(vocab));
  return tokens;
}

/// ‖a − b‖ / ‖b‖; infinite for different sizes or a NaN.
inline double relative_l2(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double difference = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    if (std::isnan(d)) return std::numeric_limits<double>::infinity();
    difference += d * d;
    norm += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return std::sqrt(difference / norm);
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace baton::engine::testing
