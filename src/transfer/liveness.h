#pragma once

#include <algorithm>

#include "core/clock.h"

namespace baton::transfer {

/// When a peer was last heard, and when to ask again. A hung process keeps its sockets open, so silence is all there
/// is to see.
struct Liveness {
  TimePoint last_heard;
  TimePoint next_ping;
  Duration ping_gap{};
  int unanswered = 0;

  void heard(TimePoint now, Duration stall_timeout) {
    last_heard = now;
    ping_gap = stall_timeout / 4;
    next_ping = now + ping_gap;
    unanswered = 0;
  }
  /// True when a ping is due. A peer that does not answer is asked ever more rarely.
  bool take_ping(TimePoint now) {
    if (now < next_ping) return false;
    ping_gap = std::min<Duration>(ping_gap * 2, 5s);
    next_ping = now + ping_gap;
    ++unanswered;
    return true;
  }
  /// Two questions went unanswered: after a pause of this process itself, elapsed time alone proves nothing.
  bool silent(TimePoint now, Duration stall_timeout) const {
    return unanswered >= 2 && now - last_heard >= stall_timeout;
  }
};

/// Repeats a message that must be answered: every 200 ms, later more rarely.
struct Resend {
  TimePoint next;
  Duration gap = 200ms;

  void start(TimePoint now) {
    gap = 200ms;
    next = now + gap;
  }
  bool take(TimePoint now) {
    if (now < next) return false;
    next = now + gap;
    if (gap < 2s) gap += gap / 4;
    return true;
  }
};

}  // namespace baton::transfer
