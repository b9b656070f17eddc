#include <cmath>

#include "baton/kv_layout.h"
#include "cuda/device.h"

namespace baton::cuda_test {
namespace {

std::vector<double> rms_norm_reference(const std::vector<double>& x, const std::vector<double>& weight, double eps) {
  const std::size_t width = weight.size();
  std::vector<double> y(x.size());
  for (std::size_t begin = 0; begin < x.size(); begin += width) {
    double squares = 0.0;
    for (std::size_t i = 0; i < width; ++i) squares += x[begin + i] * x[begin + i];
    const double scale = 1.0 / std::sqrt(squares / static_cast<double>(width) + eps);
    for (std::size_t i = 0; i < width; ++i) y[begin + i] = x[begin + i] * scale * weight[i];
  }
  return y;
}

TEST_F(CudaTest, rms_norm_agrees_with_float64_at_even_and_odd_widths) {
  constexpr std::size_t kRows = 5;
  for (const std::size_t width : {1U, 31U, 256U, 1000U, 4096U}) {
    const auto x = random_bf16(kRows * width, width);
    const auto weight = random_bf16(width, width + 1);
    Bf16* const device_x = upload(x);
    const BatonCudaRmsNorm args{.x = device_x, .residual = nullptr, .weight = upload(weight), .y = device_x,
                                .rows = kRows, .width = static_cast<std::int64_t>(width), .eps = 1e-5F};
    ASSERT_STREQ(plugin().rms_norm(&args, stream()), nullptr);
    const auto expected = rms_norm_reference(widened(x), widened(weight), 1e-5);
    EXPECT_LT(relative_error(download(device_x, x.size()), expected), kBf16Tolerance) << width;
  }
}

TEST_F(CudaTest, rms_norm_adds_x_to_the_residual_and_norms_the_sum) {
  constexpr std::size_t kRows = 3;
  constexpr std::size_t kWidth = 520;
  const auto x = random_bf16(kRows * kWidth, 1);
  const auto residual = random_bf16(kRows * kWidth, 2);
  const auto weight = random_bf16(kWidth, 3);
  std::vector<Bf16> sum(x.size());
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = to_bf16(from_bf16(x[i]) + from_bf16(residual[i]));
  Bf16* const device_residual = upload(residual);
  Bf16* const y = upload(std::vector<Bf16>(x.size()));
  const BatonCudaRmsNorm args{.x = upload(x), .residual = device_residual, .weight = upload(weight), .y = y,
                              .rows = kRows, .width = kWidth, .eps = 1e-6F};
  ASSERT_STREQ(plugin().rms_norm(&args, stream()), nullptr);
  EXPECT_EQ(download(device_residual, sum.size()), sum);
  const auto expected = rms_norm_reference(widened(sum), widened(weight), 1e-6);
  EXPECT_LT(relative_error(download(y, x.size()), expected), kBf16Tolerance);
}

TEST_F(CudaTest, swiglu_agrees_with_float64) {
  constexpr std::size_t kRows = 7;
  constexpr std::size_t kWidth = 1001;
  auto gate_up = random_bf16(kRows * 2 * kWidth, 4);
  gate_up[0] = to_bf16(-200.0);  // exp overflows: must give 0, not NaN
  Bf16* const y = upload(std::vector<Bf16>(kRows * kWidth));
  const BatonCudaSwiglu args{.gate_up = upload(gate_up), .y = y, .rows = kRows, .width = kWidth};
  ASSERT_STREQ(plugin().swiglu(&args, stream()), nullptr);
  std::vector<double> expected;
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t i = 0; i < kWidth; ++i) {
      const double gate = from_bf16(gate_up[row * 2 * kWidth + i]);
      expected.push_back(gate / (1.0 + std::exp(-gate)) * from_bf16(gate_up[(row * 2 + 1) * kWidth + i]));
    }
  }
  EXPECT_LT(relative_error(download(y, expected.size()), expected), kBf16Tolerance);
}

TEST_F(CudaTest, embedding_copies_rows_and_gives_zeros_for_tokens_outside_the_table) {
  constexpr std::size_t kWidth = 300;
  const auto table = random_bf16(4 * kWidth, 5);
  const std::vector<std::int32_t> tokens{3, 0, -1, 4, 3};
  Bf16* const y = upload(random_bf16(tokens.size() * kWidth, 6));
  const BatonCudaEmbedding args{.tokens = upload(tokens), .table = upload(table), .y = y,
                                .rows = static_cast<std::int64_t>(tokens.size()), .vocabulary = 4, .width = kWidth};
  ASSERT_STREQ(plugin().embedding(&args, stream()), nullptr);
  std::vector<Bf16> expected;
  for (const std::int32_t token : tokens) {
    for (std::size_t i = 0; i < kWidth; ++i) {
      expected.push_back(token < 0 || token > 3 ? Bf16{0} : table[static_cast<std::size_t>(token) * kWidth + i]);
    }
  }
  EXPECT_EQ(download(y, expected.size()), expected);
}

