#include "worker/engine_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <random>
#include <thread>
#include <utility>

#include "support/fake_runner.h"
#include "unit/worker/fake_plane.h"
#include "wire/convert.h"
#include "wire/convert_perf.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::worker {
namespace {

using test::FakePlane;
using test::FakeRunner;
using test::Fault;
using namespace std::chrono_literals;

constexpr ConnectionId kRouter{1};

/// One worker without sockets: engine on a fake model, engine loop on its own thread, frames kept for the test.
class Station {
 public:
  explicit Station(FakePlane& plane) : end_(plane, layout()) {
    engine_ = std::move(*engine::Engine::create(
        {.max_batch = 8, .chunk_tokens = 32, .block_tokens = 16, .blocks = kBlocks}, runner_, end_.pool()));
    const auto keep = [this](ConnectionId, std::string frame) { keep_frame(frame); };
    loop_ = std::make_unique<EngineLoop>(EngineLoopOptions{.layers = layout().layers}, *engine_, end_, keep);
    end_.sink = [this](transfer::Event event) { loop_->submit_always(TransferIn{std::move(event)}); };
    thread_ = std::thread([this] { loop_->run(); });
    loop_->submit_always(ConnectionOpened{kRouter});
  }
  ~Station() { stop(); }

  /// Ends the loop; from then on nobody is called from its thread.
  void stop() {
    if (!thread_.joinable()) return;
    loop_->stop();
    thread_.join();
  }

  static constexpr std::int32_t kBlocks = 64;

  void submit(AttemptKind kind, std::uint64_t attempt, GenerationSpec spec, std::chrono::milliseconds timeout = 10s,
              double itl_slo_s = 0) {
    Submit command{.key = {kRouter, AttemptId{attempt}},
                   .kind = kind,
                   .spec = std::move(spec),
                   .deadline = Clock::now() + timeout,
                   .itl_slo_s = itl_slo_s};
    ASSERT_TRUE(loop_->submit(std::move(command)));
  }
  /// Called on the engine's thread; to be set while there is nothing to do.
  void before_step(std::function<void(std::span<const engine::SequenceRows>)> hook) {
    runner_.before_step = std::move(hook);
  }
  void grant(std::uint64_t attempt, std::string ticket) {
    loop_->submit_always(GrantIn{{kRouter, AttemptId{attempt}}, std::move(ticket)});
  }
  void cancel(std::uint64_t attempt) { loop_->submit_always(CancelIn{{kRouter, AttemptId{attempt}}}); }
  void hang_up() { loop_->submit_always(ConnectionClosed{kRouter}); }
  void call_again() { loop_->submit_always(ConnectionOpened{kRouter}); }
  void drain() { loop_->submit_always(DrainIn{}); }

  /// The first frame that `pick` accepts, waiting up to five seconds; frames stay.
  template <class Pick>
  std::optional<wire::Envelope> wait(Pick pick) {
    std::unique_lock lock(mutex_);
    std::optional<wire::Envelope> found;
    changed_.wait_for(lock, 5s, [&] {
      for (const auto& frame : frames_) {
        if (pick(frame)) found = frame;
        if (found) break;
      }
      return found.has_value();
    });
    return found;
  }

