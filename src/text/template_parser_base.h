#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/template_ast.h"
#include "text/template_lexer.h"

namespace baton::text {

/// The token stream of a parser. After the first error it stays at the end, so that every loop of the parser ends.
class TokenStream {
 public:
  using Kind = TemplateToken::Kind;
  explicit TokenStream(std::vector<TemplateToken> tokens) : tokens_(std::move(tokens)) {}

  const TemplateToken& current() const { return tokens_[at_]; }
  const TemplateToken& next() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  int line() const { return current().line; }
  bool is(Kind kind) const { return current().kind == kind; }
  bool is_op(std::string_view op) const { return is(Kind::op) && current().text == op; }
  bool is_name(std::string_view name) const { return is(Kind::name) && current().text == name; }

  TemplateToken take() {
    TemplateToken token = current();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool skip_op(std::string_view op) { return is_op(op) && (take(), true); }
  bool skip_name(std::string_view name) { return is_name(name) && (take(), true); }
  void expect_op(std::string_view op) {
    if (!skip_op(op)) refuse("expected '" + std::string(op) + "'" + found());
  }
  void expect(Kind kind, std::string_view what) {
    if (is(kind)) {
      take();
    } else {
      refuse("expected " + std::string(what) + found());
    }
  }
  std::string expect_identifier() {
    if (is(Kind::name)) return take().text;
    refuse("expected a name" + found());
    return {};
  }

  void refuse(const std::string& why) {
    if (error_.empty()) error_ = "line " + std::to_string(line()) + ": " + why;
    at_ = tokens_.size() - 1;
  }
  std::string found() const {
    return is(Kind::end) || is(Kind::block_end) || is(Kind::output_end) ? ", found the end of the tag"
                                                                        : ", found '" + current().text + "'";
  }
  bool failed() const { return !error_.empty(); }
  const std::string& error() const { return error_; }

 private:
  std::vector<TemplateToken> tokens_;
  std::size_t at_ = 0;
  std::string error_;
};

/// Parses expressions with Jinja's precedence.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : in_(tokens) {}

  ast::ExprPtr expression();  ///< with `a if b else c`
  /// One expression, or several with commas as a tuple. Without `conditional` an `if` ends it.
  enum class Condition : std::uint8_t { allowed, ends_it };
  ast::ExprPtr tuple(Condition condition);
  ast::ExprPtr assign_target();    ///< names, tuples of names, or namespace.attribute
  ast::ExprPtr filters(ast::ExprPtr input);  ///< `name(args) | name(args)` behind `set x |` and `filter`

 private:
  ast::ExprPtr make(ast::Expr::Kind kind, std::vector<ast::ExprPtr> kids = {}, std::string text = {});
  ast::ExprPtr either();
  ast::ExprPtr both();
  ast::ExprPtr negation();
  ast::ExprPtr comparison();
  ast::ExprPtr sum();
  ast::ExprPtr concatenation();
  ast::ExprPtr product();
  ast::ExprPtr power();
  enum class Filters : std::uint8_t { allowed, later };
  ast::ExprPtr unary(Filters filters);
  ast::ExprPtr primary();
  ast::ExprPtr number();
  ast::ExprPtr dict();
  ast::ExprPtr list();
  ast::ExprPtr parenthesised();
  ast::ExprPtr postfix(ast::ExprPtr base);
  ast::ExprPtr filtered(ast::ExprPtr base);
  ast::ExprPtr subscript(ast::ExprPtr base);
  ast::ExprPtr filter(ast::ExprPtr input);
  ast::ExprPtr test(ast::ExprPtr base);
  ast::ExprPtr single_target();
  void arguments(ast::Expr& call);
  void argument(ast::Expr& call);
  std::string comparison_operator();

  TokenStream& in_;
  int nesting_ = 0;
};

}  // namespace baton::text
