#include "wire/convert.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "wire/convert_perf.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::wire {

namespace {

std::unexpected<Error> bad(const std::string& field, const std::string& why) {
  return fail(Errc::protocol, "bad " + field + ": " + why, field);
}

/// One bound on a number of a message. Written so that NaN fails.
struct Bound {
  const char* field;
  double value;
  double low;
  double high;
};

std::optional<std::unexpected<Error>> first_violation(std::initializer_list<Bound> bounds) {
  for (const Bound& b : bounds) {
    if (b.value >= b.low && b.value <= b.high) continue;
    return bad(b.field, std::to_string(b.value) + " is outside [" + std::to_string(b.low) + ", " +
                            std::to_string(b.high) + "]");
  }
  return std::nullopt;
}

constexpr double kFloatMax = std::numeric_limits<float>::max();
constexpr double kIntMax = std::numeric_limits<std::int32_t>::max();

bool any_negative(const auto& ids) {
  return std::ranges::any_of(ids, [](std::int32_t id) { return id < 0; });
}

Result<void> check_bytes(const char* field, std::size_t bytes, std::size_t limit) {
  if (bytes <= limit) return {};
  return bad(field, std::to_string(bytes) + " bytes, at most " + std::to_string(limit) + " allowed");
}

/// What bounds the text: allowed tokens, bad words, a constraint.
Result<void> check_limits_on_text(const Sampling& s) {
  if (any_negative(s.allowed_token_ids())) return bad("allowed_token_ids", "negative token id");
  for (const TokenSequence& word : s.bad_words()) {
    if (word.tokens_size() == 0) return bad("bad_words", "empty sequence");
    if (static_cast<std::size_t>(word.tokens_size()) > kMaxBadWordTokens) return bad("bad_words", "sequence too long");
    if (any_negative(word.tokens())) return bad("bad_words", "negative token id");
  }
  if (!ConstraintCode_IsValid(s.constraint().kind())) {
    return bad("constraint", "unknown kind " + std::to_string(s.constraint().kind()));
  }
  return check_bytes("constraint", s.constraint().source().size(), kMaxConstraintBytes);
}

Result<void> check_sampling(const Sampling& s) {
  const auto violation = first_violation({
      {"temperature", s.temperature(), 0, kFloatMax},
      {"top_p", s.top_p(), 0, 1},
      {"min_p", s.min_p(), 0, 1},
      {"repetition_penalty", s.repetition_penalty(), std::numeric_limits<float>::min(), kFloatMax},
      {"presence_penalty", s.presence_penalty(), -kFloatMax, kFloatMax},
      {"frequency_penalty", s.frequency_penalty(), -kFloatMax, kFloatMax},
      {"logit_bias", static_cast<double>(s.logit_bias_size()), 0, static_cast<double>(kMaxLogitBias)},
      {"logprobs", static_cast<double>(s.logprobs()), -1, static_cast<double>(kMaxTopLogprobs)},
      {"max_tokens", static_cast<double>(s.max_tokens()), 1, kIntMax},
      {"min_tokens", static_cast<double>(s.min_tokens()), 0, kIntMax},
      {"stop_token_ids", static_cast<double>(s.stop_token_ids_size()), 0, static_cast<double>(kMaxStopTokens)},
      {"allowed_token_ids", static_cast<double>(s.allowed_token_ids_size()), 0, static_cast<double>(kMaxAllowedTokens)},
      {"bad_words", static_cast<double>(s.bad_words_size()), 0, static_cast<double>(kMaxBadWords)},
      {"prompt_logprobs", static_cast<double>(s.prompt_logprobs()), -1, static_cast<double>(kMaxTopLogprobs)},
  });
  if (violation) return *violation;
  if (s.top_p() <= 0) return bad("top_p", "must be above 0");
  if (any_negative(s.stop_token_ids())) return bad("stop_token_ids", "negative token id");
  for (const LogitBias& bias : s.logit_bias()) {
    if (bias.token() < 0) return bad("logit_bias", "negative token id");
    if (!std::isfinite(bias.bias())) return bad("logit_bias", "bias is not finite");
  }
  return check_limits_on_text(s);
}

Result<void> check_ticket(const std::string& ticket) {
  if (ticket.empty()) return bad("ticket", "empty");
  return check_bytes("ticket", ticket.size(), kMaxTicketBytes);
}

}  // namespace

