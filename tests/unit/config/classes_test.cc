#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/diff.h"

namespace baton::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string kHead = "model: m\nworkers:\n  - host: h\n";  // `classes:` is line 4, its first entry line 5

std::vector<std::string> problems_of(const std::string& tail) {
  std::vector<std::string> out;
  const auto config = parse_config(kHead + tail, "b.yaml");
  if (config) return out;
  for (const ConfigProblem& problem : config.error()) out.push_back(problem.format());
  return out;
}

Config read(const std::string& tail) {
  auto config = parse_config(kHead + tail, "b.yaml");
  if (!config) ADD_FAILURE() << format_problems(config.error());
  return std::move(config).value_or(Config{});
}

TEST(Classes, are_read_with_every_key) {
  const Config config = read(R"(classes:
  - name: gold
    prompt_tokens: {min: 10, max: 200}
    output_tokens: {max: 50}
    models: [m]
    keys: [alice, bob]
    priority: -3
    slo: {ttft_ms: 100, itl_ms: 12.5}
    prefer_prefill_gpus: [CPU]
    prefer_decode_gpus: [CPU]
    allow_spot: false
    fallback: rest
  - name: night
    by_name_only: true
    best_effort: true
    prefer_spot: true
  - name: rest
)");
  ASSERT_THAT(config.classes, SizeIs(3));
  ClassConfig gold;
  gold.name = "gold";
  gold.prompt_tokens = {10, 200};
  gold.output_tokens = {0, 50};
  gold.models = {"m"};
  gold.keys = {"alice", "bob"};
  gold.priority = -3;
  gold.slo = {100, 12.5};
  gold.prefer_prefill_gpus = {"CPU"};
  gold.prefer_decode_gpus = {"CPU"};
  gold.allow_spot = false;
  gold.fallback = "rest";
  EXPECT_EQ(config.classes[0], gold);
  ClassConfig night;
  night.name = "night";
  night.by_name_only = true;
  night.best_effort = true;
  night.prefer_spot = true;
  EXPECT_EQ(config.classes[1], night);
  EXPECT_EQ(config.classes[2].name, "rest");
  EXPECT_THAT(config.notes, IsEmpty());
}

TEST(Classes, and_slo_are_absent_by_default) {
  const Config config = read("classes:\nslo:\n");
  EXPECT_THAT(config.classes, IsEmpty());
  EXPECT_EQ(config.slo, SloConfig{});
}

TEST(Classes, take_a_top_level_slo_where_the_first_token_may_come_later_or_earlier_than_the_others) {
  EXPECT_EQ(read("slo: {ttft_ms: 20, itl_ms: 50}\n").slo, (SloConfig{20, 50}));
  EXPECT_EQ(read("slo: {ttft_ms: 3600000}\n").slo, (SloConfig{3'600'000, 0}));
}

TEST(Classes, and_slo_change_at_reload) {
  const Config before = read("slo: {ttft_ms: 20}\nclasses:\n  - name: a\n");
  const Config after = read("slo: {ttft_ms: 30}\nclasses:\n  - name: a\n    priority: 1\n");
  const ConfigDiff changes = diff(before, after);
  EXPECT_THAT(changes.values,
              ElementsAre(ValueChange{"slo.ttft_ms", Apply::live}, ValueChange{"classes", Apply::live}));
  EXPECT_FALSE(changes.needs_restart());
  EXPECT_TRUE(diff(after, after).empty());
}

TEST(Classes, may_overlap_while_each_gets_something) {
  EXPECT_THAT(problems_of(R"(classes:
  - {name: a, prompt_tokens: {max: 100}}
  - {name: b, output_tokens: {max: 100}}
  - {name: c, prompt_tokens: {min: 50}, output_tokens: {min: 50}}
  - {name: d, keys: [k]}
  - {name: e, prompt_tokens: {min: 200}, keys: [j]}
  - {name: f, prompt_tokens: {min: 200}, models: [m]}
)"),
              ElementsAre(HasSubstr("classes[3]: \"d\" can get no request"), HasSubstr("classes[4]: \"e\""),
                          HasSubstr("classes[5]: \"f\"")));
  EXPECT_THAT(problems_of(R"(classes:
  - {name: a, prompt_tokens: {max: 100}, keys: [k]}
  - {name: b, prompt_tokens: {max: 100}, models: [m]}
  - {name: c, prompt_tokens: {max: 100}, keys: [k, l]}
  - {name: any}
  - {name: batch, by_name_only: true}
)"),
              IsEmpty());
}

