#include "support/fake_worker.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <set>
#include <span>
#include <utility>

#include "aio/framed_connection.h"
#include "aio/net.h"
#include "core/check.h"
#include "wire/convert.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::test {

namespace asio = aio::asio;

void FakeFabric::expect(const std::string& ticket, std::function<void()> committed) {
  const std::lock_guard lock(x_mutex);
  x_expected[ticket] = std::move(committed);
}

void FakeFabric::commit(const std::string& ticket) {
  const std::lock_guard lock(x_mutex);
  const auto found = x_expected.extract(ticket);
  if (!found.empty()) found.mapped()();
}

/// One router's connection.
struct Peer {
  explicit Peer(aio::tcp::socket socket) : connection(std::move(socket), {.max_frame_bytes = 1U << 30}) {}
  void send(const wire::Envelope& envelope) { connection.send(wire::encode_frame(envelope)); }
  aio::FramedConnection connection;
  std::map<std::uint64_t, GenerationSpec> attempts;
};

struct FakeWorker::State : std::enable_shared_from_this<FakeWorker::State> {
  explicit State(FakeWorkerOptions o) : options(std::move(o)) {}

  asio::awaitable<void> accept(aio::tcp::acceptor acceptor);
  asio::awaitable<void> serve(std::shared_ptr<Peer> peer);
  asio::awaitable<void> generate(std::shared_ptr<Peer> peer, std::uint64_t attempt, int first, int count);
  void on_frame(const std::shared_ptr<Peer>& peer, const wire::Envelope& envelope);
  void on_submit(const std::shared_ptr<Peer>& peer, std::uint64_t attempt, const wire::Spec& spec);
  void spawn_generate(const std::shared_ptr<Peer>& peer, std::uint64_t attempt, int first, int count);
  void report_prefilled(Peer& peer, std::uint64_t attempt);
  void report_prompt_logprobs(Peer& peer, std::uint64_t attempt, const GenerationSpec& spec);
  bool misbehave(Peer& peer, std::uint64_t attempt);
  wire::Envelope hello_reply() const;
  TokenOut token_at(std::uint64_t attempt, int index, int max_tokens) const;
  void note(int& counter) {
    {
      const std::lock_guard lock(mutex);
      ++counter;
    }
    changed.notify_all();
  }

  FakeWorkerOptions options;
  asio::io_context io{1};
  std::uint16_t port = 0;
  std::set<std::shared_ptr<Peer>> peers;
  std::thread thread;
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  int submitted = 0;
  int cancelled = 0;
  int tokens_sent = 0;
  std::vector<GenerationSpec> specs;
};

asio::awaitable<void> FakeWorker::State::accept(aio::tcp::acceptor acceptor) {
  while (true) {
    auto [error, socket] = co_await acceptor.async_accept(io, aio::kNoThrow);
    if (error) co_return;
    asio::co_spawn(io, serve(std::make_shared<Peer>(std::move(socket))), asio::detached);
  }
}

wire::Envelope FakeWorker::State::hello_reply() const {
  wire::Envelope envelope;
  auto& reply = *envelope.mutable_hello_reply();
  reply.set_version(wire::kProtocolVersion);
  reply.set_name(options.name);
  reply.set_incarnation(port);
  reply.set_role(wire::to_wire(options.role));
  reply.set_model("test");
  reply.set_model_hash("hash");
  reply.set_block_tokens(16);
  reply.set_total_blocks(1 << 20);
  reply.set_max_batch(256);
  reply.set_max_context(static_cast<std::uint32_t>(options.max_context));
  reply.set_host_id("host");
  return envelope;
}

asio::awaitable<void> FakeWorker::State::serve(std::shared_ptr<Peer> peer) {
  peers.insert(peer);
  while (true) {
    auto payload = co_await peer->connection.read();
    if (!payload) break;
    auto envelope = wire::parse_envelope(std::as_bytes(std::span(payload->data(), payload->size())));
    if (!envelope) break;
    on_frame(peer, *envelope);
  }
  peer->attempts.clear();
  peers.erase(peer);
}

