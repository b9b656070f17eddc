#include "wire/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::wire {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");

GenerationSpec full_spec() {
  GenerationSpec spec;
  spec.tokens = {1, 2, 3, 2147483647};
  spec.generated = 2;
  SamplingParams& s = spec.sampling;
  s.temperature = 0.5F;
  s.top_p = 0.9F;
  s.top_k = 40;
  s.min_p = 0.05F;
  s.repetition_penalty = 1.1F;
  s.presence_penalty = -0.5F;
  s.frequency_penalty = 0.25F;
  s.logit_bias = {{7, -100.0F}, {8, 3.5F}};
  s.seed = 0xfedcba9876543210ULL;
  s.logprobs = 5;
  s.max_tokens = 100;
  s.min_tokens = 4;
  s.ignore_eos = true;
  s.stop_token_ids = {11, 12};
  s.allowed_token_ids = {5, 6, 7};
  s.bad_words = {{1}, {2, 3}};
  s.constraint = {Constraint::Kind::json_schema, R"({"type":"object"})"};
  s.prompt_logprobs = 0;
  return spec;
}

TokenOut full_token() {
  return {.attempt = {9}, .index = 3, .token = 5, .finish = FinishReason::length, .stop_token = false,
          .logprob = -1.5F, .top = {{5, -1.5F}, {6, -kInf}}};
}

HelloReply good_reply() {
  HelloReply reply;
  reply.set_version(kProtocolVersion);
  reply.set_name("d1");
  reply.set_role(DECODE);
  reply.set_block_tokens(16);
  reply.set_total_blocks(100);
  reply.set_max_batch(8);
  reply.set_max_context(4096);
  return reply;
}

/// Every mutation of a good message must be refused with Errc::protocol.
template <class Message>
void expect_refused(const Message& good, std::initializer_list<std::function<void(Message&)>> mutations,
                    const auto& convert) {
  ASSERT_TRUE(convert(good));
  int at = 0;
  for (const auto& mutate : mutations) {
    Message message = good;
    mutate(message);
    const auto result = convert(message);
    ASSERT_FALSE(result) << "mutation " << at;
    EXPECT_EQ(result.error().code, Errc::protocol) << "mutation " << at;
    EXPECT_FALSE(result.error().param.empty()) << "mutation " << at;
    ++at;
  }
}

}  // namespace

TEST(Convert, a_spec_survives_the_round_trip) {
  const GenerationSpec spec = full_spec();
  const auto back = from_wire(to_wire(spec));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->tokens, spec.tokens);
  EXPECT_EQ(back->generated, spec.generated);
  const SamplingParams &a = spec.sampling, &b = back->sampling;
  EXPECT_EQ(b.temperature, a.temperature);
  EXPECT_EQ(b.top_p, a.top_p);
  EXPECT_EQ(b.top_k, a.top_k);
  EXPECT_EQ(b.min_p, a.min_p);
  EXPECT_EQ(b.repetition_penalty, a.repetition_penalty);
  EXPECT_EQ(b.presence_penalty, a.presence_penalty);
  EXPECT_EQ(b.frequency_penalty, a.frequency_penalty);
  EXPECT_EQ(b.logit_bias, a.logit_bias);
  EXPECT_EQ(b.seed, a.seed);
  EXPECT_EQ(b.logprobs, a.logprobs);
  EXPECT_EQ(b.max_tokens, a.max_tokens);
  EXPECT_EQ(b.min_tokens, a.min_tokens);
  EXPECT_EQ(b.ignore_eos, a.ignore_eos);
  EXPECT_EQ(b.stop_token_ids, a.stop_token_ids);
  EXPECT_EQ(b.allowed_token_ids, a.allowed_token_ids);
  EXPECT_EQ(b.bad_words, a.bad_words);
  EXPECT_EQ(b.constraint, a.constraint);
  EXPECT_EQ(b.prompt_logprobs, a.prompt_logprobs);
}

TEST(Convert, default_sampling_is_valid) {
  GenerationSpec spec;
  spec.tokens = {1};
  const auto back = from_wire(to_wire(spec));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->sampling.prompt_logprobs, -1);
  EXPECT_EQ(back->sampling.constraint.kind, Constraint::Kind::none);
}

