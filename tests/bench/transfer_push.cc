// Bandwidth of the whole hand-over, grant to acknowledged COMMIT, between two processes: scattered blocks of cold pools.
//   bench_transfer_push <tcp|shm> <slab KiB> [repetitions]
// Prints one line a repetition: protocol, slab bytes, bytes moved, seconds, GB/s (1e9).
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "transfer/service.h"

namespace {

using namespace baton;
using namespace baton::transfer;

constexpr std::size_t kMovedBytes = 128UL << 20;
constexpr std::int32_t kLayers = 4;

/// A slab of exactly `bytes`; the pool holds twice what is moved, so that the blocks can lie apart.
KvLayout layout_for(std::size_t bytes) {
  KvLayout layout{.layers = kLayers, .blocks = 0, .kv_heads = static_cast<std::int32_t>(bytes / (2 * 16 * 128 * 2)),
                  .block_tokens = 16, .head_dim = 128, .dtype = DType::bf16};
  layout.blocks = static_cast<std::int32_t>(2 * kMovedBytes / kLayers / layout.slab_bytes());
  return layout;
}

/// Every second block, shuffled: no two are neighbours.
std::vector<BlockId> scattered(const KvLayout& layout, unsigned seed) {
  std::vector<BlockId> blocks(static_cast<std::size_t>(layout.blocks / 2));
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<BlockId>(2 * i);
  std::ranges::shuffle(blocks, std::mt19937(seed));
  return blocks;
}

class Outcome {
 public:
  void set(int outcome) {
    const std::lock_guard lock(x_mutex);
    x_outcome = outcome;
    x_changed.notify_all();
  }
  int wait() {
    std::unique_lock lock(x_mutex);
    x_changed.wait(lock, [this] { return x_outcome != 0; });
    return std::exchange(x_outcome, 0);
  }

 private:
  std::mutex x_mutex;
  std::condition_variable x_changed;
  int x_outcome = 0;
};

std::unique_ptr<Service> make_service(const std::string& protocol, const KvLayout& layout, Outcome& outcome) {
  ServiceOptions options;
  options.config.protocol = protocol == "shm" ? KvProtocol::shm : KvProtocol::tcp;
  options.layout = layout;
  auto made = Service::create(options, [&outcome](const Event& event) {
    const bool good = std::holds_alternative<Delivered>(event) || std::holds_alternative<Received>(event);
    outcome.set(good ? 1 : -1);
  });
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().message.c_str());
    std::exit(1);
  }
  std::memset((*made)->pool().base, 1, layout.total_bytes());
  return std::move(*made);
}

void write_ticket(int fd, const std::string& ticket) {
  const auto size = static_cast<std::uint32_t>(ticket.size());
  if (write(fd, &size, sizeof size) < 0 || write(fd, ticket.data(), size) < 0) std::exit(1);
}

std::string read_ticket(int fd) {
  std::uint32_t size = 0;
  if (read(fd, &size, sizeof size) != sizeof size) return {};
  std::string ticket(size, '\0');
  for (std::size_t got = 0; got < size;) {
    const auto part = read(fd, ticket.data() + got, size - got);
    if (part <= 0) return {};
    got += static_cast<std::size_t>(part);
  }
  return ticket;
}

int receive(const std::string& protocol, const KvLayout& layout, int repetitions, int tickets) {
  Outcome outcome;
  const auto service = make_service(protocol, layout, outcome);
  for (int i = 0; i < repetitions; ++i) {
    const auto blocks = scattered(layout, static_cast<unsigned>(2 * i));
    const auto tokens = static_cast<std::int32_t>(blocks.size()) * layout.block_tokens;
    write_ticket(tickets, service->grant({.id = {static_cast<std::uint64_t>(i) + 1}, .blocks = blocks, .tokens = tokens}));
    if (outcome.wait() != 1) return 1;
  }
  return 0;
}

int send(const std::string& protocol, const KvLayout& layout, int repetitions, int tickets) {
  Outcome outcome;
  const auto service = make_service(protocol, layout, outcome);
  for (int i = 0; i < repetitions; ++i) {
    const auto blocks = scattered(layout, static_cast<unsigned>(2 * i + 1));
    const auto tokens = static_cast<std::int32_t>(blocks.size()) * layout.block_tokens;
    const auto ticket = read_ticket(tickets);
    const auto start = std::chrono::steady_clock::now();
    const auto id = service->send(ticket, blocks);
    if (!id) return 1;
    for (std::int32_t layer = 0; layer < layout.layers; ++layer) service->push_layers(*id, layer, layer + 1, tokens);
    service->finish(*id, {.first_token = {}, .prompt_tokens = tokens});
    if (outcome.wait() != 1) return 1;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    const auto bytes = blocks.size() * layout.slab_bytes() * kLayers;
    if (i == 0) continue;  // connects, and touches the pages
    std::printf("%s %zu %zu %.6f %.3f\n", protocol.c_str(), layout.slab_bytes(), bytes, elapsed.count(),
                static_cast<double>(bytes) / elapsed.count() / 1e9);
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: %s <tcp|shm> <slab KiB, a multiple of 8> [repetitions]\n", arguments[0]);
    return 2;
  }
  const std::string protocol = arguments[1];
  const auto layout = layout_for(std::strtoul(arguments[2], nullptr, 10) << 10);
  const int repetitions = 1 + (count > 3 ? std::atoi(arguments[3]) : 5);
  int tickets[2];
  if (layout.kv_heads < 1 || pipe(tickets) != 0) return 2;
  const pid_t child = fork();  // before UCX starts
  if (child == 0) return receive(protocol, layout, repetitions, tickets[1]);
  const int status = send(protocol, layout, repetitions, tickets[0]);
  waitpid(child, nullptr, 0);
  return status;
}
