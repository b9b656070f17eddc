#include "wire/frame.h"

#include <gtest/gtest.h>

#include "wire/wire.pb.h"

namespace baton::wire {
namespace {

Envelope ping(std::uint64_t nonce) {
  Envelope envelope;
  envelope.mutable_ping()->set_nonce(nonce);
  return envelope;
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

auto header_of(const std::string& frame) { return bytes_of(frame).first<kFrameHeaderBytes>(); }

std::string header(std::uint32_t length) {
  std::string out;
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>((length >> (8 * i)) & 0xff));
  return out;
}

}  // namespace

TEST(Frame, is_a_little_endian_length_and_the_envelope) {
  // Envelope{ping{nonce: 5}}: field 14, length-delimited = 0x72, 2 bytes; nonce: field 1, varint = 0x08 0x05.
  EXPECT_EQ(encode_frame(ping(5)), std::string("\x04\0\0\0\x72\x02\x08\x05", 8));
}

TEST(Frame, append_adds_one_frame_after_another) {
  std::string out;
  append_frame(out, ping(1));
  append_frame(out, ping(2));
  EXPECT_EQ(out, encode_frame(ping(1)) + encode_frame(ping(2)));
}

TEST(Frame, a_body_parses_back) {
  const std::string frame = encode_frame(ping(77));
  ASSERT_EQ(frame_body_bytes(header_of(frame)).value(), frame.size() - kFrameHeaderBytes);
  const auto envelope = parse_envelope(bytes_of(frame).subspan(kFrameHeaderBytes));
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->ping().nonce(), 77U);
}

TEST(Frame, lengths_of_zero_and_over_the_limit_are_refused) {
  EXPECT_EQ(frame_body_bytes(header_of(header(0))).error().code, Errc::protocol);
  EXPECT_EQ(frame_body_bytes(header_of(header(kMaxFrameBytes))).value(), kMaxFrameBytes);
  EXPECT_EQ(frame_body_bytes(header_of(header(kMaxFrameBytes + 1))).error().code, Errc::protocol);
  EXPECT_EQ(frame_body_bytes(header_of(header(0xffffffffU))).error().code, Errc::protocol);
  EXPECT_EQ(frame_body_bytes(header_of(header(kMaxHelloBytes + 1)), kMaxHelloBytes).error().code, Errc::protocol);
}

TEST(Frame, an_http_client_on_the_control_port_is_told_apart) {
  EXPECT_EQ(frame_body_bytes(header_of("GET ")).error().code, Errc::protocol);
}

TEST(Frame, garbage_truncation_and_unknown_messages_are_protocol_errors) {
  EXPECT_EQ(parse_envelope(bytes_of("\xff\xff\xff")).error().code, Errc::protocol);
  EXPECT_EQ(parse_envelope({}).error().code, Errc::protocol);
  const std::string frame = encode_frame(ping(77));
  EXPECT_EQ(parse_envelope(bytes_of(frame).subspan(4, frame.size() - 5)).error().code, Errc::protocol);
  EXPECT_EQ(parse_envelope(bytes_of(std::string("\xa2\x06\x00", 3))).error().code, Errc::protocol);  // field 100
}

TEST(Frame, a_string_that_is_not_utf8_is_a_protocol_error) {
  Envelope envelope;
  envelope.mutable_leaving()->set_reason("ok");
  std::string frame = encode_frame(envelope);
  frame.back() = '\xff';
  EXPECT_EQ(parse_envelope(bytes_of(frame).subspan(4)).error().code, Errc::protocol);
}

TEST(Version, the_highest_common_one_is_chosen) {
  EXPECT_EQ(negotiate_version(kProtocolVersionMin, kProtocolVersion).value(), kProtocolVersion);
  EXPECT_EQ(negotiate_version(0, 1000).value(), kProtocolVersion);
}

TEST(Version, disjoint_or_reversed_ranges_are_refused_with_both_ranges_named) {
  const auto newer = negotiate_version(kProtocolVersion + 1, kProtocolVersion + 3);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, Errc::protocol);
  EXPECT_NE(newer.error().message.find("2 to 4"), std::string::npos);
  EXPECT_FALSE(negotiate_version(0, 0));
  EXPECT_FALSE(negotiate_version(3, 1));
}

}  // namespace baton::wire
