#include <gtest/gtest.h>

#include <memory>
#include <tuple>

#include "kernels/cpu/ops.h"
#include "support.h"

namespace baton::kernels {
namespace {

using testing::as_bf16;
using testing::as_float;
using testing::random_floats;
using testing::relative_l2;
using testing::same_bits;

constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();

struct Shape {
  std::int64_t rows, n, k;
};

std::vector<double> reference(const std::vector<float>& x, const std::vector<float>& w, const std::vector<float>& bias, Shape s) {
  std::vector<double> y;
  y.reserve(static_cast<std::size_t>(s.rows * s.n));
  for (std::int64_t m = 0; m < s.rows; ++m) {
    for (std::int64_t n = 0; n < s.n; ++n) {
      double sum = bias.empty() ? 0.0 : static_cast<double>(bias[static_cast<std::size_t>(n)]);
      for (std::int64_t i = 0; i < s.k; ++i) {
        sum += static_cast<double>(x[static_cast<std::size_t>(m * s.k + i)]) *
               static_cast<double>(w[static_cast<std::size_t>(n * s.k + i)]);
      }
      y.push_back(sum);
    }
  }
  return y;
}

class Gemm : public ::testing::TestWithParam<std::tuple<Isa, DType>> {
 protected:
  Isa isa() const { return std::get<0>(GetParam()); }
  DType dtype() const { return std::get<1>(GetParam()); }
  CpuDevice device_{isa(), 2};

  PackedMatrix packed(const std::vector<float>& w, std::int64_t n, std::int64_t k) {
    PackedMatrix matrix(dtype(), n, k);
    matrix.set_rows(0, WeightRows{reinterpret_cast<const std::byte*>(w.data()), DType::f32, n}, device_.pool());
    return matrix;
  }

