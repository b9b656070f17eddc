// The cost model with its default constants against measured servers and collectives (tests/data/perf).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>

#include "perf/catalogue.h"
#include "perf/cost_model.h"
#include "perf/shapes.h"

namespace baton::perf {
namespace {

using Row = std::map<std::string, std::string>;

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, ',');) out.push_back(cell);
  return out;
}

std::vector<Row> read_csv(const std::string& name) {
  std::ifstream file(std::string(BATON_SOURCE_DIR) + "/tests/data/perf/" + name);
  std::string line;
  std::getline(file, line);
  const auto names = cells(line);
  std::vector<Row> rows;
  while (std::getline(file, line)) {
    const auto values = cells(line);
    Row row;
    for (std::size_t i = 0; i < names.size(); ++i) row[names[i]] = values.at(i);
    rows.push_back(std::move(row));
  }
  return rows;
}

double number(const Row& row, const std::string& name) {
  return std::stod(row.at(name));
}

Replica replica_of(const Row& row) {
  const auto shape = known_shape(row.at("model"));
  const GpuSpec* gpu = builtin_catalogue().find(row.at("system"));
  EXPECT_TRUE(shape && gpu) << row.at("model") << " on " << row.at("system");
  const auto tp = static_cast<std::int32_t>(number(row, "tp"));
  const DType weights = row.at("precision") == "fp8" ? DType::fp8_e4m3 : DType::bf16;
  const auto replica = make_replica(*gpu, *shape, {.gpus = tp, .tp = tp, .weights = weights});
  EXPECT_TRUE(replica.has_value()) << replica.error().message;
  return *replica;
}

/// Closed loop of B clients on one colocated server: while one request lives, B prompts are computed and its own
/// tokens decoded. What it waits before its first token is its TTFT, which the row gives; the rest is its TPOT.
double predicted_tpot_ms(const Row& row) {
  const Replica replica = replica_of(row);
  const double in = number(row, "isl"), out = number(row, "osl"), batch = number(row, "concurrency");
  const double cycle_s = batch * prefill_s(replica, in, 0) + out * decode_step_s(replica, batch, in + out / 2);
  return (cycle_s * 1e3 - number(row, "ttft_ms")) / (out - 1);
}

struct Errors {
  std::vector<double> relative, predicted, measured;
  double mean() const {
    return std::accumulate(relative.begin(), relative.end(), 0.0) / static_cast<double>(relative.size());
  }
  double median() const {
    auto sorted = relative;
    std::ranges::sort(sorted);
    return sorted[sorted.size() / 2];
  }
};

Errors errors_where(bool (*wanted)(const Row&)) {
  Errors out;
  for (const Row& row : read_csv("silicon_refs.csv")) {
    if (!wanted(row)) continue;
    out.predicted.push_back(predicted_tpot_ms(row));
    out.measured.push_back(number(row, "tpot_ms"));
    out.relative.push_back(std::abs(out.predicted.back() / out.measured.back() - 1));
  }
  return out;
}

bool is_dense(const Row& row) {
  return row.at("model") == "Qwen3-32B";
}

std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<double> out;
  for (const double value : values) {
    out.push_back(static_cast<double>(std::ranges::count_if(values, [&](double other) { return other < value; })));
  }
  return out;
}

double spearman(const std::vector<double>& a, const std::vector<double>& b) {
  const auto x = ranks(a), y = ranks(b);
  const double n = static_cast<double>(x.size());
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) squares += (x[i] - y[i]) * (x[i] - y[i]);
  return 1 - 6 * squares / (n * (n * n - 1));
}

TEST(MeasuredServers, dense_models_with_default_constants_are_within_the_stated_error) {
  const Errors errors = errors_where(is_dense);
  ASSERT_EQ(errors.relative.size(), 3U);
  EXPECT_LE(errors.mean(), 0.18);
  EXPECT_LE(errors.median(), 0.13);
}

TEST(MeasuredServers, mixtures_of_experts_are_coarser_but_right_in_size) {
  const Errors errors = errors_where([](const Row& row) { return !is_dense(row); });
  ASSERT_EQ(errors.relative.size(), 9U);
  EXPECT_LE(errors.mean(), 0.30);
  for (std::size_t i = 0; i < errors.relative.size(); ++i) EXPECT_LE(errors.relative[i], 0.45) << "row " << i;
}

TEST(MeasuredServers, the_order_of_all_rows_is_roughly_kept) {
  const Errors errors = errors_where([](const Row&) { return true; });
  // Most lie between 11 and 20 ms, so that small errors swap ranks.
  EXPECT_GE(spearman(errors.predicted, errors.measured), 0.6);
}

TEST(MeasuredCollectives, the_all_reduce_table_holds_for_small_and_for_large_messages) {
  double sum = 0;
  int count = 0;
  for (const Row& row : read_csv("all_reduce.csv")) {
    const double k = number(row, "gpus");
    const AllReduce table =
        builtin_catalogue().find(row.at("system"))->all_reduce_of(static_cast<std::int32_t>(k));
    const double predicted = table.alpha_s + 2 * (k - 1) / k * number(row, "bytes") / table.bus_bytes_per_s;
    const double error = std::abs(predicted / number(row, "seconds") - 1);
    EXPECT_LE(error, 0.55) << row.at("system") << " x" << k << ", " << row.at("bytes") << " bytes";
    sum += error;
    ++count;
  }
  ASSERT_EQ(count, 60);
  EXPECT_LE(sum / count, 0.13);
}

}  // namespace
}  // namespace baton::perf
