// What error is left in the expected output length on public traces: max_tokens alone, rule bins, learned, oracle.
//   bench_classify_traces FILE...
// FILE: Azure 2023 CSV (TIMESTAMP,ContextTokens,GeneratedTokens), an excerpt of tests/data/traces, or Mooncake JSONL
// (input_length, output_length, hash_ids of 512 tokens each), decompressed. Traces name no max_tokens: a limit of 2048,
// not named by the client, is assumed for all. A length is observed when its request would end (50 ms a token after it
// arrived), not at once.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "classify/classifier.h"
#include "classify/length.h"

namespace baton::classify {
namespace {

constexpr std::int64_t kLimit = 2048;

struct Row {
  double arrival_s = 0;
  Features features;
  std::int64_t output = 0;
};

double number(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// The number after `"name":` in a line of JSON; 0 if there is none.
double field(std::string_view line, std::string_view name) {
  const std::size_t at = line.find("\"" + std::string(name) + "\":");
  if (at == std::string_view::npos) return 0;
  line.remove_prefix(at + name.size() + 3);
  while (line.starts_with(' ') || line.starts_with('[')) line.remove_prefix(1);
  return number(line);
}

/// Second block of the prompt: the first is the same in every request of the trace.
std::uint64_t second_block(std::string_view line) {
  const std::size_t list = line.find("\"hash_ids\"");
  const std::size_t comma = list == std::string_view::npos ? list : line.find(',', list);
  if (comma == std::string_view::npos) return 0;
  return name_hash(line.substr(comma + 1, line.find_first_of(",]", comma + 1) - comma - 1));
}

/// Seconds of "2023-11-16 18:15:46.6805900" within its day, or of a number of milliseconds.
double arrival_s(std::string_view stamp) {
  if (stamp.size() < 19) return number(stamp) / 1000;
  return number(stamp.substr(11, 2)) * 3600 + number(stamp.substr(14, 2)) * 60 + number(stamp.substr(17));
}

std::vector<Row> read(const std::string& path) {
  std::vector<Row> out;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    Row row;
    row.features.max_tokens = kLimit;
    row.features.model = 1;
    if (line.starts_with('{')) {
      row.arrival_s = field(line, "timestamp") / 1000;
      row.features.prompt_tokens = static_cast<std::int64_t>(field(line, "input_length"));
      row.features.template_prefix = second_block(line);
      row.output = static_cast<std::int64_t>(field(line, "output_length"));
    } else {
      const std::size_t first = line.find(',');
      const std::size_t second = line.find(',', first + 1);
      if (second == std::string::npos || line.front() < '0' || line.front() > '9') continue;
      row.arrival_s = arrival_s(std::string_view(line).substr(0, first));
      row.features.prompt_tokens = static_cast<std::int64_t>(number(std::string_view(line).substr(first + 1)));
      row.output = static_cast<std::int64_t>(number(std::string_view(line).substr(second + 1)));
    }
    row.output = std::clamp<std::int64_t>(row.output, 1, kLimit);
    out.push_back(std::move(row));
  }
  return out;
}

struct Score {
  std::string name;
  double error = 0, mean_error = 0, predicted = 0, actual = 0;
  std::size_t p50 = 0, p90 = 0, right_class = 0, n = 0;

  void add(const Row& row, const LengthForecast& made, const std::vector<ClassConfig>& classes) {
    const auto tokens = static_cast<double>(row.output);
    const LengthForecast truth{.mean = tokens, .p50 = tokens, .p90 = tokens, .samples = 1};
    error += std::abs(tokens - made.p50);
    mean_error += std::abs(tokens - made.mean);
    predicted += made.mean;
    actual += tokens;
    p50 += tokens <= made.p50 ? 1 : 0;
    p90 += tokens <= made.p90 ? 1 : 0;
    right_class += classify(classes, row.features, made) == classify(classes, row.features, truth) ? 1 : 0;
    ++n;
  }
  void print() const {
    const auto of = [&](double sum) { return sum / static_cast<double>(n); };
    std::printf("| %s | %.1f | %.1f | %.2f | %.3f | %.3f | %.1f %% |\n", name.c_str(), of(error), of(mean_error),
                predicted / actual, of(static_cast<double>(p50)), of(static_cast<double>(p90)),
                100 * of(static_cast<double>(right_class)));
  }
};

struct Ending {
  double at_s = 0;
  const Row* row = nullptr;
  friend bool operator>(const Ending& a, const Ending& b) { return a.at_s > b.at_s; }
};

void evaluate(const std::string& path) {
  const std::vector<Row> rows = read(path);
  const std::vector<ClassConfig> classes = builtin_classes();
  const LengthForecast limit{.mean = kLimit, .p50 = kLimit, .p90 = kLimit, .samples = 0};
  Score max_tokens{"max_tokens only"};
  Score rules{"rule bins"};
  Score learned{"learned"};
  Score oracle{"oracle"};
  LengthPredictor predictor({});
  const LengthPredictor prior({.learn = false});
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> running;
  for (const Row& row : rows) {
    for (; !running.empty() && running.top().at_s <= row.arrival_s; running.pop()) {
      predictor.observe(running.top().row->features, 0, running.top().row->output, running.top().row->output == kLimit);
    }
    const auto tokens = static_cast<double>(row.output);
    max_tokens.add(row, limit, classes);
    rules.add(row, prior.forecast(row.features), classes);
    learned.add(row, predictor.forecast(row.features), classes);
    oracle.add(row, {.mean = tokens, .p50 = tokens, .p90 = tokens, .samples = 1}, classes);
    running.push({row.arrival_s + 0.05 * tokens, &row});
  }
  std::printf("\n%s: %zu requests, mean output %.0f\n\n", path.c_str(), rows.size(),
              oracle.actual / static_cast<double>(std::max<std::size_t>(oracle.n, 1)));
  std::printf(
      "| | MAE of p50 | MAE of mean | predicted / actual total | p50 coverage | p90 coverage | right class |\n");
  std::printf("|---|---|---|---|---|---|---|\n");
  for (const Score* score : {&max_tokens, &rules, &learned, &oracle}) score->print();
}

}  // namespace
}  // namespace baton::classify

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) baton::classify::evaluate(argv[i]);
  return argc > 1 ? 0 : 2;
}
