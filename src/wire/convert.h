#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"
#include "core/clock.h"
#include "wire/wire_fwd.h"

/// Baton's own types to protobuf messages and back. to_wire() trusts its argument (it was validated where it entered);
/// from_wire() and validate() trust nothing: whatever is out of range comes back as Errc::protocol naming the field.
namespace baton::wire {

inline constexpr std::size_t kMaxSpecTokens = std::size_t{8} << 20;
inline constexpr std::size_t kMaxLogitBias = 4096;
inline constexpr std::size_t kMaxStopTokens = 4096;
inline constexpr std::size_t kMaxTopLogprobs = 128;
inline constexpr std::size_t kMaxAllowedTokens = std::size_t{1} << 20;
inline constexpr std::size_t kMaxBadWords = 4096;
inline constexpr std::size_t kMaxBadWordTokens = 256;  ///< of one sequence
inline constexpr std::size_t kMaxConstraintBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxPromptLogprobTokens = 65536;  ///< of one message
inline constexpr double kMaxObjectiveMs = 1e9;
inline constexpr std::size_t kMaxStepTokens = 65536;
inline constexpr std::size_t kMaxTicketBytes = std::size_t{16} << 20;
inline constexpr std::size_t kMaxNameBytes = 1024;
inline constexpr std::size_t kMaxMessageBytes = 4096;

RoleCode to_wire(Role role);
Result<Role> from_wire(RoleCode code);

Sampling to_wire(const SamplingParams& params);
Result<SamplingParams> from_wire(const Sampling& sampling);

/// A spec holds at least one token, 0 <= generated < tokens, and generated < max_tokens.
Spec to_wire(const GenerationSpec& spec);
Result<GenerationSpec> from_wire(const Spec& spec);

Token to_wire(const TokenOut& token);
Result<TokenOut> from_wire(const Token& token);
Result<std::vector<TokenOut>> from_wire(const Step& step);

/// At least one token; every position is below kMaxSpecTokens.
PromptScores to_wire(const PromptLogprobs& logprobs);
Result<PromptLogprobs> from_wire(const PromptScores& scores);

/// The message is cut to kMaxMessageBytes; bytes that are not ASCII become '?' (protobuf strings must be UTF-8).
Failed to_wire(AttemptId attempt, const Error& error);
/// The error a worker reported. A code this build does not know (or `ok`) becomes Errc::protocol with the message kept.
Error error_from_wire(const Failed& failed);

/// Every count fits std::int32_t, block_tokens is 16, 32 or 64, names and addresses are bounded, the version is ours.
Result<void> validate(const HelloReply& reply);
/// Every count fits std::int32_t.
Result<void> validate(const Load& load);
/// Ticket bytes are present and bounded.
Result<void> validate(const Ticket& ticket);
Result<void> validate(const Grant& grant);
Result<void> validate(const Prefilled& prefilled);
/// `micros` fits std::chrono::microseconds, the transport's name is bounded.
Result<void> validate(const Handed& handed);

/// Seconds of an objective that travels as milliseconds; 0: none. At most kMaxObjectiveMs.
Result<double> objective_s(float itl_slo_ms);

/// Deadlines travel as milliseconds left, because clocks differ: 0 means none; a deadline already past becomes 1.
std::uint32_t timeout_ms(TimePoint deadline, TimePoint now);
TimePoint deadline_after(std::uint32_t timeout_ms, TimePoint now);

}  // namespace baton::wire