/// Input and expectation of one rope_store call.
struct RopeCase {
  KvLayout layout{.layers = 3, .blocks = 5, .kv_heads = 2, .block_tokens = 16, .head_dim = 64, .dtype = DType::bf16};
  std::size_t heads = 4;
  std::vector<std::int64_t> slots{0, 79, 17, -1, 80, 33};  // the fourth and fifth are not in the pool
  std::size_t head_dim = static_cast<std::size_t>(layout.head_dim);
  std::size_t kv_heads = static_cast<std::size_t>(layout.kv_heads);
  std::size_t row_heads = heads + 2 * kv_heads;
  std::vector<Bf16> qkv = random_bf16(slots.size() * row_heads * head_dim, 7);
  std::vector<float> cos;
  std::vector<float> sin;

  RopeCase() {
    for (std::size_t row = 0; row < slots.size(); ++row) {
      for (std::size_t i = 0; i < head_dim / 2; ++i) {
        const double angle = static_cast<double>(100 * row + 3) * std::pow(10000.0, -2.0 * static_cast<double>(i) / 64.0);
        cos.push_back(static_cast<float>(std::cos(angle)));
        sin.push_back(static_cast<float>(std::sin(angle)));
      }
    }
  }

  /// Head `h` of a row: rotated when it is of q or k.
  std::vector<double> head(std::size_t row, std::size_t h) const {
    const std::size_t half = head_dim / 2;
    const std::size_t begin = (row * row_heads + h) * head_dim;
    std::vector<double> out(head_dim);
    for (std::size_t i = 0; i < half; ++i) {
      const double a = from_bf16(qkv[begin + i]);
      const double b = from_bf16(qkv[begin + half + i]);
      const double c = h < heads + kv_heads ? cos[row * half + i] : 1.0;
      const double s = h < heads + kv_heads ? sin[row * half + i] : 0.0;
      out[i] = a * c - b * s;
      out[half + i] = b * c + a * s;
    }
    return out;
  }
};

TEST_F(CudaTest, rope_store_rotates_and_writes_each_token_to_its_slot_of_the_layer) {
  const RopeCase test;
  const std::int32_t layer = 1;
  const std::size_t elements = test.layout.total_bytes() / sizeof(Bf16);
  Bf16* const pool = upload(std::vector<Bf16>(elements));
  Bf16* const q = upload(std::vector<Bf16>(test.slots.size() * test.heads * test.head_dim));
  const BatonCudaRopeStore args{
      .qkv = upload(test.qkv), .cos = upload(test.cos), .sin = upload(test.sin), .slots = upload(test.slots), .q = q,
      .pool = pool, .rows = static_cast<std::int64_t>(test.slots.size()), .heads = static_cast<std::int32_t>(test.heads),
      .kv_heads = test.layout.kv_heads, .head_dim = test.layout.head_dim, .layer = layer,
      .blocks = test.layout.blocks, .block_tokens = test.layout.block_tokens};
  ASSERT_STREQ(plugin().rope_store(&args, stream()), nullptr);

  std::vector<double> expected_q;
  std::vector<double> expected_pool(elements);
  for (std::size_t row = 0; row < test.slots.size(); ++row) {
    for (std::size_t h = 0; h < test.row_heads; ++h) {
      const auto head = test.head(row, h);
      if (h < test.heads) {
        expected_q.insert(expected_q.end(), head.begin(), head.end());
      } else if (test.slots[row] >= 0 && test.slots[row] < 80) {
        const auto block = static_cast<BlockId>(test.slots[row] / 16);
        const std::size_t run = test.layout.slab_offset(layer, block) + (h - test.heads) * test.layout.run_bytes();
        const std::size_t place = run / sizeof(Bf16) + static_cast<std::size_t>(test.slots[row] % 16) * test.head_dim;
        for (std::size_t i = 0; i < test.head_dim; ++i) expected_pool[place + i] = head[i];
      }
    }
  }
  EXPECT_LT(relative_error(download(q, expected_q.size()), expected_q), kBf16Tolerance);
  EXPECT_LT(relative_error(download(pool, elements), expected_pool), kBf16Tolerance);
}

TEST_F(CudaTest, no_rows_are_no_work_and_bad_shapes_are_refused) {
  BatonCudaSwiglu none{.gate_up = nullptr, .y = nullptr, .rows = 0, .width = 8};
  EXPECT_STREQ(plugin().swiglu(&none, stream()), nullptr);
  none.rows = -1;
  EXPECT_STRNE(plugin().swiglu(&none, stream()), nullptr);
  BatonCudaRopeStore odd{};
  odd.rows = 1;
  odd.heads = odd.kv_heads = odd.blocks = odd.block_tokens = 1;
  odd.head_dim = 3;
  EXPECT_STRNE(plugin().rope_store(&odd, stream()), nullptr);
}

}  // namespace
}  // namespace baton::cuda_test
