#include "text/template_parser.h"

#include <algorithm>
#include <initializer_list>

#include "text/template_parser_base.h"

namespace baton::text {
namespace {

using ast::Block;
using ast::Stmt;
using Kind = TemplateToken::Kind;
using Names = std::initializer_list<std::string_view>;

class StatementParser {
 public:
  explicit StatementParser(TokenStream& tokens) : in_(tokens), expressions_(tokens) {}

  // Statements up to a tag whose name is in `ends`; that name is the current token then.
  Block block(Names ends) {
    Block out;
    if (++nesting_ > kMaxTemplateNesting) in_.refuse("blocks are nested too deeply");
    while (!in_.failed() && !in_.is(Kind::end)) {
      if (in_.is(Kind::data)) {
        Stmt& text = add(out, Stmt::Kind::text);
        text.text = in_.take().text;
      } else if (in_.is(Kind::output_begin)) {
        in_.take();
        add(out, Stmt::Kind::output).expr = expressions_.tuple(ExpressionParser::Condition::allowed);
        in_.expect(Kind::output_end, "'}}'");
      } else {
        in_.expect(Kind::block_begin, "a tag");
        if (in_.is(Kind::name) && std::ranges::find(ends, in_.current().text) != ends.end()) break;
        statement(out);
      }
    }
    --nesting_;
    if (ends.size() > 0 && in_.is(Kind::end)) in_.refuse("expected '" + std::string(*(ends.end() - 1)) + "' before the end");
    return out;
  }

 private:
  Stmt& add(Block& block, Stmt::Kind kind) {
    Stmt& stmt = block.emplace_back();
    stmt.kind = kind;
    stmt.line = in_.line();
    return stmt;
  }

  void end_tag() { in_.expect(Kind::block_end, "'%}'"); }

  // The body of a block, its end tag taken whole.
  Block body_until(std::string_view end) {
    Block body = block({end});
    in_.take();
    end_tag();
    return body;
  }

  void statement(Block& out) {
    const std::string name = in_.is(Kind::name) ? in_.current().text : "";
    if (name == "if") return if_statement(out);
    if (name == "for") return for_statement(out);
    if (name == "set") return set_statement(out);
    if (name == "macro") return macro_statement(out);
    if (name == "call") return call_statement(out);
    if (name == "filter") return filter_statement(out);
    if (name == "with") return with_statement(out);
    if (name == "generation") return generation_statement(out);
    if (name == "break" || name == "continue") return leave_statement(out);
    in_.refuse("unknown or misplaced tag '" + name + "'");
  }

  void if_statement(Block& out) {
    Stmt& stmt = add(out, Stmt::Kind::branch);
    bool more = true;
    while (more && !in_.failed()) {
      const bool otherwise = in_.take().text == "else";
      ast::Branch& branch = stmt.branches.emplace_back();
      if (!otherwise) branch.condition = expressions_.tuple(ExpressionParser::Condition::ends_it);
      end_tag();
      branch.body = otherwise ? block({"endif"}) : block({"elif", "else", "endif"});
      more = !in_.is_name("endif");
    }
    in_.take();
    end_tag();
  }

  void for_statement(Block& out) {
    Stmt& stmt = add(out, Stmt::Kind::loop);
    in_.take();
    stmt.target = expressions_.assign_target();
    if (!in_.skip_name("in")) in_.refuse("expected 'in'" + in_.found());
    stmt.expr = expressions_.tuple(ExpressionParser::Condition::ends_it);
    if (in_.skip_name("if")) stmt.condition = expressions_.expression();
    stmt.recursive = in_.skip_name("recursive");
    end_tag();
    ++loops_;
    stmt.body = block({"else", "endfor"});
    --loops_;
    if (in_.skip_name("else")) {
      end_tag();
      stmt.otherwise = block({"endfor"});
    }
    in_.take();
    end_tag();
  }

  void set_statement(Block& out) {
    Stmt& stmt = add(out, Stmt::Kind::assign);
    in_.take();
    stmt.target = expressions_.assign_target();
    if (in_.skip_op("=")) {
      stmt.expr = expressions_.tuple(ExpressionParser::Condition::allowed);
      return end_tag();
    }
    stmt.kind = Stmt::Kind::assign_block;
    if (in_.skip_op("|")) stmt.expr = expressions_.filters(nullptr);
    end_tag();
    stmt.body = body_until("endset");
  }

  std::vector<ast::Parameter> parameters() {
    std::vector<ast::Parameter> out;
    in_.expect_op("(");
    while (!in_.is_op(")") && !in_.failed()) {
      ast::Parameter& parameter = out.emplace_back();
      parameter.name = in_.expect_identifier();
      if (in_.skip_op("=")) {
        parameter.fallback = expressions_.expression();
      } else if (out.size() > 1 && out[out.size() - 2].fallback) {
        in_.refuse("a parameter without a default follows one with a default");
      }
      if (!in_.skip_op(",")) break;
    }
    in_.expect_op(")");
    return out;
  }

  Block body_outside_loops(std::string_view end) {
    const int loops = std::exchange(loops_, 0);
    Block body = body_until(end);
    loops_ = loops;
    return body;
  }

  void macro_statement(Block& out) {
    Stmt& stmt = add(out, Stmt::Kind::macro);
    in_.take();
    stmt.text = in_.expect_identifier();
    stmt.parameters = parameters();
    end_tag();
    stmt.body = body_outside_loops("endmacro");
  }

  void call_statement(Block& out) {
    Stmt& stmt = add(out, Stmt::Kind::call);
    in_.take();
    if (in_.is_op("(")) stmt.parameters = parameters();
    stmt.expr = expressions_.expression();
    if (stmt.expr && stmt.expr->kind != ast::Expr::Kind::call) in_.refuse("expected a call");
    end_tag();
    stmt.body = body_outside_loops("endcall");
  }

  void filter_statement(Block& out) {
    Stmt& stmt = add(out, Stmt::Kind::filter);
    in_.take();
    stmt.expr = expressions_.filters(nullptr);
    end_tag();
    stmt.body = body_until("endfilter");
  }

  void with_statement(Block& out) {
    Stmt& stmt = add(out, Stmt::Kind::scope);
    in_.take();
    while (!in_.is(Kind::block_end) && !in_.failed()) {
      ast::ExprPtr target = expressions_.assign_target();
      in_.expect_op("=");
      stmt.assignments.emplace_back(std::move(target), expressions_.expression());
      if (!in_.skip_op(",")) break;
    }
    end_tag();
    stmt.body = body_until("endwith");
  }

  void generation_statement(Block& out) {
    Stmt& stmt = add(out, Stmt::Kind::group);
    in_.take();
    end_tag();
    stmt.body = body_until("endgeneration");
  }

  void leave_statement(Block& out) {
    if (loops_ == 0) in_.refuse("'" + in_.current().text + "' outside a loop");
    add(out, in_.take().text == "break" ? Stmt::Kind::leave : Stmt::Kind::next);
    end_tag();
  }

  TokenStream& in_;
  ExpressionParser expressions_;
  int nesting_ = 0;
  int loops_ = 0;
};

}  // namespace

Result<Block> parse_template(std::string_view source) {
  auto tokens = lex_template(source);
  if (!tokens) return std::unexpected(tokens.error());
  TokenStream stream(*std::move(tokens));
  Block block = StatementParser(stream).block({});
  if (stream.failed()) return fail(Errc::invalid_request, stream.error());
  return block;
}

}  // namespace baton::text