  std::string ticket(std::uint64_t attempt) {
    const auto frame = wait([&](const wire::Envelope& e) { return e.has_ticket() && e.ticket().attempt() == attempt; });
    return frame ? frame->ticket().ticket() : "";
  }
  std::optional<Error> failure(std::uint64_t attempt) {
    const auto frame = wait([&](const wire::Envelope& e) { return e.has_failed() && e.failed().attempt() == attempt; });
    if (!frame) return std::nullopt;
    return wire::error_from_wire(frame->failed());
  }
  /// Tokens of an attempt once `count` have come.
  std::vector<TokenId> tokens(std::uint64_t attempt, std::size_t count) {
    std::vector<TokenId> found;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 5s, [&] {
      found.clear();
      for (const auto& frame : frames_) {
        for (const auto& token : frame.step().tokens()) {
          if (token.attempt() == attempt) found.push_back(token.token());
        }
      }
      return found.size() >= count;
    });
    return found;
  }
  /// All blocks are back (the loop's thread reports them) and nothing is alive.
  bool comes_to_rest() {
    const auto deadline = Clock::now() + 5s;
    while (Clock::now() < deadline) {
      std::optional<wire::Load> last;
      {
        const std::lock_guard lock(mutex_);
        for (const auto& frame : frames_) {
          if (frame.has_load()) last = frame.load();
        }
      }
      if (last && last->free_blocks() == kBlocks && last->running() + last->waiting() + last->reserved() == 0 &&
          loop_->idle())
        return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

 private:
  KvLayout layout() {
    auto made = runner_.kv_layout(16);
    made.blocks = kBlocks;
    return made;
  }
  void keep_frame(const std::string& frame) {
    const auto bytes = std::as_bytes(std::span(frame)).subspan(wire::kFrameHeaderBytes);
    auto parsed = wire::parse_envelope(bytes);
    ASSERT_TRUE(parsed.has_value());
    const std::lock_guard lock(mutex_);
    frames_.push_back(std::move(*parsed));
    changed_.notify_all();
  }

  FakeRunner runner_{{.eos_tokens = {}}};
  FakePlane::End end_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<EngineLoop> loop_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<wire::Envelope> frames_;
};

GenerationSpec spec(std::int32_t length, std::int32_t max_tokens = 8) {
  GenerationSpec made;
  for (std::int32_t i = 0; i < length; ++i) made.tokens.push_back(1 + (i * 7 + length) % 60);
  made.sampling.temperature = 0;
  made.sampling.max_tokens = max_tokens;
  return made;
}

struct Two : testing::Test {
  FakePlane plane;
  Station prefill{plane};
  Station decode{plane};

  // Each one's thread calls the other.
  void TearDown() override {
    prefill.stop();
    decode.stop();
  }

  void start_split(std::uint64_t attempt, const GenerationSpec& what, double itl_slo_s = 0) {
    decode.submit(AttemptKind::reserve, attempt, what, 10s, itl_slo_s);
    prefill.submit(AttemptKind::prefill, attempt, what);
    prefill.grant(attempt, decode.ticket(attempt));
  }
  void expect_rest() {
    EXPECT_TRUE(prefill.comes_to_rest());
    EXPECT_TRUE(decode.comes_to_rest());
  }
};

}  // namespace

TEST_F(Two, split_gives_the_tokens_of_a_local_run) {
  std::uint64_t attempt = 1;
  for (const int length : {1, 15, 16, 17, 32, 33, 100, 200}) {
    prefill.submit(AttemptKind::generate, attempt, spec(length));
    const auto local = prefill.tokens(attempt++, 8);
    ASSERT_EQ(local.size(), 8U);
    start_split(attempt, spec(length));
    auto split = prefill.tokens(attempt, 1);
    const auto rest = decode.tokens(attempt++, 7);
    split.insert(split.end(), rest.begin(), rest.end());
    EXPECT_EQ(split, local) << "length " << length;
  }
  EXPECT_GT(plane.copied_layers, 0);
  expect_rest();
}

TEST_F(Two, a_prompt_that_ends_with_its_first_token_needs_no_hand_over) {
  decode.submit(AttemptKind::reserve, 1, spec(20, 1));
  prefill.submit(AttemptKind::prefill, 1, spec(20, 1));
  EXPECT_EQ(prefill.tokens(1, 1).size(), 1U);
  decode.cancel(1);
  expect_rest();
}

TEST_F(Two, cancelling_in_any_phase_frees_both_sides) {
  plane.fault = Fault::lose_commit;
  std::mt19937 random(5);
  for (std::uint64_t attempt = 1; attempt <= 60; ++attempt) {
    start_split(attempt, spec(static_cast<std::int32_t>(10 + attempt * 3), 50));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 400));
    if (attempt % 2 == 0) prefill.cancel(attempt);
    decode.cancel(attempt);
    if (attempt % 2 == 1) prefill.cancel(attempt);
  }
  expect_rest();
}

TEST_F(Two, a_refused_ticket_fails_the_prefill_attempt_only) {
  plane.fault = Fault::refuse_ticket;
  start_split(1, spec(40));
  const auto error = prefill.failure(1);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, Errc::protocol);
  decode.cancel(1);
  expect_rest();
}

TEST_F(Two, a_failed_hand_over_is_reported_by_both_sides) {
  plane.fault = Fault::fail_receive;
  start_split(1, spec(40));
  EXPECT_TRUE(prefill.failure(1).has_value());
  EXPECT_TRUE(decode.failure(1).has_value());
  expect_rest();
}

TEST_F(Two, a_router_that_hangs_up_takes_its_attempts_with_it) {
  plane.fault = Fault::lose_commit;
  for (std::uint64_t attempt = 1; attempt <= 6; ++attempt) start_split(attempt, spec(50));
  prefill.hang_up();
  decode.hang_up();
  prefill.call_again();
  decode.call_again();
  expect_rest();
}

TEST_F(Two, an_attempt_past_its_deadline_is_given_up) {
  prefill.submit(AttemptKind::prefill, 1, spec(30), 50ms);  // no grant ever comes
  decode.submit(AttemptKind::reserve, 2, spec(30), 50ms);   // no KV ever comes
  EXPECT_EQ(prefill.failure(1).value_or(Error{Errc::ok, ""}).code, Errc::timeout);
  EXPECT_EQ(decode.failure(2).value_or(Error{Errc::ok, ""}).code, Errc::timeout);
  expect_rest();
}

