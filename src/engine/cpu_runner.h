#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "baton/error.h"
#include "engine/runner.h"
#include "kernels/cpu/isa.h"
#include "model/description.h"
#include "model/weights.h"

namespace baton::engine {

struct CpuOptions {
  std::int32_t threads = 0;  ///< 0: one a core
  /// f32 or bf16. Absent: what the checkpoint holds; f16 checkpoints run in f32, which loses nothing (bf16 halves the
  /// memory at the price of three bits of mantissa).
  std::optional<DType> dtype;
  std::optional<DType> kv_dtype;      ///< f32 or bf16. Absent: like dtype
  std::optional<kernels::Isa> isa;    ///< absent: best_isa()
};

/// A model on the CPU. Copies the weights: the views and their checkpoint may go afterwards. The runner keeps its own
/// threads. Errors: unsupported_parameter for a type or instruction set that cannot be had.
Result<std::unique_ptr<ModelRunner>> create_cpu_runner(const model::ModelDescription& description,
                                                       const model::LlamaWeights& weights, const CpuOptions& options);

/// Reads a Hugging Face directory and creates its runner. Errors: those of load_description, Checkpoint::open,
/// load_weights and create_cpu_runner.
Result<std::unique_ptr<ModelRunner>> load_cpu_runner(const std::filesystem::path& directory, const CpuOptions& options);

}  // namespace baton::engine
