#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "ctl/command.h"
#include "model/description.h"

namespace baton::ctl {
namespace {

using testing::HasSubstr;

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

Outcome make_model(std::vector<std::string_view> arguments) {
  arguments.insert(arguments.begin(), "make-model");
  std::ostringstream out;
  std::ostringstream err;
  const int status = run(arguments, {out, err});
  return {status, out.str(), err.str()};
}

TEST(MakeModelCommand, writes_a_model_that_loads_and_refuses_to_overwrite_it) {
  std::string directory = (std::filesystem::temp_directory_path() / "baton-ctl-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::vector<std::string_view> arguments{"--like", "tiny",     "--out", directory, "--seed",
                                                "3",      "--layers", "1",     "--vocab", "400"};
  const Outcome made = make_model(arguments);
  EXPECT_EQ(made.status, kOk) << made.err;
  EXPECT_THAT(made.out, HasSubstr("tiny with random weights, 0.2 million parameters"));
  const auto description = model::load_description(directory);
  ASSERT_TRUE(description);
  EXPECT_EQ(description->layers, 1);
  EXPECT_EQ(description->vocab, 400);
  const Outcome again = make_model(arguments);
  EXPECT_EQ(again.status, kUsage);
  EXPECT_THAT(again.err, HasSubstr("already holds a model"));
  std::filesystem::remove_all(directory);
}

TEST(MakeModelCommand, says_what_is_wrong_with_its_command_line) {
  const std::pair<std::vector<std::string_view>, const char*> cases[] = {
      {{}, "--like is missing"},
      {{"--like", "tiny"}, "--out is missing"},
      {{"--like"}, "--like needs a value"},
      {{"--like", "tiny", "--out", ""}, "'' is no value for --out"},
      {{"--like", "tiny", "--out", "x", "--seed", "1x"}, "'1x' is no value for --seed"},
      {{"--like", "tiny", "--out", "x", "--layers", "no"}, "'no' is no value for --layers"},
      {{"--like", "tiny", "--out", "x", "--vocab", "-"}, "'-' is no value for --vocab"},
      {{"--huge", "1"}, "unknown option '--huge'"},
      {{"--like", "gpt", "--out", "x"}, "no model named 'gpt'; known are tiny"},
      {{"--like", "tiny", "--out", "x", "--layers", "0"}, "layers must be 1 to 1024"},
      {{"--like", "tiny", "--out", "x", "--vocab", "5"}, "vocab must be 300"},
  };
  for (const auto& [arguments, expected] : cases) {
    const Outcome outcome = make_model(arguments);
    EXPECT_EQ(outcome.status, kUsage);
    EXPECT_THAT(outcome.err, HasSubstr(expected));
  }
  const Outcome failed = make_model({"--like", "tiny", "--out", "/proc/nowhere"});
  EXPECT_EQ(failed.status, kFailed);
  EXPECT_THAT(failed.err, HasSubstr("/proc/nowhere: cannot create"));
  EXPECT_THAT(make_model({"--help"}).out, HasSubstr("usage: batonctl make-model"));
}

}  // namespace
}  // namespace baton::ctl
