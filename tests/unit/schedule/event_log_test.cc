#include "schedule/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baton::schedule {
namespace {

using testing::HasSubstr;

WorkerInfo worker(Role role) {
  WorkerInfo info;
  info.role = role;
  info.model_hash = "m";
  info.total_blocks = 100;
  info.max_batch = 8;
  info.max_context = 1600;
  info.replica.emplace().dollars_per_hour = 3;
  return info;
}

/// A little life: one request served by two workers, another that fails for want of them.
std::string recorded_life() {
  std::string log;
  CoordinatorOptions options;
  options.classes.emplace_back().name = "all";
  Recorder recorder(options, [&](std::string_view bytes) { log += bytes; });
  TimePoint now{std::chrono::seconds(5)};
  const auto feed = [&](const Event& event) { recorder.handle(event, now += 10ms); };
  auto spec = std::make_shared<GenerationSpec>();
  spec->tokens.assign(40, 7);
  spec->sampling.max_tokens = 3;
  spec->sampling.logit_bias = {{5, 1.5F}};
  feed(Arrive{RequestId{1}, spec});
  feed(WorkerUp{WorkerId{0}, worker(Role::prefill)});
  feed(WorkerUp{WorkerId{1}, worker(Role::decode)});
  feed(LoadReport{WorkerId{0}, {.free_blocks = 90, .samples = {{{.batch = 1}, 0.5}}}});
  feed(Arrive{RequestId{2}, spec});
  feed(TicketIn{WorkerId{1}, AttemptId{1}, "here"});
  TokenOut token{.attempt = AttemptId{1}};
  feed(TokensIn{WorkerId{0}, {&token, 1}});
  feed(HandedIn{WorkerId{0}, AttemptId{1}, 1000, 50us});
  token.index = 1;
  feed(TokensIn{WorkerId{1}, {&token, 1}});
  feed(FailedIn{WorkerId{1}, AttemptId{1}, {Errc::io, "broke"}});
  feed(Tick{});
  feed(WorkerDown{WorkerId{0}});
  feed(Abandon{RequestId{2}});
  feed(StartDrain{});
  return log;
}

TEST(EventLog, replays_to_the_same_decisions) {
  const auto replayed = replay(recorded_life());
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_EQ(replayed->events, 14U);
  EXPECT_GE(replayed->placements, 1U);
  EXPECT_FALSE(replayed->difference);
  EXPECT_FALSE(replayed->truncated);
}

TEST(EventLog, compares_with_another_policy) {
  const auto replayed = replay(recorded_life(), PlacementPolicy::cost);
  ASSERT_TRUE(replayed);
  EXPECT_GE(replayed->what_if.placements, 1U);
  EXPECT_FALSE(replayed->difference);
}

TEST(EventLog, gives_back_what_was_written) {
  auto reader = EventReader::open(recorded_life());
  const std::string log = recorded_life();
  reader = EventReader::open(log);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->options().classes.at(0).name, "all");
  const auto* arrive = std::get_if<Arrive>(&(*reader->next().value()).event);
  ASSERT_NE(arrive, nullptr);
  EXPECT_EQ(arrive->spec->tokens.size(), 40U);
  EXPECT_EQ(arrive->spec->sampling.logit_bias.at(0).second, 1.5F);
  const auto up = reader->next();
  EXPECT_EQ(std::get<WorkerUp>((*up)->event).info.replica->dollars_per_hour, 3);
}

TEST(EventLog, a_log_cut_off_is_read_to_its_last_whole_record) {
  const std::string log = recorded_life();
  const auto replayed = replay(std::string_view(log).substr(0, log.size() - 3));
  ASSERT_TRUE(replayed);
  EXPECT_TRUE(replayed->truncated);
  EXPECT_EQ(replayed->events, 13U);
}

TEST(EventLog, every_damaged_byte_is_noticed_or_harmless) {
  const std::string log = recorded_life();
  for (std::size_t i = 0; i < log.size(); ++i) {
    std::string damaged = log;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    const auto replayed = replay(damaged);
    EXPECT_TRUE(!replayed || replayed->truncated) << i;
  }
}

TEST(EventLog, refuses_other_files_and_versions) {
  EXPECT_THAT(replay("something else").error().message, HasSubstr("not an event log"));
  EXPECT_THAT(replay("BATONLOG\x09").error().message, HasSubstr("version 9"));
  EXPECT_THAT(replay(std::string("BATONLOG\x01")).error().message, HasSubstr("before its options"));
}

}  // namespace
}  // namespace baton::schedule
