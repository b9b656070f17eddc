#include "ctl/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "baton/version.h"
#include "config/reference.h"

namespace baton::ctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

Outcome batonctl(const std::vector<std::string_view>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const int status = run(arguments, {out, err});
  return {status, out.str(), err.str()};
}

TEST(Batonctl, without_a_command_prints_help_as_an_error) {
  const Outcome outcome = batonctl({});
  EXPECT_EQ(outcome.status, kUsage);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("usage: batonctl COMMAND"));
}

TEST(Batonctl, help_lists_every_command) {
  for (const std::string_view option : {"--help", "-h", "help"}) {
    const Outcome outcome = batonctl({option});
    EXPECT_EQ(outcome.status, kOk);
    for (const Command& command : commands()) EXPECT_THAT(outcome.out, HasSubstr(std::string(command.name)));
  }
}

TEST(Batonctl, version_is_that_of_the_project) {
  EXPECT_EQ(batonctl({"--version"}).out, std::string("batonctl ") + kVersion + "\n");
}

TEST(Batonctl, refuses_unknown_commands) {
  const Outcome outcome = batonctl({"chekc"});
  EXPECT_EQ(outcome.status, kUsage);
  EXPECT_THAT(outcome.err, HasSubstr("unknown command 'chekc'"));
}

TEST(Check, summarizes_good_files) {
  const Outcome outcome = batonctl(
      {"check", BATON_SOURCE_DIR "/config/heterogeneous-70b.yaml", BATON_SOURCE_DIR "/config/single-node.yaml"});
  EXPECT_EQ(outcome.status, kOk);
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("/config/heterogeneous-70b.yaml: OK\n"),
                                 HasSubstr("  model: meta-llama/Llama-3.1-70B-Instruct\n"),
                                 HasSubstr("  prefill: 1 worker, 8 GPUs (8 x H100_SXM5)\n"),
                                 HasSubstr("  decode: 2 workers, 8 GPUs (4 x L40S, 4 x L40S)\n"),
                                 HasSubstr("  note: kv_transfer.backend: nixl is read as ucx\n"),
                                 HasSubstr("  both roles: 1 worker, 0 GPUs (1 x CPU)\n"),
                                 HasSubstr("  class summarize: prompt 2048 and more, output 0-49, first token within "
                                           "4000 ms, then one every 100 ms\n"),
                                 HasSubstr("  class batch: by name only, best effort\n"),
                                 HasSubstr("  class default: prompt any, output any, best effort\n")));
}

TEST(Check, lists_problems_and_still_checks_the_other_files) {
  const Outcome outcome = batonctl({"check", "/nonexistent.yaml", BATON_SOURCE_DIR "/config/local.yaml"});
  EXPECT_EQ(outcome.status, kUsage);
  EXPECT_EQ(outcome.err, "/nonexistent.yaml: cannot be opened: No such file or directory\n");
  EXPECT_THAT(outcome.out, HasSubstr("/config/local.yaml: OK\n"));
}

TEST(Check, needs_a_file) {
  const Outcome outcome = batonctl({"check"});
  EXPECT_EQ(outcome.status, kUsage);
  EXPECT_THAT(outcome.err, HasSubstr("usage: batonctl check FILE"));
}

TEST(ConfigDocs, prints_the_reference) {
  EXPECT_EQ(batonctl({"config-docs"}).out, config::reference_markdown());
  EXPECT_EQ(batonctl({"config-docs", "x"}).status, kUsage);
}

}  // namespace
}  // namespace baton::ctl
