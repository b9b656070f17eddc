#include "transfer/service.h"

#include <future>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <unordered_set>

#include "core/check.h"
#include "core/log.h"
#include "transfer/command_queue.h"
#include "transfer/handover.h"
#include "transfer/host.h"
#include "transfer/text.h"
#include "transfer/ticket.h"
#include "transfer/ucx_transport.h"

namespace baton::transfer {
namespace {

/// After the last work, spin for so long before sleeping: a reply usually takes less than a wake-up.
constexpr auto kSpin = 40us;
/// Sleep at most so long while something is open: a lost wake-up costs no more than this.
constexpr auto kOpenSleep = 5ms;
constexpr auto kIdleSleep = 1000ms;

/// What the transfer thread publishes for others.
struct Published {
  mutable std::mutex mutex;
  Service::Stats stats;
  std::optional<DataPath> path;
  std::unordered_set<TransferId> sends;  ///< open ones
};

class UcxService final : public Service {
 public:
  UcxService(ServiceOptions options, EventSink sink) : options_(std::move(options)), sink_(std::move(sink)) {}
  ~UcxService() override;

  Result<void> start();

  KvPoolView pool() const override { return pool_; }
  std::string transport() const override;
  std::string address() const override { return address_; }
  std::string grant(GrantRequest request) override;
  void abort(TransferId id) override;
  Result<TransferId> send(std::string_view ticket, std::vector<BlockId> blocks) override;
  void push_layers(TransferId id, std::int32_t first_layer, std::int32_t last_layer, std::int32_t upto_token) override;
  void finish(TransferId id, CommitPayload payload) override;
  void cancel(TransferId id) override;
  Stats stats() const override;

 private:
  void run(const std::stop_token& stop, std::promise<Result<void>> started);
  Result<std::unique_ptr<Transport>> open();
  void loop(const std::stop_token& stop, Transport& transport);
  void emit(Handover& handover);
  void submit(CommandQueue::Command command);
  Result<std::vector<BlockId>> source_blocks(const Ticket& ticket, const std::vector<BlockId>& blocks) const;

  ServiceOptions options_;
  EventSink sink_;
  std::string host_ = host_identity();
  std::uint64_t epoch_ = random_bits();
  // Set before start() returns, constant afterwards.
  KvPoolView pool_;
  std::string address_;
  RemoteMemory memory_;

