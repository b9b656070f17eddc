#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "baton/error.h"

namespace baton::text {

/// A regular expression over UTF-8 with Unicode classes (PCRE2 without JIT, with bounded backtracking), read as
/// Oniguruma would read it (text/regex_translate.h). Immutable; matching is thread-safe.
class Regex {
 public:
  struct Match {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  static Result<Regex> compile(std::string_view pattern);

  /// The first match at or after `from`; nothing if there is none or the backtracking bound is hit. `text` must be
  /// valid UTF-8.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  struct Code;
  explicit Regex(std::shared_ptr<const Code> code);
  std::shared_ptr<const Code> code_;
};

}  // namespace baton::text
