#include "router/shard_board.h"

#include <algorithm>
#include <utility>

namespace baton::router {

ShardBoard::ShardBoard(std::size_t shards) : shards_(shards) {}

void ShardBoard::set_not_ready(std::size_t shard, std::vector<std::string> reasons) {
  const std::lock_guard lock(mutex_);
  shards_[shard].not_ready = std::move(reasons);
}

std::vector<std::string> ShardBoard::not_ready() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const Shard& shard : shards_) {
    for (const std::string& reason : shard.not_ready) {
      if (std::ranges::find(all, reason) == all.end()) all.push_back(reason);
    }
  }
  return all;
}

void ShardBoard::end(std::size_t shard) {
  const std::lock_guard lock(mutex_);
  shards_[shard].running = false;
}

std::size_t ShardBoard::running() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(shards_, &Shard::running));
}

}  // namespace baton::router