void FakeWorker::State::on_frame(const std::shared_ptr<Peer>& peer, const wire::Envelope& envelope) {
  if (envelope.has_hello()) {
    if (envelope.hello().token() != options.auth_token) return peer->connection.close();
    peer->send(hello_reply());
    wire::Envelope load;
    load.mutable_load()->set_free_blocks(1 << 20);
    peer->send(load);
  } else if (envelope.has_ping() && options.fault != Fault::silence) {
    wire::Envelope pong;
    pong.mutable_pong()->set_nonce(envelope.ping().nonce());
    peer->send(pong);
  } else if (envelope.has_generate()) {
    on_submit(peer, envelope.generate().attempt(), envelope.generate().spec());
    spawn_generate(peer, envelope.generate().attempt(), 0, INT32_MAX);
  } else if (envelope.has_prefill()) {
    on_submit(peer, envelope.prefill().attempt(), envelope.prefill().spec());
    spawn_generate(peer, envelope.prefill().attempt(), 0, 1);
  } else if (envelope.has_reserve()) {
    const std::uint64_t attempt = envelope.reserve().attempt();
    on_submit(peer, attempt, envelope.reserve().spec());
    if (!peer->attempts.contains(attempt)) return;
    wire::Envelope ticket;
    ticket.mutable_ticket()->set_attempt(attempt);
    ticket.mutable_ticket()->set_ticket(options.name + "/" + std::to_string(attempt));
    options.fabric->expect(ticket.ticket().ticket(), [self = shared_from_this(), peer, attempt] {
      asio::post(self->io, [self, peer, attempt] { self->spawn_generate(peer, attempt, 1, INT32_MAX); });
    });
    peer->send(ticket);
  } else if (envelope.has_grant()) {
    options.fabric->commit(envelope.grant().ticket());
    wire::Envelope handed;
    handed.mutable_handed()->set_attempt(envelope.grant().attempt());
    handed.mutable_handed()->set_bytes(4096);
    handed.mutable_handed()->set_transport("shm");
    peer->send(handed);
  } else if (envelope.has_cancel()) {
    peer->attempts.erase(envelope.cancel().attempt());
    note(cancelled);
  }
}

void FakeWorker::State::on_submit(const std::shared_ptr<Peer>& peer, std::uint64_t attempt, const wire::Spec& spec) {
  auto parsed = wire::from_wire(spec);
  BATON_CHECK(parsed.has_value());
  if (options.keep_specs) {
    const std::lock_guard lock(mutex);
    specs.push_back(*parsed);
  }
  note(submitted);
  if (misbehave(*peer, attempt)) return;
  peer->attempts[attempt] = std::move(*parsed);
}

bool FakeWorker::State::misbehave(Peer& peer, std::uint64_t attempt) {
  const bool on_submit = options.fault == Fault::disconnect_on_submit || options.fault == Fault::stall_on_submit ||
                         options.fault == Fault::garbage_on_submit || options.fault == Fault::fail_on_submit;
  if (!on_submit) return false;
  const Fault fault = std::exchange(options.fault, Fault::none);
  if (fault == Fault::disconnect_on_submit) peer.connection.close();
  if (fault == Fault::garbage_on_submit) peer.connection.send(std::string("\x05\0\0\0\xff\xff\xff\xff\xff", 9));
  if (fault == Fault::fail_on_submit) {
    const Error error{Errc::out_of_blocks, "no room"};
    wire::Envelope failed;
    *failed.mutable_failed() = wire::to_wire(AttemptId{attempt}, error);
    peer.send(failed);
  }
  return true;
}

TokenOut FakeWorker::State::token_at(std::uint64_t attempt, int index, int max_tokens) const {
  TokenOut token;
  token.attempt = AttemptId{attempt};
  token.index = index;
  const auto at = static_cast<std::size_t>(index);
  const bool over = !options.forever && at >= options.script.size();
  token.token = over ? options.eos : options.script[at % options.script.size()];
  token.stop_token = over;
  token.logprob = -0.5F;
  token.top = {{token.token, -0.5F}, {65, -1.5F}};
  token.finish = over ? FinishReason::stop : index + 1 == max_tokens ? FinishReason::length : FinishReason::none;
  return token;
}

void FakeWorker::State::spawn_generate(const std::shared_ptr<Peer>& peer, std::uint64_t attempt, int first,
                                       int count) {
  const auto found = peer->attempts.find(attempt);
  if (found == peer->attempts.end()) return;
  asio::co_spawn(io, generate(peer, attempt, found->second.generated + first, count), asio::detached);
}

void FakeWorker::State::report_prefilled(Peer& peer, std::uint64_t attempt) {
  wire::Envelope envelope;
  envelope.mutable_prefilled()->set_attempt(attempt);
  envelope.mutable_prefilled()->set_cached_tokens(2);
  peer.send(envelope);
}