RoleCode to_wire(Role role) {
  switch (role) {
    case Role::prefill: return PREFILL;
    case Role::decode: return DECODE;
    case Role::both: return BOTH;
  }
  return BOTH;
}

Result<Role> from_wire(RoleCode code) {
  switch (code) {
    case PREFILL: return Role::prefill;
    case DECODE: return Role::decode;
    case BOTH: return Role::both;
    default: return bad("role", "unknown code " + std::to_string(static_cast<int>(code)));
  }
}

Sampling to_wire(const SamplingParams& params) {
  Sampling s;
  s.set_temperature(params.temperature);
  s.set_top_p(params.top_p);
  s.set_top_k(params.top_k);
  s.set_min_p(params.min_p);
  s.set_repetition_penalty(params.repetition_penalty);
  s.set_presence_penalty(params.presence_penalty);
  s.set_frequency_penalty(params.frequency_penalty);
  for (const auto& [token, value] : params.logit_bias) {
    LogitBias* bias = s.add_logit_bias();
    bias->set_token(token);
    bias->set_bias(value);
  }
  s.set_seed(params.seed);
  s.set_logprobs(params.logprobs);
  s.set_max_tokens(params.max_tokens);
  s.set_min_tokens(params.min_tokens);
  s.set_ignore_eos(params.ignore_eos);
  s.mutable_stop_token_ids()->Add(params.stop_token_ids.begin(), params.stop_token_ids.end());
  s.mutable_allowed_token_ids()->Add(params.allowed_token_ids.begin(), params.allowed_token_ids.end());
  for (const auto& word : params.bad_words) s.add_bad_words()->mutable_tokens()->Add(word.begin(), word.end());
  if (params.constraint.kind != Constraint::Kind::none) {
    s.mutable_constraint()->set_kind(static_cast<ConstraintCode>(params.constraint.kind));
    s.mutable_constraint()->set_source(params.constraint.source);
  }
  if (params.prompt_logprobs >= 0) s.set_prompt_logprobs(params.prompt_logprobs);
  return s;
}

Result<SamplingParams> from_wire(const Sampling& s) {
  if (auto ok = check_sampling(s); !ok) return std::unexpected(std::move(ok.error()));
  SamplingParams params;
  params.temperature = s.temperature();
  params.top_p = s.top_p();
  params.top_k = s.top_k();
  params.min_p = s.min_p();
  params.repetition_penalty = s.repetition_penalty();
  params.presence_penalty = s.presence_penalty();
  params.frequency_penalty = s.frequency_penalty();
  params.logit_bias.reserve(static_cast<std::size_t>(s.logit_bias_size()));
  for (const LogitBias& bias : s.logit_bias()) params.logit_bias.emplace_back(bias.token(), bias.bias());
  params.seed = s.seed();
  params.logprobs = s.logprobs();
  params.max_tokens = s.max_tokens();
  params.min_tokens = s.min_tokens();
  params.ignore_eos = s.ignore_eos();
  params.stop_token_ids.assign(s.stop_token_ids().begin(), s.stop_token_ids().end());
  params.allowed_token_ids.assign(s.allowed_token_ids().begin(), s.allowed_token_ids().end());
  for (const TokenSequence& word : s.bad_words()) params.bad_words.emplace_back(word.tokens().begin(), word.tokens().end());
  params.constraint.kind = static_cast<Constraint::Kind>(s.constraint().kind());
  params.constraint.source = s.constraint().source();
  if (s.has_prompt_logprobs()) params.prompt_logprobs = s.prompt_logprobs();
  return params;
}

Spec to_wire(const GenerationSpec& spec) {
  Spec out;
  out.mutable_tokens()->Add(spec.tokens.begin(), spec.tokens.end());
  out.set_generated(spec.generated);
  *out.mutable_sampling() = to_wire(spec.sampling);
  return out;
}

Result<GenerationSpec> from_wire(const Spec& spec) {
  const auto violation = first_violation({
      {"tokens", static_cast<double>(spec.tokens_size()), 1, static_cast<double>(kMaxSpecTokens)},
      {"generated", static_cast<double>(spec.generated()), 0, static_cast<double>(spec.tokens_size() - 1)},
  });
  if (violation) return *violation;
  if (any_negative(spec.tokens())) return bad("tokens", "negative token id");
  auto sampling = from_wire(spec.sampling());
  if (!sampling) return std::unexpected(std::move(sampling.error()));
  if (spec.generated() >= sampling->max_tokens) return bad("generated", "max_tokens were generated already");
  GenerationSpec out;
  out.tokens.assign(spec.tokens().begin(), spec.tokens().end());
  out.generated = spec.generated();
  out.sampling = std::move(*sampling);
  return out;
}

