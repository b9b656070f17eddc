#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "unit/text/golden.h"

namespace baton::text {
namespace {

namespace fs = std::filesystem;

std::string error_of(const std::string& source) {
  const auto parsed = ChatTemplate::parse(source);
  if (!parsed) return parsed.error().message;
  const auto text = parsed->render(Value::map({{"messages", Value::array({})}}));
  EXPECT_FALSE(text) << source;
  return text ? "" : text.error().message;
}

TEST(ChatTemplate, errors_name_the_line) {
  EXPECT_EQ(error_of("a\nb\n{% if %}"), "chat template, line 3: expected an expression, found the end of the tag");
  EXPECT_EQ(error_of("a\n{{ messages[0].x }}"), "chat template, line 2: an undefined value has no attribute 'x'");
  EXPECT_EQ(error_of("\n\n{{ nothing.x }}"), "chat template, line 3: 'nothing' is undefined");
}

TEST(ChatTemplate, raise_exception_gives_its_text_as_it_is) {
  EXPECT_EQ(error_of("{{ raise_exception('roles must alternate') }}"), "roles must alternate");
}

TEST(ChatTemplate, hostile_templates_end_with_an_error) {
  const std::vector<std::string> hostile{
      "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
      "{% set ns = namespace(s='a') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      "{{ 'a' * 10000000000 }}",
      "{{ [1] * 9223372036854775807 }}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = [ns.l] %}{% endfor %}",
      "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
      "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l == ns.l + [] or ns.l|tojson }}",
      "{% for i in range(100000) %}{{ 'a' * 100000 }}{% endfor %}",
      "{{ 'a' | center(1000000000000) }}",
      "{{ 9223372036854775807 + 1 }}",
      "{{ 'x'.zfill(100000000000) }}",
      "{{ " + std::string(100'000, '(') + "1" + std::string(100'000, ')') + " }}",
      "{{ " + std::string(100'000, '-') + "1 }}",
      "{{ 1" + [] { std::string s; for (int i = 0; i < 10'000; ++i) s += "+1"; return s; }() + " }}",
      [] { std::string s; for (int i = 0; i < 10'000; ++i) s += "{% if 1 %}"; return s; }(),
  };
  for (const std::string& source : hostile) EXPECT_NE(error_of(source), "") << source.substr(0, 100);
}

TEST(ChatTemplate, knows_whether_it_walks_through_content_parts) {
  const auto iterates = [](const std::string& name) {
    return ChatTemplate::parse(read_data("templates/" + name + ".jinja"))->iterates_content();
  };
  EXPECT_FALSE(iterates("header_turns"));
  EXPECT_FALSE(iterates("im_turns"));
  EXPECT_TRUE(ChatTemplate::parse("{% for p in messages[0]['content'] %}{% endfor %}")->iterates_content());
  EXPECT_TRUE(ChatTemplate::parse("{% set c = message.content %}{% for p in c %}{% endfor %}")->iterates_content());
}

class ChatConfigFiles : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(testing::TempDir()) / ("baton_chat_" + std::to_string(::getpid()));
    fs::create_directories(directory_ / "additional_chat_templates");
  }
  void TearDown() override { fs::remove_all(directory_); }
  void write(const std::string& name, const std::string& text) { std::ofstream(directory_ / name) << text; }
  fs::path directory_;
};

TEST_F(ChatConfigFiles, a_single_template_is_the_default) {
  write("tokenizer_config.json", R"({"bos_token":"<s>","eos_token":{"content":"</s>"},"chat_template":"hi"})");
  const auto config = load_chat_template(directory_);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->bos_token, "<s>");
  EXPECT_EQ(config->eos_token, "</s>");
  EXPECT_EQ(*config->find(), "hi");
  EXPECT_EQ(config->find("tool_use"), nullptr);
}

TEST_F(ChatConfigFiles, named_templates_are_found_by_name) {
  write("tokenizer_config.json", R"({"bos_token":null,"chat_template":[{"name":"default","template":"a"},{"name":"tool_use","template":"b"}]})");
  const auto config = load_chat_template(directory_);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->bos_token, "");
  EXPECT_EQ(*config->find("tool_use"), "b");
}

TEST_F(ChatConfigFiles, template_files_win) {
  write("tokenizer_config.json", R"({"chat_template":"old"})");
  write("chat_template.jinja", "new");
  write("additional_chat_templates/rag.jinja", "rag");
  const auto config = load_chat_template(directory_);
  ASSERT_TRUE(config);
  EXPECT_EQ(*config->find(), "new");
  EXPECT_EQ(*config->find("rag"), "rag");
}

TEST_F(ChatConfigFiles, no_files_mean_an_empty_config) {
  const auto config = load_chat_template(directory_);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->find(), nullptr);
}

TEST_F(ChatConfigFiles, bad_files_are_refused_with_the_field) {
  write("tokenizer_config.json", "{");
  EXPECT_EQ(load_chat_template(directory_).error().code, Errc::corrupt_file);
  write("tokenizer_config.json", R"({"chat_template":[{"name":"x"}]})");
  EXPECT_NE(load_chat_template(directory_).error().message.find("chat_template[0].template must be a string"), std::string::npos);
  write("tokenizer_config.json", R"({"chat_template":5})");
  EXPECT_NE(load_chat_template(directory_).error().message.find("chat_template must be a string"), std::string::npos);
}

TEST(Value, bad_json_is_refused) {
  EXPECT_FALSE(Value::from_json_text("{"));
  EXPECT_FALSE(Value::from_json_text("18446744073709551615"));
  EXPECT_FALSE(Value::from_json_text(std::string(1000, '[') + std::string(1000, ']')));
  EXPECT_FALSE(Value::from_json_text("\"\xFF\""));
}

TEST(Value, keeps_the_order_of_members_and_the_last_of_equal_keys) {
  const auto value = Value::from_json_text(R"({"z":1,"a":2,"z":3})");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->members()[0].first, "z");
  EXPECT_EQ(value->find("z")->integer(), 3);
  EXPECT_EQ(value->members().size(), 2U);
}

}  // namespace
}  // namespace baton::text
