#include "sim/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/links.h"
#include "sim/report.h"
#include "sim/synthetic.h"

namespace baton::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kAzure =
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 18:15:46.5000000,374,44\n"
    "2023-11-16 18:15:48.0000000,396,109\n";

TEST(ReadCsvTrace, reads_azure_dates_as_time_since_the_first_request) {
  const auto trace = read_csv_trace(kAzure, BadRows::stop);
  ASSERT_TRUE(trace);
  const auto& requests = trace->workload.requests;
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].arrival, 0);
  EXPECT_NEAR(seconds(requests[1].arrival), 1.5, 1e-6);
  EXPECT_EQ(requests[1].prompt_tokens, 396);
  EXPECT_EQ(requests[1].output_tokens, 109);
}

TEST(ReadCsvTrace, reads_burstgpt_with_its_other_columns_and_sorts) {
  const auto trace = read_csv_trace(
      "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
      "45,ChatGPT,472,18,490,Conversation log\r\n5,GPT-4,1087,230,1317,API log\r\n\n",
      BadRows::stop);
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->workload.requests[0].prompt_tokens, 1087);
  EXPECT_EQ(trace->workload.requests[1].arrival, 40 * kSecond);
}

TEST(ReadCsvTrace, names_the_line_of_a_broken_row_or_skips_it) {
  const std::pair<const char*, const char*> rows[] = {
      {"2023-11-16 18:15:46,12", "only 2 fields"},       {"2023-13-16 18:15:46,1,1", "is no time"},
      {"yesterday,1,1", "is no time"},                   {"2023-11-16 18:15:46,1.5,1", "no whole numbers"},
      {"2023-11-16 18:15:46,0,1", "prompt has 0 tokens"}, {"2023-11-16 18:15:46,1,-4", "output has -4 tokens"},
      {"1e300,1,1", "time is no time"},                  {"2023-11-16 18:15:46,99999999999999999999,1", "no whole"},
  };
  for (const auto& [row, problem] : rows) {
    const std::string text = std::string(kAzure) + row + "\n";
    const auto stopped = read_csv_trace(text, BadRows::stop);
    ASSERT_FALSE(stopped) << row;
    EXPECT_THAT(stopped.error().message, HasSubstr("line 4: "));
    EXPECT_THAT(stopped.error().message, HasSubstr(problem));
    const auto skipped = read_csv_trace(text, BadRows::skip);
    ASSERT_TRUE(skipped);
    EXPECT_EQ(skipped->skipped, 1U);
    EXPECT_EQ(skipped->workload.requests.size(), 2U);
    EXPECT_THAT(skipped->problems, ElementsAre(HasSubstr(problem)));
  }
}

TEST(ReadCsvTrace, refuses_files_that_are_no_trace) {
  EXPECT_THAT(read_csv_trace("a,b,c\n1,2,3\n", BadRows::skip).error().message, HasSubstr("no header"));
  EXPECT_THAT(read_csv_trace("", BadRows::skip).error().message, HasSubstr("no header"));
  EXPECT_THAT(read_csv_trace("\x1f\x8b\x08", BadRows::skip).error().message, HasSubstr("gunzip"));
  EXPECT_THAT(read_csv_trace("TIMESTAMP,ContextTokens,GeneratedTokens\n", BadRows::skip).error().message,
              HasSubstr("no request"));
}

TEST(Workload, cut_takes_the_rate_and_the_count_asked_for) {
  const Workload all = synthesize({.rate = 7, .count = 500});
  const Workload part = cut(all, {.count = 800, .rate = 3, .seed = 9});
  EXPECT_EQ(part.requests.size(), 800U);
  EXPECT_NEAR(part.rate(), 3, 0.01);
  EXPECT_TRUE(std::ranges::is_sorted(part.requests, {}, &SimRequest::arrival));
  EXPECT_EQ(cut(all, {}).requests.size(), 500U);
}

TEST(Workload, equal_hashes_make_equal_tokens_and_the_rest_is_private) {
  Workload w{.requests = {{.prompt_tokens = 40, .hash_count = 2}, {.prompt_tokens = 40, .hash_count = 2}},
             .hashes = {5, 6},
             .hash_tokens = 16};
  const auto a = prompt_of(w, 0), b = prompt_of(w, 1);
  EXPECT_TRUE(std::equal(a.begin(), a.begin() + 32, b.begin()));
  EXPECT_NE(std::vector(a.begin() + 32, a.end()), std::vector(b.begin() + 32, b.end()));
}

