#include "grammar/program.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/hash.h"

namespace baton::grammar {

namespace {

constexpr std::uint8_t kUnreachable = 255;

/// Puts the automata of all rules into one table.
Result<Grammar> join(std::span<const Expr> texts, Budget& budget) {
  Grammar grammar;
  for (const Expr& text : texts) {
    const auto dfa = determinise(*text, budget);
    if (!dfa) return std::unexpected(dfa.error());
    const auto base = static_cast<std::uint32_t>(grammar.states.size());
    grammar.rules.push_back({.start = base});
    for (const Dfa::State& state : dfa->states) {
      Grammar::State& out = grammar.states.emplace_back();
      out.accept = state.accept;
      out.bytes_begin = static_cast<std::uint32_t>(grammar.bytes.size());
      for (ByteEdge edge : state.bytes) grammar.bytes.push_back({edge.low, edge.high, base + edge.target});
      out.bytes_end = static_cast<std::uint32_t>(grammar.bytes.size());
      out.calls_begin = static_cast<std::uint32_t>(grammar.calls.size());
      for (CallEdge edge : state.calls) grammar.calls.push_back({edge.rule, base + edge.target});
      out.calls_end = static_cast<std::uint32_t>(grammar.calls.size());
    }
  }
  return grammar;
}

/// Finds for every state and rule how many open calls its end needs: values only fall until nothing changes.
class DepthFinder {
 public:
  explicit DepthFinder(Grammar& grammar) : grammar_(grammar), before_(grammar.states.size()), callers_(grammar.rules.size()) {
    for (std::uint32_t s = 0; s < grammar.states.size(); ++s) {
      for (const ByteEdge& edge : grammar.bytes_of(grammar.states[s])) before_[edge.target].push_back(s);
      for (const CallEdge& edge : grammar.calls_of(grammar.states[s])) {
        before_[edge.target].push_back(s);
        callers_[edge.rule].push_back(s);
      }
    }
    for (std::uint32_t r = 0; r < grammar.rules.size(); ++r) rule_of_start_.emplace(grammar.rules[r].start, r);
  }

  void run() {
    for (Grammar::Rule& rule : grammar_.rules) rule.depth = kUnreachable;
    for (Grammar::State& state : grammar_.states) state.depth = kUnreachable;
    for (std::uint32_t s = 0; s < grammar_.states.size(); ++s) {
      if (grammar_.states[s].accept) lower(s, 0);
    }
    for (std::size_t i = 0; i < todo_.size(); ++i) {
      for (const std::uint32_t s : before_[todo_[i]]) update(s);
      const auto rule = rule_of_start_.find(todo_[i]);
      if (rule == rule_of_start_.end()) continue;
      grammar_.rules[rule->second].depth = grammar_.states[todo_[i]].depth;
      for (const std::uint32_t s : callers_[rule->second]) update(s);
    }
  }

 private:
  void lower(std::uint32_t state, std::uint8_t depth) {
    if (depth >= grammar_.states[state].depth) return;
    grammar_.states[state].depth = depth;
    todo_.push_back(state);
  }
  void update(std::uint32_t s) {
    const Grammar::State& state = grammar_.states[s];
    std::uint8_t best = state.accept ? 0 : kUnreachable;
    for (const ByteEdge& edge : grammar_.bytes_of(state)) best = std::min(best, grammar_.states[edge.target].depth);
    for (const CallEdge& edge : grammar_.calls_of(state)) {
      const std::uint8_t inside = grammar_.rules[edge.rule].depth;
      if (inside >= kMaxDepth) continue;
      best = std::min(best, std::max<std::uint8_t>(inside + 1, grammar_.states[edge.target].depth));
    }
    lower(s, best);
  }

