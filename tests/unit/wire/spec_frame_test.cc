#include "wire/spec_frame.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <limits>

#include "wire/convert.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::wire {
namespace {

using google::protobuf::util::MessageDifferencer;

GenerationSpec full_spec() {
  GenerationSpec spec;
  spec.tokens = {0, 1, 127, 128, 16383, 16384, 151'935, std::numeric_limits<TokenId>::max()};
  spec.generated = 3;
  spec.sampling.temperature = 0.5F;
  spec.sampling.logit_bias = {{7, -1.5F}};
  spec.sampling.stop_token_ids = {5, 6};
  spec.sampling.allowed_token_ids = {8};
  spec.sampling.bad_words = {{1, 2}, {3}};
  spec.sampling.constraint = {Constraint::Kind::regex, "a+"};
  spec.sampling.prompt_logprobs = 0;
  spec.sampling.max_tokens = 9;
  return spec;
}

template <class Message>
void fill(Message& message, const GenerationSpec& spec, AttemptId attempt, std::uint32_t timeout_ms) {
  message.set_attempt(attempt.value);
  message.set_timeout_ms(timeout_ms);
  *message.mutable_spec() = to_wire(spec);
}

Envelope ordinary(SpecKind kind, const GenerationSpec& spec, AttemptId attempt, std::uint32_t timeout_ms,
                  float itl_slo_ms) {
  Envelope envelope;
  if (kind == SpecKind::generate) {
    fill(*envelope.mutable_generate(), spec, attempt, timeout_ms);
    envelope.mutable_generate()->set_itl_slo_ms(itl_slo_ms);
  }
  if (kind == SpecKind::prefill) fill(*envelope.mutable_prefill(), spec, attempt, timeout_ms);
  if (kind == SpecKind::reserve) {
    fill(*envelope.mutable_reserve(), spec, attempt, timeout_ms);
    envelope.mutable_reserve()->set_itl_slo_ms(itl_slo_ms);
  }
  return envelope;
}

void expect_same(const GenerationSpec& spec, std::uint64_t attempt, std::uint32_t timeout_ms, float itl_slo_ms = 0) {
  const auto bytes = std::make_shared<const std::string>(encode_spec(spec));
  for (const SpecKind kind : {SpecKind::generate, SpecKind::prefill, SpecKind::reserve}) {
    const float objective = kind == SpecKind::prefill ? 0 : itl_slo_ms;
    const std::string frame = encode_head({kind, AttemptId{attempt}, timeout_ms, objective, bytes}) + *bytes;
    const auto all = std::as_bytes(std::span(frame));
    ASSERT_EQ(frame_body_bytes(all.first<kFrameHeaderBytes>()).value(), frame.size() - kFrameHeaderBytes);
    const auto parsed = parse_envelope(all.subspan(kFrameHeaderBytes));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_TRUE(MessageDifferencer::Equals(*parsed, ordinary(kind, spec, AttemptId{attempt}, timeout_ms, objective)));
  }
}

TEST(SpecFrame, reads_as_the_envelope_that_protobuf_would_have_written) {
  expect_same(full_spec(), 1, 60'000, 12.5F);
  expect_same(full_spec(), std::numeric_limits<std::uint64_t>::max(), std::numeric_limits<std::uint32_t>::max());
  expect_same(full_spec(), 0, 0);  // defaults, which protobuf leaves out
  expect_same({.tokens = {42}, .generated = 0, .sampling = {}}, 5, 0);
}

TEST(SpecFrame, carries_lengths_at_every_size_of_their_varints) {
  for (const std::size_t tokens : {100, 127, 128, 16'300, 16'384, 2'100'000}) {
    GenerationSpec spec = full_spec();
    spec.tokens.assign(tokens, 1);
    expect_same(spec, 300, 300);
  }
}

TEST(SpecFrame, the_largest_spec_fits_a_frame) {
  GenerationSpec spec;
  spec.tokens.assign(kMaxSpecTokens, std::numeric_limits<TokenId>::max());
  spec.sampling.max_tokens = 1;
  const auto bytes = std::make_shared<const std::string>(encode_spec(spec));
  const std::string head = encode_head({SpecKind::reserve, AttemptId{1}, 1, 1, bytes});
  EXPECT_LE(head.size() + bytes->size() - kFrameHeaderBytes, kMaxFrameBytes);
}

}  // namespace
}  // namespace baton::wire