TEST_F(Two, a_draining_worker_refuses_new_attempts_and_finishes_old_ones) {
  prefill.submit(AttemptKind::generate, 1, spec(20, 30));
  ASSERT_FALSE(prefill.tokens(1, 1).empty());
  prefill.drain();
  prefill.submit(AttemptKind::generate, 2, spec(20));
  EXPECT_EQ(prefill.failure(2).value_or(Error{Errc::ok, ""}).code, Errc::draining);
  EXPECT_EQ(prefill.tokens(1, 30).size(), 30U);
  expect_rest();
}

TEST_F(Two, token_ids_outside_the_vocabulary_are_refused) {
  auto bad = spec(10);
  bad.tokens[3] = 64;
  prefill.submit(AttemptKind::generate, 1, bad);
  EXPECT_EQ(prefill.failure(1).value_or(Error{Errc::ok, ""}).code, Errc::invalid_request);
  bad.tokens[3] = -1;
  prefill.submit(AttemptKind::prefill, 2, bad);
  EXPECT_EQ(prefill.failure(2).value_or(Error{Errc::ok, ""}).code, Errc::invalid_request);
  expect_rest();
}

TEST_F(Two, an_attempt_id_in_use_is_refused) {
  prefill.submit(AttemptKind::prefill, 1, spec(20));
  prefill.submit(AttemptKind::prefill, 1, spec(20));
  EXPECT_EQ(prefill.failure(1).value_or(Error{Errc::ok, ""}).code, Errc::protocol);
  prefill.cancel(1);
  expect_rest();
}

TEST_F(Two, steps_are_measured_and_reported) {
  decode.submit(AttemptKind::generate, 1, spec(40, 20));
  ASSERT_EQ(decode.tokens(1, 20).size(), 20U);
  const auto frame = decode.wait([](const wire::Envelope& e) { return e.load().samples_size() > 0; });
  ASSERT_TRUE(frame);
  const auto samples = wire::samples_from_wire(frame->load());
  ASSERT_EQ(static_cast<int>(samples.size()), frame->load().samples_size()) << "all plausible";
  EXPECT_LE(samples.size(), 3U);
  for (const auto& sample : samples) EXPECT_LE(sample.rows.batch + sample.rows.prefill_tokens, 40);
}

TEST_F(Two, prompts_take_small_chunks_beside_an_attempt_with_an_objective) {
  constexpr double kImpossible = 1e-9;
  for (const bool is_split : {false, true}) {
    const std::uint64_t talker = is_split ? 3 : 1, prompt = talker + 1;
    const auto unlike = spec(is_split ? 249 : 248, 1);  // nothing of it is cached
    bool submitted = false;
    std::vector<std::size_t> chunks;
    decode.before_step([&](std::span<const engine::SequenceRows> sequences) {
      if (!std::exchange(submitted, true)) decode.submit(AttemptKind::generate, prompt, unlike);
      if (sequences.size() == 2) chunks.push_back(sequences.back().tokens.size());
    });
    if (is_split) {
      start_split(talker, spec(21, 100), kImpossible);
    } else {
      decode.submit(AttemptKind::generate, talker, spec(20, 100), 10s, kImpossible);
    }
    ASSERT_EQ(decode.tokens(prompt, 1).size(), 1U);
    ASSERT_GE(decode.tokens(talker, 99).size(), 99U);
    if (!is_split) { ASSERT_EQ(decode.tokens(talker, 100).size(), 100U); }
    // One whole chunk at most, before anything is known of prompt rows.
    EXPECT_LE(std::ranges::count_if(chunks, [](std::size_t rows) { return rows > 16; }), is_split ? 1 : 0);
    EXPECT_GE(chunks.size(), (248U - 31) / 16);
  }
}

TEST_F(Two, a_router_hears_of_the_prefix_cache_whole_at_first_and_then_of_changes) {
  const auto prompt = spec(40, 4);
  kv::PrefixHash hash = kv::kEmptyPrefix;
  std::vector<kv::PrefixHash> expected;
  for (std::size_t at = 0; at + 16 <= 40; at += 16) {
    expected.push_back(hash = kv::prefix_hash(hash, std::span(prompt.tokens).subspan(at, 16)));
  }
  ASSERT_TRUE(decode.wait([](const wire::Envelope& e) { return e.has_load() && e.load().cache().reset(); }));
  decode.submit(AttemptKind::generate, 1, prompt);
  const auto has_both = [&](const wire::Envelope& e) {
    const auto& added = e.load().cache().added();
    return std::ranges::all_of(expected, [&](auto h) { return std::ranges::find(added, h) != added.end(); });
  };
  const auto change = decode.wait([&](const wire::Envelope& e) { return e.has_load() && has_both(e); });
  ASSERT_TRUE(change);
  EXPECT_FALSE(change->load().cache().reset());
  decode.hang_up();
  decode.call_again();
  EXPECT_TRUE(decode.wait([&](const wire::Envelope& e) { return e.load().cache().reset() && has_both(e); }));
}

}  // namespace baton::worker
