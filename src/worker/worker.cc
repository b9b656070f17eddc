#include "worker/worker.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "core/log.h"
#include "transfer/host.h"
#include "transfer/service.h"
#include "worker/control.h"
#include "worker/engine_loop.h"

namespace baton::worker {
namespace {

constexpr std::string_view kLog = "worker";
constexpr std::int32_t kDefaultMaxBatch = 64;
constexpr std::size_t kDefaultPoolBytes = std::size_t{512} << 20;

class WorkerImpl final : public Worker {
 public:
  explicit WorkerImpl(WorkerOptions options, std::unique_ptr<engine::ModelRunner> runner)
      : options_(std::move(options)), runner_(std::move(runner)), poll_(io_) {}

  ~WorkerImpl() override {
    if (loop_) loop_->stop();
    if (engine_thread_.joinable()) engine_thread_.join();
  }

  Result<void> open() {
    const auto& worker = options_.worker;
    max_batch_ = worker.max_batch > 0 ? worker.max_batch : kDefaultMaxBatch;
    KvLayout layout = runner_->kv_layout(options_.scheduling.block_tokens);
    const auto blocks = options_.blocks > 0 ? Result<std::int32_t>(options_.blocks)
                                            : choose_blocks(layout, worker.kv_cache_gib, max_batch_,
                                                            runner_->info().max_context);
    if (!blocks) return std::unexpected(blocks.error());
    layout.blocks = *blocks;

    transfer::ServiceOptions transfer_options{
        .config = options_.kv_transfer, .listen_host = worker.host, .layout = layout, .checksum = options_.checksum};
    auto service = transfer::Service::create(std::move(transfer_options), [this](transfer::Event event) {
      if (loop_) loop_->submit_always(TransferIn{std::move(event)});
    });
    if (!service) return std::unexpected(service.error());
    service_ = std::move(*service);

    engine::EngineOptions engine_options{.max_batch = max_batch_,
                                         .chunk_tokens = options_.scheduling.prefill_chunk_tokens,
                                         .block_tokens = layout.block_tokens,
                                         .blocks = layout.blocks};
    if (options_.vocabulary) engine_options.grammars = std::make_shared<grammar::Compiler>(options_.vocabulary);
    auto engine = engine::Engine::create(engine_options, *runner_, service_->pool());
    if (!engine) return std::unexpected(engine.error());
    engine_ = std::move(*engine);

    ControlOptions control_options{.host = worker.host,
                                   .port = worker.port,
                                   .auth_token = options_.auth_token,
                                   .grammars = engine_options.grammars};
    auto control = Control::create(std::move(control_options), identity(layout), io_);
    if (!control) return std::unexpected(control.error());
    control_ = std::move(*control);
    loop_ =
        std::make_unique<EngineLoop>(EngineLoopOptions{.layers = layout.layers}, *engine_, *service_, control_->sink());
    return {};
  }

  boost::asio::io_context& io() override { return io_; }
  std::uint16_t port() const override { return control_->port(); }
  std::int32_t total_blocks() const override { return service_->pool().layout.blocks; }
  std::string transport() const override { return service_->transport(); }

  void run() override {
    engine_thread_ = std::thread([this] { loop_->run(); });
    control_->start(*loop_);
    io_.run();
    loop_->stop();
    engine_thread_.join();
    log_info(kLog, "stopped", {{"name", options_.worker.name}});
  }

  void stop() override {
    if (stopping_) return finish();
    stopping_ = true;
    log_info(kLog, "draining", {{"name", options_.worker.name}});
    control_->announce_leaving("worker is stopping");
    loop_->submit_always(DrainIn{});
    drain_deadline_ = Clock::now() + options_.drain_timeout;
    poll_drained();
  }

 private:
  Identity identity(const KvLayout& layout) const {
    const auto& worker = options_.worker;
    return {.name = worker.name,
            .role = worker.role,
            .incarnation = transfer::random_bits(),
            .model = options_.model,
            .model_hash = options_.model_hash,
            .block_tokens = layout.block_tokens,
            .total_blocks = layout.blocks,
            .max_batch = max_batch_,
            .max_context = std::min(runner_->info().max_context, layout.blocks * layout.block_tokens),
            .gpu_type = worker.gpu_type,
            .transport = service_->transport(),
            .data_address = service_->address(),
            .host_id = transfer::host_identity(),
            .gpu_count = worker.gpu_count,
            .zone = worker.zone,
            .rack = worker.rack,
            .spot = worker.spot,
            .price_per_hour = options_.replica ? options_.replica->dollars_per_hour : worker.price_per_hour,
            .replica = options_.replica};
  }

  void poll_drained() {
    // The drain command passes through the queue before idle() can mean anything.
    poll_.expires_after(20ms);
    poll_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      if (loop_->idle() || Clock::now() >= drain_deadline_) return finish();
      poll_drained();
    });
  }

  void finish() {
    poll_.cancel();
    control_->stop();
    // Frames already queued for routers go out before the sockets close; what is left now has no reader.
    io_.stop();
  }

  WorkerOptions options_;
  std::unique_ptr<engine::ModelRunner> runner_;
  boost::asio::io_context io_;
  boost::asio::steady_timer poll_;
  std::int32_t max_batch_ = kDefaultMaxBatch;
  // Destroyed in reverse: the loop uses control, engine and service; the service owns the pool the engine reads.
  std::unique_ptr<transfer::Service> service_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<Control> control_;
  std::unique_ptr<EngineLoop> loop_;
  std::thread engine_thread_;
  TimePoint drain_deadline_ = kNever;
  bool stopping_ = false;
};

}  // namespace

Result<std::unique_ptr<Worker>> Worker::create(WorkerOptions options, std::unique_ptr<engine::ModelRunner> runner) {
  auto worker = std::make_unique<WorkerImpl>(std::move(options), std::move(runner));
  if (auto opened = worker->open(); !opened) return std::unexpected(opened.error());
  return worker;
}

Result<std::int32_t> choose_blocks(const KvLayout& layout, double gib, std::int32_t max_batch,
                                   std::int32_t max_context) {
  const std::size_t block_bytes = static_cast<std::size_t>(layout.layers) * layout.slab_bytes();
  const auto context_blocks = static_cast<std::size_t>(layout.blocks_for(max_context));
  const bool fixed = gib > 0;
  const std::size_t bytes = fixed ? static_cast<std::size_t>(gib * static_cast<double>(std::size_t{1} << 30))
                                  : std::max(kDefaultPoolBytes, context_blocks * block_bytes);
  std::size_t blocks = bytes / block_bytes;
  if (!fixed) blocks = std::min(blocks, context_blocks * static_cast<std::size_t>(max_batch));
  constexpr std::size_t kMaxBlocks = std::size_t{1} << 30;
  blocks = std::min(blocks, kMaxBlocks);
  if (blocks == 0) {
    return fail(Errc::config, "kv_cache_gib: " + std::to_string(gib) + " holds no block of " +
                                  std::to_string(block_bytes) + " bytes; give the worker a larger KV pool");
  }
  return static_cast<std::int32_t>(blocks);
}

}  // namespace baton::worker
