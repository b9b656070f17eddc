// What the router costs: the latency it adds over a worker that answers at once, beside nginx as a plain reverse proxy
// in front of an equally trivial server, in the same run; then relayed tokens per second of router CPU, and memory.
// BATON_BENCH_MODEL names a model directory whose tokenizer is used (default: a small vocabulary with Llama-3's rules).
// Output: one line of key=value per measurement. Build the release preset and run on an idle machine.

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
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

/// A server that reads a request and answers a fixed completion.
class TrivialServer {
 public:
  TrivialServer() {
    http::ServerOptions options;
    options.error_response = [](const Error&) { return http::Response{.status = 500}; };
    server_ = std::make_unique<http::Server>(
        io_.get_executor(), std::move(options), [](http::Exchange& exchange) -> aio::asio::awaitable<void> {
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
  aio::asio::io_context io_{1};
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
};

/// nginx with one worker process in front of `upstream`.
class Nginx {
 public:
  Nginx(const std::filesystem::path& directory, std::uint16_t upstream, std::uint16_t listen) : port(listen) {
    std::ofstream(directory / "nginx.conf")
        << "worker_processes 1; daemon off; master_process off; pid nginx.pid; error_log /dev/null;\n"
        << "events { worker_connections 256; }\n"
        << "http { access_log off; client_max_body_size 64m; client_body_buffer_size 8m; client_body_temp_path tmp;\n"
        << "upstream u { server 127.0.0.1:" << upstream << "; keepalive 16; }\n"
        << "server { listen 127.0.0.1:" << listen << "; keepalive_requests 1000000;\n"
        << "location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection \"\"; } } }\n";
    const std::string prefix = directory.string();
    const std::string conf = (directory / "nginx.conf").string();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execlp("nginx", "nginx", "-p", prefix.c_str(), "-c", conf.c_str(), "-e", "/dev/null", nullptr);
      ::_exit(127);
    }
  }
  ~Nginx() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  bool up() const {
    for (int i = 0; i < 200; ++i) {
      if (RawClient(port).connected()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  std::uint16_t port;

 private:
  pid_t pid_;
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

std::string completion_request(std::size_t prompt_bytes) {
  std::string prompt;
  while (prompt.size() < prompt_bytes) prompt += "All work and no play makes a prompt of plain words. ";
  prompt.resize(prompt_bytes);
  return RawClient::request("POST", "/v1/completions", R"({"max_tokens":1,"prompt":")" + prompt + "\"}");
}

void report_latency(const TrivialServer& direct, const Nginx& nginx, std::uint16_t router) {
  for (const std::size_t bytes : {std::size_t{1} << 10, std::size_t{400} << 10}) {
    const std::string request = completion_request(bytes);
    const Latency base = measure(direct.port, request);
    const Latency proxy = measure(nginx.port, request);
    const Latency ours = measure(router, request);
    std::printf("prompt_bytes=%zu direct_p50_us=%.0f nginx_added_p50_us=%.0f router_added_p50_us=%.0f "
                "direct_p99_us=%.0f nginx_p99_us=%.0f router_p99_us=%.0f\n",
                bytes, base.p50_us, proxy.p50_us - base.p50_us, ours.p50_us - base.p50_us, base.p99_us, proxy.p99_us,
                ours.p99_us);
  }
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

int run() {
  log_set_level(LogLevel::error);
  const auto directory = std::filesystem::temp_directory_path() / ("baton-bench-" + std::to_string(::getpid()));
  std::filesystem::create_directories(directory);
  std::filesystem::copy_file(BATON_SOURCE_DIR "/tests/data/text/llama3.tokenizer.json", directory / "tokenizer.json");
  const TrivialServer direct;
  std::uint16_t free_port = 0;
  {
    aio::asio::io_context io;
    free_port = aio::listen(io.get_executor(), {.host = "127.0.0.1", .port = 0})->local_endpoint().port();
  }
  const Nginx nginx(directory, direct.port, free_port);
  test::FakeWorker worker({.script = {97}, .forever = true, .keep_specs = false});

  Config config;
  const char* model = std::getenv("BATON_BENCH_MODEL");
  config.model = config.served_model_name = "bench";
  config.model_path = model != nullptr ? model : directory.string();
  config.listen.port = 0;
  WorkerConfig entry;
  entry.name = "w0";
  entry.host = "127.0.0.1";
  entry.port = worker.port();
  config.workers.push_back(entry);
  auto router = router::Router::create({.config = config});
  if (!router || !nginx.up()) {
    std::fprintf(stderr, "cannot start: %s\n", router ? "nginx" : router.error().message.c_str());
    return 1;
  }
  std::thread thread([&] { (*router)->run(); });
  while (RawClient((*router)->port()).exchange("GET", "/ready").status != 200) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  report_latency(direct, nginx, (*router)->port());
  report_relay((*router)->port(), thread.native_handle());
  (*router)->stop();
  (*router)->stop();
  thread.join();
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace baton::bench

int main() { return baton::bench::run(); }