TEST(Convert, a_spec_out_of_range_is_refused) {
  expect_refused<Spec>(to_wire(full_spec()),
                       {
                           [](Spec& s) { s.clear_tokens(); },
                           [](Spec& s) { s.set_tokens(0, -1); },
                           [](Spec& s) { s.set_generated(-1); },
                           [](Spec& s) { s.set_generated(4); },
                           [](Spec& s) { s.mutable_sampling()->set_max_tokens(2); },
                           [](Spec& s) { s.clear_sampling(); },
                           [](Spec& s) { s.mutable_tokens()->Resize(static_cast<int>(kMaxSpecTokens) + 1, 0); },
                       },
                       [](const Spec& s) { return from_wire(s); });
}

TEST(Convert, sampling_out_of_range_is_refused) {
  expect_refused<Sampling>(to_wire(full_spec().sampling),
                           {
                               [](Sampling& s) { s.set_temperature(kNan); },
                               [](Sampling& s) { s.set_temperature(kInf); },
                               [](Sampling& s) { s.set_temperature(-0.1F); },
                               [](Sampling& s) { s.set_top_p(0); },
                               [](Sampling& s) { s.set_top_p(1.5F); },
                               [](Sampling& s) { s.set_top_p(kNan); },
                               [](Sampling& s) { s.set_min_p(-1); },
                               [](Sampling& s) { s.set_min_p(kNan); },
                               [](Sampling& s) { s.set_repetition_penalty(0); },
                               [](Sampling& s) { s.set_repetition_penalty(kInf); },
                               [](Sampling& s) { s.set_presence_penalty(kNan); },
                               [](Sampling& s) { s.set_frequency_penalty(-kInf); },
                               [](Sampling& s) { s.mutable_logit_bias(0)->set_token(-1); },
                               [](Sampling& s) { s.mutable_logit_bias(0)->set_bias(kInf); },
                               [](Sampling& s) {
                                 for (std::size_t i = 0; i < kMaxLogitBias; ++i) s.add_logit_bias();
                               },
                               [](Sampling& s) { s.set_logprobs(-2); },
                               [](Sampling& s) { s.set_logprobs(1000); },
                               [](Sampling& s) { s.set_max_tokens(0); },
                               [](Sampling& s) { s.set_min_tokens(-1); },
                               [](Sampling& s) { s.set_stop_token_ids(0, -5); },
                               [](Sampling& s) { s.mutable_stop_token_ids()->Resize(kMaxStopTokens + 1, 1); },
                               [](Sampling& s) { s.set_allowed_token_ids(0, -5); },
                               [](Sampling& s) { s.mutable_allowed_token_ids()->Resize(kMaxAllowedTokens + 1, 1); },
                               [](Sampling& s) { s.add_bad_words(); },
                               [](Sampling& s) { s.mutable_bad_words(0)->set_tokens(0, -1); },
                               [](Sampling& s) { s.mutable_bad_words(0)->mutable_tokens()->Resize(257, 1); },
                               [](Sampling& s) {
                                 for (std::size_t i = 0; i < kMaxBadWords; ++i) s.add_bad_words()->add_tokens(1);
                               },
                               [](Sampling& s) { s.mutable_constraint()->set_kind(static_cast<ConstraintCode>(5)); },
                               [](Sampling& s) { s.mutable_constraint()->set_source(std::string(kMaxConstraintBytes + 1, ' ')); },
                               [](Sampling& s) { s.set_prompt_logprobs(-2); },
                               [](Sampling& s) { s.set_prompt_logprobs(1000); },
                           },
                           [](const Sampling& s) { return from_wire(s); });
}

TEST(Convert, a_token_survives_the_round_trip) {
  const TokenOut token = full_token();
  const auto back = from_wire(to_wire(token));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->attempt, token.attempt);
  EXPECT_EQ(back->index, token.index);
  EXPECT_EQ(back->token, token.token);
  EXPECT_EQ(back->finish, token.finish);
  EXPECT_EQ(back->stop_token, token.stop_token);
  EXPECT_EQ(back->logprob, token.logprob);
  ASSERT_EQ(back->top.size(), 2U);
  EXPECT_EQ(back->top[1].token, 6);
  EXPECT_EQ(back->top[1].logprob, -kInf);
}