Token to_wire(const TokenOut& token) {
  Token out;
  out.set_attempt(token.attempt.value);
  out.set_index(token.index);
  out.set_token(token.token);
  out.set_finish(static_cast<FinishCode>(token.finish));
  out.set_stop_token(token.stop_token);
  out.set_logprob(token.logprob);
  for (const TokenLogprob& top : token.top) {
    Logprob* item = out.add_top();
    item->set_token(top.token);
    item->set_logprob(top.logprob);
  }
  return out;
}

// Logprobs may be -inf (a masked token) but never NaN.
Result<TokenOut> from_wire(const Token& token) {
  if (token.index() < 0) return bad("index", "negative");
  if (token.token() < 0) return bad("token", "negative token id");
  if (!FinishCode_IsValid(token.finish())) return bad("finish", "unknown code " + std::to_string(token.finish()));
  if (std::isnan(token.logprob())) return bad("logprob", "not a number");
  if (static_cast<std::size_t>(token.top_size()) > kMaxTopLogprobs) return bad("top", "too many");
  TokenOut out;
  out.attempt = AttemptId{token.attempt()};
  out.index = token.index();
  out.token = token.token();
  out.finish = static_cast<FinishReason>(token.finish());
  out.stop_token = token.stop_token();
  out.logprob = token.logprob();
  out.top.reserve(static_cast<std::size_t>(token.top_size()));
  for (const Logprob& top : token.top()) {
    if (top.token() < 0 || std::isnan(top.logprob())) return bad("top", "negative token id or logprob not a number");
    out.top.push_back({top.token(), top.logprob()});
  }
  return out;
}

Result<std::vector<TokenOut>> from_wire(const Step& step) {
  if (static_cast<std::size_t>(step.tokens_size()) > kMaxStepTokens) return bad("tokens", "too many in one step");
  std::vector<TokenOut> out;
  out.reserve(static_cast<std::size_t>(step.tokens_size()));
  for (const Token& token : step.tokens()) {
    auto converted = from_wire(token);
    if (!converted) return std::unexpected(std::move(converted.error()));
    out.push_back(std::move(*converted));
  }
  return out;
}

PromptScores to_wire(const PromptLogprobs& logprobs) {
  PromptScores out;
  out.set_attempt(logprobs.attempt.value);
  out.set_first(logprobs.first);
  for (const auto& entry : logprobs.tokens) {
    PromptToken* token = out.add_tokens();
    token->set_token(entry.token.token);
    token->set_logprob(entry.token.logprob);
    for (const TokenLogprob& top : entry.top) {
      Logprob* item = token->add_top();
      item->set_token(top.token);
      item->set_logprob(top.logprob);
    }
  }
  return out;
}

Result<PromptLogprobs> from_wire(const PromptScores& scores) {
  const auto violation = first_violation({
      {"tokens", static_cast<double>(scores.tokens_size()), 1, static_cast<double>(kMaxPromptLogprobTokens)},
      {"first", static_cast<double>(scores.first()), 0, static_cast<double>(kMaxSpecTokens)},
  });
  if (violation) return *violation;
  PromptLogprobs out;
  out.attempt = AttemptId{scores.attempt()};
  out.first = scores.first();
  out.tokens.reserve(static_cast<std::size_t>(scores.tokens_size()));
  for (const PromptToken& token : scores.tokens()) {
    if (token.token() < 0) return bad("token", "negative token id");
    if (std::isnan(token.logprob())) return bad("logprob", "not a number");
    if (static_cast<std::size_t>(token.top_size()) > kMaxTopLogprobs) return bad("top", "too many");
    auto& entry = out.tokens.emplace_back();
    entry.token = {token.token(), token.logprob()};
    for (const Logprob& top : token.top()) {
      if (top.token() < 0 || std::isnan(top.logprob())) return bad("top", "negative token id or logprob not a number");
      entry.top.push_back({top.token(), top.logprob()});
    }
  }
  return out;
}

