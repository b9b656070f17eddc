#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/value.h"

namespace baton::text::ast {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

/// An expression. What `kids` holds depends on the kind; absent parts are null pointers.
struct Expr {
  enum class Kind : std::uint8_t {
    literal,      ///< value
    name,         ///< text
    list,         ///< kids
    tuple,        ///< kids
    dict,         ///< kids: key, value, key, value, ...
    attribute,    ///< kids[0] . text
    index,        ///< kids[0] [ kids[1] ]
    slice,        ///< kids[0] [ kids[1] : kids[2] : kids[3] ]
    call,         ///< kids[0] ( kids[1...], *spread, named, **spread_named )
    filter,       ///< kids[0] | text ( kids[1...], named ); kids[0] is null in a filter block
    test,         ///< kids[0] is text ( kids[1...], named )
    negate,       ///< not kids[0]
    minus,        ///< - kids[0]
    plus,         ///< + kids[0]
    binary,       ///< kids[0] text kids[1], text one of + - * / // % **
    concat,       ///< kids joined by ~
    compare,      ///< kids[0] ops[0] kids[1] ops[1] ...
    both,         ///< kids[0] and kids[1]
    either,       ///< kids[0] or kids[1]
    conditional,  ///< kids[0] if kids[1] else kids[2]
  };
  Kind kind = Kind::literal;
  int line = 0;
  int depth = 1;  ///< height of the tree, bounded by the parser
  Value value;
  std::string text;
  std::vector<ExprPtr> kids;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr spread;        ///< of calls, filters and tests: a sequence of further arguments
  ExprPtr spread_named;  ///< a mapping of further named arguments
  std::vector<std::string> ops;
};

struct Stmt;
using Block = std::vector<Stmt>;

struct Branch {
  ExprPtr condition;  ///< null: else
  Block body;
};

struct Parameter {
  std::string name;
  ExprPtr fallback;  ///< null: required
};

struct Stmt {
  enum class Kind : std::uint8_t {
    text,          ///< text
    output,        ///< expr
    branch,        ///< branches
    loop,          ///< for target in expr [if condition] body, otherwise; recursive
    assign,        ///< set target = expr
    assign_block,  ///< set target [| expr] body
    macro,         ///< text ( parameters ) body
    call,          ///< call ( parameters ) expr body
    filter,        ///< filter expr body
    scope,         ///< with targets = values, body
    group,         ///< body, transparent (generation)
    leave,         ///< break
    next,          ///< continue
  };
  Kind kind = Kind::text;
  int line = 0;
  std::string text;
  ExprPtr target;
  ExprPtr expr;
  ExprPtr condition;
  std::vector<Branch> branches;
  std::vector<Parameter> parameters;
  std::vector<std::pair<ExprPtr, ExprPtr>> assignments;
  Block body;
  Block otherwise;
  bool recursive = false;
};

}  // namespace baton::text::ast
