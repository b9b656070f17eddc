#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

namespace baton::router {

/// What the shards of a router tell each other. Thread-safe.
class ShardBoard {
 public:
  explicit ShardBoard(std::size_t shards);

  /// Why this shard cannot serve a prompt now; empty when it can.
  void set_not_ready(std::size_t shard, std::vector<std::string> reasons);
  /// The reasons of all shards, each once: a client cannot choose its shard, so the router is ready when all are.
  std::vector<std::string> not_ready() const;

  /// The shard's loop has ended.
  void end(std::size_t shard);
  /// Shards whose loops have not ended.
  std::size_t running() const;

 private:
  struct Shard {
    std::vector<std::string> not_ready = {"the router is starting"};
    bool running = true;
  };
  mutable std::mutex mutex_;
  std::vector<Shard> shards_;
};

}  // namespace baton::router
