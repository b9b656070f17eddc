#include <gtest/gtest.h>

#include <bit>

#include "kernels/cpu/kernels.h"
#include "support.h"

namespace baton::kernels {
namespace {

using testing::as_bf16;
using testing::as_float;
using testing::random_floats;
using testing::relative_l2;

class Rows : public ::testing::TestWithParam<Isa> {
 protected:
  const KernelTable& table_ = kernel_table(GetParam());
};
INSTANTIATE_TEST_SUITE_P(EveryIsa, Rows, ::testing::ValuesIn(supported_isas()),
                         [](const auto& test) { return testing::isa_label(test.param); });

constexpr std::int64_t kSizes[] = {1, 3, 4, 15, 16, 17, 64, 100, 1024};

std::vector<double> norm_reference(const std::vector<float>& x, const std::vector<float>& weight, double eps) {
  double squares = 0.0;
  for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
  const double scale = 1.0 / std::sqrt(squares / static_cast<double>(x.size()) + eps);
  std::vector<double> out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    out.push_back(static_cast<double>(x[i]) * scale * static_cast<double>(weight[i]));
  }
  return out;
}

TEST_P(Rows, RmsNormAgreesWithDoublePrecision) {
  for (const std::int64_t n : kSizes) {
    const auto size = static_cast<std::size_t>(n);
    const auto x = random_floats(size, 1, 3.0F);
    const auto weight = random_floats(size, 2);
    std::vector<float> out(size);
    table_.f32.rms_norm(x.data(), weight.data(), 1e-5F, n, out.data());
    EXPECT_LT(relative_l2(out, norm_reference(x, weight, 1e-5)), 1e-6) << n;
    std::vector<Bf16> half(size);
    table_.bf16.rms_norm(x.data(), weight.data(), 1e-5F, n, half.data());
    const auto rounded = as_bf16(out);
    EXPECT_TRUE(testing::same_bits(half.data(), rounded.data(), size)) << "rounded once, to nearest even";
  }
}

struct RopeCase {
  std::int32_t heads = 2, kv_heads = 1, head_dim = 20, block_tokens = 4, slot = 3;
};

TEST_P(Rows, RopeRotatesNormsAndWritesTheKvOfItsTokenOnly) {
  const RopeCase c;
  const auto d = static_cast<std::size_t>(c.head_dim);
  const auto half = d / 2;
  const auto input = random_floats(4 * d, 5);
  const auto norm = random_floats(d, 6);
  std::vector<float> cos(half);
  std::vector<float> sin(half);
  for (std::size_t i = 0; i < half; ++i) {
    cos[i] = std::cos(0.3F * static_cast<float>(i + 1));
    sin[i] = std::sin(0.3F * static_cast<float>(i + 1));
  }
  const auto expected = [&](std::size_t head) {
    const std::vector<float> raw(input.begin() + static_cast<std::ptrdiff_t>(head * d),
                                 input.begin() + static_cast<std::ptrdiff_t>((head + 1) * d));
    const auto x = norm_reference(raw, norm, 1e-6);
    std::vector<double> out(d);
    for (std::size_t i = 0; i < half; ++i) {
      const double cosine = static_cast<double>(cos[i]);
      const double sine = static_cast<double>(sin[i]);
      out[i] = x[i] * cosine - x[i + half] * sine;
      out[i + half] = x[i + half] * cosine + x[i] * sine;
    }
    return out;
  };
  std::vector<float> row = input;
  std::vector<float> q(2 * d);
  std::vector<float> slab(2 * 4 * d, -7.0F);
  table_.f32.rope_store(RopeTask{.qkv = row.data(), .q = q.data(), .heads = c.heads, .kv_heads = c.kv_heads, .head_dim = c.head_dim,
                                 .cos = cos.data(), .sin = sin.data(), .q_norm = norm.data(), .k_norm = norm.data(),
                                 .eps = 1e-6F, .slab = reinterpret_cast<std::byte*>(slab.data()),
                                 .block_tokens = c.block_tokens, .slot = c.slot, .kv_dtype = DType::f32});
  const auto slice = [&](const std::vector<float>& from, std::size_t at) {
    return std::vector<float>(from.begin() + static_cast<std::ptrdiff_t>(at), from.begin() + static_cast<std::ptrdiff_t>(at + d));
  };
  EXPECT_LT(relative_l2(slice(q, 0), expected(0)), 1e-6);
  EXPECT_LT(relative_l2(slice(q, d), expected(1)), 1e-6);
  EXPECT_LT(relative_l2(slice(slab, 3 * d), expected(2)), 1e-6);
  EXPECT_EQ(slice(slab, 7 * d), slice(input, 3 * d));
  for (const std::size_t other : {0, 1, 2, 4, 5, 6}) {
    EXPECT_EQ(slice(slab, other * d), std::vector<float>(d, -7.0F)) << "token or head " << other << " was touched";
  }
}

TEST_P(Rows, RopeHandsOverInTheTypesAskedFor) {
  const auto cos = std::vector<float>(8, 1.0F);
  const auto sin = std::vector<float>(8, 0.0F);
  const auto input = random_floats(3 * 16, 7);
  const auto rounded = as_bf16(input);
  auto row = input;
  std::vector<float> q32(16);
  std::vector<Bf16> q16(16);
  std::vector<float> slab32(2 * 16);
  std::vector<Bf16> slab16(2 * 16);
  RopeTask task{.qkv = row.data(), .q = q32.data(), .heads = 1, .kv_heads = 1, .head_dim = 16, .cos = cos.data(), .sin = sin.data(),
                .slab = reinterpret_cast<std::byte*>(slab16.data()), .block_tokens = 1, .slot = 0, .kv_dtype = DType::bf16};
  table_.f32.rope_store(task);
  task.q = q16.data();
  task.slab = reinterpret_cast<std::byte*>(slab32.data());
  task.kv_dtype = DType::f32;
  table_.bf16.rope_store(task);
  EXPECT_TRUE(testing::same_bits(q32.data(), input.data(), 16));
  EXPECT_TRUE(testing::same_bits(q16.data(), rounded.data(), 16));
  EXPECT_TRUE(testing::same_bits(slab32.data(), input.data() + 16, 32));
  EXPECT_TRUE(testing::same_bits(slab16.data(), rounded.data() + 16, 32));
}

TEST(Float16, Bf16RoundsToNearestEven) {
  EXPECT_EQ(to_float(to_bf16(1.0F + 0x1p-8F)), 1.0F);
  EXPECT_EQ(to_float(to_bf16(1.0F + 0x1.8p-8F)), 1.0F + 0x1p-7F);
  EXPECT_EQ(to_float(to_bf16(1.0F + 0x1.8p-7F)), 1.0F + 0x1p-6F);
  EXPECT_TRUE(std::isinf(to_float(to_bf16(3.4e38F))));
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::bit_cast<float>(0x7F800001U)))));
}