struct Case {
  std::string name;
  std::string text;
  std::vector<std::string> expected;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class BadClasses : public testing::TestWithParam<Case> {};

TEST_P(BadClasses, are_refused_with_line_key_and_remedy) {
  EXPECT_THAT(problems_of(GetParam().text), testing::ElementsAreArray(GetParam().expected));
}

const std::string kKnownGpus =
    "H100_SXM5, H100_PCIe, H200, B200, L40S, A100_80G, A100_80G_SXM, A100_80G_PCIe, A100_40G, A100_40G_SXM, "
    "A100_40G_PCIe, L4, A6000, A10G, RTX_5090, RTX_4090, T4, V100, CPU (the file that prices: names can add types)";

INSTANTIATE_TEST_SUITE_P(
    Classes, BadClasses,
    testing::Values(
        Case{"a_map_for_the_list",
             "classes: {name: a}\n",
             {R"(b.yaml:4: classes: a map is not a list; begin each class with "- name:")"}},
        Case{"a_word_for_a_class",
             "classes: [chat]\n",
             {R"(b.yaml:4: classes[0]: "chat" is not a class; write "- name: NAME" and its other keys below)"}},
        Case{"no_name",
             "classes:\n  - priority: 1\n",
             {"b.yaml:5: classes[0].name: the key is missing; add it: Name in the `x-baton-class` header, in metrics "
              "and in `fallback`; unique"}},
        Case{"name_that_is_no_header_value",
             "classes:\n  - name: very good\n",
             {R"(b.yaml:5: classes[0].name: "very good" is not a name; use letters, digits, '-', '_' and '.' only)"}},
        Case{"unknown_key_near_a_known_one",
             "classes:\n  - name: a\n    priorty: 2\n",
             {"b.yaml:6: classes[0].priorty: unknown key; did you mean priority?"}},
        Case{"unknown_key_in_a_range",
             "classes:\n  - name: a\n    prompt_tokens: {least: 2}\n",
             {"b.yaml:6: classes[0].prompt_tokens.least: unknown key; remove it (docs/configuration.md lists all "
              "keys)"}},
        Case{"number_for_a_range",
             "classes:\n  - name: a\n    prompt_tokens: 5\n",
             {R"(b.yaml:6: classes[0].prompt_tokens: "5" is not a map; write its keys, such as min, on lines of )"
              "their own"}},
        Case{"empty_range",
             "classes:\n  - name: a\n    prompt_tokens: {min: 7, max: 7}\n",
             {"b.yaml:6: classes[0].prompt_tokens: the range from 7 to below 7 holds no request; raise max"}},
        Case{"range_below_the_first_token",
             "classes:\n  - name: a\n    output_tokens: {max: 1}\n",
             {"b.yaml:6: classes[0].output_tokens: the range from 0 to below 1 holds no request; raise max"}},
        Case{"inverted_range",
             "classes:\n  - name: a\n    output_tokens: {min: 9, max: 3}\n",
             {"b.yaml:6: classes[0].output_tokens: the range from 9 to below 3 is upside down; swap min and max"}},
        Case{"negative_tokens",
             "classes:\n  - name: a\n    output_tokens: {min: -1}\n",
             {"b.yaml:6: classes[0].output_tokens.min: -1 is out of bounds; it must be between 0 and 100000000"}},
        Case{"duplicate_name",
             "classes:\n  - {name: a, prompt_tokens: {max: 5}}\n  - name: a\n",
             {R"(b.yaml:6: classes[1].name: "a" is already the name of classes[0] in line 5; choose another)"}},
        Case{"class_behind_one_that_takes_everything",
             "classes:\n  - name: all\n  - {name: chat, prompt_tokens: {max: 5}}\n",
             {R"(b.yaml:6: classes[1]: "chat" can get no request by its ranges, since "all" (line 5) takes them all )"
              "first; move it further up, narrow the ranges, or set by_name_only: true"}},
        Case{"class_behind_several_that_take_everything_together",
             "classes:\n  - {name: low, prompt_tokens: {max: 50}}\n  - {name: other, prompt_tokens: {min: 900}}\n"
             "  - {name: high, prompt_tokens: {min: 50}}\n"
             "  - {name: mid, prompt_tokens: {min: 10, max: 90}, keys: [k]}\n",
             {R"(b.yaml:8: classes[3]: "mid" can get no request by its ranges, since "low" (line 5), "high" (line 7) )"
              "take them all first; move it further up, narrow the ranges, or set by_name_only: true"}},
        Case{"unknown_fallback",
             "classes:\n  - {name: chat, slo: {ttft_ms: 9}, fallback: bach}\n  - {name: batch, by_name_only: true}\n",
             {R"(b.yaml:5: classes[0].fallback: there is no class "bach"; did you mean batch?)"}},
        Case{"unknown_fallback_like_no_other",
             "classes:\n  - {name: chat, slo: {ttft_ms: 9}, fallback: slow}\n",
             {R"(b.yaml:5: classes[0].fallback: there is no class "slow"; name one of this file, or none)"}},
        Case{"fallback_to_itself",
             "classes:\n  - {name: a, slo: {ttft_ms: 9}, fallback: a}\n",
             {"b.yaml:5: classes[0].fallback: the fallbacks go in a circle: a -> a; remove one of them"}},
        Case{"circle_of_fallbacks_reached_from_outside",
             "classes:\n  - {name: x, fallback: b, by_name_only: true}\n"
             "  - {name: a, fallback: b, by_name_only: true}\n  - {name: b, fallback: a, by_name_only: true}\n",
             {"b.yaml:7: classes[2].fallback: the fallbacks go in a circle: b -> a -> b; remove one of them"}},
        Case{"unknown_gpu_types",
             "classes:\n  - name: a\n    prefer_prefill_gpus: [H100_SXM]\n    prefer_decode_gpus: [Cerebras]\n",
             {R"(b.yaml:6: classes[0].prefer_prefill_gpus: unknown GPU type "H100_SXM"; did you mean H100_SXM5? )"
              "Known types: " +
                  kKnownGpus,
              R"(b.yaml:7: classes[0].prefer_decode_gpus: unknown GPU type "Cerebras"; known types: )" + kKnownGpus}},
        Case{"slo_of_zero",
             "slo: {ttft_ms: 0}\n",
             {"b.yaml:4: slo.ttft_ms: 0 is out of bounds; it must be between 0.1 and 3600000"}},
        Case{"negative_slo",
             "classes:\n  - name: a\n    slo: {itl_ms: -5}\n",
             {"b.yaml:6: classes[0].slo.itl_ms: -5 is out of bounds; it must be between 0.1 and 3600000"}},
        Case{"slo_above_an_hour",
             "slo: {itl_ms: 3600001}\n",
             {"b.yaml:4: slo.itl_ms: 3600001 is out of bounds; it must be between 0.1 and 3600000"}},
        Case{"slo_that_is_no_number", "slo: {itl_ms: fast}\n", {R"(b.yaml:4: slo.itl_ms: "fast" is not a number)"}},
        Case{"unknown_slo", "slo: {ttft: 3}\n", {"b.yaml:4: slo.ttft: unknown key; did you mean ttft_ms?"}},
        Case{"slo_of_a_best_effort_class",
             "classes:\n  - name: a\n    slo: {itl_ms: 5}\n    best_effort: true\n",
             {"b.yaml:7: classes[0].best_effort: a class with an slo is not best effort; remove one of the two keys"}},
        Case{"spot_preferred_and_forbidden",
             "classes:\n  - name: a\n    allow_spot: false\n    prefer_spot: true\n",
             {"b.yaml:7: classes[0].prefer_spot: contradicts allow_spot: false; remove one of the two keys"}}),
    [](const auto& instance) { return instance.param.name; });

TEST(Classes, are_limited_in_number) {
  std::string text = "classes:\n";
  for (int i = 0; i < 65; ++i) text += "  - {name: c" + std::to_string(i) + ", by_name_only: true}\n";
  EXPECT_THAT(problems_of(text), ElementsAre("b.yaml:4: classes: the list has 65 classes; at most 64 are allowed"));
}

TEST(Classes, with_several_faults_report_them_all_in_file_order) {
  EXPECT_THAT(
      problems_of(R"(classes:
  - name: a
    prompt_tokens: {min: 3, max: 2}
    prefer_decode_gpus: [H1000]
  - name: a
    fallback: nobody
slo: {ttft_ms: -1}
)"),
      ElementsAre(HasSubstr("b.yaml:6: classes[0].prompt_tokens:"),
                  HasSubstr("b.yaml:7: classes[0].prefer_decode_gpus:"), HasSubstr("b.yaml:8: classes[1].name:"),
                  HasSubstr("b.yaml:9: classes[1].fallback:"), HasSubstr("b.yaml:10: slo.ttft_ms:")));
}

TEST(Classes, that_stay_empty_or_prefer_what_is_not_there_earn_a_note) {
  const Config config = read(R"(classes:
  - {name: other, models: [llama]}
  - {name: gpu, prompt_tokens: {max: 9}, prefer_decode_gpus: [H200], fallback: rest}
  - {name: rest}
)");
  EXPECT_THAT(config.notes, ElementsAre(AllOf(HasSubstr("classes[0].models"), HasSubstr("\"m\"")),
                                        HasSubstr("classes[1].prefer_decode_gpus: no worker has a GPU of type"),
                                        HasSubstr("classes[1].fallback: never used")));
}

/// The first class that takes a request of these lengths; the number of classes if none does.
std::size_t taker(const std::vector<ClassConfig>& classes, int prompt, int output) {
  std::size_t i = 0;
  while (i < classes.size() &&
         !(classes[i].prompt_tokens.contains(prompt) && classes[i].output_tokens.contains(output))) {
    ++i;
  }
  return i;
}

TEST(Classes, are_refused_as_unreachable_exactly_when_trying_every_request_says_so) {
  constexpr int kBeyond = 9;  // ranges end at 8 at most, or never
  std::mt19937 random(7);
  const auto draw = [&](int below) { return static_cast<std::int32_t>(random() % static_cast<unsigned>(below)); };
  const auto range = [&] {
    const std::int32_t min = draw(6);
    return TokenRange{min, draw(3) == 0 ? 0 : std::max(min, 1) + 1 + draw(3)};
  };
  const auto text = [](const TokenRange& r) {
    return "{min: " + std::to_string(r.min) + (r.max == 0 ? "}" : ", max: " + std::to_string(r.max) + "}");
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<ClassConfig> classes(6);
    std::string yaml = "classes:\n";
    for (ClassConfig& entry : classes) {
      entry.prompt_tokens = range();
      entry.output_tokens = range();
      yaml += "  - {name: c" + std::to_string(&entry - classes.data()) +
              ", prompt_tokens: " + text(entry.prompt_tokens) + ", output_tokens: " + text(entry.output_tokens) + "}\n";
    }
    std::vector<bool> gets_some(classes.size() + 1, false);
    for (int prompt = 1; prompt <= kBeyond; ++prompt) {
      for (int output = 1; output <= kBeyond; ++output) gets_some[taker(classes, prompt, output)] = true;
    }
    std::vector<testing::Matcher<std::string>> expected;
    for (std::size_t i = 0; i < classes.size(); ++i) {
      if (!gets_some[i]) expected.push_back(HasSubstr("\"c" + std::to_string(i) + "\" can get no request"));
    }
    ASSERT_THAT(problems_of(yaml), testing::ElementsAreArray(expected)) << yaml;
  }
}

}  // namespace
}  // namespace baton::config
