#include "support/sim_workers.h"

namespace baton::testing {

namespace {
constexpr Duration kWire = 200us;
constexpr Duration kStep = 2ms;
}  // namespace

SimReport SimCluster::run() {
  const int count = o_.prefill + o_.decode + o_.both;
  for (int i = 0; i < count; ++i) {
    Worker w;
    w.id = WorkerId{static_cast<std::uint32_t>(i)};
    w.info.name = "w" + std::to_string(i);
    w.info.role = i < o_.prefill ? Role::prefill : i < o_.prefill + o_.decode ? Role::decode : Role::both;
    w.info.total_blocks = o_.worker_blocks;
    w.info.max_batch = 16;
    w.info.max_context = o_.worker_blocks * w.info.block_tokens;
    workers_.push_back(std::move(w));
  }
  for (Worker& w : workers_) come_up(w);
  at(now_, [this] { arrive(1); });
  while ((open_clients_ > 0 || arrived_ < o_.requests) && report_.violations.size() < 20) {
    const TimePoint deadline = coordinator_.next_deadline();
    const TimePoint next = later_.empty() ? kNever : later_.top().at;
    if (deadline <= next) {
      if (deadline == kNever) break;
      now_ = std::max(now_, deadline);
      feed(Tick{});
      if (coordinator_.next_deadline() <= now_) violation("a Tick left a timer that is due");
      continue;
    }
    auto action = later_.top().run;
    now_ = next;
    later_.pop();
    action();
  }
  check_quiet();
  report_.stats = coordinator_.stats();
  report_.end = now_;
  return std::move(report_);
}

/// After the last request every worker that lives must be left with nothing, once what is on the wire has arrived.
void SimCluster::check_quiet() {
  closing_ = true;
  for (std::uint64_t left = 2'000'000; !later_.empty() && left > 0; --left) {
    auto action = later_.top().run;
    now_ = later_.top().at;
    later_.pop();
    action();
  }
  for (const auto& [id, client] : clients_) {
    if (!client.ended) violation("request " + std::to_string(id) + " never ended");
  }
  for (Worker& w : workers_) {
    for (const auto& [attempt, held] : w.held) {
      violation(w.info.name + " still holds attempt " + std::to_string(attempt));
    }
    if (w.alive) feed(WorkerDown{w.id});  // aborts if anything is still booked there
  }
  const CoordinatorStats& s = coordinator_.stats();
  if (s.running != 0 || s.queued != 0) violation("stats count requests that ended");
  if (s.arrived != s.finished + s.failed + s.abandoned) violation("stats lose requests");
  if (coordinator_.next_deadline() != kNever) violation("a timer outlived its request");
}

// ---- clients ----------------------------------------------------------------------------------------------------

void SimCluster::arrive(int number) {
  ++arrived_;
  ++open_clients_;
  auto spec = std::make_shared<GenerationSpec>();
  const auto tokens = std::uniform_int_distribution<std::size_t>(1, 200)(rng_);
  for (std::size_t i = 0; i < tokens; ++i) spec->tokens.push_back(static_cast<TokenId>(rng_() % 1000));
  spec->sampling.seed = rng_();
  spec->sampling.max_tokens = std::uniform_int_distribution<std::int32_t>(1, 60)(rng_);
  const RequestId id{static_cast<std::uint64_t>(number)};
  clients_[id.value] = {spec};
  if (chance(o_.abandon_chance)) {
    at(now_ + around(50ms), [this, id] {
      if (clients_[id.value].ended) return;
      end(id, "abandoned");
      ++report_.abandoned;
      feed(Abandon{id});
    });
  }
  if (number < o_.requests) at(now_ + around(o_.arrival_gap), [this, number] { arrive(number + 1); });
  feed(Arrive{id, spec, now_ + o_.request_timeout});
}

void SimCluster::end(RequestId request, const char* how) {
  const auto found = clients_.find(request.value);
  if (found == clients_.end() || found->second.ended) {
    return violation("request " + std::to_string(request.value) + " " + how + " after its end");
  }
  found->second.ended = true;
  --open_clients_;
}

// ---- commands ---------------------------------------------------------------------------------------------------

void SimCluster::feed(const Event& event) {
  ++report_.events;
  for (const Command& command : coordinator_.handle(event, now_)) {
    std::visit([this](const auto& c) { obey(c); }, command);
  }
}

void SimCluster::obey(const Deliver& c) {
  const auto found = clients_.find(c.request.value);
  if (found == clients_.end() || found->second.ended || found->second.last_delivered) {
    return violation("token for request " + std::to_string(c.request.value) + " after its end");
  }
  Client& client = found->second;
  const ModelToken expected = model_token(*client.spec, client.next);
  if (c.token.index != client.next || c.token.token != expected.token || c.token.finish != expected.finish) {
    violation("request " + std::to_string(c.request.value) + " got a wrong token at " + std::to_string(client.next));
  }
  ++client.next;
  client.last_delivered = c.token.finish != FinishReason::none;
}

void SimCluster::obey(const DeliverPrompt& c) {
  violation("prompt logprobs for request " + std::to_string(c.request.value) + ", which asked for none");
}

void SimCluster::obey(const Finish& c) {
  end(c.request, "finished");
  ++report_.finished;
  if (!clients_[c.request.value].last_delivered) violation("finished without its last token");
}

void SimCluster::obey(const Fail& c) {
  end(c.request, "failed");
  ++report_.failed;
  ++report_.errors[c.error.code];
  if (c.error.message.empty()) violation("an error without a message");
}

template <class Start>
void SimCluster::start(const Start& c, Part part) {
  Worker& w = worker(c.worker);
  const std::uint64_t attempt = c.attempt.value;
  if (!w.alive || w.draining) violation("a new attempt for " + w.info.name + ", which is down or draining");
  const bool second_half = part == Part::prefill && split_halves_.erase(attempt) == 1;
  if (!second_half && attempt <= last_attempt_) violation("an attempt id was used again");
  last_attempt_ = std::max(last_attempt_, attempt);
  if (part == Part::decode) {
    split_halves_.insert(attempt);
    decoder_of_[attempt] = c.worker;
  }
  // A replay must continue what the client saw.
  for (std::int32_t i = 0; i < c.spec->generated; ++i) {
    const auto at = static_cast<std::size_t>(c.spec->prompt_tokens() + i);
    if (c.spec->tokens[at] != model_token(*c.spec, i).token) violation("a replay with wrong tokens");
  }
  Held held{.part = part, .spec = c.spec, .next = c.spec->generated};
  held.blocks = static_cast<std::int32_t>(c.spec->tokens.size()) / 16 + 1;
  to_worker(c.worker, [this, id = c.attempt, held](Worker& to) { accept(to, id, held); });
}

void SimCluster::obey(const SendGrant& c) {
  if (!worker(c.worker).alive) violation("a grant for a worker that is down");
  to_worker(c.worker, [this, id = c.attempt](Worker& w) {
    const auto found = w.held.find(id.value);
    if (found == w.held.end()) return;
    found->second.granted = true;
    hand_over(w, id);
  });
}

void SimCluster::obey(const SendCancel& c) {
  if (!worker(c.worker).alive) violation("a cancel for a worker that is down");
  to_worker(c.worker, [id = c.attempt](Worker& w) { w.held.erase(id.value); });
}

// ---- workers ----------------------------------------------------------------------------------------------------

void SimCluster::to_worker(WorkerId id, std::function<void(Worker&)> action) {
  Worker& w = worker(id);
  w.inbox = std::max(w.inbox, now_ + around(kWire));
  in_worker(w, w.inbox - now_, std::move(action));
}

void SimCluster::in_worker(Worker& w, Duration delay, std::function<void(Worker&)> action) {
  at(now_ + delay, [this, id = w.id, incarnation = w.info.incarnation, action = std::move(action)] {
    Worker& target = worker(id);
    if (target.alive && target.info.incarnation == incarnation) action(target);
  });
}

void SimCluster::to_router(Worker& w, std::function<void()> send) {
  w.outbox = std::max(w.outbox, now_ + around(kWire));
  in_worker(w, w.outbox - now_, [send = std::move(send)](Worker&) { send(); });
}

std::int32_t SimCluster::used(const Worker& w) const {
  std::int32_t blocks = 0;
  for (const auto& [id, held] : w.held) blocks += held.blocks;
  return blocks;
}

void SimCluster::accept(Worker& w, AttemptId attempt, Held held) {
  const bool full = used(w) + held.blocks > w.info.total_blocks;
  if (full || chance(o_.refuse_chance)) {
    const Errc code = full ? Errc::out_of_blocks : Errc::queue_full;
    return to_router(w, [this, id = w.id, attempt, code] { feed(FailedIn{id, attempt, Error{code, "full"}}); });
  }
  const Part part = held.part;
  const auto prompt = static_cast<std::int64_t>(held.spec->tokens.size());
  w.held.emplace(attempt.value, std::move(held));
  if (part == Part::decode) {
    if (chance(o_.mute_chance)) return;
    to_router(w, [this, id = w.id, attempt] { feed(TicketIn{id, attempt, "ticket"}); });
  } else {
    in_worker(w, around(kStep + 50us * prompt), [this, attempt](Worker& to) { prefill_done(to, attempt); });
  }
  if (chance(o_.fail_chance)) {
    const Errc code = chance(0.5) ? Errc::transfer_failed : Errc::io;
    in_worker(w, around(20ms), [this, attempt, code](Worker& to) { fail_attempt(to, attempt, code); });
  }
}

void SimCluster::fail_attempt(Worker& w, AttemptId attempt, Errc code) {
  if (w.held.erase(attempt.value) == 0) return;
  to_router(w, [this, id = w.id, attempt, code] { feed(FailedIn{id, attempt, Error{code, "broke"}}); });
}

void SimCluster::prefill_done(Worker& w, AttemptId attempt) {
  const auto found = w.held.find(attempt.value);
  if (found == w.held.end()) return;
  Held& held = found->second;
  held.prefilled = true;
  to_router(w, [this, id = w.id, attempt] { feed(PrefilledIn{id, attempt, 0}); });
  if (held.part == Part::whole) return decode(w, attempt);
  emit(w, attempt, held.spec->generated);
  hand_over(w, attempt);
}

void SimCluster::hand_over(Worker& w, AttemptId attempt) {
  const auto found = w.held.find(attempt.value);
  if (found == w.held.end() || !found->second.prefilled || !found->second.granted) return;
  if (model_token(*found->second.spec, found->second.spec->generated).finish != FinishReason::none) return;
  if (chance(o_.mute_chance)) return;
  in_worker(w, around(3ms), [this, attempt](Worker& p) {
    if (!p.held.contains(attempt.value)) return;
    Worker& d = worker(decoder_of_.at(attempt.value));
    const auto reserved = d.held.find(attempt.value);
    if (!d.alive || reserved == d.held.end()) return fail_attempt(p, attempt, Errc::transfer_failed);
    reserved->second.next = reserved->second.spec->generated + 1;
    to_router(d, [this, id = d.id, attempt] { feed(HandedIn{id, attempt, 100}); });
    in_worker(d, around(kStep), [this, attempt](Worker& to) { decode(to, attempt); });
    p.held.erase(attempt.value);
    to_router(p, [this, id = p.id, attempt] { feed(HandedIn{id, attempt, 100}); });
  });
}

void SimCluster::decode(Worker& w, AttemptId attempt) {
  const auto found = w.held.find(attempt.value);
  if (found == w.held.end()) return;
  Held& held = found->second;
  const std::int32_t index = held.next++;
  const bool last = model_token(*held.spec, index).finish != FinishReason::none;
  emit(w, attempt, index);
  if (last) {
    w.held.erase(found);
  } else {
    in_worker(w, around(kStep), [this, attempt](Worker& to) { decode(to, attempt); });
  }
}

void SimCluster::emit(Worker& w, AttemptId attempt, std::int32_t index) {
  const ModelToken made = model_token(*w.held.at(attempt.value).spec, index);
  TokenOut token;
  token.attempt = attempt;
  token.index = index;
  token.token = made.token;
  token.finish = made.finish;
  for (int copies = chance(o_.repeat_chance) ? 2 : 1; copies > 0; --copies) {
    to_router(w, [this, id = w.id, token] { feed(TokensIn{id, std::span(&token, 1)}); });
  }
}

void SimCluster::report_load(Worker& w) {
  if (closing_) return;
  WorkerLoad load{.free_blocks = w.info.total_blocks - used(w), .running = static_cast<std::int32_t>(w.held.size())};
  to_router(w, [this, id = w.id, load] { feed(LoadReport{id, load}); });
  in_worker(w, 100ms, [this](Worker& to) { report_load(to); });
}

void SimCluster::come_up(Worker& w) {
  w.alive = true;
  w.draining = false;
  ++w.info.incarnation;
  w.inbox = w.outbox = now_;
  feed(WorkerUp{w.id, w.info});
  report_load(w);
  if (o_.mean_life.count() > 0) in_worker(w, around(o_.mean_life), [this](Worker& to) { die(to); });
}

/// Dies and comes back as a new process; sometimes so fast that only its new incarnation shows, sometimes it leaves.
void SimCluster::die(Worker& w) {
  if (closing_) return;
  if (chance(0.2) && !w.draining) {
    w.draining = true;
    feed(WorkerDraining{w.id});
    return in_worker(w, around(300ms), [this](Worker& to) { die(to); });
  }
  w.held.clear();
  if (chance(0.2)) return come_up(w);
  w.alive = false;
  feed(WorkerDown{w.id});
  at(now_ + around(400ms), [this, id = w.id] {
    if (!worker(id).alive && !closing_) come_up(worker(id));
  });
}

}  // namespace baton::testing