TEST(Float16, HalfPrecisionIsReadExactly) {
  EXPECT_EQ(half_to_float(0x3C00), 1.0F);
  EXPECT_EQ(half_to_float(0xC000), -2.0F);
  EXPECT_EQ(half_to_float(0x7BFF), 65504.0F);
  EXPECT_EQ(half_to_float(0x0001), 0x1p-24F);
  EXPECT_EQ(half_to_float(0x8001), -0x1p-24F);
  EXPECT_TRUE(std::isinf(half_to_float(0x7C00)));
  EXPECT_TRUE(std::isnan(half_to_float(0x7E00)));
}

TEST(IsaNames, AreReadBackAndUnknownOnesAreRefused) {
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512, Isa::amx}) EXPECT_EQ(isa_from_name(isa_name(isa)), isa);
  EXPECT_FALSE(isa_from_name("sse9"));
  EXPECT_TRUE(isa_supported(Isa::portable));
}

TEST(IsaNames, TheEnvironmentCapsTheChoice) {
  ::setenv("BATON_CPU_ISA", "portable", 1);
  EXPECT_EQ(best_isa(), Isa::portable);
  ::setenv("BATON_CPU_ISA", "nonsense", 1);
  EXPECT_EQ(best_isa(), supported_isas().back());
  ::unsetenv("BATON_CPU_ISA");
}

}  // namespace
}  // namespace baton::kernels