  CommandQueue commands_;
  std::atomic<bool> sleeping_{false};
  std::mutex wake_mutex_;
  Transport* transport_ = nullptr;  ///< to wake it; null once the thread is done with it
  Published published_;
  std::jthread thread_;
};

UcxService::~UcxService() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  submit([](Handover&, TimePoint) {});  // ends a sleep
  thread_.join();
}

Result<void> UcxService::start() {
  std::promise<Result<void>> started;
  auto outcome = started.get_future();
  thread_ = std::jthread(
      [this, promise = std::move(started)](const std::stop_token& stop) mutable { run(stop, std::move(promise)); });
  return outcome.get();
}

Result<std::unique_ptr<Transport>> UcxService::open() {
  UcxOptions options;
  options.protocol = options_.config.protocol;
  options.allow_fallback = options_.config.allow_fallback;
  options.devices = options_.config.devices;
  options.listen_host = options_.listen_host;
  options.memory_bytes = options_.layout.total_bytes();
  auto transport = make_ucx_transport(options);
  if (!transport) return transport;
  address_ = (*transport)->address();
  memory_ = (*transport)->memory();
  pool_ = {reinterpret_cast<std::byte*>(memory_.address), options_.layout};
  if (options.protocol == KvProtocol::tcp) memory_ = {};  // nothing for peers to write to
  return transport;
}

void UcxService::run(const std::stop_token& stop, std::promise<Result<void>> started) {
  auto transport = open();
  if (!transport) return started.set_value(std::unexpected(transport.error()));
  transport_ = transport->get();
  started.set_value({});
  loop(stop, **transport);
  commands_.close();
  const std::lock_guard lock(wake_mutex_);
  transport_ = nullptr;
}

void UcxService::loop(const std::stop_token& stop, Transport& transport) {
  const Duration stall = options_.stall_timeout;
  Handover handover({.protocol = options_.config.protocol,
                     .allow_fallback = options_.config.allow_fallback,
                     .checksum = options_.checksum,
                     .host = host_,
                     .stall_timeout = stall},
                    {.epoch = epoch_, .checksum = options_.checksum, .stall_timeout = stall}, transport, pool_);
  const auto run_commands = [&] {
    auto commands = commands_.take();
    for (auto& command : commands) command(handover, Clock::now());
    return !commands.empty();
  };
  // The ticket may reach the sender, and its OPEN us, while the grant still waits in the queue.
  handover.set_catch_up([&] { run_commands(); });
  auto last_work = Clock::now();
  while (!stop.stop_requested()) {
    auto now = Clock::now();
    handover.set_time(now);
    const bool commanded = run_commands();
    const auto progress = transport.progress(handover);
    now = Clock::now();
    handover.advance(now);
    emit(handover);
    if (progress == Transport::Progress::busy || commanded) last_work = now;
    if (now - last_work < kSpin) continue;
    sleeping_.store(true);
    if (commands_.empty()) transport.wait(handover.idle() ? kIdleSleep : kOpenSleep);
    sleeping_.store(false);
  }
}

void UcxService::emit(Handover& handover) {
  auto events = handover.take_events();
  {
    const std::lock_guard lock(published_.mutex);
    published_.stats = handover.stats();
    published_.path = handover.sender().last_path();
    for (const auto& event : events) {
      if (const auto* delivered = std::get_if<Delivered>(&event)) published_.sends.erase(delivered->id);
      if (const auto* failed = std::get_if<SendFailed>(&event)) published_.sends.erase(failed->id);
    }
  }
  for (auto& event : events) sink_(std::move(event));
}

void UcxService::submit(CommandQueue::Command command) {
  const bool inside = std::this_thread::get_id() == thread_.get_id();
  commands_.push(std::move(command),
                 inside ? CommandQueue::Producer::transfer_thread : CommandQueue::Producer::other_thread);
  if (!sleeping_.load()) return;
  const std::lock_guard lock(wake_mutex_);
  if (transport_ != nullptr) transport_->wake();
}

std::string UcxService::transport() const {
  switch (options_.config.protocol) {
    case KvProtocol::tcp:
      return "tcp";
    case KvProtocol::shm:
      return "shm";
    case KvProtocol::rdma:
      return has_rdma_device() ? "rdma" : "tcp";
    case KvProtocol::automatic:
      break;
  }
  const std::lock_guard lock(published_.mutex);
  const auto path = published_.path.value_or(has_rdma_device() ? DataPath::put : DataPath::mapped);
  return path == DataPath::mapped ? "shm" : path == DataPath::put ? "rdma" : "tcp";
}

std::string UcxService::grant(GrantRequest request) {
  BATON_CHECK(request.first_token % pool_.layout.block_tokens == 0 && request.tokens >= request.first_token);
  BATON_CHECK(static_cast<std::int32_t>(request.blocks.size()) ==
              pool_.layout.blocks_for(request.tokens - request.first_token));
  const auto ticket = encode_ticket({.id = request.id,
                                     .epoch = epoch_,
                                     .layout = pool_.layout,
                                     .first_token = request.first_token,
                                     .tokens = request.tokens,
                                     .blocks = request.blocks,
                                     .host = host_,
                                     .address = address_,
                                     .memory = memory_});
  submit([request = std::move(request)](Handover& handover, TimePoint now) mutable {
    handover.receiver().grant(std::move(request), now);
  });
  return ticket;
}

void UcxService::abort(TransferId id) {
  submit([id](Handover& handover, TimePoint now) { handover.receiver().abort(id, now); });
}

/// The blocks of `blocks` that the ticket asks for: those after the receiver's cached prefix.
Result<std::vector<BlockId>> UcxService::source_blocks(const Ticket& ticket, const std::vector<BlockId>& blocks) const {
  const auto first = static_cast<std::size_t>(ticket.first_block());
  const auto last = first + ticket.blocks.size();
  if (blocks.size() < last) {
    return fail(Errc::transfer_failed,
                text("the ticket asks for ", last, " blocks of the sequence, but the sender has ", blocks.size()));
  }
  for (const BlockId block : blocks) {
    if (block < 0 || block >= pool_.layout.blocks) {
      return fail(Errc::internal, text("source block ", block, " is outside the pool of ", pool_.layout.blocks));
    }
  }
  return std::vector<BlockId>(blocks.begin() + static_cast<std::ptrdiff_t>(first),
                              blocks.begin() + static_cast<std::ptrdiff_t>(last));
}

Result<TransferId> UcxService::send(std::string_view bytes, std::vector<BlockId> blocks) {
  auto ticket = parse_ticket(bytes);
  if (!ticket) return std::unexpected(ticket.error());
  if (auto fits = check_geometry(pool_.layout, ticket->layout); !fits) return std::unexpected(fits.error());
  auto source = source_blocks(*ticket, blocks);
  if (!source) return std::unexpected(source.error());
  const auto id = ticket->id;
  {
    const std::lock_guard lock(published_.mutex);
    if (!published_.sends.insert(id).second) {
      return fail(Errc::transfer_failed, "this ticket is being used by another transfer of this worker");
    }
  }
  submit([ticket = std::move(*ticket), source = std::move(*source)](Handover& handover, TimePoint now) mutable {
    handover.sender().send(std::move(ticket), std::move(source), now);
  });
  return id;
}

void UcxService::push_layers(TransferId id, std::int32_t first_layer, std::int32_t last_layer,
                             std::int32_t upto_token) {
  submit(
      [=](Handover& handover, TimePoint) { handover.sender().push_layers(id, first_layer, last_layer, upto_token); });
}

void UcxService::finish(TransferId id, CommitPayload payload) {
  submit([id, payload = std::move(payload)](Handover& handover, TimePoint) mutable {
    handover.sender().finish(id, std::move(payload));
  });
}

void UcxService::cancel(TransferId id) {
  submit([id](Handover& handover, TimePoint) { handover.sender().cancel(id); });
}

Service::Stats UcxService::stats() const {
  const std::lock_guard lock(published_.mutex);
  return published_.stats;
}

Result<void> check_options(const ServiceOptions& options) {
  const auto& layout = options.layout;
  if (layout.layers < 1 || layout.blocks < 1 || layout.kv_heads < 1 || layout.head_dim < 1 || layout.block_tokens < 1 ||
      layout.slab_bytes() == 0) {
    return fail(Errc::config, "KV transfer needs a pool with at least one layer, block, head and element");
  }
  if (options.config.backend != "ucx" && options.config.backend != "nixl") {
    return fail(Errc::config, text("kv_transfer.backend '", options.config.backend, "' is not known; use ucx"));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Service>> Service::create(ServiceOptions options, EventSink sink) {
  if (auto valid = check_options(options); !valid) return std::unexpected(valid.error());
  auto service = std::make_unique<UcxService>(std::move(options), std::move(sink));
  if (auto started = service->start(); !started) return std::unexpected(started.error());
  log_info("transfer", "ready", {{"transport", service->transport()}, {"address", service->address()}});
  return service;
}

}  // namespace baton::transfer
