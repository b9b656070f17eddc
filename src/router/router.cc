#include "router/router.h"

#include <boost/asio/thread_pool.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "aio/net.h"
#include "core/log.h"
#include "metrics/registry.h"
#include "router/served_model.h"
#include "router/shard.h"

namespace baton::router {
namespace {

constexpr std::size_t kTokenizerThreads = 2;

std::size_t shards_of(const Config& config) {
  return static_cast<std::size_t>(std::max(1, config.threads));
}

class RouterImpl final : public Router {
 public:
  RouterImpl(RouterOptions options, std::shared_ptr<const ServedModel> model)
      : options_(std::move(options)), model_(std::move(model)), metrics_(registry_),
        board_(shards_of(options_.config)), decisions_(options_.config.scheduling.explain), tokenizers_(kTokenizerThreads) {
    const SharedParts parts{options_.config, *model_, registry_, metrics_, board_, decisions_, tokenizers_};
    const std::size_t shards = shards_of(options_.config);
    for (std::size_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<Shard>(parts, i));
  }

  ~RouterImpl() override {
    tokenizers_.stop();
    tokenizers_.join();
  }

  /// Every shard listens on the same port; the kernel spreads the connections.
  Result<void> listen() {
    port_ = options_.config.listen.port;
    for (const auto& shard : shards_) {
      const aio::ListenOptions options{
          .host = options_.config.listen.host, .port = port_, .reuse_port = shards_.size() > 1};
      auto acceptor = aio::listen(shard->io().get_executor(), options);
      if (!acceptor) return std::unexpected(std::move(acceptor.error()));
      port_ = acceptor->local_endpoint().port();
      shard->serve(std::move(*acceptor));
    }
    return {};
  }

  boost::asio::io_context& io() override { return shards_.front()->io(); }
  std::uint16_t port() const override { return port_; }

  void run() override {
    log_info(
        "router", "listening",
        {{"host", options_.config.listen.host}, {"port", port_}, {"shards", shards_.size()}, {"model", model_->name}});
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < shards_.size(); ++i) threads.emplace_back([shard = shards_[i].get()] { shard->run(); });
    shards_.front()->run();
  }

  void stop() override {
    for (const auto& shard : shards_) shard->stop();
  }

  void reload(Config config) override {
    for (const auto& shard : shards_) shard->set_workers(config.workers);
  }

 private:
  RouterOptions options_;
  std::shared_ptr<const ServedModel> model_;
  metrics::Registry registry_;
  RouterMetrics metrics_;
  ShardBoard board_;
  DecisionLog decisions_;
  boost::asio::thread_pool tokenizers_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::uint16_t port_ = 0;
};

}  // namespace

Result<std::unique_ptr<Router>> Router::create(RouterOptions options) {
  auto model = load_served_model(options.config);
  if (!model) return std::unexpected(std::move(model.error()));
  auto router = std::make_unique<RouterImpl>(std::move(options), std::move(*model));
  if (auto listening = router->listen(); !listening) return std::unexpected(std::move(listening.error()));
  return router;
}

}  // namespace baton::router
