#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "baton/types.h"

/// Frames around a spec that was serialised beforehand: a long prompt is serialised once, on whatever thread has
/// the time, however many frames carry it.
namespace baton::wire {

/// The bytes of the Spec message of `spec`; any protobuf parser reads them. Trusts its argument as to_wire() does.
std::string encode_spec(const GenerationSpec& spec);

enum class SpecKind : std::uint8_t { generate, prefill, reserve };

/// An Envelope with Generate, Prefill or Reserve.
struct SpecFrame {
  SpecKind kind = SpecKind::generate;
  AttemptId attempt;
  std::uint32_t timeout_ms = 0;
  float itl_slo_ms = 0;                     ///< not with prefill
  std::shared_ptr<const std::string> spec;  ///< of encode_spec()
};

/// All of the frame (wire/frame.h) but the bytes of the spec, which are its last part. The body must fit
/// kMaxFrameBytes.
std::string encode_head(const SpecFrame& frame);

}  // namespace baton::wire
