// What a constraint costs: compiling a schema, and a token mask for a vocabulary of 128 Ki tokens. "walked" works the
// mask out as if the grammar were new; "new place" has the grammar's own masks but meets this stack for the first time;
// "same place" was there before. Each figure is the median over the places of one realistic answer.
//   cmake --preset release && cmake --build build/release --target bench_grammar_mask &&
//   build/release/bin/bench_grammar_mask
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "grammar/grammar.h"

namespace baton::grammar {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kSchema = R"({"type":"object","properties":{
  "name":{"type":"string","maxLength":80},"id":{"type":"string","pattern":"^[A-Z]{3}-\\d{4}$"},
  "created":{"type":"string","format":"date-time"},"price":{"type":"number","minimum":0},
  "status":{"enum":["open","paid","shipped","cancelled"]},"note":{"type":["string","null"]},
  "items":{"type":"array","maxItems":20,"items":{"$ref":"#/$defs/item"}},
  "address":{"type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"},"zip":{"type":"string","minLength":4,"maxLength":10},
    "country":{"enum":["DE","FR","US","GB","JP"]}},"required":["street","city"],"additionalProperties":false}},
  "required":["name","id","status","items","address"],"additionalProperties":false,
  "$defs":{"item":{"type":"object","properties":{"sku":{"type":"string"},"quantity":{"type":"integer","minimum":1,"maximum":999},
    "tags":{"type":"array","items":{"type":"string"}},"children":{"type":"array","items":{"$ref":"#/$defs/item"}}},
    "required":["sku","quantity"],"additionalProperties":false}}})";

constexpr const char* kAnswer =
    R"({"name": "A lamp, green, with the \"long\" cord", "id": "ABC-1234", "created": "2024-05-06T07:08:09Z", "price": 129.95, "status": "paid", )"
    R"("note": "Leave it at the door; größe 3", "items": [{"sku": "lamp-7", "quantity": 2, "tags": ["light", "home and garden"]}, )"
    R"({"sku": "bulb", "quantity": 12, "children": [{"sku": "spare", "quantity": 1}]}], "address": {"street": "Hauptstraße 5", "city": "Köln", "country": "DE"}})";

/// Bytes, the punctuation of JSON and made-up words with and without a space before them, 131072 in all.
std::vector<std::string> tokens() {
  constexpr std::size_t kTokens = 131072;
  std::vector<std::string> all{""};
  for (int byte = 0; byte < 256; ++byte) all.push_back(std::string(1, static_cast<char>(byte)));
  for (int number = 0; number < 1000; ++number) all.push_back(std::to_string(number));
  for (const char* first : {"\"", "\",", "\":", "{\"", "}", "},", "]", "],", "[", "[\"", "\"]", "\"}", ": ", ", ", " \"", "\\\"", "\":\"", "\",\""}) {
    for (const char* second : {"", " ", "\"", " \"", "{", "[", "}", "]", "\n", ",", ":", "1", "true", "null"}) all.push_back(std::string(first) + second);
  }
  static const std::vector<std::string> kSyllables{"a", "be", "ion", "re", "st", "th", "ing", "con", "er", "o", "ä", "ß", "日", "мо", "un", "ly", "ed", "qu", "tra", "x"};
  std::mt19937 random(1);
  while (all.size() < kTokens) {
    std::string word = random() % 2 == 0 ? " " : "";
    for (auto n = 1 + random() % 4; n > 0; --n) word += kSyllables[random() % kSyllables.size()];
    if (random() % 40 == 0) word += std::string(random() % 2 == 0 ? "\"" : "\",") + (random() % 2 == 0 ? " \"" : "");
    all.push_back(word);
  }
  return all;
}

const std::shared_ptr<const Vocabulary>& vocabulary() {
  static const auto all = make_vocabulary(tokens(), {0});
  return all;
}

std::shared_ptr<const Grammar> grammar() { return compile({Constraint::Kind::json_schema, kSchema}).value(); }

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

/// Asks for the mask at every byte of the answer; microseconds of each.
std::vector<double> masks_along(const std::shared_ptr<TokenGrammar>& grammar) {
  std::vector<std::uint64_t> bits(131072 / 64);
  std::vector<double> times;
  Matcher matcher(grammar);
  for (const char c : std::string(kAnswer)) {
    const auto begin = Clock::now();
    matcher.mask(bits);
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    if (!matcher.accept(1 + static_cast<unsigned char>(c))) std::abort();
  }
  return times;
}

void report(benchmark::State& state, const std::vector<double>& times) {
  state.counters["median_us"] = median(times);
  state.counters["max_us"] = *std::ranges::max_element(times);
  state.counters["masks"] = static_cast<double>(times.size());
}

void compile_schema(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(grammar());
}
BENCHMARK(compile_schema)->Unit(benchmark::kMillisecond);

void prepare_schema(benchmark::State& state) {
  vocabulary();
  for (auto _ : state) {
    Compiler compiler(vocabulary());
    if (!compiler.prepare({Constraint::Kind::json_schema, kSchema})) std::abort();
  }
}
BENCHMARK(prepare_schema)->Unit(benchmark::kMillisecond);

void mask_walked(benchmark::State& state) {
  std::vector<double> times;
  for (auto _ : state) {
    times = masks_along(bind(grammar(), vocabulary()));
  }
  report(state, times);
}
BENCHMARK(mask_walked)->Unit(benchmark::kMillisecond)->Iterations(3);

void mask_same_place(benchmark::State& state) {
  const auto bound = bind(grammar(), vocabulary());
  masks_along(bound);
  std::vector<double> times;
  for (auto _ : state) times = masks_along(bound);
  report(state, times);
}
BENCHMARK(mask_same_place)->Unit(benchmark::kMillisecond);

/// Inside strings that open at ever other depths: the state is known, the stack is not.
void mask_new_place(benchmark::State& state) {
  const auto bound = bind(compile({Constraint::Kind::json_object, ""}).value(), vocabulary());
  std::vector<std::uint64_t> bits(131072 / 64);
  std::mt19937 random(2);
  Matcher first(bound);
  for (const char c : std::string("{\"a\":\"")) first.accept(1 + static_cast<unsigned char>(c));
  first.mask(bits);
  std::vector<double> times;
  for (auto _ : state) {
    Matcher matcher(bound);
    std::string text = "{\"a\":";
    for (int depth = 0; depth < 12; ++depth) text += random() % 2 == 0 ? "[" : "{\"b\":";
    for (const char c : text + "\"") matcher.accept(1 + static_cast<unsigned char>(c));
    const auto begin = Clock::now();
    matcher.mask(bits);
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  report(state, times);
}
BENCHMARK(mask_new_place)->Iterations(400);

}  // namespace
}  // namespace baton::grammar

BENCHMARK_MAIN();
