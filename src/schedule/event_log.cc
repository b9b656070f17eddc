#include "schedule/event_log.h"

#include <algorithm>

#include "core/hash.h"
#include "schedule/log_fields.h"

namespace baton::schedule {

namespace {

constexpr std::string_view kMagic = "BATONLOG";
constexpr std::size_t kChecksumBytes = 4;

std::uint32_t checksum(std::string_view payload) {
  return static_cast<std::uint32_t>(hash_bytes(std::as_bytes(std::span(payload))));
}

void put_event(const Arrive& e, LogOutput& out) {
  const auto& [request, spec, deadline, features, hashes, explain] = e;
  out(request, spec != nullptr);
  if (spec != nullptr) out(*spec);
  out(deadline, features, hashes, explain);
}
void put_event(const TokensIn& e, LogOutput& out) {
  out(e.worker, e.tokens.size());
  for (const TokenOut& token : e.tokens) out(token);
}
void put_event(const auto& e, LogOutput& out) { out(e); }

void get_event(Arrive& e, LogInput& in, LogRecord& /*record*/) {
  bool has_spec = false;
  in(e.request, has_spec);
  if (has_spec) {
    auto spec = std::make_shared<GenerationSpec>();
    in(*spec);
    e.spec = std::move(spec);
  }
  in(e.deadline, e.features, e.prefix_hashes, e.explain);
}
void get_event(TokensIn& e, LogInput& in, LogRecord& record) {
  in(e.worker, record.tokens);
  e.tokens = record.tokens;
}
void get_event(auto& e, LogInput& in, LogRecord& /*record*/) { in(e); }

/// Makes the `index`-th kind of event and reads it.
template <std::size_t I = 0>
void get_variant(std::uint64_t index, LogInput& in, LogRecord& record) {
  if constexpr (I < std::variant_size_v<Event>) {
    if (index == I) return get_event(record.event.emplace<I>(), in, record);
    get_variant<I + 1>(index, in, record);
  } else {
    in.fail();
  }
}

/// What of a command its digest tells.
struct Digest {
  std::uint64_t hash = 0;
  void add(auto... words) { ((hash = hash_combine(hash, static_cast<std::uint64_t>(words))), ...); }
  void add_text(std::string_view text) { add(checksum(text)); }
  void spec(const auto& c) {
    add(c.worker.value, c.attempt.value, c.spec->tokens.size(), c.spec->generated, c.deadline.time_since_epoch().count());
  }
  void operator()(const SendGenerate& c) { spec(c); }
  void operator()(const SendPrefill& c) { spec(c); }
  void operator()(const SendReserve& c) { spec(c); }
  void operator()(const SendGrant& c) { add(c.worker.value, c.attempt.value), add_text(c.ticket); }
  void operator()(const SendCancel& c) { add(c.worker.value, c.attempt.value); }
  void operator()(const Deliver& c) { add(c.request.value, c.token.index, c.token.token, static_cast<int>(c.token.finish)); }
  void operator()(const Finish& c) { add(c.request.value, c.cached_tokens, c.kv_bytes, c.attempts); }
  void operator()(const Fail& c) {
    add(c.request.value, static_cast<int>(c.error.code), c.error.retry_after_s);
    add_text(c.error.message);
  }
  void operator()(const auto& c) { add(c.request.value); }
};

}  // namespace

std::vector<Placement> placements_of(std::span<const Command> commands) {
  std::vector<Placement> out;
  for (const Command& command : commands) {
    if (const auto* whole = std::get_if<SendGenerate>(&command)) {
      out.push_back({whole->attempt, Mode::local, whole->worker, whole->worker});
    } else if (const auto* reserve = std::get_if<SendReserve>(&command)) {
      out.push_back({reserve->attempt, Mode::split, {}, reserve->worker});
    } else if (const auto* prefill = std::get_if<SendPrefill>(&command)) {
      const auto half = std::ranges::find(out, prefill->attempt, &Placement::attempt);
      if (half != out.end()) half->prefill = prefill->worker;
    }
  }
  return out;
}

std::uint64_t digest_of(std::span<const Command> commands) {
  Digest digest;
  for (const Command& command : commands) {
    digest.add(command.index());
    std::visit(digest, command);
  }
  return digest.hash;
}

namespace {
void fields_of(Of<Placement> auto& s, auto& v) { auto& [a, b, c, d] = s; v(a, b, c, d); }
}  // namespace

EventWriter::EventWriter(Sink sink, const CoordinatorOptions& options) : sink_(std::move(sink)) {
  std::string head(kMagic);
  head.push_back(static_cast<char>(kEventLogVersion));
  sink_(head);
  payload_.clear();
  LogOutput{payload_}(options);
  put(payload_);
}

void EventWriter::put(std::string_view payload) {
  std::string frame;
  LogOutput{frame}.varint(payload.size());
  frame += payload;
  const std::uint32_t sum = checksum(payload);
  for (int i = 0; i < 32; i += 8) frame.push_back(static_cast<char>(sum >> i));
  sink_(frame);
}

void EventWriter::write(const Event& event, TimePoint now, std::span<const Command> commands) {
  payload_.clear();
  LogOutput out(payload_);
  out(now - last_);
  last_ = now;
  out.varint(event.index());
  std::visit([&](const auto& e) { put_event(e, out); }, event);
  const auto placements = placements_of(commands);
  out.varint(placements.size());
  for (const Placement& p : placements) fields_of(p, out);
  out(digest_of(commands));
  put(payload_);
}

// ---- reading ----------------------------------------------------------------------------------------------------

Result<EventReader> EventReader::open(std::string_view bytes) {
  if (!bytes.starts_with(kMagic) || bytes.size() <= kMagic.size()) return fail(Errc::corrupt_file, "not an event log");
  const auto version = static_cast<std::uint8_t>(bytes[kMagic.size()]);
  if (version != kEventLogVersion) {
    return fail(Errc::corrupt_file, "the event log is of version " + std::to_string(version) + ", this program reads version " +
                                        std::to_string(kEventLogVersion));
  }
  EventReader reader;
  reader.left_ = bytes.substr(kMagic.size() + 1);
  const auto payload = reader.take();
  if (!payload) return std::unexpected(payload.error());
  if (!*payload) return fail(Errc::corrupt_file, "the event log ends before its options");
  LogInput in(**payload);
  in(reader.options_);
  if (!in.done()) return fail(Errc::corrupt_file, "the options of the event log cannot be read");
  return reader;
}

/// The next payload; nothing at the end.
Result<std::optional<std::string_view>> EventReader::take() {
  std::uint64_t size = 0;
  std::size_t at = 0;
  for (int shift = 0; shift < 35 && at < left_.size(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(left_[at++]);
    size |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) break;
  }
  if (at == 0) return std::nullopt;
  if (left_.size() - at < size + kChecksumBytes) {
    truncated_ = true;
    left_ = {};
    return std::nullopt;
  }
  const std::string_view payload = left_.substr(at, size);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < kChecksumBytes; ++i) {
    sum |= std::uint32_t{static_cast<std::uint8_t>(left_[at + size + i])} << 8 * i;
  }
  if (sum != checksum(payload)) {
    return fail(Errc::corrupt_file, "record " + std::to_string(records_) + " of the event log is damaged");
  }
  left_.remove_prefix(at + size + kChecksumBytes);
  return payload;
}

Result<const LogRecord*> EventReader::next() {
  const auto payload = take();
  if (!payload) return std::unexpected(payload.error());
  if (!*payload) return nullptr;
  ++records_;
  LogInput in(**payload);
  Duration since{};
  in(since);
  record_.at = last_ += since;
  record_.placements.clear();
  get_variant(in.varint(), in, record_);
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) fields_of(record_.placements.emplace_back(), in);
  in(record_.digest);
  if (!in.done()) return fail(Errc::corrupt_file, "record " + std::to_string(records_) + " of the event log cannot be read");
  return &record_;
}

}  // namespace baton::schedule
