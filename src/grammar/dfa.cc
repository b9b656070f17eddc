#include "grammar/dfa.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/hash.h"
#include "grammar/expr.h"

namespace baton::grammar {

namespace {

using Kind = ExprNode::Kind;
using StateSet = std::vector<std::uint32_t>;  // sorted

/// Thompson's construction: an automaton with empty moves.
class Nfa {
 public:
  struct State {
    std::vector<std::uint32_t> empty;
    std::vector<ByteEdge> bytes;
    std::vector<CallEdge> calls;
  };

  explicit Nfa(Budget& budget) : budget_(budget) {}

  std::uint32_t add_state() {
    exhausted_ = exhausted_ || !budget_.spend_states(1);
    if (exhausted_) return 0;
    states_.emplace_back();
    return static_cast<std::uint32_t>(states_.size() - 1);
  }

  /// Accepts at the state returned what `expr` says, starting at `from`.
  std::uint32_t append(const ExprNode& expr, std::uint32_t from) {
    if (exhausted_) return from;
    switch (expr.kind) {
      case Kind::never: return add_state();
      case Kind::range: return edge(from, expr.low, expr.high);
      case Kind::sequence:
        for (const Expr& part : expr.parts) from = append(*part, from);
        return from;
      case Kind::choice: return append_choice(expr, from);
      case Kind::repeat: return append_repeat(expr, from);
      case Kind::members: return append_members(expr, from);
      case Kind::call: {
        const std::uint32_t to = add_state();
        states_[from].calls.push_back({expr.rule, to});
        return to;
      }
      case Kind::automaton: return append_dfa(*expr.dfa, from);
    }
    return from;
  }

  bool exhausted() const { return exhausted_; }
  const std::vector<State>& states() const { return states_; }

 private:
  void join(std::uint32_t from, std::uint32_t to) { states_[from].empty.push_back(to); }

  std::uint32_t edge(std::uint32_t from, std::uint8_t low, std::uint8_t high) {
    const std::uint32_t to = add_state();
    states_[from].bytes.push_back({low, high, to});
    return to;
  }

  std::uint32_t append_choice(const ExprNode& expr, std::uint32_t from) {
    const std::uint32_t end = add_state();
    for (const Expr& part : expr.parts) {
      const std::uint32_t start = add_state();
      join(from, start);
      join(append(*part, start), end);
      if (exhausted_) return end;
    }
    return end;
  }

  std::uint32_t append_repeat(const ExprNode& expr, std::uint32_t from) {
    const ExprNode& part = *expr.parts.front();
    for (std::int64_t i = 0; i < expr.min && !exhausted_; ++i) from = append(part, from);
    if (expr.max == kUnbounded) {
      const std::uint32_t loop = add_state();
      join(from, loop);
      const std::uint32_t body = add_state();  // apart from `loop`, which others may enter
      join(loop, body);
      join(append(part, body), loop);
      return loop;
    }
    const std::uint32_t end = add_state();
    join(from, end);
    for (std::int64_t i = expr.min; i < expr.max && !exhausted_; ++i) {
      from = append(part, from);
      join(from, end);
    }
    return end;
  }

  /// Two chains of states: before the first member that was written, and after it, where separators are due.
  std::uint32_t append_members(const ExprNode& expr, std::uint32_t from) {
    std::uint32_t none_yet = add_state();
    join(from, none_yet);
    std::uint32_t some = add_state();
    for (std::size_t i = 0; i < expr.parts.size() && !exhausted_; ++i) {
      const std::uint32_t entry = add_state(), next_none = add_state(), next_some = add_state();
      join(none_yet, entry);
      join(append(*expr.separator, some), entry);
      join(append(*expr.parts[i], entry), next_some);
      if (!expr.required[i]) {
        join(none_yet, next_none);
        join(some, next_some);
      }
      none_yet = next_none;
      some = next_some;
    }
    if (expr.extra != nullptr && !exhausted_) {
      const std::uint32_t entry = add_state();
      join(none_yet, entry);
      join(append(*expr.separator, some), entry);
      join(append(*expr.extra, entry), some);
    }
    const std::uint32_t end = add_state();
    join(none_yet, end);
    join(some, end);
    return end;
  }

