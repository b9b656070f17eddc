#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "grammar/expr.h"

namespace baton::grammar {

/// A set of Unicode scalar values: sorted, disjoint ranges, surrogates left out.
class CodePoints {
 public:
  using Range = std::pair<char32_t, char32_t>;  // both ends included

  CodePoints() = default;
  explicit CodePoints(std::vector<Range> ranges);
  static CodePoints all();

  const std::vector<Range>& ranges() const { return ranges_; }
  CodePoints united(const CodePoints& other) const;
  CodePoints complement() const;
  CodePoints without(const CodePoints& other) const;
  bool contains(char32_t c) const;

 private:
  std::vector<Range> ranges_;
};

/// How a character is written down.
using Encoding = std::function<Expr(const CodePoints&)>;

/// As UTF-8.
Expr utf8(const CodePoints& set);
/// Inside a JSON string, each character in one way: as itself where JSON allows it, else by its shortest escape.
Expr json_characters(const CodePoints& set);
/// Any one character inside a JSON string in every way JSON allows, lone surrogates left out.
Expr any_json_character();

}  // namespace baton::grammar
