// What the router costs, beside nginx and haproxy as plain reverse proxies in front of an equally trivial server, in
// the same run: added latency, what a large prompt does to other requests, request rate, processor time of paced and of
// unpaced tokens, memory over many requests.
//   BATON_BENCH_MODEL     a model directory whose tokenizer is used (default: a small vocabulary with Llama-3's rules)
//   BATON_BENCH_ONLY      one of latency, stall, rate, paced, burst, soak
//   BATON_BENCH_REQUESTS  number of requests of "rate" and "soak"
// Output: one line of key=value per measurement. Build the release preset and run on an idle machine.

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "aio/net.h"
#include "core/log.h"
#include "http/server.h"
#include "router/router.h"
#include "bench/load_client.h"
#include "bench/proxies.h"
#include "bench/step_worker.h"
#include "router/served_model.h"
#include "support/raw_client.h"
// The support code of the router's unit tests has no library of its own.
#include "unit/router/fake_worker.cc"

namespace baton::bench {
namespace {

using Clock = std::chrono::steady_clock;
using test::RawClient;

constexpr int kWarmUp = 20;
constexpr int kRequests = 300;
constexpr int kStreams = 16;
constexpr int kStreamTokens = 4000;
constexpr int kRateConnections = 32;
constexpr int kPacedStreams = 400;
constexpr std::chrono::milliseconds kPace{10};
constexpr std::chrono::milliseconds kPacedTime{5'000};

/// A server that reads a request and answers a fixed completion; or, for a body that asks for a stream, an event of the
/// size of ours every kPace.
class TrivialServer {
 public:
  TrivialServer() {
    http::ServerOptions options;
    options.error_response = [](const Error&) { return http::Response{.status = 500}; };
    server_ = std::make_unique<http::Server>(
        io_.get_executor(), std::move(options), [](http::Exchange& exchange) -> aio::asio::awaitable<void> {
          if (exchange.request().body.find("stream") != std::string::npos) {
            co_await stream(exchange);
            co_return;
          }
          http::Response response;
          response.body = R"({"id":"cmpl-0","object":"text_completion","choices":[{"index":0,"text":"a"}]})";
          (void)co_await exchange.send(std::move(response));
        });
    auto acceptor = aio::listen(io_.get_executor(), {.host = "127.0.0.1", .port = 0});
    port = acceptor->local_endpoint().port();
    server_->serve(std::move(*acceptor));
    thread_ = std::thread([this] { io_.run(); });
  }
  ~TrivialServer() {
    io_.stop();
    thread_.join();
  }
  std::uint16_t port = 0;

 private:
  static aio::asio::awaitable<void> stream(http::Exchange& exchange) {
    const std::string event =
        R"(data: {"id":"cmpl-abcdefghijklmnopqrstuvwx","object":"text_completion","created":1700000000,"model":"bench",)"
        R"("choices":[{"index":0,"text":"a","logprobs":null,"finish_reason":null}]})"
        "\n\n";
    std::vector<http::Header> headers{{"content-type", "text/event-stream"}};
    exchange.begin_stream(200, std::move(headers));
    aio::asio::steady_timer timer(co_await aio::asio::this_coro::executor);
    auto next = Clock::now();
    while (true) {
      timer.expires_at(next += kPace);
      auto [error] = co_await timer.async_wait(aio::kNoThrow);
      (void)error;
      if (auto sent = co_await exchange.write(event); !sent) co_return;
    }
  }

  aio::asio::io_context io_{1};
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

struct Latency {
  double p50_us;
  double p99_us;
};

Latency measure(std::uint16_t port, const std::string& request) {
  RawClient client(port);
  std::vector<double> times;
  for (int i = 0; i < kWarmUp + kRequests; ++i) {
    const auto start = Clock::now();
    client.send(request);
    const auto response = client.read_response();
    if (response.status != 200) {
      std::fprintf(stderr, "status %d: %s\n", response.status, response.body.c_str());
      std::exit(1);
    }
    if (i >= kWarmUp) times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::ranges::sort(times);
  return {times[times.size() / 2], times[times.size() * 99 / 100]};
}

double cpu_seconds(pthread_t thread) {
  clockid_t clock{};
  timespec time{};
  pthread_getcpuclockid(thread, &clock);
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

long rss_kib() {
  long pages = 0;
  std::ifstream statm("/proc/self/statm");
  statm >> pages >> pages;
  return pages * (::sysconf(_SC_PAGESIZE) / 1024);
}

std::string prompt_of(std::size_t bytes) {
  std::string prompt;
  while (prompt.size() < bytes) prompt += "All work and no play makes a prompt of plain words. ";
  prompt.resize(bytes);
  return prompt;
}

std::string completion_request(std::size_t prompt_bytes) {
  return RawClient::request("POST", "/v1/completions",
                            R"({"max_tokens":1,"prompt":")" + prompt_of(prompt_bytes) + "\"}");
}

/// Everything that is measured against each other.
struct Bench {
  const TrivialServer& direct;
  const Proxy& nginx;
  const Proxy& haproxy;
  std::uint16_t router;
  pthread_t router_thread;
  const text::Tokenizer& tokenizer;
};

double tokenize_us(const text::Tokenizer& tokenizer, std::size_t prompt_bytes) {
  const std::string prompt = prompt_of(prompt_bytes);
  std::vector<double> times;
  for (int i = 0; i < 50; ++i) {
    const auto start = Clock::now();
    if (tokenizer.encode(prompt).empty()) std::exit(1);
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

void report_latency(const Bench& bench) {
  for (const std::size_t bytes : {std::size_t{1} << 10, std::size_t{400} << 10}) {
    const std::string request = completion_request(bytes);
    const Latency base = measure(bench.direct.port, request);
    const Latency nginx = measure(bench.nginx.port, request);
    const Latency haproxy = measure(bench.haproxy.port, request);
    const Latency ours = measure(bench.router, request);
    std::printf("prompt_bytes=%zu direct_p50_us=%.0f nginx_added_p50_us=%.0f haproxy_added_p50_us=%.0f "
                "router_added_p50_us=%.0f tokenize_us=%.0f direct_p99_us=%.0f nginx_p99_us=%.0f haproxy_p99_us=%.0f "
                "router_p99_us=%.0f\n",
                bytes, base.p50_us, nginx.p50_us - base.p50_us, haproxy.p50_us - base.p50_us, ours.p50_us - base.p50_us,
                tokenize_us(bench.tokenizer, bytes), base.p99_us, nginx.p99_us, haproxy.p99_us, ours.p99_us);
  }
}

/// The latency of a request that costs nothing, alone and beside a client with large prompts.
void report_stall(const Bench& bench) {
  const std::string live = RawClient::request("GET", "/live");
  const Latency alone = measure(bench.router, live);
  std::atomic<bool> stop = false;
  std::thread large([&] {
    const std::string request = completion_request(std::size_t{400} << 10);
    RawClient client(bench.router);
    while (!stop) {
      client.send(request);
      client.read_response();
    }
  });
  const Latency beside = measure(bench.router, live);
  stop = true;
  large.join();
  std::printf("stall_by=400KB alone_p50_us=%.0f alone_p99_us=%.0f beside_p50_us=%.0f beside_p99_us=%.0f\n", alone.p50_us,
              alone.p99_us, beside.p50_us, beside.p99_us);
}

int requests_wanted(int fallback) {
  const char* wanted = std::getenv("BATON_BENCH_REQUESTS");
  return wanted != nullptr ? std::atoi(wanted) : fallback;
}

template <class Cpu>
void report_rate(const char* name, std::uint16_t port, Cpu cpu_now) {
  const int count = requests_wanted(20'000);
  LoadClient client(port, kRateConnections);
  const std::string request = completion_request(1 << 10);
  client.exchange(request, count / 10);
  const double cpu_before = cpu_now();
  const auto start = Clock::now();
  const int answers = client.exchange(request, count);
  const double wall = std::chrono::duration<double>(Clock::now() - start).count();
  const double cpu = cpu_now() - cpu_before;
  std::printf("rate_of=%s requests=%d requests_per_s=%.0f cpu_us_per_request=%.1f requests_per_core_s=%.0f\n", name,
              answers, answers / wall, cpu * 1e6 / answers, answers / cpu);
}

template <class Cpu>
void report_paced(const char* name, std::uint16_t port, Cpu cpu_now) {
  LoadClient client(port, kPacedStreams);
  const std::string body = R"({"prompt":"x","stream":true,"max_tokens":1000000,"ignore_eos":true})";
  const std::string request = RawClient::request("POST", "/v1/completions", body);
  client.listen(request, std::chrono::milliseconds(500), "data: ");
  const double cpu_before = cpu_now();
  const int events = client.listen({}, kPacedTime, "data: ");
  const double cpu = cpu_now() - cpu_before;
  std::printf("paced_by=%s streams=%d events=%d events_per_s=%.0f cpu_us_per_event=%.2f events_per_core_s=%.0f\n", name,
              kPacedStreams, events, events / (static_cast<double>(kPacedTime.count()) / 1e3), cpu * 1e6 / events,
              events / cpu);
}

/// Memory of the whole process (router, worker stand-in, client) before and after many requests.
void report_soak(const Bench& bench) {
  const int count = requests_wanted(1'000'000);
  const std::string request = completion_request(1 << 10);
  LoadClient client(bench.router, kRateConnections);
  client.exchange(request, 20'000);
  const long before = rss_kib();
  const auto start = Clock::now();
  int answers = 0;
  while (answers < count) {
    answers += client.exchange(request, std::min(100'000, count - answers));
    std::printf("soak_requests=%d rss_kib=%ld\n", answers, rss_kib());
    std::fflush(stdout);
  }
  const double wall = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("soak_requests=%d wall_s=%.1f rss_before_kib=%ld rss_after_kib=%ld\n", answers, wall, before, rss_kib());
}

void report_relay(std::uint16_t port, pthread_t router_thread) {
  const std::string body = R"({"prompt":"x","stream":true,"max_tokens":)" + std::to_string(kStreamTokens) + "}";
  const double cpu_before = cpu_seconds(router_thread);
  const auto start = Clock::now();
  std::vector<std::thread> clients;
  for (int i = 0; i < kStreams; ++i) {
    clients.emplace_back([&] {
      RawClient client(port);
      const auto response = client.exchange("POST", "/v1/completions", body);
      if (!response.body.ends_with("data: [DONE]\n\n")) std::fprintf(stderr, "a stream broke off\n");
    });
  }
  for (std::thread& client : clients) client.join();
  const double wall = std::chrono::duration<double>(Clock::now() - start).count();
  const double cpu = cpu_seconds(router_thread) - cpu_before;
  const double tokens = static_cast<double>(kStreams) * kStreamTokens;
  std::printf("streams=%d tokens=%.0f wall_s=%.2f router_cpu_s=%.2f tokens_per_router_core_s=%.0f process_rss_kib=%ld\n",
              kStreams, tokens, wall, cpu, tokens / cpu, rss_kib());
}

bool wanted(std::string_view part) {
  const char* only = std::getenv("BATON_BENCH_ONLY");
  return only == nullptr ? part != "soak" : part == only;
}

std::uint16_t free_port() {
  aio::asio::io_context io;
  return aio::listen(io.get_executor(), {.host = "127.0.0.1", .port = 0})->local_endpoint().port();
}

Config config_for(const std::string& model_path, std::uint16_t worker) {
  Config config;
  config.model = config.served_model_name = "bench";
  config.model_path = model_path;
  config.listen.port = 0;
  WorkerConfig entry;
  entry.name = "w0";
  entry.host = "127.0.0.1";
  entry.port = worker;
  config.workers.push_back(entry);
  return config;
}

/// A router over one worker, on a thread.
class RunningRouter {
 public:
  explicit RunningRouter(const Config& config) {
    auto created = router::Router::create({.config = config});
    if (!created) {
      std::fprintf(stderr, "cannot start: %s\n", created.error().message.c_str());
      std::exit(1);
    }
    router_ = std::move(*created);
    thread_ = std::thread([this] { router_->run(); });
    while (RawClient(port()).exchange("GET", "/ready").status != 200) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  ~RunningRouter() {
    router_->stop();
    router_->stop();
    thread_.join();
  }
  std::uint16_t port() const { return router_->port(); }
  pthread_t thread() { return thread_.native_handle(); }

 private:
  std::unique_ptr<router::Router> router_;
  std::thread thread_;
};

void report_all_paced(const Bench& bench, const std::string& model_path) {
  StepWorker worker(kPace);
  RunningRouter router(config_for(model_path, worker.port));
  report_paced("nginx", bench.nginx.port, [&] { return bench.nginx.cpu_seconds(); });
  report_paced("haproxy", bench.haproxy.port, [&] { return bench.haproxy.cpu_seconds(); });
  const pthread_t thread = router.thread();
  report_paced("router", router.port(), [&] { return cpu_seconds(thread); });
}

void report(const Bench& bench, const std::string& model_path) {
  if (wanted("latency")) report_latency(bench);
  if (wanted("stall")) report_stall(bench);
  if (wanted("rate")) {
    report_rate("nginx", bench.nginx.port, [&] { return bench.nginx.cpu_seconds(); });
    report_rate("haproxy", bench.haproxy.port, [&] { return bench.haproxy.cpu_seconds(); });
    report_rate("router", bench.router, [&] { return cpu_seconds(bench.router_thread); });
  }
  if (wanted("paced")) report_all_paced(bench, model_path);
  if (wanted("burst")) report_relay(bench.router, bench.router_thread);
  if (wanted("soak")) report_soak(bench);
}

int run() {
  log_set_level(LogLevel::error);
  const auto directory = std::filesystem::temp_directory_path() / ("baton-bench-" + std::to_string(::getpid()));
  std::filesystem::create_directories(directory);
  std::filesystem::copy_file(BATON_SOURCE_DIR "/tests/data/text/llama3.tokenizer.json", directory / "tokenizer.json");
  const TrivialServer direct;
  const std::uint16_t nginx_port = free_port();
  const Proxy nginx_proxy(nginx(directory, direct.port, nginx_port), nginx_port);
  const std::uint16_t haproxy_port = free_port();
  const Proxy haproxy_proxy(haproxy(directory, direct.port, haproxy_port), haproxy_port);
  if (!nginx_proxy.up() || !haproxy_proxy.up()) {
    std::fprintf(stderr, "cannot start nginx and haproxy; are they installed?\n");
    return 1;
  }
  const char* model = std::getenv("BATON_BENCH_MODEL");
  const std::string model_path = model != nullptr ? model : directory.string();
  test::FakeWorker worker({.script = {97}, .forever = true, .keep_specs = false});
  {
    const Config config = config_for(model_path, worker.port());
    const auto served = router::load_served_model(config);
    RunningRouter router(config);
    report({direct, nginx_proxy, haproxy_proxy, router.port(), router.thread(), (*served)->tokenizer}, model_path);
  }
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace baton::bench

int main() { return baton::bench::run(); }