  std::uint32_t append_dfa(const Dfa& dfa, std::uint32_t from) {
    const auto base = static_cast<std::uint32_t>(states_.size());
    for (std::size_t i = 0; i < dfa.states.size(); ++i) add_state();
    const std::uint32_t end = add_state();
    if (exhausted_) return end;
    join(from, base);
    for (std::size_t i = 0; i < dfa.states.size(); ++i) {
      State& state = states_[base + i];
      for (const ByteEdge& e : dfa.states[i].bytes) state.bytes.push_back({e.low, e.high, base + e.target});
      for (const CallEdge& e : dfa.states[i].calls) state.calls.push_back({e.rule, base + e.target});
      if (dfa.states[i].accept) state.empty.push_back(end);
    }
    return end;
  }

  Budget& budget_;
  bool exhausted_ = false;
  std::vector<State> states_;
};

/// Subset construction.
class Determiniser {
 public:
  Determiniser(const Nfa& nfa, std::uint32_t end, Budget& budget)
      : nfa_(nfa.states()), end_(end), budget_(budget), seen_(nfa_.size(), 0) {}

  Result<Dfa> run() {
    state_of({0});
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      if (failed_) return too_complex();
      const StateSet set = *sets_[i];
      expand(static_cast<std::uint32_t>(i), set);
    }
    if (failed_) return too_complex();
    return std::move(dfa_);
  }

 private:
  struct SetHash {
    std::size_t operator()(const StateSet& set) const {
      std::uint64_t hash = set.size();
      for (const std::uint32_t state : set) hash = hash_combine(hash, state);
      return hash;
    }
  };

  /// The deterministic state of everything reachable by empty moves.
  std::uint32_t state_of(StateSet set) {
    close(set);
    const auto [found, added] = ids_.try_emplace(std::move(set), static_cast<std::uint32_t>(dfa_.states.size()));
    if (!added) return found->second;
    failed_ = failed_ || !budget_.spend_states(1);
    sets_.push_back(&found->first);
    dfa_.states.push_back({.accept = std::ranges::binary_search(found->first, end_)});
    return found->second;
  }

  /// Only states with edges of their own, and the end, tell sets apart.
  void close(StateSet& set) {
    ++round_;
    StateSet todo = std::move(set);
    set.clear();
    for (const std::uint32_t state : todo) seen_[state] = round_;
    while (!todo.empty()) {
      const std::uint32_t state = todo.back();
      todo.pop_back();
      const Nfa::State& s = nfa_[state];
      if (state == end_ || !s.bytes.empty() || !s.calls.empty()) set.push_back(state);
      failed_ = failed_ || !budget_.spend_work(1 + std::ssize(s.empty));
      for (const std::uint32_t next : s.empty) {
        if (std::exchange(seen_[next], round_) != round_) todo.push_back(next);
      }
    }
    std::ranges::sort(set);
  }

  void expand(std::uint32_t from, const StateSet& set) {
    std::vector<ByteEdge> edges;
    std::map<std::uint32_t, StateSet> calls;
    for (const std::uint32_t state : set) {
      edges.insert(edges.end(), nfa_[state].bytes.begin(), nfa_[state].bytes.end());
      for (const CallEdge& edge : nfa_[state].calls) calls[edge.rule].push_back(edge.target);
    }
    failed_ = failed_ || !budget_.spend_work(std::ssize(edges) + std::ssize(set));
    if (failed_) return;
    add_bytes(from, edges);
    for (auto& [rule, targets] : calls) {
      std::ranges::sort(targets);
      const auto repeated = std::ranges::unique(targets);
      targets.erase(repeated.begin(), repeated.end());
      const std::uint32_t target = state_of(std::move(targets));
      dfa_.states[from].calls.push_back({rule, target});
    }
  }

  /// Cuts the byte range where any edge begins or ends.
  void add_bytes(std::uint32_t from, const std::vector<ByteEdge>& edges) {
    std::vector<int> cuts;
    for (const ByteEdge& edge : edges) {
      cuts.push_back(edge.low);
      cuts.push_back(edge.high + 1);
    }
    std::ranges::sort(cuts);
    const auto repeated = std::ranges::unique(cuts);
    cuts.erase(repeated.begin(), repeated.end());
    failed_ = failed_ || !budget_.spend_work(std::ssize(cuts) * std::ssize(edges));
    for (std::size_t i = 0; i + 1 < cuts.size() && !failed_; ++i) {
      StateSet targets;
      for (const ByteEdge& edge : edges) {
        if (edge.low <= cuts[i] && cuts[i] <= edge.high) targets.push_back(edge.target);
      }
      if (targets.empty()) continue;
      std::ranges::sort(targets);
      const auto twice = std::ranges::unique(targets);
      targets.erase(twice.begin(), twice.end());
      const std::uint32_t target = state_of(std::move(targets));
      std::vector<ByteEdge>& out = dfa_.states[from].bytes;
      if (!out.empty() && out.back().target == target && out.back().high + 1 == cuts[i]) {
        out.back().high = static_cast<std::uint8_t>(cuts[i + 1] - 1);
      } else {
        out.push_back({static_cast<std::uint8_t>(cuts[i]), static_cast<std::uint8_t>(cuts[i + 1] - 1), target});
      }
    }
  }