Failed to_wire(AttemptId attempt, const Error& error) {
  Failed failed;
  failed.set_attempt(attempt.value);
  failed.set_code(static_cast<std::uint32_t>(error.code));
  std::string message = error.message.substr(0, kMaxMessageBytes);
  std::ranges::replace_if(message, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  failed.set_message(std::move(message));
  return failed;
}

Error error_from_wire(const Failed& failed) {
  std::string message = failed.message().substr(0, kMaxMessageBytes);
  if (failed.code() == 0 || failed.code() >= kErrcTable.size()) {
    return {Errc::protocol, "worker failed with unknown code " + std::to_string(failed.code()) + ": " + message};
  }
  return {static_cast<Errc>(failed.code()), std::move(message)};
}

Result<void> validate(const HelloReply& reply) {
  if (reply.version() < kProtocolVersionMin || reply.version() > kProtocolVersion) {
    return bad("version", "worker chose " + std::to_string(reply.version()));
  }
  if (auto role = from_wire(reply.role()); !role) return std::unexpected(std::move(role.error()));
  if (const auto b = reply.block_tokens(); b != 16 && b != 32 && b != 64) {
    return bad("block_tokens", std::to_string(b) + " is none of 16, 32, 64");
  }
  const auto violation = first_violation({
      {"total_blocks", static_cast<double>(reply.total_blocks()), 1, kIntMax},
      {"max_batch", static_cast<double>(reply.max_batch()), 1, kIntMax},
      {"max_context", static_cast<double>(reply.max_context()), 1, static_cast<double>(kMaxSpecTokens)},
  });
  if (violation) return *violation;
  struct Text {
    const char* field;
    std::size_t bytes;
  };
  for (const auto& [field, bytes] : {Text{"name", reply.name().size()}, Text{"model", reply.model().size()},
                                     Text{"model_hash", reply.model_hash().size()},
                                     Text{"gpu_type", reply.gpu_type().size()},
                                     Text{"transport", reply.transport().size()},
                                     Text{"data_address", reply.data_address().size()},
                                     Text{"host_id", reply.host_id().size()}, Text{"zone", reply.zone().size()},
                                     Text{"rack", reply.rack().size()}}) {
    if (auto ok = check_bytes(field, bytes, kMaxNameBytes); !ok) return ok;
  }
  return {};
}

Result<void> validate(const Load& load) {
  const auto violation = first_violation({
      {"free_blocks", static_cast<double>(load.free_blocks()), 0, kIntMax},
      {"cached_blocks", static_cast<double>(load.cached_blocks()), 0, kIntMax},
      {"running", static_cast<double>(load.running()), 0, kIntMax},
      {"waiting", static_cast<double>(load.waiting()), 0, kIntMax},
      {"reserved", static_cast<double>(load.reserved()), 0, kIntMax},
      {"draining_blocks", static_cast<double>(load.draining_blocks()), 0, kIntMax},
      {"cache.added", static_cast<double>(load.cache().added_size()), 0, kMaxCacheHashes},
      {"cache.removed", static_cast<double>(load.cache().removed_size()), 0, kMaxCacheHashes},
  });
  if (violation) return *violation;
  return {};
}

Result<void> validate(const Ticket& ticket) { return check_ticket(ticket.ticket()); }

Result<void> validate(const Grant& grant) { return check_ticket(grant.ticket()); }

Result<void> validate(const Prefilled& prefilled) {
  if (prefilled.cached_tokens() <= kMaxSpecTokens) return {};
  return bad("cached_tokens", std::to_string(prefilled.cached_tokens()));
}

Result<void> validate(const Handed& handed) {
  constexpr std::uint64_t kMaxMicros = std::uint64_t{1} << 53;
  if (handed.micros() > kMaxMicros) return bad("micros", std::to_string(handed.micros()));
  return check_bytes("transport", handed.transport().size(), kMaxNameBytes);
}

Result<double> objective_s(float itl_slo_ms) {
  const double ms = itl_slo_ms;
  if (const auto violation = first_violation({{"itl_slo_ms", ms, 0, kMaxObjectiveMs}})) return *violation;
  return ms * 1e-3;
}

std::uint32_t timeout_ms(TimePoint deadline, TimePoint now) {
  if (deadline == kNever) return 0;
  if (deadline <= now) return 1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  return static_cast<std::uint32_t>(std::min<std::int64_t>(left, std::numeric_limits<std::uint32_t>::max()));
}

TimePoint deadline_after(std::uint32_t timeout_ms, TimePoint now) {
  return timeout_ms == 0 ? kNever : now + std::chrono::milliseconds(timeout_ms);
}

}  // namespace baton::wire