/// Prompt token i has logprob -i, and token 65 as the better alternative.
void FakeWorker::State::report_prompt_logprobs(Peer& peer, std::uint64_t attempt, const GenerationSpec& spec) {
  if (spec.sampling.prompt_logprobs < 0) return;
  PromptLogprobs logprobs{.attempt = AttemptId{attempt}, .first = 0, .tokens = {}};
  for (std::int32_t i = 0; i < spec.prompt_tokens(); ++i) {
    const TokenLogprob token{spec.tokens[static_cast<std::size_t>(i)], static_cast<float>(-i)};
    logprobs.tokens.push_back({token, {}});
    if (i > 0) logprobs.tokens.back().top = {{65, -0.25F}, token};
  }
  wire::Envelope envelope;
  *envelope.mutable_prompt_scores() = wire::to_wire(logprobs);
  peer.send(envelope);
}

/// Sends `count` tokens from output index `first`, one Step each, while the attempt is alive.
asio::awaitable<void> FakeWorker::State::generate(std::shared_ptr<Peer> peer, std::uint64_t attempt, int first,
                                                  int count) {
  asio::steady_timer timer(io);
  const auto spec = peer->attempts.find(attempt);
  if (spec == peer->attempts.end()) co_return;
  const int max_tokens = spec->second.sampling.max_tokens;
  const bool logprobs = spec->second.sampling.logprobs >= 0;
  if (first == spec->second.generated) {
    report_prefilled(*peer, attempt);
    report_prompt_logprobs(*peer, attempt, spec->second);
  }
  const float penalty = options.seed_makes_unlikely ? static_cast<float>(spec->second.sampling.seed % 7) : 0.0F;
  for (int i = 0; i < count && peer->attempts.contains(attempt) && peer->connection.is_open(); ++i) {
    if (options.fault == Fault::disconnect_mid_stream && tokens_sent >= options.fault_after_tokens) {
      options.fault = Fault::none;
      peer->connection.close();
      co_return;
    }
    TokenOut token = token_at(attempt, first + i, max_tokens);
    if (!logprobs) token.top.clear();
    token.logprob -= penalty;
    wire::Envelope envelope;
    *envelope.mutable_step()->add_tokens() = wire::to_wire(token);
    peer->send(envelope);
    note(tokens_sent);
    if (token.finish != FinishReason::none) {
      peer->attempts.erase(attempt);
      co_return;
    }
    timer.expires_after(std::chrono::microseconds(options.token_delay_us));
    auto [error] = co_await timer.async_wait(aio::kNoThrow);
    (void)error;
  }
}

FakeWorker::FakeWorker(FakeWorkerOptions options) : x_state(std::make_shared<State>(std::move(options))) {
  auto acceptor = aio::listen(x_state->io.get_executor(), {.host = "127.0.0.1", .port = 0});
  BATON_CHECK(acceptor.has_value());
  x_state->port = acceptor->local_endpoint().port();
  asio::co_spawn(x_state->io, x_state->accept(std::move(*acceptor)), asio::detached);
  x_state->thread = std::thread([state = x_state.get()] { state->io.run(); });
}

FakeWorker::~FakeWorker() {
  x_state->io.stop();
  x_state->thread.join();
  x_state->peers.clear();
  x_state->options.fabric.reset();  // hand-overs that never came still wait there, holding the state
}

std::uint16_t FakeWorker::port() const { return x_state->port; }

int FakeWorker::submitted() const {
  const std::lock_guard lock(x_state->mutex);
  return x_state->submitted;
}

int FakeWorker::cancelled() const {
  const std::lock_guard lock(x_state->mutex);
  return x_state->cancelled;
}

int FakeWorker::tokens_sent() const {
  const std::lock_guard lock(x_state->mutex);
  return x_state->tokens_sent;
}

std::vector<GenerationSpec> FakeWorker::specs() const {
  const std::lock_guard lock(x_state->mutex);
  return x_state->specs;
}

bool FakeWorker::wait_for(const std::function<bool(const FakeWorker&)>& done) const {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done(*this)) {
    std::unique_lock lock(x_state->mutex);
    if (x_state->changed.wait_until(lock, std::min(until, std::chrono::steady_clock::now() +
                                                              std::chrono::milliseconds(5))) ==
            std::cv_status::timeout &&
        std::chrono::steady_clock::now() >= until) {
      return false;
    }
  }
  return true;
}

void FakeWorker::cut() {
  asio::post(x_state->io, [state = x_state] {
    for (const auto& peer : state->peers) peer->connection.close();
  });
}

void FakeWorker::announce_leaving() {
  asio::post(x_state->io, [state = x_state] {
    wire::Envelope envelope;
    envelope.mutable_leaving()->set_reason("test");
    for (const auto& peer : state->peers) peer->send(envelope);
  });
}

}  // namespace baton::test