TEST(Convert, a_token_out_of_range_is_refused) {
  expect_refused<Token>(to_wire(full_token()),
                        {
                            [](Token& t) { t.set_index(-1); },
                            [](Token& t) { t.set_token(-1); },
                            [](Token& t) { t.set_finish(static_cast<FinishCode>(3)); },
                            [](Token& t) { t.set_finish(static_cast<FinishCode>(-1)); },
                            [](Token& t) { t.set_logprob(kNan); },
                            [](Token& t) { t.mutable_top(0)->set_token(-1); },
                            [](Token& t) { t.mutable_top(0)->set_logprob(kNan); },
                            [](Token& t) {
                              for (std::size_t i = 0; i < kMaxTopLogprobs; ++i) t.add_top();
                            },
                        },
                        [](const Token& t) { return from_wire(t); });
}

TEST(Convert, prompt_logprobs_survive_the_round_trip_and_are_bounded) {
  const PromptLogprobs logprobs{.attempt = {4}, .first = 7, .tokens = {{{3, -0.5F}, {{3, -0.5F}, {9, -kInf}}}, {{4, -2.0F}, {}}}};
  const auto back = from_wire(to_wire(logprobs));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->attempt, logprobs.attempt);
  EXPECT_EQ(back->first, 7);
  ASSERT_EQ(back->tokens.size(), 2U);
  EXPECT_EQ(back->tokens[0].token.token, 3);
  EXPECT_EQ(back->tokens[0].top[1].logprob, -kInf);
  EXPECT_EQ(back->tokens[1].token.logprob, -2.0F);
  expect_refused<PromptScores>(to_wire(logprobs),
                               {
                                   [](PromptScores& p) { p.clear_tokens(); },
                                   [](PromptScores& p) { p.set_first(-1); },
                                   [](PromptScores& p) { p.mutable_tokens(0)->set_token(-1); },
                                   [](PromptScores& p) { p.mutable_tokens(1)->set_logprob(kNan); },
                                   [](PromptScores& p) { p.mutable_tokens(0)->mutable_top(1)->set_token(-2); },
                                   [](PromptScores& p) {
                                     for (std::size_t i = 0; i < kMaxTopLogprobs; ++i) p.mutable_tokens(0)->add_top();
                                   },
                                   [](PromptScores& p) {
                                     for (std::size_t i = 0; i < kMaxPromptLogprobTokens; ++i) p.add_tokens();
                                   },
                               },
                               [](const PromptScores& p) { return from_wire(p); });
}

TEST(Convert, a_step_keeps_order_and_one_bad_token_spoils_it) {
  Step step;
  *step.add_tokens() = to_wire(full_token());
  *step.add_tokens() = to_wire(full_token());
  step.mutable_tokens(1)->set_attempt(10);
  const auto tokens = from_wire(step);
  ASSERT_TRUE(tokens);
  ASSERT_EQ(tokens->size(), 2U);
  EXPECT_EQ((*tokens)[1].attempt, AttemptId{10});
  expect_refused<Step>(step,
                       {
                           [](Step& s) { s.mutable_tokens(1)->set_index(-1); },
                           [](Step& s) {
                             for (std::size_t i = 0; i < kMaxStepTokens; ++i) s.add_tokens();
                           },
                       },
                       [](const Step& s) { return from_wire(s); });
}

TEST(Convert, every_error_code_survives_the_round_trip) {
  for (const ErrcInfo& info : kErrcTable) {
    if (info.code == Errc::ok) continue;
    const Failed failed = to_wire(AttemptId{3}, Error{info.code, "why"});
    EXPECT_EQ(failed.attempt(), 3U);
    EXPECT_EQ(error_from_wire(failed).code, info.code);
    EXPECT_EQ(error_from_wire(failed).message, "why");
  }
}

TEST(Convert, unknown_error_codes_become_protocol_errors_that_keep_the_message) {
  for (const std::uint32_t code : {0U, static_cast<std::uint32_t>(kErrcTable.size()), 0xffffffffU}) {
    Failed failed;
    failed.set_code(code);
    failed.set_message("melted");
    EXPECT_EQ(error_from_wire(failed).code, Errc::protocol);
    EXPECT_NE(error_from_wire(failed).message.find("melted"), std::string::npos);
  }
}

