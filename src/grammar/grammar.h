#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"

namespace baton::grammar {

/// A constraint compiled to an automaton over bytes. Immutable, shared between threads.
class Grammar;

/// Checks and compiles. Errors (invalid_request): what is wrong with the schema or expression and where (JSON pointer
/// or offset), or which keyword is not supported; automata beyond the limits are refused, never built.
Result<std::shared_ptr<const Grammar>> compile(const Constraint& constraint);

/// The bytes each token stands for, in a form that lets a whole vocabulary be masked in one walk. Immutable, shared.
class Vocabulary;
/// `token_bytes[id]`: empty for special and unused tokens, which are never allowed; `eos`: allowed where the text may end.
std::shared_ptr<const Vocabulary> make_vocabulary(std::vector<std::string> token_bytes, std::vector<TokenId> eos);

/// One sequence's place in its grammar. Cheap to copy; equal histories give equal states.
class Matcher {
 public:
  Matcher(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const Vocabulary> vocabulary);
  ~Matcher();
  Matcher(const Matcher&);
  Matcher& operator=(const Matcher&);
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;

  /// Clears the bits of tokens that may not come next. `bits` has one bit per token id, (vocab + 63) / 64 words; some
  /// bit always stays set (EOS at the latest).
  void mask(std::span<std::uint64_t> bits) const;
  /// Moves on. False: the token was not allowed; the state is unchanged.
  bool accept(TokenId token);
  /// The text may end here.
  bool may_end() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace baton::grammar
