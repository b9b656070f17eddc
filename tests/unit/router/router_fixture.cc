#include "unit/router/router_fixture.h"

#include <unistd.h>

#include <sstream>

#include "core/clock.h"
#include "core/log.h"

namespace baton::router {

using nlohmann::json;
using namespace std::chrono_literals;

std::vector<TokenId> bytes_of(std::string_view text) {
  std::vector<TokenId> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

RouterTest::RouterTest()
    : directory(std::filesystem::temp_directory_path() / ("baton-router-test-" + std::to_string(::getpid()))) {
  log_set_level(LogLevel::error);
  make_byte_model(directory);
  config.model = "org/test";
  config.model_path = directory.string();
  config.served_model_name = "org/test";
  config.listen.port = 0;
  config.limits.drain_timeout = 5s;
  config.scheduling.policy = PlacementPolicy::least_loaded;  // splits whenever it can, for certain
  config.fault_tolerance.ping_interval = 50ms;
  config.fault_tolerance.ping_timeout = 300ms;
}

RouterTest::~RouterTest() {
  stop();
  std::filesystem::remove_all(directory);
}

test::FakeWorker& RouterTest::add_worker(test::FakeWorkerOptions options) {
  options.fabric = fabric;
  options.name = "w" + std::to_string(workers.size());
  const Role role = options.role;
  workers.push_back(std::make_unique<test::FakeWorker>(std::move(options)));
  WorkerConfig worker;
  worker.name = "w" + std::to_string(config.workers.size());
  worker.host = "127.0.0.1";
  worker.port = workers.back()->port();
  worker.role = role;
  config.workers.push_back(worker);
  return *workers.back();
}

void RouterTest::start() {
  auto created = Router::create({.config = config});
  ASSERT_TRUE(created) << created.error().message;
  router = std::move(*created);
  thread = std::thread([this] { router->run(); });
  if (!workers.empty()) {
    ASSERT_TRUE(wait_ready());
  }
}

void RouterTest::stop() {
  if (!thread.joinable()) return;
  router->stop();
  router->stop();
  thread.join();
}

bool RouterTest::wait_ready() {
  const auto until = Clock::now() + 10s;
  while (Clock::now() < until) {
    if (get("/ready").status == 200) return true;
    std::this_thread::sleep_for(2ms);
  }
  return false;
}

double RouterTest::metric(const std::string& name, const std::string& label) {
  std::istringstream lines(get("/metrics").body);
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    const bool series = line.starts_with(name + " ") || line.starts_with(name + "{");
    if (series && line.find(label) != std::string::npos) sum += std::atof(line.substr(line.rfind(' ') + 1).c_str());
  }
  return sum;
}

bool RouterTest::wait_metric(const std::string& name, double value, const std::string& label) {
  const auto until = Clock::now() + 10s;
  while (Clock::now() < until) {
    if (metric(name, label) == value) return true;
    std::this_thread::sleep_for(2ms);
  }
  return false;
}

test::RawResponse RouterTest::get(std::string_view target, std::string_view method) {
  test::RawClient client(router->port());
  return client.exchange(method, target);
}

test::RawResponse RouterTest::post(std::string_view target, const json& body) {
  test::RawClient client(router->port());
  return client.exchange("POST", target, body.dump());
}

std::string RouterTest::complete(const json& body) {
  const auto response = post("/v1/completions", body);
  EXPECT_EQ(response.status, 200) << response.body;
  return response.status == 200 ? json::parse(response.body)["choices"][0]["text"].get<std::string>() : "";
}

std::vector<json> events_of(const std::string& body) {
  std::vector<json> events;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = body.find("\n\n", at)) != std::string::npos; at = end + 2) {
    const std::string line = body.substr(at, end - at);
    EXPECT_TRUE(line.starts_with("data: ")) << line;
    events.push_back(line == "data: [DONE]" ? json("[DONE]") : json::parse(line.substr(6)));
  }
  EXPECT_EQ(at, body.size());
  return events;
}

std::string streamed_text(const std::vector<json>& events, int index) {
  std::string text;
  for (const json& event : events) {
    if (!event.is_object() || !event.contains("choices")) continue;
    for (const json& choice : event["choices"]) {
      if (choice["index"] != index) continue;
      if (choice.contains("text")) text += choice["text"].get<std::string>();
      if (choice.contains("delta")) text += choice["delta"].value("content", "");
    }
  }
  return text;
}

}  // namespace baton::router
