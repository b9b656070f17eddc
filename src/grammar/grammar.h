#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"

namespace baton::grammar {

/// A constraint compiled to an automaton over bytes with a stack (grammar/program.h). Immutable, shared between threads.
class Grammar;

/// Checks and compiles. Errors (invalid_request): what is wrong with the schema or expression and where (JSON pointer
/// or offset), or which keyword is not supported; automata beyond the limits are refused, never built. Takes a few
/// milliseconds for usual schemas and is bounded for hostile ones.
Result<std::shared_ptr<const Grammar>> compile(const Constraint& constraint);

/// The bytes each token stands for, in a form that lets a whole vocabulary be masked in one walk. Immutable, shared.
class Vocabulary;
/// `token_bytes[id]`: empty for special and unused tokens, which are never allowed; `eos`: allowed where the text may end.
std::shared_ptr<const Vocabulary> make_vocabulary(const std::vector<std::string>& token_bytes, std::vector<TokenId> eos);

/// One grammar over one vocabulary, with the masks worked out so far (bounded). Thread-safe.
class TokenGrammar;
std::shared_ptr<TokenGrammar> bind(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const Vocabulary> vocabulary);

/// One sequence's place in its grammar. Cheap to copy; equal histories give equal masks. Not thread-safe.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<TokenGrammar> grammar);
  ~Matcher();
  Matcher(const Matcher& other);
  Matcher& operator=(const Matcher& other);
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;

  /// Writes a bit for every token id, set if it may come next; `bits` has (vocabulary + 63) / 64 words or more, of which
  /// the rest become 0. False: none may, because the text has ended or the vocabulary cannot spell what must come.
  bool mask(std::span<std::uint64_t> bits) const;
  /// Moves on. False: the token was not allowed; the state is unchanged.
  bool accept(TokenId token);
  /// The text may end here.
  bool may_end() const;
  /// The text has ended: nothing may follow, or EOS was accepted.
  bool must_end() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Compiles constraints for one vocabulary and keeps those used last. Thread-safe: a constraint compiled on one thread
/// is found by the others.
class Compiler {
 public:
  explicit Compiler(std::shared_ptr<const Vocabulary> vocabulary);
  ~Compiler();
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

  /// Compiles, and works out the masks that take longest.
  Result<void> prepare(const Constraint& constraint);
  /// At the beginning of the text. Errors: as compile().
  Result<Matcher> matcher(const Constraint& constraint);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace baton::grammar
