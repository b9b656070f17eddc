#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "baton/error.h"
#include "wire/wire_fwd.h"

namespace baton::wire {

/// A frame is a 4-byte little-endian length and as many bytes of one serialised Envelope.
inline constexpr std::size_t kFrameHeaderBytes = 4;
/// Body limit of an established connection: the largest spec (kMaxSpecTokens) fits with room to spare.
inline constexpr std::size_t kMaxFrameBytes = std::size_t{64} << 20;
/// Body limit of the frames before the peer has proven itself (Hello, HelloReply).
inline constexpr std::size_t kMaxHelloBytes = std::size_t{64} << 10;

/// Protocol versions this build speaks: [kProtocolVersionMin, kProtocolVersion].
inline constexpr std::uint32_t kProtocolVersionMin = 1;
inline constexpr std::uint32_t kProtocolVersion = 1;

/// The highest version both sides speak. `peer_min..peer_max` comes from the peer's Hello; Errc::protocol if the
/// ranges do not meet (the message names both).
Result<std::uint32_t> negotiate_version(std::uint32_t peer_min, std::uint32_t peer_max);

/// Appends the frame of `envelope` to `out`, growing it at most once. The body must fit kMaxFrameBytes (the limits
/// of wire/convert.h see to that).
void append_frame(std::string& out, const Envelope& envelope);

/// The frame of `envelope`, length prefix included.
std::string encode_frame(const Envelope& envelope);

/// Length of the body that follows this header; Errc::protocol if it is zero or over `max_bytes`.
Result<std::size_t> frame_body_bytes(std::span<const std::byte, kFrameHeaderBytes> header,
                                     std::size_t max_bytes = kMaxFrameBytes);

/// Parses one frame's body. Errc::protocol if it is no Envelope, or one without a body this version knows.
Result<Envelope> parse_envelope(std::span<const std::byte> body);

}  // namespace baton::wire
