#include <utility>

#include "grammar/grammar.h"
#include "grammar/json_expr.h"
#include "grammar/program.h"
#include "grammar/regex.h"
#include "grammar/schema.h"

namespace baton::grammar {

namespace {

Result<RuleSet> rules_of_object() {
  RuleSet rules;
  const std::uint32_t whole = rules.reserve();
  rules.set(whole, JsonExprs(rules).any_object());
  return rules;
}

Result<RuleSet> rules_of_regex(const std::string& pattern) {
  auto text = parse_regex(pattern, RegexMatch::whole, utf8);
  if (!text) return std::unexpected(text.error());
  RuleSet rules;
  rules.add(std::move(*text));
  return rules;
}

Result<RuleSet> rules_of_choice(const std::string& source) {
  const auto list = parse_json(source);
  if (!list) return fail(Errc::invalid_request, "choice: " + list.error().message);
  if (!list->is_array() || list->empty()) return fail(Errc::invalid_request, "choice: must be a list of strings");
  std::vector<Expr> texts;
  for (const Json& text : *list) {
    if (!text.is_string() || text.get_ref<const std::string&>().empty()) {
      return fail(Errc::invalid_request, "choice: must be a list of strings that are not empty");
    }
    texts.push_back(literal(text.get_ref<const std::string&>()));
  }
  RuleSet rules;
  rules.add(choice(std::move(texts)));
  return rules;
}

Result<RuleSet> rules_of(const Constraint& constraint, Budget& budget) {
  switch (constraint.kind) {
    case Constraint::Kind::none: break;
    case Constraint::Kind::json_object: return rules_of_object();
    case Constraint::Kind::json_schema: return rules_of_schema(constraint.source, budget);
    case Constraint::Kind::regex: return rules_of_regex(constraint.source);
    case Constraint::Kind::choice: return rules_of_choice(constraint.source);
  }
  return fail(Errc::invalid_request, "there is no constraint");
}

}  // namespace

Result<std::shared_ptr<const Grammar>> compile(const Constraint& constraint) {
  Budget budget;
  const auto rules = rules_of(constraint, budget);
  if (!rules) return std::unexpected(rules.error());
  return rules->link(budget);
}

}  // namespace baton::grammar
