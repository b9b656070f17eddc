// Encoding and decoding speed over 1 MB of mixed text: bench_text_encode [tokenizer.json [text file]].
#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>
#include <string>

#include "text/tokenizer.h"
#include "text/value.h"

namespace {

using namespace baton::text;

std::string read(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string data(const std::string& name) { return std::string(BATON_SOURCE_DIR) + "/tests/data/text/" + name; }

// The golden texts, repeated in a fixed order up to 1 MB; tests/bench/text_encode.py makes the same.
std::string mixed_text() {
  const auto texts = Value::from_json_text(read(data("texts.json")));
  std::string out;
  for (std::size_t i = 0; texts && out.size() < 1'000'000; ++i) {
    out += texts->items()[i * 7 % texts->items().size()].string() + "\n";
  }
  return out;
}

// Tells two token sequences apart; tests/bench/text_encode.py computes the same.
std::uint32_t checksum(const std::vector<baton::TokenId>& ids) {
  std::uint32_t sum = 0;
  for (const baton::TokenId id : ids) sum = sum * 31 + static_cast<std::uint32_t>(id);
  return sum;
}

void encode(benchmark::State& state, const std::string& file, const std::string& text) {
  const auto tokenizer = Tokenizer::load(file);
  if (!tokenizer) return state.SkipWithError(tokenizer.error().message.c_str());
  std::vector<baton::TokenId> ids;
  for (auto _ : state) ids = tokenizer->encode(text);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
  state.counters["tokens"] = static_cast<double>(ids.size());
  state.SetLabel("checksum " + std::to_string(checksum(ids)));
}

void decode(benchmark::State& state, const std::string& file, const std::string& text) {
  const auto tokenizer = Tokenizer::load(file);
  if (!tokenizer) return state.SkipWithError(tokenizer.error().message.c_str());
  const auto ids = tokenizer->encode(text);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer->decode(ids));
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * ids.size()));
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const std::string text = argc > 2 ? read(argv[2]) : mixed_text();
  std::vector<std::string> files;
  if (argc > 1) {
    files.emplace_back(argv[1]);
  } else {
    for (const char* name : {"llama3", "qwen25", "tekken", "llama2", "mistral_v3", "gpt2", "other_regex"}) files.push_back(data(std::string(name) + ".tokenizer.json"));
  }
  for (const std::string& file : files) {
    benchmark::RegisterBenchmark(("encode/" + file).c_str(), [=](auto& state) { encode(state, file, text); })->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(("decode/" + file).c_str(), [=](auto& state) { decode(state, file, text); })->Unit(benchmark::kMillisecond);
  }
  const std::string run_on(1'000'000, 'a');
  benchmark::RegisterBenchmark("encode/one_million_a", [=](auto& state) { encode(state, files[0], run_on); })->Unit(benchmark::kMillisecond);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
