#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "support/raw_client.h"

namespace baton::bench {

/// Processor time of a process so far.
inline double process_cpu_seconds(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/schedstat");
  double nanoseconds = 0;
  stat >> nanoseconds;
  return nanoseconds * 1e-9;
}

/// A plain reverse proxy in one process and thread, in front of 127.0.0.1:upstream.
class Proxy {
 public:
  Proxy(const std::vector<std::string>& argv, std::uint16_t listen) : port(listen), pid_(::fork()) {
    if (pid_ != 0) return;
    std::vector<char*> arguments;
    for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(127);
    ::execvp(arguments.front(), arguments.data());
    ::_exit(127);
  }
  ~Proxy() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  bool up() const {
    for (int i = 0; i < 200; ++i) {
      if (test::RawClient(port).connected()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  double cpu_seconds() const { return process_cpu_seconds(pid_); }
  std::uint16_t port;

 private:
  pid_t pid_;
};

inline std::vector<std::string> nginx(const std::filesystem::path& directory, std::uint16_t upstream,
                                      std::uint16_t listen) {
  const std::string conf = (directory / "nginx.conf").string();
  std::ofstream(conf)
      << "worker_processes 1; daemon off; master_process off; pid nginx.pid; error_log /dev/null;\n"
      << "events { worker_connections 8192; }\n"
      << "http { access_log off; client_max_body_size 64m; client_body_buffer_size 8m; client_body_temp_path tmp;\n"
      << "proxy_buffering off;\n"
      << "upstream u { server 127.0.0.1:" << upstream << "; keepalive 64; keepalive_requests 100000000; }\n"
      << "server { listen 127.0.0.1:" << listen << " backlog=4096; keepalive_requests 100000000;\n"
      << "location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection \"\"; } } }\n";
  return {"nginx", "-p", directory.string(), "-c", conf, "-e", "/dev/null"};
}

inline std::vector<std::string> haproxy(const std::filesystem::path& directory, std::uint16_t upstream,
                                        std::uint16_t listen) {
  const std::string conf = (directory / "haproxy.cfg").string();
  std::ofstream(conf) << "global\n  nbthread 1\n  maxconn 8192\n  tune.bufsize 65536\n"
                      << "defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
                      << "  option http-keep-alive\n  http-reuse always\n"
                      << "frontend f\n  bind 127.0.0.1:" << listen << "\n  default_backend b\n"
                      << "backend b\n  server s 127.0.0.1:" << upstream << "\n";
  return {"haproxy", "-db", "-q", "-f", conf};
}

}  // namespace baton::bench