  const std::vector<Nfa::State>& nfa_;
  std::uint32_t end_;
  Budget& budget_;
  std::vector<std::uint32_t> seen_;
  std::uint32_t round_ = 0;
  bool failed_ = false;
  std::unordered_map<StateSet, std::uint32_t, SetHash> ids_;
  std::vector<const StateSet*> sets_;
  Dfa dfa_;
};

constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

std::uint32_t target_of(const Dfa& dfa, std::uint32_t state, int byte) {
  if (state == kNowhere) return kNowhere;
  for (const ByteEdge& edge : dfa.states[state].bytes) {
    if (edge.low <= byte && byte <= edge.high) return edge.target;
  }
  return kNowhere;
}

/// Runs both side by side; `keep` says whether a state accepts, from whether each side does. Where `a` has no way on,
/// there is none; where `b` has none, it is given as kNowhere if `lone_a`.
template <class Keep>
Result<Dfa> product(const Dfa& a, const Dfa& b, Budget& budget, Keep keep) {
  using Pair = std::pair<std::uint32_t, std::uint32_t>;
  std::map<Pair, std::uint32_t> ids;
  std::vector<Pair> todo;
  Dfa out;
  bool exhausted = false;
  const auto state_of = [&](Pair pair) {
    const auto [found, added] = ids.try_emplace(pair, static_cast<std::uint32_t>(out.states.size()));
    if (added) {
      exhausted = exhausted || !budget.spend_states(1);
      todo.push_back(pair);
      const bool in_b = pair.second != kNowhere && b.states[pair.second].accept;
      out.states.push_back({.accept = keep(a.states[pair.first].accept, in_b)});
    }
    return found->second;
  };
  state_of({0, 0});
  for (std::size_t i = 0; i < todo.size(); ++i) {
    const auto [at_a, at_b] = todo[i];
    if (exhausted || !budget.spend_work(256)) return too_complex();
    for (const ByteEdge& edge : a.states[at_a].bytes) {
      for (int byte = edge.low; byte <= edge.high; ++byte) {
        const std::uint32_t other = target_of(b, at_b, byte);
        if (other == kNowhere && !keep(true, false)) continue;
        const std::uint32_t target = state_of({edge.target, other});
        std::vector<ByteEdge>& edges = out.states[i].bytes;
        if (!edges.empty() && edges.back().target == target && edges.back().high + 1 == byte) {
          ++edges.back().high;
        } else {
          edges.push_back({static_cast<std::uint8_t>(byte), static_cast<std::uint8_t>(byte), target});
        }
      }
    }
  }
  return out;
}

}  // namespace

std::unexpected<Error> too_complex() {
  return fail(Errc::invalid_request, "the automaton would be too large; use smaller bounds or fewer alternatives");
}

Result<Dfa> determinise(const ExprNode& expr, Budget& budget) {
  Nfa nfa(budget);
  const std::uint32_t start = nfa.add_state();
  const std::uint32_t end = nfa.append(expr, start);
  if (nfa.exhausted()) return too_complex();
  return Determiniser(nfa, end, budget).run();
}

Result<Dfa> intersect(const Dfa& a, const Dfa& b, Budget& budget) {
  return product(a, b, budget, [](bool in_a, bool in_b) { return in_a && in_b; });
}

Result<Dfa> subtract(const Dfa& a, const Dfa& b, Budget& budget) {
  return product(a, b, budget, [](bool in_a, bool in_b) { return in_a && !in_b; });
}

bool accepts_nothing(const Dfa& dfa) {
  // Every state was reached from the start when it was made.
  return std::ranges::none_of(dfa.states, &Dfa::State::accept);
}

}  // namespace baton::grammar
