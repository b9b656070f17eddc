#include <algorithm>
#include <mutex>
#include <utility>

#include "grammar/grammar.h"
#include "grammar/token_grammar.h"

namespace baton::grammar {

std::shared_ptr<TokenGrammar> bind(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const Vocabulary> vocabulary) {
  return std::make_shared<TokenGrammar>(std::move(grammar), std::move(vocabulary));
}

struct Matcher::State {
  std::shared_ptr<TokenGrammar> grammar;
  Place place;
  bool may_end = false;
  bool must_end = false;

  void look_ahead() {
    may_end = grammar->may_end(place);
    must_end = may_end && !grammar->goes_on(place);
  }
};

Matcher::Matcher(std::shared_ptr<TokenGrammar> grammar) : state_(std::make_unique<State>()) {
  state_->place = grammar->start();
  state_->grammar = std::move(grammar);
  state_->look_ahead();
}
Matcher::~Matcher() = default;
Matcher::Matcher(const Matcher& other) : state_(std::make_unique<State>(*other.state_)) {}
Matcher& Matcher::operator=(const Matcher& other) {
  *state_ = *other.state_;
  return *this;
}
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;

bool Matcher::mask(std::span<std::uint64_t> bits) const {
  if (state_->must_end) {
    std::ranges::fill(bits, 0);
  } else {
    state_->grammar->mask(state_->place, bits);
  }
  if (state_->may_end) {
    for (const TokenId token : state_->grammar->vocabulary().eos()) {
      const auto i = static_cast<std::size_t>(token);
      if (i / 64 < bits.size()) bits[i / 64] |= std::uint64_t{1} << (i % 64);
    }
  }
  return std::ranges::any_of(bits, [](std::uint64_t word) { return word != 0; });
}

bool Matcher::accept(TokenId token) {
  const Vocabulary& vocabulary = state_->grammar->vocabulary();
  if (token < 0 || static_cast<std::size_t>(token) >= vocabulary.size()) return false;
  if (vocabulary.is_eos(token)) {
    if (!state_->may_end) return false;
    state_->must_end = true;
    return true;
  }
  const auto bytes = vocabulary.bytes(token);
  if (bytes.empty() || state_->must_end) return false;
  Place next = state_->grammar->follow(state_->place, bytes);
  // Too many readings at a time may have crowded out the one the mask went by.
  for (std::size_t i = 0; next.readings.empty() && state_->place.readings.size() > 1 && i < state_->place.readings.size(); ++i) {
    next = state_->grammar->follow({state_->place.frames, {state_->place.readings[i]}}, bytes);
  }
  if (next.readings.empty()) return false;
  state_->place = std::move(next);
  state_->look_ahead();
  return true;
}

bool Matcher::may_end() const { return state_->may_end; }
bool Matcher::must_end() const { return state_->must_end; }

struct Compiler::Impl {
  struct Hash {
    std::size_t operator()(const Constraint& c) const {
      return hash_combine(static_cast<std::uint64_t>(c.kind), std::hash<std::string>{}(c.source));
    }
  };
  static constexpr std::size_t kGrammars = 16;

  explicit Impl(std::shared_ptr<const Vocabulary> v) : vocabulary(std::move(v)), grammars(kGrammars) {}

  Result<std::shared_ptr<TokenGrammar>> get(const Constraint& constraint) {
    {
      const std::scoped_lock lock(mutex);
      if (auto found = grammars.find(constraint)) return found;
    }
    auto grammar = compile(constraint);
    if (!grammar) return std::unexpected(grammar.error());
    auto bound = bind(std::move(*grammar), vocabulary);
    const std::scoped_lock lock(mutex);
    if (auto found = grammars.find(constraint)) return found;  // another thread was faster
    grammars.add(constraint, bound);
    return bound;
  }

  std::shared_ptr<const Vocabulary> vocabulary;
  std::mutex mutex;
  Lru<Constraint, TokenGrammar, Hash> grammars;
};

Compiler::Compiler(std::shared_ptr<const Vocabulary> vocabulary) : impl_(std::make_unique<Impl>(std::move(vocabulary))) {}
Compiler::~Compiler() = default;

Result<void> Compiler::prepare(const Constraint& constraint) {
  const auto grammar = impl_->get(constraint);
  if (!grammar) return std::unexpected(grammar.error());
  (*grammar)->warm();
  return {};
}

Result<Matcher> Compiler::matcher(const Constraint& constraint) {
  auto grammar = impl_->get(constraint);
  if (!grammar) return std::unexpected(grammar.error());
  return Matcher(std::move(*grammar));
}

}  // namespace baton::grammar
