#include "config/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/config.h"
#include "config/keys.h"

namespace baton::config {
namespace {

TEST(Reference, equals_the_file_in_docs) {
  std::ifstream file(BATON_SOURCE_DIR "/docs/configuration.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), reference_markdown()) << "run: batonctl config-docs > docs/configuration.md";
}

template <class S>
void expect_documented(const std::string& text) {
  for (const Key<S>& key : keys<S>()) {
    EXPECT_THAT(text, testing::HasSubstr("`" + std::string(key.info.name) + "`"));
    EXPECT_FALSE(key.info.help.empty()) << key.info.name;
  }
}

TEST(Reference, names_every_key) {
  const std::string text = reference_markdown();
  expect_documented<Config>(text);
  expect_documented<WorkerConfig>(text);
  expect_documented<KvTransferConfig>(text);
  expect_documented<ListenConfig>(text);
  expect_documented<SchedulingConfig>(text);
  expect_documented<LimitsConfig>(text);
  expect_documented<FaultConfig>(text);
  expect_documented<ClassConfig>(text);
  expect_documented<SloConfig>(text);
  expect_documented<TokenRange>(text);
}

}  // namespace
}  // namespace baton::config
