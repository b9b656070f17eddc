#include "support/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace baton::testing {
namespace {

bool is_check(const std::string& line) { return line.starts_with("stats") || line.starts_with("next"); }

/// Words separated by single spaces, without comments; keys of "key=value" words sorted as stats prints them.
std::string normal(const std::string& line) {
  const Words words(line);
  std::string out;
  for (const std::string& word : words.plain) out += (out.empty() ? "" : " ") + word;
  for (const auto& [key, value] : words.options) out += " " + key + "=" + value;
  return out;
}

void run_case(const std::string& file, const ScenarioCase& scenario) {
  ScenarioPlayer player;
  for (std::size_t i = 0; i < scenario.lines.size();) {
    const std::string line = normal(scenario.lines[i]);
    const std::string where = file + ":" + std::to_string(scenario.line + static_cast<int>(i)) + " in \"" +
                              scenario.name + "\": " + line;
    ++i;
    if (line.empty()) continue;
    std::vector<std::string> expected;
    for (; i < scenario.lines.size() && scenario.lines[i].starts_with(">"); ++i) {
      expected.push_back(normal(scenario.lines[i].substr(1)));
    }
    if (is_check(line)) expected = {line};
    ASSERT_NO_THROW({
      std::vector<std::string> given = player.play(line);
      std::ranges::transform(given, given.begin(), normal);
      EXPECT_EQ(given, expected) << where;
    }) << where;
  }
}

}  // namespace

TEST(Scenario, every_text_case_gives_exactly_the_commands_it_names) {
  const std::filesystem::path folder = std::filesystem::path(BATON_SOURCE_DIR) / "tests/scenario/schedule";
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".txt") continue;
    for (const ScenarioCase& scenario : read_scenarios(entry.path())) {
      run_case(entry.path().filename(), scenario);
      ++cases;
    }
  }
  EXPECT_GT(cases, 0);
}

TEST(Coordinator, tells_whoever_decodes_the_objective_of_the_class) {
  CoordinatorOptions options;
  options.classes = {ClassConfig{.name = "all", .slo = {.itl_ms = 40}}};
  const auto spec = std::make_shared<const GenerationSpec>(GenerationSpec{.tokens = {1, 2, 3}, .generated = 0, .sampling = {}});
  const TimePoint now{std::chrono::hours(1)};
  {
    schedule::Coordinator coordinator(options);
    coordinator.handle(WorkerUp{WorkerId{1}, WorkerInfo{}}, now);
    const auto commands = coordinator.handle(Arrive{RequestId{1}, spec}, now);
    ASSERT_FALSE(commands.empty());
    EXPECT_EQ(std::get<SendGenerate>(commands.front()).itl_slo_ms, 40.0F);
  }
  schedule::Coordinator coordinator(options);
  coordinator.handle(WorkerUp{WorkerId{1}, WorkerInfo{.role = Role::prefill}}, now);
  coordinator.handle(WorkerUp{WorkerId{2}, WorkerInfo{.role = Role::decode}}, now);
  const auto commands = coordinator.handle(Arrive{RequestId{1}, spec}, now);
  ASSERT_FALSE(commands.empty());
  EXPECT_EQ(std::get<SendReserve>(commands.front()).itl_slo_ms, 40.0F);
}

}  // namespace baton::testing
