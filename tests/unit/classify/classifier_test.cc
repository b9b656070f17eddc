#include "classify/classifier.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace baton::classify {
namespace {

LengthForecast expecting(double tokens) {
  return {.mean = tokens, .p50 = tokens, .p90 = tokens, .samples = 1};
}

Features prompt_of(std::int64_t tokens) {
  Features out;
  out.prompt_tokens = tokens;
  out.max_tokens = 4096;
  return out;
}

ClassConfig named(const std::string& name) {
  ClassConfig out;
  out.name = name;
  return out;
}

std::string class_of(const std::vector<ClassConfig>& classes, const Features& features, double output) {
  return classes[static_cast<std::size_t>(classify(classes, features, expecting(output)))].name;
}

TEST(BuiltinClasses, follow_the_usual_split_by_prompt_and_output) {
  const std::vector<ClassConfig> classes = builtin_classes();
  EXPECT_EQ(class_of(classes, prompt_of(40), 20), "realtime");
  EXPECT_EQ(class_of(classes, prompt_of(2048), 49), "summarize");
  EXPECT_EQ(class_of(classes, prompt_of(100'000), 10), "summarize");
  EXPECT_EQ(class_of(classes, prompt_of(40), 100), "chat");
  EXPECT_EQ(class_of(classes, prompt_of(1500), 499), "chat");
  EXPECT_EQ(class_of(classes, prompt_of(4000), 300), "code");
  EXPECT_EQ(class_of(classes, prompt_of(1000), 700), "code");
  EXPECT_EQ(class_of(classes, prompt_of(40), 5000), "default");
  EXPECT_EQ(class_of(classes, prompt_of(300), 20), "default");
}

TEST(BuiltinClasses, promise_a_fast_first_token_to_realtime_and_nothing_to_batch) {
  const std::vector<ClassConfig> classes = builtin_classes();
  const ClassConfig& realtime = classes[static_cast<std::size_t>(find_class(classes, "realtime"))];
  EXPECT_EQ(realtime.slo.ttft_ms, 100);
  EXPECT_GT(realtime.priority, 0);
  const ClassConfig& batch = classes[static_cast<std::size_t>(find_class(classes, "batch"))];
  EXPECT_TRUE(batch.best_effort);
  EXPECT_TRUE(batch.prefer_spot);
  EXPECT_TRUE(batch.by_name_only);
  EXPECT_EQ(batch.slo, SloConfig{});
  EXPECT_LT(batch.priority, 0);
}

TEST(EffectiveClasses, take_the_top_level_slo_where_they_name_none) {
  Config config;
  config.slo = {.ttft_ms = 300, .itl_ms = 40};
  config.classes = {named("a"), named("b"), named("c")};
  config.classes[0].slo.itl_ms = 10;
  config.classes[1].best_effort = true;
  const std::vector<ClassConfig> classes = effective_classes(config);
  ASSERT_EQ(classes.size(), 3U);  // the last one matches everything already
  EXPECT_EQ(classes[0].slo, (SloConfig{300, 10}));
  EXPECT_EQ(classes[1].slo, SloConfig{});
  EXPECT_EQ(classes[2].slo, config.slo);
}

TEST(EffectiveClasses, that_are_built_in_take_the_top_level_slo_instead_of_their_own) {
  Config config;
  config.slo.ttft_ms = 300;
  for (const ClassConfig& entry : effective_classes(config)) {
    EXPECT_EQ(entry.slo.ttft_ms, entry.best_effort ? 0 : 300) << entry.name;
  }
  const std::vector<ClassConfig> untouched = effective_classes(Config{});
  EXPECT_EQ(untouched, builtin_classes());
}

TEST(EffectiveClasses, end_with_one_that_matches_everything_under_a_free_name) {
  Config config;
  config.classes = {named("default"), named("batch")};
  config.classes[0].prompt_tokens = {0, 100};
  config.classes[1].by_name_only = true;
  const std::vector<ClassConfig> classes = effective_classes(config);
  ASSERT_EQ(classes.size(), 3U);
  EXPECT_EQ(classes[2].name, "default_");
  EXPECT_EQ(class_of(classes, prompt_of(5000), 10), "default_");
}

TEST(Classify, obeys_the_name_before_any_range) {
  std::vector<ClassConfig> classes = builtin_classes();
  Features features = prompt_of(40);
  features.named_class = "batch";
  EXPECT_EQ(class_of(classes, features, 20), "batch");
  features.named_class = "Batch";  // no such class: as if none were named
  EXPECT_EQ(class_of(classes, features, 20), "realtime");
  EXPECT_EQ(find_class(classes, "Batch"), -1);
  EXPECT_EQ(find_class(classes, ""), -1);
}

TEST(Classify, admits_nobody_by_name_whose_key_or_model_the_class_excludes) {
  std::vector<ClassConfig> classes = {named("gold"), named("llama"), named("rest")};
  classes[0].keys = {"alice", "bob"};
  classes[1].models = {"llama"};
  Features features = prompt_of(10);
  features.named_class = "gold";
  features.tenant = name_hash("alice");  // of `user`, which anybody can claim
  EXPECT_EQ(class_of(classes, features, 5), "rest");
  features.key = name_hash("bob");
  EXPECT_EQ(class_of(classes, features, 5), "gold");
  features.key = name_hash("eve");
  features.model = name_hash("llama");
  EXPECT_EQ(class_of(classes, features, 5), "llama");
  features.named_class = "llama";
  features.model = name_hash("qwen");
  EXPECT_EQ(class_of(classes, features, 5), "rest");
}

TEST(Classify, takes_the_first_class_that_matches) {
  std::vector<ClassConfig> classes = {named("narrow"), named("by_name"), named("wide"), named("rest")};
  classes[0].prompt_tokens = {100, 200};
  classes[0].output_tokens = {0, 50};
  classes[1].by_name_only = true;
  classes[2].prompt_tokens = {0, 1000};
  EXPECT_EQ(class_of(classes, prompt_of(100), 49), "narrow");
  EXPECT_EQ(class_of(classes, prompt_of(199), 50), "wide");
  EXPECT_EQ(class_of(classes, prompt_of(200), 5), "wide");
  EXPECT_EQ(class_of(classes, prompt_of(1000), 5), "rest");
}

TEST(NameHash, is_never_that_of_no_name) {
  EXPECT_NE(name_hash(""), 0U);
  EXPECT_NE(name_hash("a"), name_hash("b"));
}

}  // namespace
}  // namespace baton::classify