  /// y as float32 of rows [begin, end) of x.
  std::vector<float> multiply(const std::vector<float>& x, const PackedMatrix& w, std::int64_t begin, std::int64_t end,
                              const std::vector<float>& bias = {}) {
    const std::int64_t k = w.k();
    const std::vector<float> part(x.begin() + begin * k, x.begin() + end * k);
    const std::vector<Bf16> half = as_bf16(part);
    std::vector<float> y(static_cast<std::size_t>((end - begin) * w.n()) + 1, kPoison);
    GemmArgs args{.rows = end - begin, .x_stride = k, .y = y.data(), .y_stride = w.n()};
    args.x = dtype() == DType::f32 ? static_cast<const void*>(part.data()) : half.data();
    args.bias = bias.empty() ? nullptr : bias.data();
    gemm(device_, w, args);
    EXPECT_TRUE(std::isnan(y.back())) << "wrote past the end";
    y.pop_back();
    return y;
  }
};

INSTANTIATE_TEST_SUITE_P(EveryIsa, Gemm,
                         ::testing::Combine(::testing::ValuesIn(supported_isas()), ::testing::Values(DType::f32, DType::bf16)),
                         [](const auto& test) {
                           return testing::isa_label(std::get<0>(test.param)) +
                                  (std::get<1>(test.param) == DType::f32 ? "_f32" : "_bf16");
                         });

TEST_P(Gemm, AgreesWithDoublePrecisionAtEdgeSizes) {
  for (const Shape s : {Shape{1, 1, 1}, Shape{1, 33, 32}, Shape{3, 31, 31}, Shape{13, 64, 65}, Shape{16, 40, 96}, Shape{17, 32, 33},
                        Shape{33, 95, 200}, Shape{64, 7, 1100}, Shape{97, 130, 64}, Shape{5, 300, 513}}) {
    const auto x = as_float(as_bf16(random_floats(static_cast<std::size_t>(s.rows * s.k), 1)));
    const auto w = as_float(as_bf16(random_floats(static_cast<std::size_t>(s.n * s.k), 2)));
    const auto bias = random_floats(static_cast<std::size_t>(s.n), 3);
    const auto y = multiply(x, packed(w, s.n, s.k), 0, s.rows, bias);
    EXPECT_LT(relative_l2(y, reference(x, w, bias, s)), 1e-6) << s.rows << "x" << s.n << "x" << s.k;
  }
}

TEST_P(Gemm, ARowIsTheSameBitForBitInEveryBatch) {
  const Shape s{600, 200, 1100};
  const auto x = random_floats(static_cast<std::size_t>(s.rows * s.k), 4);
  const auto w = packed(random_floats(static_cast<std::size_t>(s.n * s.k), 5), s.n, s.k);
  const auto whole = multiply(x, w, 0, s.rows);
  std::mt19937 random(6);
  for (int trial = 0; trial < 60; ++trial) {
    const std::int64_t begin = static_cast<std::int64_t>(random() % 600);
    const std::int64_t length = trial % 3 == 0 ? 1 : 1 + static_cast<std::int64_t>(random() % 70);
    const std::int64_t end = std::min(begin + length, s.rows);
    const auto part = multiply(x, w, begin, end);
    ASSERT_TRUE(same_bits(part.data(), whole.data() + begin * s.n, part.size())) << "rows " << begin << ".." << end;
  }
}

TEST_P(Gemm, AddsToWhatIsThere) {
  const Shape s{35, 70, 64};
  const auto x = random_floats(static_cast<std::size_t>(s.rows * s.k), 7);
  const auto w = packed(random_floats(static_cast<std::size_t>(s.n * s.k), 8), s.n, s.k);
  const auto product = multiply(x, w, 0, s.rows);
  const auto before = random_floats(static_cast<std::size_t>(s.rows * s.n), 9);
  std::vector<float> y = before;
  const auto half = as_bf16(x);
  gemm(device_, w, GemmArgs{.x = dtype() == DType::f32 ? static_cast<const void*>(x.data()) : half.data(), .rows = s.rows,
                            .x_stride = s.k, .y = y.data(), .y_stride = s.n, .store = Store::add});
  for (std::size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], before[i] + product[i]) << i;
}

TEST_P(Gemm, GatesOneHalfOfTheOutputsWithTheOther) {
  const std::int64_t k = 96;
  for (const std::int64_t inner : {16, 20, 80}) {
    const std::int64_t rows = 19;
    const auto x = as_float(as_bf16(random_floats(static_cast<std::size_t>(rows * k), 10)));
    const auto gate = as_float(as_bf16(random_floats(static_cast<std::size_t>(inner * k), 11)));
    const auto up = as_float(as_bf16(random_floats(static_cast<std::size_t>(inner * k), 12)));
    PackedMatrix w(dtype(), PackedMatrix::gated_rows(inner), k);
    w.set_gated_rows(WeightRows{reinterpret_cast<const std::byte*>(gate.data()), DType::f32, inner},
                     WeightRows{reinterpret_cast<const std::byte*>(up.data()), DType::f32, inner}, device_.pool());
    const auto g = reference(x, gate, {}, {rows, inner, k});
    const auto u = reference(x, up, {}, {rows, inner, k});
    const std::int64_t stride = w.n() / 2;
    std::vector<double> expected(static_cast<std::size_t>(rows * stride), 0.0);
    for (std::int64_t i = 0; i < rows * inner; ++i) {
      const auto at = static_cast<std::size_t>(i);
      expected[static_cast<std::size_t>(i / inner * stride + i % inner)] = g[at] / (1.0 + std::exp(-g[at])) * u[at];
    }
    std::vector<float> y(expected.size(), kPoison);
    std::vector<Bf16> y16(expected.size(), Bf16{0x7FC0});
    const auto half = as_bf16(x);
    GemmArgs args{.x = dtype() == DType::f32 ? static_cast<const void*>(x.data()) : half.data(), .rows = rows, .x_stride = k,
                  .y = y.data(), .y_stride = stride, .store = Store::gated_f32};
    gemm(device_, w, args);
    EXPECT_LT(relative_l2(y, expected), 1e-6) << inner;
    args.y = y16.data();
    args.store = Store::gated_bf16;
    gemm(device_, w, args);
    const auto rounded = as_bf16(y);
    EXPECT_TRUE(same_bits(y16.data(), rounded.data(), rounded.size())) << "rounded once, to nearest even";
  }
}

TEST_P(Gemm, GatesSurviveExtremeValues) {
  const std::vector<float> weights{-1e30F, -200.0F, -88.5F, -0.0F, 88.5F, 200.0F, 1e30F};
  const std::vector<float> ones(weights.size(), 1.0F);
  const auto inner = static_cast<std::int64_t>(weights.size());
  PackedMatrix w(dtype(), PackedMatrix::gated_rows(inner), 1);
  w.set_gated_rows(WeightRows{reinterpret_cast<const std::byte*>(weights.data()), DType::f32, inner},
                   WeightRows{reinterpret_cast<const std::byte*>(ones.data()), DType::f32, inner}, device_.pool());
  const float one = 1.0F;
  const Bf16 one16 = to_bf16(1.0F);
  std::vector<float> y(16);
  gemm(device_, w, GemmArgs{.x = dtype() == DType::f32 ? static_cast<const void*>(&one) : &one16, .rows = 1, .x_stride = 1,
                            .y = y.data(), .y_stride = 16, .store = Store::gated_f32});
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float gate = dtype() == DType::f32 ? weights[i] : to_float(to_bf16(weights[i]));
    EXPECT_NEAR(y[i], gate > 0.0F ? gate : 0.0F, 1e-6F * std::abs(gate)) << gate;
  }
}

