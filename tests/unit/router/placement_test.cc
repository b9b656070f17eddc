#include <fstream>

#include "schedule/event_log.h"
#include "unit/router/router_fixture.h"

namespace baton::router {
namespace {

using nlohmann::json;

test::RawResponse post_with(const Router& router, const std::string& headers) {
  return test::RawClient(router.port()).exchange("POST", "/v1/completions", R"({"prompt":"hello","max_tokens":4})", headers);
}

std::string header(const test::RawResponse& response, const std::string& name) {
  const auto found = response.headers.find(name);
  return found == response.headers.end() ? "" : found->second;
}

class Placement : public RouterTest {
 protected:
  Placement() {
    add_worker({.role = Role::prefill});
    add_worker({.role = Role::decode});
  }
};

TEST_F(Placement, is_explained_in_a_header_and_in_the_decision_log_when_configured) {
  config.scheduling.explain = true;
  start();
  const auto answer = post_with(*router, "x-baton-explain: 1\r\nx-request-id: mine\r\n");
  ASSERT_EQ(answer.status, 200);
  const auto why = json::parse(header(answer, "x-baton-explain"));
  EXPECT_EQ(why.at("chosen").at("prefill"), "w0");
  EXPECT_EQ(why.at("chosen").at("decode"), "w1");
  EXPECT_FALSE(why.at("reason").get<std::string>().empty());
  post_with(*router, "x-request-id: other\r\n");
  const auto all = json::parse(get("/admin/decisions").body).at("decisions");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].at("request"), "other");
  const auto one = json::parse(get("/admin/decisions/mine").body).at("decisions");
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].at("decision").at("chosen").at("decode"), "w1");
}

TEST_F(Placement, is_not_explained_unless_the_configuration_and_the_request_say_so) {
  start();
  EXPECT_EQ(header(post_with(*router, "x-baton-explain: 1\r\n"), "x-baton-explain"), "");
  EXPECT_EQ(get("/admin/decisions").status, 404);
}

TEST_F(Placement, takes_the_class_a_header_names_and_refuses_one_there_is_not) {
  config.scheduling.explain = true;
  config.classes = {{.name = "gold", .by_name_only = true, .priority = 7}};
  start();
  const auto named = post_with(*router, "x-baton-class: gold\r\nx-baton-explain: true\r\n");
  EXPECT_EQ(json::parse(header(named, "x-baton-explain")).at("class"), "gold");
  const auto unnamed = post_with(*router, "x-baton-explain: true\r\n");
  EXPECT_EQ(json::parse(header(unnamed, "x-baton-explain")).at("class"), "default");
  const auto unknown = post_with(*router, "x-baton-class: silver\r\n");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_NE(unknown.body.find("gold, default"), std::string::npos) << unknown.body;
}

TEST_F(Placement, is_recorded_so_that_a_replay_decides_the_same) {
  config.event_log = (directory / "events.log").string();
  start();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(post_with(*router, "").status, 200);
  stop();
  router.reset();  // closes the file
  std::ifstream file(config.event_log, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const auto report = schedule::replay(bytes);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->placements, 5U);
  EXPECT_FALSE(report->difference);
}

TEST_F(Placement, hands_a_long_prompt_to_both_workers_as_it_is) {
  start();
  std::string prompt;
  while (prompt.size() < 30'000) prompt += "word " + std::to_string(prompt.size()) + " ";
  EXPECT_EQ(post("/v1/completions", {{"prompt", prompt}, {"max_tokens", 4}, {"seed", 7}}).status, 200);
  for (const auto& worker : workers) {
    const auto specs = worker->specs();
    ASSERT_EQ(specs.size(), 1U);
    EXPECT_EQ(specs[0].tokens, bytes_of(prompt));
    EXPECT_EQ(specs[0].sampling.seed, 7U);
    EXPECT_EQ(specs[0].sampling.max_tokens, 4);
  }
}

TEST_F(Placement, is_measured) {
  start();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(post_with(*router, "").status, 200);
  EXPECT_EQ(metric("baton_output_length_forecast", "observed"), 3);
  EXPECT_GT(metric("baton_pool_work_seconds", "prefill"), 0);
}

}  // namespace
}  // namespace baton::router
