#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/coordinator.h"

namespace baton::schedule {

// What a Coordinator was told and what it decided, so that it can be run again.
//
// A log is "BATONLOG", one byte of version, then records: a varint of the payload's length, the payload, four bytes of
// checksum. The first record holds the CoordinatorOptions; each later one the time since the record before, an event,
// the placements it led to and a digest of all commands. Integers are varints, signed ones in zigzag; doubles eight
// bytes, little-endian. A change to any recorded struct is a new version (and does not compile before it is made).
//
// Prompts are recorded as token ids: a log is as confidential as the prompts are.

inline constexpr std::uint8_t kEventLogVersion = 1;

/// Where an attempt went.
struct Placement {
  AttemptId attempt;
  Mode mode = Mode::local;
  WorkerId prefill, decode;
  friend bool operator==(const Placement&, const Placement&) = default;
};
/// Of the commands of one event, in order.
std::vector<Placement> placements_of(std::span<const Command> commands);
/// A digest of commands: equal commands give equal ones.
std::uint64_t digest_of(std::span<const Command> commands);

/// Writes a log. `sink` gets its bytes in order; not thread-safe.
class EventWriter {
 public:
  using Sink = std::function<void(std::string_view)>;
  EventWriter(Sink sink, const CoordinatorOptions& options);
  void write(const Event& event, TimePoint now, std::span<const Command> commands);

 private:
  void put(std::string_view payload);

  Sink sink_;
  std::string payload_;
  TimePoint last_{};
};

/// A Coordinator that writes down what happens to it.
class Recorder {
 public:
  Recorder(CoordinatorOptions options, EventWriter::Sink sink)
      : writer_(std::move(sink), options), coordinator_(std::move(options)) {}
  std::span<const Command> handle(const Event& event, TimePoint now) {
    const auto commands = coordinator_.handle(event, now);
    writer_.write(event, now, commands);
    return commands;
  }
  Coordinator& coordinator() { return coordinator_; }

 private:
  EventWriter writer_;
  Coordinator coordinator_;
};

struct LogRecord {
  TimePoint at;
  Event event;                    ///< a TokensIn borrows from `tokens`
  std::vector<TokenOut> tokens;
  std::vector<Placement> placements;
  std::uint64_t digest = 0;
};

/// Reads a log from memory, which outlives the reader. Errors (corrupt_file) name the record.
class EventReader {
 public:
  static Result<EventReader> open(std::string_view bytes);
  const CoordinatorOptions& options() const { return options_; }
  /// The next record; nothing at the end, which a log cut off in a record has too (truncated() then). Valid until the
  /// next call.
  Result<const LogRecord*> next();
  bool truncated() const { return truncated_; }
  std::uint64_t records() const { return records_; }

 private:
  EventReader() = default;
  Result<std::optional<std::string_view>> take();

  std::string_view left_;
  CoordinatorOptions options_;
  LogRecord record_;
  TimePoint last_{};
  std::uint64_t records_ = 0;
  bool truncated_ = false;
};

/// What another policy would have decided, placement by placement, on what was known each time. Both policies are
/// judged by the cost model's expectations at that instant; the course of things is the recorded one.
struct WhatIf {
  std::uint64_t placements = 0, different = 0;
  std::uint64_t impossible = 0;  ///< where the other policy had no answer
  /// Sums over the placements both policies have an answer for.
  struct Sums {
    double ttft_s = 0, itl_s = 0, dollars = 0, violation = 0;
    std::uint64_t split = 0;
  };
  Sums recorded, other;
};

/// Runs a log through a new Coordinator with the options it was recorded with.
struct Replay {
  std::uint64_t events = 0, placements = 0;
  /// The first event whose commands were not the recorded ones; nothing if all were.
  struct Difference {
    std::uint64_t record = 0;
    TimePoint at;
    std::vector<Placement> recorded, replayed;
  };
  std::optional<Difference> difference;
  bool truncated = false;
  PlacementPolicy policy = PlacementPolicy::least_loaded;  ///< that was recorded
  CoordinatorStats stats;
  WhatIf what_if;  ///< empty unless another policy was asked for
};
Result<Replay> replay(std::string_view log, std::optional<PlacementPolicy> other = {});

}  // namespace baton::schedule
