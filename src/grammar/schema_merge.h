#pragma once

#include <string>

#include "grammar/json_expr.h"

namespace baton::grammar {

/// The error of a schema: what is wrong and where, as a JSON pointer.
std::unexpected<Error> schema_error(const std::string& at, const std::string& what);

/// One step down a JSON pointer, with ~ and / escaped.
std::string step_down(const std::string& at, const std::string& key);

/// Refuses keywords that would bound the output in ways that are not supported; annotations pass.
Result<void> check_keywords(const Json& schema, const std::string& at);

/// Whether the keyword says something about values, beyond describing them.
bool is_assertion(const std::string& keyword);

/// Resolves references within one document, and folds $ref with siblings and allOf into single schemas.
class SchemaMerger {
 public:
  /// `root` outlives the merger.
  SchemaMerger(const Json& root, Budget& budget) : root_(root), budget_(budget) {}

  /// What a $ref such as "#/$defs/x" names. References to other documents are refused.
  Result<const Json*> resolve(const Json& reference, const std::string& at) const;

  /// The schema without $ref, allOf and const: one set of keywords. A boolean stays what it is.
  Result<Json> flatten(const Json& schema, const std::string& at) { return flatten(schema, at, 0); }
  /// What satisfies both. Both are flat.
  Result<Json> merge(const Json& a, const Json& b, const std::string& at);

  /// No value that is generated for `a` satisfies `b`, as far as can be told from types, constants and required
  /// members. Both are flat objects.
  bool apart(const Json& a, const Json& b) const;

 private:
  Result<Json> flatten(const Json& schema, const std::string& at, int depth);
  Result<void> merge_keyword(Json& into, const std::string& keyword, const Json& value, const std::string& at) const;

  const Json& root_;
  Budget& budget_;
};

/// The types a flat schema admits: those it names, those of its enum, or those its keywords speak of. Empty: any.
std::vector<std::string> types_of(const Json& flat);
bool has_type(const Json& value, const std::string& type);

}  // namespace baton::grammar
