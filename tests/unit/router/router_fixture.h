#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "router/router.h"
#include "support/fake_worker.h"
#include "support/raw_client.h"
#include "unit/router/byte_model.h"

namespace baton::router {

/// The token ids of a text under that tokenizer.
std::vector<TokenId> bytes_of(std::string_view text);

/// A router on a free port over fake workers.
class RouterTest : public testing::Test {
 protected:
  RouterTest();
  ~RouterTest() override;

  test::FakeWorker& add_worker(test::FakeWorkerOptions options);
  /// Starts the router over the workers added so far and waits until it is ready (unless none can make it so).
  void start();
  void stop();
  bool wait_ready();
  /// Value of a metric (label: part of the line), summed over its series.
  double metric(const std::string& name, const std::string& label = "");
  bool wait_metric(const std::string& name, double value, const std::string& label = "");

  test::RawResponse get(std::string_view target, std::string_view method = "GET");
  test::RawResponse post(std::string_view target, const nlohmann::json& body);
  /// The whole answer's text of a completion.
  std::string complete(const nlohmann::json& body);

  Config config;
  std::shared_ptr<test::FakeFabric> fabric = std::make_shared<test::FakeFabric>();
  std::vector<std::unique_ptr<test::FakeWorker>> workers;
  std::unique_ptr<Router> router;
  std::thread thread;
  std::filesystem::path directory;
};

/// The JSON of every `data:` event; "[DONE]" as a string.
std::vector<nlohmann::json> events_of(const std::string& body);
/// The text of choice `index` in a stream.
std::string streamed_text(const std::vector<nlohmann::json>& events, int index = 0);

}  // namespace baton::router
