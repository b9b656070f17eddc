#include <algorithm>
#include <array>
#include <charconv>

#include "text/template_parser.h"
#include "text/template_parser_base.h"

namespace baton::text {
namespace {

using ast::Expr;
using ast::ExprPtr;
using Kind = TemplateToken::Kind;

std::vector<ExprPtr> kids_of(ExprPtr a) {
  std::vector<ExprPtr> kids;
  kids.push_back(std::move(a));
  return kids;
}

std::vector<ExprPtr> kids_of(ExprPtr a, ExprPtr b) {
  auto kids = kids_of(std::move(a));
  kids.push_back(std::move(b));
  return kids;
}

std::vector<ExprPtr> kids_of(ExprPtr a, ExprPtr b, ExprPtr c) {
  auto kids = kids_of(std::move(a), std::move(b));
  kids.push_back(std::move(c));
  return kids;
}

bool is_reserved(std::string_view name) {
  constexpr std::array<std::string_view, 9> kReserved{"true", "false", "none", "True", "False", "None", "not", "and", "or"};
  return std::ranges::find(kReserved, name) != kReserved.end();
}

}  // namespace

ExprPtr ExpressionParser::make(Expr::Kind kind, std::vector<ExprPtr> kids, std::string text) {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->line = in_.line();
  node->text = std::move(text);
  for (const ExprPtr& kid : kids) {
    if (kid) node->depth = std::max(node->depth, kid->depth + 1);
  }
  if (node->depth > kMaxTemplateNesting) in_.refuse("the expression is nested too deeply");
  node->kids = std::move(kids);
  return node;
}

ExprPtr ExpressionParser::expression() {
  if (++nesting_ > kMaxTemplateNesting) in_.refuse("the expression is nested too deeply");
  ExprPtr value = either();
  while (in_.skip_name("if")) {
    ExprPtr condition = either();
    ExprPtr other = in_.skip_name("else") ? expression() : nullptr;
    value = make(Expr::Kind::conditional, kids_of(std::move(value), std::move(condition), std::move(other)));
  }
  --nesting_;
  return value;
}

ExprPtr ExpressionParser::tuple(Condition condition) {
  const auto part = [&] { return condition == Condition::allowed ? expression() : either(); };
  const auto ends = [&] {
    return in_.is(Kind::end) || in_.is(Kind::block_end) || in_.is(Kind::output_end) || in_.is_op(")") ||
           in_.is_op("=") || in_.is_name("recursive");
  };
  ExprPtr first = part();
  if (!in_.is_op(",")) return first;
  std::vector<ExprPtr> items = kids_of(std::move(first));
  while (in_.skip_op(",") && !ends()) items.push_back(part());
  return make(Expr::Kind::tuple, std::move(items));
}

ExprPtr ExpressionParser::single_target() {
  if (in_.skip_op("(")) {
    ExprPtr inner = assign_target();
    in_.expect_op(")");
    return inner;
  }
  std::string name = in_.expect_identifier();
  if (is_reserved(name)) in_.refuse("cannot assign to '" + name + "'");
  ExprPtr target = make(Expr::Kind::name, {}, std::move(name));
  if (!in_.skip_op(".")) return target;
  std::string member = in_.expect_identifier();
  return make(Expr::Kind::attribute, kids_of(std::move(target)), std::move(member));
}

ExprPtr ExpressionParser::assign_target() {
  if (++nesting_ > kMaxTemplateNesting) in_.refuse("the target is nested too deeply");
  ExprPtr first = single_target();
  if (in_.is_op(",")) {
    std::vector<ExprPtr> items = kids_of(std::move(first));
    while (in_.skip_op(",") && !in_.is_name("in") && !in_.is_op("=") && !in_.is_op(")")) items.push_back(single_target());
    first = make(Expr::Kind::tuple, std::move(items));
  }
  --nesting_;
  return first;
}

ExprPtr ExpressionParser::either() {
  ExprPtr left = both();
  while (in_.skip_name("or")) {
    ExprPtr right = both();
    left = make(Expr::Kind::either, kids_of(std::move(left), std::move(right)));
  }
  return left;
}

ExprPtr ExpressionParser::both() {
  ExprPtr left = negation();
  while (in_.skip_name("and")) {
    ExprPtr right = negation();
    left = make(Expr::Kind::both, kids_of(std::move(left), std::move(right)));
  }
  return left;
}

ExprPtr ExpressionParser::negation() {
  int count = 0;
  while (in_.skip_name("not")) ++count;
  ExprPtr value = comparison();
  if (count == 0) return value;
  value = make(Expr::Kind::negate, kids_of(std::move(value)));
  return count % 2 == 1 ? std::move(value) : make(Expr::Kind::negate, kids_of(std::move(value)));
}

std::string ExpressionParser::comparison_operator() {
  constexpr std::array<std::string_view, 6> kOperators{"==", "!=", "<", "<=", ">", ">="};
  if (in_.is(Kind::op) && std::ranges::find(kOperators, in_.current().text) != kOperators.end()) return in_.take().text;
  if (in_.skip_name("in")) return "in";
  if (in_.is_name("not") && in_.next().kind == Kind::name && in_.next().text == "in") {
    in_.take();
    in_.take();
    return "not in";
  }
  return {};
}

ExprPtr ExpressionParser::comparison() {
  ExprPtr first = sum();
  std::vector<std::string> ops;
  std::vector<ExprPtr> operands;
  for (std::string op = comparison_operator(); !op.empty(); op = comparison_operator()) {
    ops.push_back(std::move(op));
    operands.push_back(sum());
  }
  if (ops.empty()) return first;
  operands.insert(operands.begin(), std::move(first));
  ExprPtr node = make(Expr::Kind::compare, std::move(operands));
  node->ops = std::move(ops);
  return node;
}

ExprPtr ExpressionParser::sum() {
  ExprPtr left = concatenation();
  while (in_.is_op("+") || in_.is_op("-")) {
    std::string op = in_.take().text;
    ExprPtr right = concatenation();
    left = make(Expr::Kind::binary, kids_of(std::move(left), std::move(right)), std::move(op));
  }
  return left;
}

ExprPtr ExpressionParser::concatenation() {
  ExprPtr first = product();
  if (!in_.is_op("~")) return first;
  std::vector<ExprPtr> parts = kids_of(std::move(first));
  while (in_.skip_op("~")) parts.push_back(product());
  return make(Expr::Kind::concat, std::move(parts));
}

ExprPtr ExpressionParser::product() {
  ExprPtr left = power();
  while (in_.is_op("*") || in_.is_op("/") || in_.is_op("//") || in_.is_op("%")) {
    std::string op = in_.take().text;
    ExprPtr right = power();
    left = make(Expr::Kind::binary, kids_of(std::move(left), std::move(right)), std::move(op));
  }
  return left;
}

ExprPtr ExpressionParser::power() {
  ExprPtr left = unary(Filters::allowed);
  while (in_.skip_op("**")) {
    ExprPtr right = unary(Filters::allowed);
    left = make(Expr::Kind::binary, kids_of(std::move(left), std::move(right)), "**");
  }
  return left;
}

ExprPtr ExpressionParser::unary(Filters filters) {
  ExprPtr value;
  if (in_.is_op("-") || in_.is_op("+")) {
    if (++nesting_ > kMaxTemplateNesting) in_.refuse("the expression is nested too deeply");
    const bool minus = in_.take().text == "-";
    value = make(minus ? Expr::Kind::minus : Expr::Kind::plus, kids_of(unary(Filters::later)));
    --nesting_;
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return filters == Filters::allowed ? filtered(std::move(value)) : std::move(value);
}

ExprPtr ExpressionParser::number() {
  ExprPtr node = make(Expr::Kind::literal);
  const TemplateToken token = in_.take();
  const char* end = token.text.data() + token.text.size();
  if (token.kind == Kind::number) {
    double real = 0;
    std::from_chars(token.text.data(), end, real);
    node->value = Value(real);
    return node;
  }
  std::int64_t whole = 0;
  if (std::from_chars(token.text.data(), end, whole).ec != std::errc()) in_.refuse("the number is beyond 64 bits");
  node->value = Value(whole);
  return node;
}

ExprPtr ExpressionParser::primary() {
  if (in_.is(Kind::name)) {
    const std::string name = in_.current().text;
    ExprPtr node = make(Expr::Kind::name, {}, name);
    in_.take();
    if (!is_reserved(name)) return node;
    node->kind = Expr::Kind::literal;
    if (name == "true" || name == "True") {
      node->value = Value(true);
    } else if (name == "false" || name == "False") {
      node->value = Value(false);
    } else if (name == "not" || name == "and" || name == "or") {
      in_.refuse("unexpected '" + name + "'");
    }
    return node;
  }
  if (in_.is(Kind::string)) {
    ExprPtr node = make(Expr::Kind::literal);
    std::string text;
    while (in_.is(Kind::string)) text += in_.take().text;
    node->value = Value(std::move(text));
    return node;
  }
  if (in_.is(Kind::integer) || in_.is(Kind::number)) return number();
  if (in_.is_op("(")) return parenthesised();
  if (in_.is_op("[")) return list();
  if (in_.is_op("{")) return dict();
  in_.refuse("expected an expression" + in_.found());
  return make(Expr::Kind::literal);
}

ExprPtr ExpressionParser::parenthesised() {
  in_.take();
  if (in_.skip_op(")")) return make(Expr::Kind::tuple);
  ExprPtr value = tuple(Condition::allowed);
  in_.expect_op(")");
  return value;
}

ExprPtr ExpressionParser::list() {
  in_.take();
  std::vector<ExprPtr> items;
  while (!in_.is_op("]") && !in_.failed()) {
    items.push_back(expression());
    if (!in_.skip_op(",")) break;
  }
  in_.expect_op("]");
  return make(Expr::Kind::list, std::move(items));
}

ExprPtr ExpressionParser::dict() {
  in_.take();
  std::vector<ExprPtr> items;
  while (!in_.is_op("}") && !in_.failed()) {
    items.push_back(expression());
    in_.expect_op(":");
    items.push_back(expression());
    if (!in_.skip_op(",")) break;
  }
  in_.expect_op("}");
  return make(Expr::Kind::dict, std::move(items));
}

ExprPtr ExpressionParser::postfix(ExprPtr base) {
  while (!in_.failed()) {
    if (in_.skip_op(".")) {
      if (in_.is(Kind::integer)) {
        ExprPtr index = number();
        base = make(Expr::Kind::index, kids_of(std::move(base), std::move(index)));
      } else {
        std::string name = in_.expect_identifier();
        base = make(Expr::Kind::attribute, kids_of(std::move(base)), std::move(name));
      }
    } else if (in_.is_op("[")) {
      base = subscript(std::move(base));
    } else if (in_.is_op("(")) {
      base = make(Expr::Kind::call, kids_of(std::move(base)));
      arguments(*base);
    } else {
      break;
    }
  }
  return base;
}

ExprPtr ExpressionParser::filtered(ExprPtr base) {
  while (!in_.failed()) {
    if (in_.skip_op("|")) {
      base = filter(std::move(base));
    } else if (in_.skip_name("is")) {
      base = test(std::move(base));
    } else if (in_.is_op("(")) {
      base = make(Expr::Kind::call, kids_of(std::move(base)));
      arguments(*base);
    } else {
      break;
    }
  }
  return base;
}

ExprPtr ExpressionParser::subscript(ExprPtr base) {
  in_.expect_op("[");
  std::vector<ExprPtr> parts;
  bool slice = false;
  ExprPtr part;
  while (!in_.is_op("]") && !in_.failed()) {
    if (in_.skip_op(":")) {
      slice = true;
      parts.push_back(std::move(part));
      part = nullptr;
      continue;
    }
    if (part) in_.refuse("expected ']'" + in_.found());
    part = expression();
  }
  in_.expect_op("]");
  if (!slice) {
    if (!part) part = make(Expr::Kind::tuple);  // base[] asks for the item (), as in Jinja
    return make(Expr::Kind::index, kids_of(std::move(base), std::move(part)));
  }
  parts.push_back(std::move(part));
  if (parts.size() > 3) in_.refuse("a slice has at most three parts");
  parts.resize(3);
  parts.insert(parts.begin(), std::move(base));
  return make(Expr::Kind::slice, std::move(parts));
}

void ExpressionParser::arguments(Expr& call) {
  in_.expect_op("(");
  while (!in_.is_op(")") && !in_.failed()) {
    argument(call);
    if (!in_.skip_op(",")) break;
  }
  in_.expect_op(")");
  const auto deepen = [&](const ExprPtr& kid) {
    if (kid) call.depth = std::max(call.depth, kid->depth + 1);
  };
  for (const auto& kid : call.kids) deepen(kid);
  for (const auto& [name, kid] : call.named) deepen(kid);
  deepen(call.spread);
  deepen(call.spread_named);
  if (call.depth > kMaxTemplateNesting) in_.refuse("the expression is nested too deeply");
}

// In order: positional ones, one *, named ones, one **.
void ExpressionParser::argument(Expr& call) {
  const bool last = call.spread_named != nullptr;
  const bool named = in_.is(Kind::name) && in_.next().kind == Kind::op && in_.next().text == "=";
  if (in_.is_op("*")) {
    if (call.spread || last) in_.refuse("only one '*' argument may stand here");
    in_.take();
    call.spread = expression();
  } else if (in_.is_op("**")) {
    if (last) in_.refuse("only one '**' argument may stand here");
    in_.take();
    call.spread_named = expression();
  } else if (named) {
    if (last) in_.refuse("a named argument stands behind '**'");
    std::string name = in_.take().text;
    in_.take();
    call.named.emplace_back(std::move(name), expression());
  } else {
    if (!call.named.empty() || call.spread || last) in_.refuse("a positional argument stands behind a named one");
    call.kids.push_back(expression());
  }
}

ExprPtr ExpressionParser::filter(ExprPtr input) {
  ExprPtr node = make(Expr::Kind::filter, kids_of(std::move(input)), in_.current().text);
  in_.expect_identifier();
  if (in_.is_op("(")) arguments(*node);
  return node;
}

ExprPtr ExpressionParser::filters(ExprPtr input) {
  ExprPtr node = filter(std::move(input));
  while (in_.skip_op("|")) node = filter(std::move(node));
  return node;
}

ExprPtr ExpressionParser::test(ExprPtr base) {
  const bool negated = in_.skip_name("not");
  ExprPtr node = make(Expr::Kind::test, kids_of(std::move(base)), in_.current().text);
  in_.expect_identifier();
  const bool bare_argument =
      in_.is(Kind::string) || in_.is(Kind::integer) || in_.is(Kind::number) || in_.is_op("[") || in_.is_op("{") ||
      (in_.is(Kind::name) && !in_.is_name("else") && !in_.is_name("or") && !in_.is_name("and"));
  if (in_.is_op("(")) {
    arguments(*node);
  } else if (bare_argument) {
    if (in_.is_name("is")) in_.refuse("tests cannot be chained with 'is'");
    node->kids.push_back(postfix(primary()));
    node->depth = std::max(node->depth, node->kids.back()->depth + 1);
  }
  return negated ? make(Expr::Kind::negate, kids_of(std::move(node))) : std::move(node);
}

}  // namespace baton::text
