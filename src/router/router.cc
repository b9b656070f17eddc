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

class RouterImpl final : public Router {
 public:
  RouterImpl(RouterOptions options, std::shared_ptr<const ServedModel> model)
      : x_options(std::move(options)), x_model(std::move(model)), x_metrics(x_registry), x_tokenizers(kTokenizerThreads) {
    const SharedParts parts{x_options.config, *x_model, x_registry, x_metrics, x_tokenizers};
    const DrainTimes drain{x_options.drain_grace, x_options.drain_timeout};
    const auto shards = static_cast<std::size_t>(std::max(1, x_options.config.threads));
    for (std::size_t i = 0; i < shards; ++i) x_shards.push_back(std::make_unique<Shard>(parts, i, drain));
  }

  ~RouterImpl() override {
    x_tokenizers.stop();
    x_tokenizers.join();
  }

  /// Every shard listens on the same port; the kernel spreads the connections.
  Result<void> listen() {
    x_port = x_options.config.listen.port;
    for (const auto& shard : x_shards) {
      const aio::ListenOptions options{
          .host = x_options.config.listen.host, .port = x_port, .reuse_port = x_shards.size() > 1};
      auto acceptor = aio::listen(shard->io().get_executor(), options);
      if (!acceptor) return std::unexpected(std::move(acceptor.error()));
      x_port = acceptor->local_endpoint().port();
      shard->serve(std::move(*acceptor));
    }
    return {};
  }

  boost::asio::io_context& io() override { return x_shards.front()->io(); }
  std::uint16_t port() const override { return x_port; }

  void run() override {
    log_info("router", "listening",
             {{"host", x_options.config.listen.host}, {"port", x_port}, {"shards", x_shards.size()},
              {"model", x_model->name}});
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < x_shards.size(); ++i) threads.emplace_back([shard = x_shards[i].get()] { shard->run(); });
    x_shards.front()->run();
  }

  void stop() override {
    for (const auto& shard : x_shards) shard->stop();
  }

  void reload(Config config) override {
    for (const auto& shard : x_shards) shard->set_workers(config.workers);
  }

 private:
  RouterOptions x_options;
  std::shared_ptr<const ServedModel> x_model;
  metrics::Registry x_registry;
  RouterMetrics x_metrics;
  boost::asio::thread_pool x_tokenizers;
  std::vector<std::unique_ptr<Shard>> x_shards;
  std::uint16_t x_port = 0;
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
