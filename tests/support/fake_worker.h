#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"

namespace baton::test {

/// Stands for the data plane between fake workers: P commits a ticket, D hears of it.
class FakeFabric {
 public:
  void expect(const std::string& ticket, std::function<void()> committed);
  void commit(const std::string& ticket);

 private:
  std::mutex x_mutex;
  std::map<std::string, std::function<void()>> x_expected;
};

/// What a fake worker does wrong, once, at the first occasion.
enum class Fault : std::uint8_t {
  none,
  disconnect_on_submit,   ///< cuts the connection when the first work arrives
  stall_on_submit,        ///< never answers work, but answers pings
  garbage_on_submit,      ///< sends a frame that is no Envelope
  fail_on_submit,         ///< answers Failed(out_of_blocks)
  disconnect_mid_stream,  ///< after `fault_after_tokens` tokens
  silence,                ///< answers hello, then nothing, not even pings
};

struct FakeWorkerOptions {
  std::string name = "fake";
  Role role = Role::both;
  /// Output token i of every request; past the end the request ends with finish stop and `eos`.
  std::vector<TokenId> script;
  TokenId eos = 256;
  int max_context = 1 << 20;
  int token_delay_us = 0;  ///< between tokens of a request; 0: as fast as the socket takes them
  Fault fault = Fault::none;
  int fault_after_tokens = 3;
  bool forever = false;    ///< repeat the script until max_tokens
  bool keep_specs = true;  ///< for specs()
  bool seed_makes_unlikely = false;  ///< logprobs are lower by seed % 7
  std::shared_ptr<FakeFabric> fabric = std::make_shared<FakeFabric>();
  std::string auth_token = {};
};

/// A worker without an engine: speaks the control protocol on a free loopback port, on its own thread.
class FakeWorker {
 public:
  explicit FakeWorker(FakeWorkerOptions options);
  ~FakeWorker();

  std::uint16_t port() const;
  /// Specs received so far (generate, prefill and reserve alike).
  int submitted() const;
  int cancelled() const;
  int tokens_sent() const;
  std::vector<GenerationSpec> specs() const;
  /// Blocks until `done` holds for this worker; false after ten seconds.
  bool wait_for(const std::function<bool(const FakeWorker&)>& done) const;
  /// Cuts every connection, now.
  void cut();
  /// Says that it goes away.
  void announce_leaving();

 private:
  struct State;
  std::shared_ptr<State> x_state;
};

}  // namespace baton::test