TEST(Synthesize, lengths_and_gaps_have_the_moments_asked_for) {
  const Workload w = synthesize({.rate = 10,
                                 .arrival_variation = 2,
                                 .count = 50'000,
                                 .tenants = {{.prompt_mean = 800, .prompt_variation = 0.8, .output_mean = 150, .output_variation = 0.5, .correlation = 0.9}}});
  EXPECT_NEAR(w.rate(), 10, 0.3);
  EXPECT_NEAR(w.mean_prompt(), 800, 16);
  EXPECT_NEAR(w.mean_output(), 150, 3);
  double sum = 0, squares = 0, joint = 0, prompts = 0;
  for (std::size_t i = 1; i < w.requests.size(); ++i) {
    const double gap = seconds(w.requests[i].arrival - w.requests[i - 1].arrival);
    sum += gap;
    squares += gap * gap;
    joint += (w.requests[i].prompt_tokens - 800.0) * (w.requests[i].output_tokens - 150.0);
    prompts += std::pow(w.requests[i].prompt_tokens - 800.0, 2);
  }
  const double n = static_cast<double>(w.requests.size() - 1);
  EXPECT_NEAR(std::sqrt(squares / n - std::pow(sum / n, 2)) / (sum / n), 2, 0.15);
  EXPECT_GT(joint / n / (640 * 75), 0.7);
}

TEST(Synthesize, follows_the_hours) {
  const Workload w = synthesize({.rate = 10, .count = 20'000, .hours = {1, 3}, .hour_s = 100});
  const auto in_second = std::ranges::count_if(w.requests, [](const SimRequest& r) { return r.arrival / (100 * kSecond) % 2 == 1; });
  EXPECT_NEAR(static_cast<double>(in_second) / 20'000, 0.75, 0.02);
}

TEST(Synthesize, a_joint_histogram_keeps_means_and_correlation) {
  const Workload trace = synthesize({.count = 5000, .tenants = {{.prompt_mean = 500, .output_mean = 100, .correlation = 0.8}}});
  const Workload copy = synthesize({.count = 5000, .lengths = joint_histogram(trace, 16), .seed = 3});
  EXPECT_NEAR(copy.mean_prompt() / trace.mean_prompt(), 1, 0.25);
  EXPECT_NEAR(copy.mean_output() / trace.mean_output(), 1, 0.25);
  EXPECT_THAT(joint_histogram({}, 4), IsEmpty());
}

TEST(Links, flows_share_what_an_adapter_has) {
  Links links({100, 100, 100});
  const FlowId a = links.open(0, 1, 0), b = links.open(0, 2, 0);
  links.feed(a, 100, 0);
  links.clear_changed();
  links.feed(b, 100, 0);  // both at 50 bytes/s now
  const auto due = links.changed();
  ASSERT_FALSE(due.empty());
  EXPECT_EQ(due.back().at, 2 * kSecond);
  EXPECT_TRUE(links.settle(due.back().flow, due.back().version, 2 * kSecond));
  EXPECT_FALSE(links.settle(due.back().flow, due.back().version, 2 * kSecond));
  EXPECT_NEAR(links.moved_bytes(), 200, 1);  // the other moved as much
  links.close(a, 2 * kSecond);
  links.close(b, 2 * kSecond);
  EXPECT_EQ(links.open_flows(), 0U);
}

TEST(Links, a_path_limit_and_a_fault_slow_a_flow) {
  Links links({100, 100});
  const FlowId flow = links.open(0, 1, 50);
  links.feed(flow, 100, 0);
  EXPECT_EQ(links.changed().back().at, 2 * kSecond);
  links.degrade(1, 0.5, kSecond);  // 50 bytes are left, at 25 bytes/s
  EXPECT_EQ(links.changed().back().at, 3 * kSecond);
}

TEST(Estimate, is_the_mean_with_students_interval) {
  const double values[] = {1, 2, 3};
  EXPECT_NEAR(estimate(values).mean, 2, 1e-12);
  EXPECT_NEAR(estimate(values).half_width, 4.303 / std::sqrt(3.0), 1e-3);
  EXPECT_EQ(estimate(std::span(values, 1)).half_width, 0);
}

TEST(HistogramOfTimes, gives_quantiles_to_a_few_percent) {
  Histogram h;
  for (Nanos i = 1; i <= 10'000; ++i) h.add(i * kMicrosecond);
  EXPECT_NEAR(h.quantile(0.5), 5e-3, 2e-4);
  EXPECT_NEAR(h.quantile(0.99), 9.9e-3, 4e-4);
}

}  // namespace
}  // namespace baton::sim
