#include "kernels/cpu/ops.h"

#include <algorithm>

namespace baton::kernels {
namespace {

constexpr std::int64_t kRowBlock = 512;    ///< rows of one GEMM task: their activations stay in the L2 cache
constexpr std::int64_t kPanelBlock = 8;    ///< panels of one task when there are many rows
constexpr std::int64_t kFewRows = 32;      ///< up to here weights are streamed once, by whichever thread is free
constexpr std::size_t kCacheLine = 64;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Puts x in the form the kernel reads; float32 is read as it stands.
const void* prepare(CpuDevice& device, const PackedMatrix& w, const GemmArgs& args) {
  if (w.dtype() == DType::f32) return args.x;
  const KernelTable& table = device.table();
  device.prepared().reserve(table.prepared_bytes(args.rows, w.padded_k()));
  std::byte* const out = device.prepared().data();
  const auto* const x = static_cast<const Bf16*>(args.x);
  const std::int64_t unit = 2 * kGemmRowUnit;
  device.pool().parallel_for(static_cast<std::int32_t>(divide_up(args.rows, unit)), [&](std::int32_t block, int) {
    const std::int64_t begin = block * unit;
    table.prepare_rows(x, args.x_stride, w.k(), w.padded_k(), begin, std::min(begin + unit, args.rows), out);
  });
  return out;
}

}  // namespace

CpuDevice::CpuDevice(Isa isa, int threads) : table_(kernel_table(isa)), pool_(threads) {}

void CpuDevice::reserve_thread_scratch(std::size_t bytes) {
  const std::size_t rounded = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
  if (rounded <= thread_bytes_) return;
  thread_bytes_ = rounded;
  thread_scratch_.reserve(rounded * static_cast<std::size_t>(pool_.threads()));
}

void gemm(CpuDevice& device, const PackedMatrix& w, const GemmArgs& args) {
  if (args.rows == 0) return;
  const void* const x = prepare(device, w, args);
  const std::int64_t row_blocks = divide_up(args.rows, kRowBlock);
  const std::int64_t fair_share = std::max<std::int64_t>(1, w.panels() / (4 * device.pool().threads()));
  const std::int64_t panel_block = args.rows <= kFewRows ? std::min<std::int64_t>(2, fair_share) : std::min(kPanelBlock, fair_share);
  const std::int64_t panel_blocks = divide_up(w.panels(), panel_block);
  const std::int64_t blocks = divide_up(std::min(args.rows, kRowBlock), kGemmRowUnit) * panel_block;
  device.reserve_thread_scratch(static_cast<std::size_t>(blocks * kGemmScratchPerBlock) * sizeof(float));
  const auto run = w.dtype() == DType::f32 ? device.table().gemm_f32 : device.table().gemm_bf16;
  device.pool().parallel_for(static_cast<std::int32_t>(row_blocks * panel_blocks), [&](std::int32_t index, int thread) {
    GemmTask task{.x = x, .k = w.padded_k(), .x_stride = args.x_stride};
    task.row_begin = index % row_blocks * kRowBlock;
    task.row_end = std::min(task.row_begin + kRowBlock, args.rows);
    task.panels = w.data();
    task.panel_bytes = w.panel_bytes();
    task.panel_begin = index / row_blocks * panel_block;
    task.panel_end = std::min(task.panel_begin + panel_block, w.panels());
    task.n = w.n();
    task.bias = args.bias;
    task.y = args.y;
    task.y_stride = args.y_stride;
    task.store = args.store;
    task.scratch = reinterpret_cast<float*>(device.thread_scratch(thread));
    run(task);
  });
}

void attention(CpuDevice& device, const AttentionParams& params) {
  const KvLayout& layout = params.pool.layout;
  const std::int32_t group = params.heads / layout.kv_heads;
  constexpr std::int32_t kPairsPerTask = kAttentionLanes * kAttentionTiles;
  struct Slice {
    const AttentionSequence* sequence;
    std::int32_t pair_begin;
  };
  // Longest first would balance better; slices of one sequence are emitted last rows first for the same reason.
  std::vector<Slice> slices;
  for (const AttentionSequence& sequence : params.sequences) {
    const std::int32_t pairs = sequence.rows * group;
    for (std::int32_t begin = (pairs - 1) / kPairsPerTask * kPairsPerTask; begin >= 0 && pairs > 0; begin -= kPairsPerTask) {
      slices.push_back(Slice{&sequence, begin});
    }
  }
  device.reserve_thread_scratch(attention_scratch_bytes(layout.head_dim));
  const auto run = device.rows(params.dtype).attention;
  const auto tasks = static_cast<std::int32_t>(slices.size()) * layout.kv_heads;
  device.pool().parallel_for(tasks, [&](std::int32_t index, int thread) {
    const Slice& slice = slices[static_cast<std::size_t>(index / layout.kv_heads)];
    AttentionTask task{.params = &params, .sequence = slice.sequence, .kv_head = index % layout.kv_heads};
    task.pair_begin = slice.pair_begin;
    task.pair_end = std::min(slice.pair_begin + kPairsPerTask, slice.sequence->rows * group);
    task.scratch = device.thread_scratch(thread);
    run(task);
  });
}

}  // namespace baton::kernels
