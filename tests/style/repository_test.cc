#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "style/modules.h"
#include "style/text_rules.h"

namespace baton::style {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool is_source(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".h" || extension == ".cc" || extension == ".cu" || extension == ".cuh";
}

/// Every source of the repository, in path order; test data is not ours to format.
const std::vector<Source>& repository() {
  static const std::vector<Source> sources = [] {
    const fs::path root(BATON_SOURCE_DIR);
    std::vector<Source> out;
    for (const char* folder : {"include", "kernels", "src", "tests"}) {
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
        const std::string path = fs::relative(entry.path(), root).generic_string();
        if (!entry.is_regular_file() || !is_source(entry.path()) || path.starts_with("tests/data/")) continue;
        out.push_back({path, read(entry.path())});
      }
    }
    std::ranges::sort(out, {}, &Source::path);
    return out;
  }();
  return sources;
}

template <class Check>
void expect_clean(Check check) {
  for (const Source& source : repository()) {
    const Violations violations = check(source);
    if (!violations.empty()) ADD_FAILURE() << "\n" << format(violations);
  }
}

TEST(Repository, is_found) {
  EXPECT_GT(repository().size(), 20U);
}

TEST(Repository, includes_follow_the_module_graph) {
  const ModuleGraph graph = parse_modules(read(fs::path(BATON_SOURCE_DIR) / "scripts/cmake/BatonModules.cmake"));
  ASSERT_TRUE(graph.may_include.contains("router"));
  expect_clean([&](const Source& source) { return check_includes(source, graph); });
}

TEST(Repository, headers_form_no_circles) {
  const Violations violations = check_cycles(repository());
  EXPECT_TRUE(violations.empty()) << "\n" << format(violations);
}

TEST(Repository, files_and_functions_are_short) {
  expect_clean(check_sizes);
}

TEST(Repository, headers_are_guarded_and_nothing_is_left_over) {
  expect_clean(check_leftovers);
}

}  // namespace
}  // namespace baton::style