  Grammar& grammar_;
  std::vector<std::vector<std::uint32_t>> before_, callers_;
  std::unordered_map<std::uint32_t, std::uint32_t> rule_of_start_;
  std::vector<std::uint32_t> todo_;
};

/// Leaves out the edges nothing can come of.
void prune(Grammar& grammar) {
  std::vector<ByteEdge> bytes;
  std::vector<CallEdge> calls;
  for (Grammar::State& state : grammar.states) {
    const auto old_bytes = grammar.bytes_of(state);
    const auto old_calls = grammar.calls_of(state);
    state.bytes_begin = static_cast<std::uint32_t>(bytes.size());
    for (const ByteEdge& edge : old_bytes) {
      if (grammar.states[edge.target].depth <= kMaxDepth) bytes.push_back(edge);
    }
    state.bytes_end = static_cast<std::uint32_t>(bytes.size());
    state.calls_begin = static_cast<std::uint32_t>(calls.size());
    for (const CallEdge& edge : old_calls) {
      if (grammar.rules[edge.rule].depth < kMaxDepth && grammar.states[edge.target].depth <= kMaxDepth) calls.push_back(edge);
    }
    state.calls_end = static_cast<std::uint32_t>(calls.size());
  }
  grammar.bytes = std::move(bytes);
  grammar.calls = std::move(calls);
}

/// A rule must read a byte before it can come to itself again.
Result<void> check_calls(const Grammar& grammar) {
  enum class Mark : std::uint8_t { none, open, done };
  std::vector<Mark> marks(grammar.rules.size(), Mark::none);
  struct Visit {
    std::uint32_t rule;
    std::size_t next = 0;
  };
  for (std::uint32_t root = 0; root < grammar.rules.size(); ++root) {
    if (marks[root] != Mark::none) continue;
    std::vector<Visit> path{{root}};
    marks[root] = Mark::open;
    while (!path.empty()) {
      Visit& visit = path.back();
      const auto calls = grammar.calls_of(grammar.states[grammar.rules[visit.rule].start]);
      if (visit.next == calls.size()) {
        marks[visit.rule] = Mark::done;
        path.pop_back();
        continue;
      }
      const std::uint32_t rule = calls[visit.next++].rule;
      if (marks[rule] == Mark::open) return fail(Errc::invalid_request, "a $ref leads back to itself without a value between");
      if (marks[rule] == Mark::none) {
        marks[rule] = Mark::open;
        path.push_back({rule});
      }
    }
  }
  for (const CallEdge& edge : grammar.calls) {
    if (grammar.states[grammar.rules[edge.rule].start].accept) return fail(Errc::invalid_request, "a part of the grammar may be empty");
  }
  return {};
}

/// What the texts of each rule begin with; calls at their start do not lead back, so this comes to an end.
void find_first_bytes(Grammar& grammar) {
  for (bool changed = true; changed;) {
    changed = false;
    for (Grammar::Rule& rule : grammar.rules) {
      const Grammar::State& start = grammar.states[rule.start];
      auto first = rule.first;
      for (const ByteEdge& edge : grammar.bytes_of(start)) {
        for (std::size_t byte = edge.low; byte <= edge.high; ++byte) first[byte / 64] |= std::uint64_t{1} << (byte % 64);
      }
      for (const CallEdge& edge : grammar.calls_of(start)) {
        for (std::size_t i = 0; i < first.size(); ++i) first[i] |= grammar.rules[edge.rule].first[i];
      }
      changed = changed || first != rule.first;
      rule.first = first;
    }
  }
}

/// Refines classes of states by their edges, as often as bytes are looked ahead.
void find_likeness(Grammar& grammar) {
  std::vector<std::uint64_t> hashes(grammar.states.size()), next(grammar.states.size());
  for (std::size_t s = 0; s < hashes.size(); ++s) hashes[s] = grammar.states[s].accept ? 1 : 2;
  for (int round = 0; round < Grammar::kLikenessBytes; ++round) {
    for (std::size_t s = 0; s < hashes.size(); ++s) {
      const Grammar::State& state = grammar.states[s];
      std::uint64_t hash = hash_combine(state.accept ? 1 : 2, state.depth);
      for (const ByteEdge& edge : grammar.bytes_of(state)) {
        hash = hash_combine(hash, edge.low * 256U + edge.high);
        hash = hash_combine(hash, hashes[edge.target]);
      }
      for (const CallEdge& edge : grammar.calls_of(state)) {
        hash = hash_combine(hash, 65536U + edge.rule);
        hash = hash_combine(hash, hashes[edge.target]);
      }
      next[s] = hash;
    }
    hashes.swap(next);
  }
  std::unordered_map<std::uint64_t, std::uint32_t> numbers;
  for (std::size_t s = 0; s < hashes.size(); ++s) {
    const auto number = static_cast<std::uint32_t>(numbers.size());
    grammar.states[s].likeness = numbers.try_emplace(hashes[s], number).first->second;
  }
}

}  // namespace

std::uint32_t RuleSet::reserve() {
  texts_.push_back(never());
  return static_cast<std::uint32_t>(texts_.size() - 1);
}

std::uint32_t RuleSet::add(Expr text) {
  texts_.push_back(std::move(text));
  return static_cast<std::uint32_t>(texts_.size() - 1);
}

Result<std::shared_ptr<const Grammar>> RuleSet::link(Budget& budget) const {
  auto grammar = join(texts_, budget);
  if (!grammar) return std::unexpected(grammar.error());
  DepthFinder(*grammar).run();
  if (grammar->rules[0].depth > kMaxDepth) {
    return fail(Errc::invalid_request, "no text satisfies the constraint (a contradiction, or recursion without end)");
  }
  prune(*grammar);
  if (auto good = check_calls(*grammar); !good) return std::unexpected(good.error());
  find_first_bytes(*grammar);
  find_likeness(*grammar);
  return std::make_shared<const Grammar>(std::move(*grammar));
}

}  // namespace baton::grammar
