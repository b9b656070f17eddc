#include "config/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace baton::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

WorkerConfig worker(const std::string& host, std::uint16_t port = 1) {
  WorkerConfig out;
  out.host = host;
  out.port = port;
  out.name = host + ":" + std::to_string(port);
  return out;
}

Config config_with(std::vector<WorkerConfig> workers) {
  Config out;
  out.model = "m";
  out.workers = std::move(workers);
  return out;
}

TEST(Diff, of_equal_configurations_is_empty_whatever_source_notes_and_order) {
  Config before = config_with({worker("a"), worker("b")});
  Config after = config_with({worker("b"), worker("a")});
  before.source = "x";
  after.notes = {"n"};
  const ConfigDiff changes = diff(before, after);
  EXPECT_TRUE(changes.empty());
  EXPECT_FALSE(changes.needs_restart());
}

TEST(Diff, tells_workers_apart_by_host_and_port) {
  const ConfigDiff changes =
      diff(config_with({worker("a", 1), worker("a", 2), worker("b")}), config_with({worker("a", 2), worker("a", 3)}));
  EXPECT_THAT(changes.added, ElementsAre(worker("a", 3)));
  EXPECT_THAT(changes.removed, ElementsAre(worker("a", 1), worker("b")));
  EXPECT_THAT(changes.changed, IsEmpty());
  EXPECT_FALSE(changes.empty());
}

TEST(Diff, names_the_changed_keys_of_a_worker_and_whether_it_must_restart) {
  WorkerConfig cheaper = worker("a");
  cheaper.price_per_hour = 1;
  WorkerConfig other = worker("b");
  other.role = Role::decode;
  other.dtype = "fp8";
  const ConfigDiff changes = diff(config_with({worker("a"), worker("b")}), config_with({cheaper, other}));
  ASSERT_EQ(changes.changed.size(), 2U);
  EXPECT_EQ(changes.changed[0].before, worker("a"));
  EXPECT_EQ(changes.changed[0].after, cheaper);
  EXPECT_THAT(changes.changed[0].values, ElementsAre(ValueChange{"price_per_hour", Apply::live}));
  EXPECT_FALSE(changes.changed[0].needs_worker_restart());
  EXPECT_THAT(changes.changed[1].values,
              ElementsAre(ValueChange{"role", Apply::worker_restart}, ValueChange{"dtype", Apply::worker_restart}));
  EXPECT_TRUE(changes.changed[1].needs_worker_restart());
  EXPECT_FALSE(changes.empty());
  EXPECT_FALSE(changes.needs_restart());
}

TEST(Diff, names_changed_keys_outside_the_workers_and_tells_live_from_restart) {
  const Config before = config_with({worker("a")});
  Config after = before;
  after.limits.body_bytes = 1;
  after.log_level = "debug";
  const ConfigDiff live = diff(before, after);
  EXPECT_THAT(live.values,
              ElementsAre(ValueChange{"limits.body_bytes", Apply::live}, ValueChange{"log_level", Apply::live}));
  EXPECT_FALSE(live.needs_restart());
  EXPECT_FALSE(live.empty());
  after.listen.port = 1;
  after.auth_token = "t";
  after.kv_transfer.devices = {"d"};
  const ConfigDiff restart = diff(before, after);
  EXPECT_THAT(restart.values,
              ElementsAre(ValueChange{"kv_transfer.devices", Apply::restart},
                          ValueChange{"listen.port", Apply::restart}, ValueChange{"limits.body_bytes", Apply::live},
                          ValueChange{"auth_token", Apply::restart}, ValueChange{"log_level", Apply::live}));
  EXPECT_TRUE(restart.needs_restart());
}

}  // namespace
}  // namespace baton::config