TEST_P(Gemm, ZeroRowsDoNothing) {
  const auto w = packed(random_floats(64, 9), 2, 32);
  EXPECT_TRUE(multiply({}, w, 0, 0).empty());
}

TEST_P(Gemm, WeightsMayComeInPiecesOfAnyTypeAndRowCount) {
  const std::int64_t k = 40;
  const auto first = random_floats(static_cast<std::size_t>(5 * k), 10);
  const auto second = as_bf16(random_floats(static_cast<std::size_t>(38 * k), 11));
  std::vector<std::uint16_t> third(static_cast<std::size_t>(2 * k), 0x3C00);  // half precision 1
  PackedMatrix pieces(dtype(), 45, k);
  pieces.set_rows(0, WeightRows{reinterpret_cast<const std::byte*>(first.data()), DType::f32, 5}, device_.pool());
  pieces.set_rows(5, WeightRows{reinterpret_cast<const std::byte*>(second.data()), DType::bf16, 38}, device_.pool());
  pieces.set_rows(43, WeightRows{reinterpret_cast<const std::byte*>(third.data()), DType::f16, 2}, device_.pool());
  std::vector<float> joined = first;
  for (const float value : as_float(second)) joined.push_back(value);
  joined.resize(static_cast<std::size_t>(45 * k), 1.0F);
  const PackedMatrix whole = packed(joined, 45, k);
  ASSERT_EQ(pieces.bytes(), whole.bytes());
  EXPECT_TRUE(same_bits(pieces.data(), whole.data(), whole.bytes()));
}

TEST(GemmAcrossIsas, Float32ResultsAgreeBitForBitWhereverThereIsFma) {
  const auto isas = supported_isas();
  if (isas.size() < 3) GTEST_SKIP() << "needs AVX-512";
  const auto x = random_floats(7 * 300, 12);
  const auto w = random_floats(50 * 300, 13);
  std::vector<std::vector<float>> results;
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    CpuDevice device(isa, 1);
    PackedMatrix matrix(DType::f32, 50, 300);
    matrix.set_rows(0, WeightRows{reinterpret_cast<const std::byte*>(w.data()), DType::f32, 50}, device.pool());
    results.emplace_back(7 * 50);
    gemm(device, matrix, GemmArgs{.x = x.data(), .rows = 7, .x_stride = 300, .y = results.back().data(), .y_stride = 50});
  }
  EXPECT_TRUE(same_bits(results[0].data(), results[1].data(), results[0].size()));
}

}  // namespace
}  // namespace baton::kernels
