#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "wire/convert.h"
#include "wire/convert_perf.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

using namespace baton;
using namespace baton::wire;

namespace {

/// What was accepted must survive another round trip.
void convert(const Spec& spec) {
  if (const auto accepted = from_wire(spec); accepted && !from_wire(to_wire(*accepted))) std::abort();
}

void convert(const Envelope& envelope) {
  switch (envelope.body_case()) {
    case Envelope::kGenerate: return convert(envelope.generate().spec());
    case Envelope::kPrefill: return convert(envelope.prefill().spec());
    case Envelope::kReserve: return convert(envelope.reserve().spec());
    case Envelope::kHello:
      (void)negotiate_version(envelope.hello().version_min(), envelope.hello().version_max());
      return;
    case Envelope::kHelloReply:
      (void)validate(envelope.hello_reply());
      if (const auto r = replica_from_wire(envelope.hello_reply()); r && !perf::plausible(*r)) std::abort();
      return;
    case Envelope::kTicket: (void)validate(envelope.ticket()); return;
    case Envelope::kGrant: (void)validate(envelope.grant()); return;
    case Envelope::kLoad:
      (void)validate(envelope.load());
      for (const auto& sample : samples_from_wire(envelope.load())) {
        if (!perf::plausible(sample)) std::abort();
      }
      return;
    case Envelope::kHanded: (void)validate(envelope.handed()); return;
    case Envelope::kPrefilled: (void)validate(envelope.prefilled()); return;
    case Envelope::kFailed:
      if (errc_info(error_from_wire(envelope.failed()).code).code == Errc::ok) std::abort();
      return;
    case Envelope::kPromptScores:
      if (const auto logprobs = from_wire(envelope.prompt_scores()); logprobs && !from_wire(to_wire(*logprobs))) std::abort();
      return;
    case Envelope::kStep:
      if (const auto tokens = from_wire(envelope.step())) {
        for (const TokenOut& token : *tokens) {
          if (!from_wire(to_wire(token))) std::abort();
        }
      }
      return;
    default: return;
  }
}

}  // namespace

/// A byte stream as a peer would send it: frame after frame until one is refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = std::as_bytes(std::span(data, size));
  while (rest.size() >= kFrameHeaderBytes) {
    const auto body = frame_body_bytes(rest.first<kFrameHeaderBytes>());
    if (!body || rest.size() - kFrameHeaderBytes < *body) break;
    const auto envelope = parse_envelope(rest.subspan(kFrameHeaderBytes, *body));
    if (!envelope) break;
    convert(*envelope);
    rest = rest.subspan(kFrameHeaderBytes + *body);
  }
  return 0;
}
