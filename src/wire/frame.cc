#include "wire/frame.h"

#include <algorithm>

#include "core/check.h"
#include "wire/wire.pb.h"

namespace baton::wire {

Result<std::uint32_t> negotiate_version(std::uint32_t peer_min, std::uint32_t peer_max) {
  const std::uint32_t low = std::max(peer_min, kProtocolVersionMin);
  const std::uint32_t high = std::min(peer_max, kProtocolVersion);
  if (low <= high) return high;
  return fail(Errc::protocol, "no common protocol version: this side speaks " + std::to_string(kProtocolVersionMin) +
                                  " to " + std::to_string(kProtocolVersion) + ", the peer " +
                                  std::to_string(peer_min) + " to " + std::to_string(peer_max) +
                                  "; run the same release of batond and baton-worker");
}

void append_frame(std::string& out, const Envelope& envelope) {
  const std::size_t bytes = envelope.ByteSizeLong();
  BATON_CHECK(bytes <= kMaxFrameBytes);
  const std::size_t start = out.size();
  out.resize(start + kFrameHeaderBytes + bytes);
  for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) out[start + i] = static_cast<char>((bytes >> (8 * i)) & 0xff);
  envelope.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(out.data() + start + kFrameHeaderBytes));
}

std::string encode_frame(const Envelope& envelope) {
  std::string out;
  append_frame(out, envelope);
  return out;
}

Result<std::size_t> frame_body_bytes(std::span<const std::byte, kFrameHeaderBytes> header, std::size_t max_bytes) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) bytes |= std::to_integer<std::size_t>(header[i]) << (8 * i);
  if (bytes == 0) return fail(Errc::protocol, "empty frame");
  if (bytes > max_bytes) {
    return fail(Errc::protocol,
                "frame of " + std::to_string(bytes) + " bytes is over the limit of " + std::to_string(max_bytes));
  }
  return bytes;
}

Result<Envelope> parse_envelope(std::span<const std::byte> body) {
  Envelope envelope;
  if (body.size() > kMaxFrameBytes || !envelope.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return fail(Errc::protocol, "frame is not an envelope");
  }
  if (envelope.body_case() == Envelope::BODY_NOT_SET) {
    return fail(Errc::protocol, "envelope holds no message known to protocol version " +
                                    std::to_string(kProtocolVersion));
  }
  return envelope;
}

}  // namespace baton::wire
