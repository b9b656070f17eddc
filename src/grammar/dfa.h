#pragma once

#include <cstdint>
#include <vector>

#include "baton/error.h"

namespace baton::grammar {

struct ByteEdge {
  std::uint8_t low = 0, high = 0;
  std::uint32_t target = 0;
};
/// Goes on at `target` after whatever rule `rule` accepts.
struct CallEdge {
  std::uint32_t rule = 0;
  std::uint32_t target = 0;
};

/// A deterministic automaton over bytes and calls of rules. State 0 is the start. Byte edges are disjoint and sorted,
/// call edges name each rule once.
struct Dfa {
  struct State {
    std::vector<ByteEdge> bytes;
    std::vector<CallEdge> calls;
    bool accept = false;
  };
  std::vector<State> states;
};

/// What one compilation may use up. Running out is an error of the schema, never of the process.
class Budget {
 public:
  /// False once `amount` more is too much.
  bool spend_states(std::int64_t amount) { return (states_ -= amount) >= 0; }
  bool spend_work(std::int64_t amount) { return (work_ -= amount) >= 0; }

 private:
  std::int64_t states_ = 400'000;  // of all automata, finished and intermediate
  std::int64_t work_ = 20'000'000;
};

/// The error of a budget that ran out.
std::unexpected<Error> too_complex();

struct ExprNode;
Result<Dfa> determinise(const ExprNode& expr, Budget& budget);
/// Strings both accept. No calls.
Result<Dfa> intersect(const Dfa& a, const Dfa& b, Budget& budget);
/// Strings that `a` accepts and `b` does not. No calls.
Result<Dfa> subtract(const Dfa& a, const Dfa& b, Budget& budget);
/// Whether it accepts anything, calls taken to accept something.
bool accepts_nothing(const Dfa& dfa);

}  // namespace baton::grammar
