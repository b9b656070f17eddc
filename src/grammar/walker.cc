#include "grammar/walker.h"

#include <algorithm>

#include "core/check.h"

namespace baton::grammar {

Walker::Walker(const Grammar& grammar)
    : grammar_(grammar), levels_(kMaxTokenBytes + 1), readings_((kMaxTokenBytes + 1) * kMaxReadings) {}

void Walker::begin(std::span<const Frame> frames, std::span<const Reading> readings, Sight sight) {
  BATON_CHECK(!frames.empty() && readings.size() <= kMaxReadings);
  sight_ = sight;
  limit_ = sight == Sight::whole ? kMaxDepth : kLocalDepth;
  frames_.assign(frames.begin(), frames.end());
  std::ranges::copy(readings, readings_.begin());
  levels_[0] = {.readings = readings.size(), .frames = frames.size()};
}

bool Walker::step(std::size_t level, std::uint8_t byte) {
  const Level& before = levels_[level - 1];
  level_ = level;
  frames_.resize(before.frames);
  levels_[level] = {.readings = 0, .frames = 0, .escaped = before.escaped};
  for (std::size_t i = 0; i < before.readings; ++i) move(readings_[(level - 1) * kMaxReadings + i], byte);
  levels_[level].frames = frames_.size();
  return levels_[level].readings > 0;
}

void Walker::move(Reading from, std::uint8_t byte) {
  const Grammar::State& state = grammar_.states[from.state];
  const std::uint32_t depth = frames_[from.frame].depth;
  const auto edges = grammar_.bytes_of(state);
  const auto edge = std::ranges::lower_bound(edges, byte, {}, &ByteEdge::high);
  if (edge != edges.end() && edge->low <= byte) {
    if (depth + grammar_.states[edge->target].depth <= limit_) {
      add({edge->target, from.frame});
    } else {
      levels_[level_].escaped = true;
    }
  }
  for (const CallEdge& call : grammar_.calls_of(state)) {
    const Grammar::Rule& rule = grammar_.rules[call.rule];
    if (!rule.begins_with(byte)) continue;
    if (depth + 1 + rule.depth <= limit_ && depth + grammar_.states[call.target].depth <= limit_) {
      move({rule.start, open_call(call.target, from.frame)}, byte);
    } else {
      levels_[level_].escaped = true;
    }
  }
  if (!state.accept) return;
  if (from.frame == 0) {
    levels_[level_].escaped = levels_[level_].escaped || sight_ == Sight::local;
  } else {
    const Frame& frame = frames_[from.frame];
    move({frame.after, frame.parent}, byte);
  }
}

void Walker::add(Reading reading) {
  Level& level = levels_[level_];
  Reading* first = readings_.data() + level_ * kMaxReadings;
  if (level.readings == kMaxReadings || std::find(first, first + level.readings, reading) != first + level.readings) return;
  first[level.readings++] = reading;
}

std::uint32_t Walker::open_call(std::uint32_t after, std::uint32_t parent) {
  for (std::size_t f = levels_[level_ - 1].frames; f < frames_.size(); ++f) {
    if (frames_[f].after == after && frames_[f].parent == parent) return static_cast<std::uint32_t>(f);
  }
  frames_.push_back({after, parent, frames_[parent].depth + 1});
  return static_cast<std::uint32_t>(frames_.size() - 1);
}

}  // namespace baton::grammar
