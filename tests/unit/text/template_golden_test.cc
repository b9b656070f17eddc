// Templates must render exactly what Jinja2 renders in the Hugging Face environment, and fail where it fails
// (tests/data/text/make_template_goldens.py).
#include <gtest/gtest.h>

#include "text/chat_template.h"
#include "unit/text/golden.h"

namespace baton::text {
namespace {

RenderOptions at(const Value& golden) {
  return {.now = std::chrono::sys_seconds(std::chrono::seconds(golden.find("now")->integer()))};
}

Result<std::string> render(const std::string& source, const Value& variables, RenderOptions options) {
  auto parsed = ChatTemplate::parse(source);
  if (!parsed) return std::unexpected(parsed.error());
  return parsed->render(variables, options);
}

// Compares with {"text": …} or {"error": …, "raised": whether by raise_exception}.
void expect_same(const Result<std::string>& got, const Value& want, const std::string& what) {
  if (const Value* text = want.find("text")) {
    ASSERT_TRUE(got) << what << "\nexpected: " << text->string() << "\ngot error: " << got.error().message;
    EXPECT_EQ(*got, text->string()) << what;
    return;
  }
  const std::string& error = want.find("error")->string();
  ASSERT_FALSE(got) << what << "\nexpected error: " << error << "\ngot: " << *got;
  const Value* raised = want.find("raised");
  if (raised != nullptr && raised->truthy()) {
    EXPECT_EQ(got.error().message, error) << what;
  }
}

TEST(TemplateSnippets, render_as_in_jinja2) {
  const Value golden = read_json("snippet_goldens.json");
  const auto& rows = golden.find("snippets")->items();
  ASSERT_GT(rows.size(), 500U);
  for (const Value& row : rows) {
    const std::string& source = row.find("source")->string();
    expect_same(render(source, *golden.find("variables"), at(golden)), row, source);
  }
}

class TemplateGolden : public testing::TestWithParam<const char*> {};

TEST_P(TemplateGolden, renders_every_conversation_as_jinja2_does) {
  const Value golden = read_json("template_goldens.json");
  const auto parsed = ChatTemplate::parse(read_data(std::string("templates/") + GetParam() + ".jinja"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto& kwargs = golden.find("kwargs")->items();
  const auto& wanted = golden.find("goldens")->find(GetParam())->items();
  std::size_t i = 0;
  for (const Value& chat : golden.find("chats")->items()) {
    for (const Value& extra : kwargs) {
      std::vector<Value::Member> variables{{"messages", chat}, {"bos_token", "<s>"}, {"eos_token", "</s>"}};
      variables.insert(variables.end(), extra.members().begin(), extra.members().end());
      const Value& want = golden.find("outputs")->items()[static_cast<std::size_t>(wanted[i].integer())];
      expect_same(parsed->render(Value::map(std::move(variables)), at(golden)), want, "case " + std::to_string(i));
      ++i;
    }
  }
  EXPECT_EQ(i, wanted.size());
}

INSTANTIATE_TEST_SUITE_P(Models, TemplateGolden,
                         testing::Values("bracket_turns", "header_turns", "im_turns", "inst_turns", "parts_macro", "spread_macros",
                                         "think_turns", "typed_tools"),
                         [](const auto& model) { return std::string(model.param); });

}  // namespace
}  // namespace baton::text
