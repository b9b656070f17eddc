#include "wire/spec_frame.h"

#include <google/protobuf/io/coded_stream.h>

#include <bit>

#include "core/check.h"
#include "wire/convert.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::wire {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kBytes = 2;
constexpr std::uint32_t kFixed32 = 5;
constexpr std::size_t kLongestVarint = 10;
constexpr std::size_t kMostHeadBytes = kFrameHeaderBytes + 10 * kLongestVarint;

std::size_t varint_bytes(std::uint64_t value) {
  return CodedOutputStream::VarintSize64(value);
}

/// Fields below 16, whose tags are one byte.
std::uint8_t* put_tag(std::uint8_t* out, int field, std::uint32_t type) {
  *out = static_cast<std::uint8_t>(static_cast<std::uint32_t>(field) << 3 | type);
  return out + 1;
}

std::uint8_t* put_varint(std::uint8_t* out, int field, std::uint64_t value) {
  return CodedOutputStream::WriteVarint64ToArray(value, put_tag(out, field, kVarint));
}

std::uint8_t* put_length(std::uint8_t* out, int field, std::size_t bytes) {
  return CodedOutputStream::WriteVarint64ToArray(bytes, put_tag(out, field, kBytes));
}

// Generate, Prefill and Reserve have the same fields.
constexpr int kAttempt = Generate::kAttemptFieldNumber;
constexpr int kSpec = Generate::kSpecFieldNumber;
constexpr int kTimeout = Generate::kTimeoutMsFieldNumber;
static_assert(Prefill::kAttemptFieldNumber == kAttempt && Reserve::kAttemptFieldNumber == kAttempt);
static_assert(Prefill::kSpecFieldNumber == kSpec && Reserve::kSpecFieldNumber == kSpec);
static_assert(Prefill::kTimeoutMsFieldNumber == kTimeout && Reserve::kTimeoutMsFieldNumber == kTimeout);

constexpr int kObjective = Generate::kItlSloMsFieldNumber;
static_assert(Reserve::kItlSloMsFieldNumber == kObjective);

int field_of(SpecKind kind) {
  switch (kind) {
    case SpecKind::generate: return Envelope::kGenerate;
    case SpecKind::prefill: return Envelope::kPrefill;
    case SpecKind::reserve: return Envelope::kReserve;
  }
  return Envelope::kGenerate;
}

}  // namespace

// The tokens are written straight from the spec, without the copy that a Spec message would hold; what is small goes
// through one.
std::string encode_spec(const GenerationSpec& spec) {
  Spec rest;
  rest.set_generated(spec.generated);
  *rest.mutable_sampling() = to_wire(spec.sampling);
  std::size_t packed = 0;
  for (const TokenId token : spec.tokens) packed += varint_bytes(static_cast<std::uint64_t>(std::int64_t{token}));
  const std::size_t rest_bytes = rest.ByteSizeLong();

  std::string bytes(1 + varint_bytes(packed) + packed + rest_bytes, '\0');
  auto* const begin = reinterpret_cast<std::uint8_t*>(bytes.data());
  auto* out = put_length(begin, Spec::kTokensFieldNumber, packed);
  for (const TokenId token : spec.tokens) {
    out = CodedOutputStream::WriteVarint64ToArray(static_cast<std::uint64_t>(std::int64_t{token}), out);
  }
  out = rest.SerializeWithCachedSizesToArray(out);
  BATON_CHECK(out == begin + bytes.size());
  return bytes;
}

std::string encode_head(const SpecFrame& frame) {
  const std::size_t spec_bytes = frame.spec->size();
  const std::size_t objective_bytes = frame.itl_slo_ms == 0 ? 0 : 5;
  const std::size_t message = 3 + objective_bytes + varint_bytes(frame.attempt.value) + varint_bytes(frame.timeout_ms) +
                              varint_bytes(spec_bytes) + spec_bytes;
  const std::size_t body = 1 + varint_bytes(message) + message;
  BATON_CHECK(body <= kMaxFrameBytes);
  std::string head(kMostHeadBytes, '\0');
  for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) head[i] = static_cast<char>((body >> (8 * i)) & 0xff);
  auto* const begin = reinterpret_cast<std::uint8_t*>(head.data());
  auto* out = put_length(begin + kFrameHeaderBytes, field_of(frame.kind), message);
  out = put_varint(out, kAttempt, frame.attempt.value);
  out = put_varint(out, kTimeout, frame.timeout_ms);
  if (objective_bytes != 0) {
    const auto bits = std::bit_cast<std::uint32_t>(frame.itl_slo_ms);
    out = CodedOutputStream::WriteLittleEndian32ToArray(bits, put_tag(out, kObjective, kFixed32));
  }
  out = put_length(out, kSpec, spec_bytes);
  head.resize(static_cast<std::size_t>(out - begin));
  return head;
}

}  // namespace baton::wire