TEST(Convert, error_messages_are_bounded_and_always_valid_utf8) {
  const Error error{Errc::io, "caf\xc3" + std::string(10'000, 'x')};
  Envelope envelope;
  *envelope.mutable_failed() = to_wire(AttemptId{1}, error);
  EXPECT_EQ(envelope.failed().message().size(), kMaxMessageBytes);
  const std::string frame = encode_frame(envelope);
  EXPECT_TRUE(parse_envelope(std::as_bytes(std::span(frame)).subspan(kFrameHeaderBytes)));
}

TEST(Convert, roles_survive_and_unknown_ones_are_refused) {
  for (const Role role : {Role::prefill, Role::decode, Role::both}) EXPECT_EQ(from_wire(to_wire(role)).value(), role);
  EXPECT_EQ(from_wire(static_cast<RoleCode>(3)).error().code, Errc::protocol);
}

TEST(Convert, a_hello_reply_out_of_range_is_refused) {
  expect_refused<HelloReply>(good_reply(),
                             {
                                 [](HelloReply& r) { r.set_version(0); },
                                 [](HelloReply& r) { r.set_version(kProtocolVersion + 1); },
                                 [](HelloReply& r) { r.set_role(static_cast<RoleCode>(9)); },
                                 [](HelloReply& r) { r.set_block_tokens(0); },
                                 [](HelloReply& r) { r.set_block_tokens(17); },
                                 [](HelloReply& r) { r.set_total_blocks(0); },
                                 [](HelloReply& r) { r.set_total_blocks(0x80000000U); },
                                 [](HelloReply& r) { r.set_max_batch(0); },
                                 [](HelloReply& r) { r.set_max_context(0); },
                                 [](HelloReply& r) { r.set_max_context(kMaxSpecTokens + 1); },
                                 [](HelloReply& r) { r.set_name(std::string(kMaxNameBytes + 1, 'x')); },
                                 [](HelloReply& r) { r.set_data_address(std::string(kMaxNameBytes + 1, 'x')); },
                             },
                             [](const HelloReply& r) { return validate(r); });
}

TEST(Convert, load_counts_must_fit_signed_integers) {
  expect_refused<Load>(Load{},
                       {
                           [](Load& l) { l.set_free_blocks(0x80000000U); },
                           [](Load& l) { l.set_cached_blocks(0x80000000U); },
                           [](Load& l) { l.set_running(0xffffffffU); },
                           [](Load& l) { l.set_waiting(0xffffffffU); },
                           [](Load& l) { l.set_reserved(0xffffffffU); },
                           [](Load& l) { l.set_draining_blocks(0xffffffffU); },
                       },
                       [](const Load& l) { return validate(l); });
}

TEST(Convert, tickets_and_grants_must_hold_a_bounded_ticket) {
  Ticket ticket;
  ticket.set_ticket("t");
  expect_refused<Ticket>(ticket,
                         {
                             [](Ticket& t) { t.clear_ticket(); },
                             [](Ticket& t) { t.set_ticket(std::string(kMaxTicketBytes + 1, 'x')); },
                         },
                         [](const Ticket& t) { return validate(t); });
  Grant grant;
  EXPECT_FALSE(validate(grant));
  grant.set_ticket("t");
  EXPECT_TRUE(validate(grant));
  Prefilled prefilled;
  EXPECT_TRUE(validate(prefilled));
  prefilled.set_cached_tokens(0xffffffffU);
  EXPECT_EQ(validate(prefilled).error().code, Errc::protocol);
}

TEST(Convert, a_hand_over_of_absurd_length_is_refused) {
  Handed good;
  good.set_micros(1'000'000);
  good.set_transport("tcp");
  expect_refused<Handed>(good,
                         {
                             [](Handed& h) { h.set_micros(~std::uint64_t{0}); },
                             [](Handed& h) { h.set_transport(std::string(kMaxNameBytes + 1, 'x')); },
                         },
                         [](const Handed& h) { return validate(h); });
}

TEST(Objective, travels_as_milliseconds_and_must_be_a_time) {
  EXPECT_DOUBLE_EQ(*objective_s(0), 0);
  EXPECT_DOUBLE_EQ(*objective_s(50), 0.05);
  for (const float bad : {-1.0F, 2e9F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const auto refused = objective_s(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, Errc::protocol);
    EXPECT_EQ(refused.error().param, "itl_slo_ms");
  }
}

TEST(Deadline, travels_as_milliseconds_left_rounded_up) {
  const TimePoint now{1h};
  EXPECT_EQ(timeout_ms(kNever, now), 0U);
  EXPECT_EQ(timeout_ms(now - 5s, now), 1U);
  EXPECT_EQ(timeout_ms(now + 1500us, now), 2U);
  EXPECT_EQ(timeout_ms(now + 24h * 365, now), std::numeric_limits<std::uint32_t>::max());
  EXPECT_EQ(deadline_after(0, now), kNever);
  EXPECT_EQ(deadline_after(250, now), now + 250ms);
}

}  // namespace baton::wire
