// What a request costs the router before a worker has it, stage by stage: JSON and validation, the whole preparation,
// tokenization alone (its floor), and the frame to the worker. Microseconds, the median of many runs.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "openai/request.h"
#include "router/prompt.h"
#include "wire/convert.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::bench {
namespace {

template <class Work>
double median_us(int runs, Work work) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::ranges::nth_element(times, times.begin() + runs / 2);
  return times[static_cast<std::size_t>(runs) / 2];
}

void report(const router::ServedModel& model, std::size_t bytes) {
  std::string prompt;
  while (prompt.size() < bytes) prompt += "All work and no play makes a prompt of plain words.\\n\\\"Quoted\\\", too. ";
  prompt.resize(prompt.rfind(' '));
  const std::string body = R"({"model":"bench","max_tokens":1,"temperature":0.5,"prompt":")" + prompt + "\"}";
  const int runs = bytes > 10'000 ? 50 : 2000;
  const auto endpoint = openai::Endpoint::completions;
  const auto parsed = openai::parse_request(endpoint, body);
  const auto& text = std::get<std::string>(parsed->prompts.front());
  auto spec = GenerationSpec{.tokens = model.tokenizer.encode(text), .generated = 0, .sampling = parsed->sampling};
  const double parse = median_us(runs, [&] { (void)openai::parse_request(endpoint, body); });
  const double encode = median_us(runs, [&] { (void)model.tokenizer.encode(text); });
  const double prepare = median_us(runs, [&] { (void)router::prepare_request(model, endpoint, body); });
  const double frame = median_us(runs, [&] {
    wire::Envelope envelope;
    *envelope.mutable_generate()->mutable_spec() = wire::to_wire(spec);
    (void)wire::encode_frame(envelope);
  });
  std::printf(
      "prompt_bytes=%zu tokens=%zu parse_us=%.1f tokenize_us=%.1f prepare_us=%.1f "
      "prepare_beyond_tokenize_us=%.1f frame_us=%.1f\n",
      bytes, spec.tokens.size(), parse, encode, prepare, prepare - encode, frame);
}

int run() {
  const char* model = std::getenv("BATON_BENCH_MODEL");
  Config config;
  config.model = config.served_model_name = "bench";
  config.model_path = model != nullptr ? model : BATON_SOURCE_DIR "/tests/data/baton-tiny";
  const auto served = router::load_served_model(config);
  if (!served) {
    std::fprintf(stderr, "%s\n", served.error().message.c_str());
    return 1;
  }
  for (const std::size_t bytes : {std::size_t{1} << 10, std::size_t{400} << 10}) report(**served, bytes);
  return 0;
}

}  // namespace
}  // namespace baton::bench

int main() {
  return baton::bench::run();
}
