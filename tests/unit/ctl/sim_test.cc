#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "ctl/command.h"
#include "ctl/trace_files.h"

namespace baton::ctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Outcome {
  int status = 0;
  std::string out, err;
};

Outcome batonctl(std::vector<std::string> words) {
  std::ostringstream out, err;
  const std::vector<std::string_view> arguments(words.begin(), words.end());
  const int status = run(arguments, {out, err});
  return {status, out.str(), err.str()};
}

const std::string kCluster = BATON_SOURCE_DIR "/config/mixed-70b.yaml";

std::vector<std::string> synthetic(std::vector<std::string> more) {
  std::vector<std::string> words{"sim", "--config", kCluster, "--synthetic", "prompt=400,output=20", "--rate", "5", "--requests", "60"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class Files : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content) {
    const std::string path = testing::TempDir() + "baton_sim_" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
};

using Sim = Files;

TEST_F(Sim, prints_a_table_with_classes_and_workers) {
  const Outcome outcome = batonctl(synthetic({"--policy", "cost"}));
  EXPECT_EQ(outcome.status, kOk) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("goodput/s"), HasSubstr("cost "), HasSubstr("4 x H100_SXM5"), HasSubstr("realtime")));
}

TEST_F(Sim, equal_seeds_give_equal_bytes) {
  const auto words = synthetic({"--policy", "all", "--seeds", "2", "--step-noise", "0.05", "--json", "-"});
  const Outcome first = batonctl(words);
  EXPECT_EQ(first.status, kOk);
  EXPECT_EQ(batonctl(words).out, first.out);
  EXPECT_THAT(first.out, HasSubstr("\"confidence95\""));
}

TEST_F(Sim, writes_a_page_with_charts) {
  const std::string page = testing::TempDir() + "baton_sim_page.html";
  EXPECT_EQ(batonctl(synthetic({"--rate", "2,8", "--html", page})).status, kOk);
  EXPECT_THAT(read(page), AllOf(HasSubstr("<svg"), HasSubstr("Goodput"), HasSubstr("<pre>")));
}

TEST_F(Sim, finds_the_saturating_rate) {
  const Outcome outcome = batonctl(synthetic({"--saturate", "--slo", "500,60"}));
  EXPECT_EQ(outcome.status, kOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr(" * "));
}

TEST_F(Sim, reads_mooncake_and_benchmark_lines) {
  const auto mooncake = read_jsonl_trace(
      R"({"timestamp": 500, "input_length": 1024, "output_length": 5, "hash_ids": [0, 7]})"
      "\n" R"({"timestamp": 2500, "input_length": 600, "output_length": 9, "hash_ids": [0]})", sim::BadRows::stop);
  ASSERT_TRUE(mooncake);
  EXPECT_EQ(mooncake->workload.requests[1].arrival, 2 * sim::kSecond);
  EXPECT_EQ(mooncake->workload.hashes[0], mooncake->workload.hashes[2]);
  const auto benchmark = read_jsonl_trace(R"({"arrival_time": 17.5, "input_toks": 30, "output_toks": 4})", sim::BadRows::stop);
  ASSERT_TRUE(benchmark);
  EXPECT_EQ(benchmark->workload.requests[0].prompt_tokens, 30);
}

TEST_F(Sim, names_the_line_of_a_broken_json_row_or_skips_it) {
  const std::string good = R"({"timestamp": 0, "input_length": 10, "output_length": 5})" "\n";
  for (const char* row : {"nonsense", "[1]", R"({"timestamp": 0, "input_length": 10})",
                          R"({"timestamp": 0, "input_length": 1.5, "output_length": 5})",
                          R"({"timestamp": 0, "input_length": 10, "output_length": 5, "hash_ids": 3})",
                          R"({"timestamp": 0, "input_length": 10, "output_length": 5, "hash_ids": ["a"]})",
                          R"({"timestamp": 0, "input_length": -1, "output_length": 5})"}) {
    const auto stopped = read_jsonl_trace(good + row, sim::BadRows::stop);
    ASSERT_FALSE(stopped) << row;
    EXPECT_THAT(stopped.error().message, HasSubstr("line 2: "));
    EXPECT_EQ(read_jsonl_trace(good + row, sim::BadRows::skip)->skipped, 1U);
  }
}

TEST_F(Sim, reports_bad_input_with_status_2) {
  const std::string bad_trace = write("bad.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n1,2\n");
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"sim"}, "--config FILE is missing"},
      {{"sim", "--config", kCluster}, "either --trace or --synthetic"},
      {{"sim", "--config", "/nonexistent", "--synthetic", "prompt=5", "--rate", "1"}, "cannot be opened"},
      {{"sim", "--config", kCluster, "--trace", "/nonexistent"}, "/nonexistent: cannot be opened"},
      {{"sim", "--config", kCluster, "--trace", bad_trace}, "line 2: only 2 fields"},
      {{"sim", "--config", BATON_SOURCE_DIR "/config/local.yaml", "--synthetic", "prompt=5", "--rate", "1"}, "baton-tiny"},
      {synthetic({"--policy", "best"}), "'best' is none of all, round_robin"},
      {synthetic({"--seeds", "0"}), "--seeds: '0' is no number from 1"},
      {synthetic({"--rate", "5:1"}), "--rate"},
      {synthetic({"--synthetic", "prompt"}), "not KEY=NUMBER"},
      {synthetic({"--synthetic", "correlation=3"}), "correlation"},
      {synthetic({"--fault", "flood:at=1"}), "not kill, spot, slow or link"},
      {synthetic({"--fault", "kill:worker=99"}), "no worker 99"},
      {synthetic({"--fidelity", "exact"}), "none of batch, fluid"},
      {synthetic({"--seed"}), "a value is missing"},
      {synthetic({"--sed", "1"}), "unknown option '--sed'"},
      {synthetic({"--log", "x", "--seeds", "2"}), "single run"},
      {{"replay"}, "usage"},
      {{"replay", "/nonexistent"}, "cannot be opened"},
      {{"replay", kCluster}, "not an event log"},
      {{"replay", kCluster, "--policy", "x"}, "no policy 'x'"},
  };
  for (const auto& [words, problem] : cases) {
    const Outcome outcome = batonctl(words);
    EXPECT_EQ(outcome.status, kUsage) << problem;
    EXPECT_THAT(outcome.err, HasSubstr(problem));
  }
  EXPECT_EQ(batonctl({"sim", "--config", kCluster, "--trace", write("half.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n1,2\n2,30,4\n"),
                      "--bad-rows", "skip"}).status, kOk);
}

TEST_F(Sim, a_recorded_run_replays_to_the_same_decisions) {
  const std::string log = testing::TempDir() + "baton_sim_run.log";
  EXPECT_EQ(batonctl(synthetic({"--policy", "cost", "--log", log, "--fault", "kill:worker=2,at=3,for=4"})).status, kOk);
  const Outcome same = batonctl({"replay", log});
  EXPECT_EQ(same.status, kOk) << same.out << same.err;
  EXPECT_THAT(same.out, HasSubstr("every decision came out as recorded"));
  const Outcome other = batonctl({"replay", log, "--policy", "least_loaded"});
  EXPECT_EQ(other.status, kOk);
  EXPECT_THAT(other.out, HasSubstr("least_loaded would have placed "));
}

}  // namespace
}  // namespace baton::ctl
