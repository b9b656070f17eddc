#include "text/chat_template.h"

#include <algorithm>

#include "text/template_interpreter.h"
#include "text/template_parser.h"

namespace baton::text {
namespace {

using ast::Expr;

bool names_content(const Expr& expr) {
  if (expr.kind == Expr::Kind::attribute) return expr.text == "content";
  if (expr.kind != Expr::Kind::index) return false;
  const Expr& key = *expr.kids[1];
  return key.kind == Expr::Kind::literal && key.value == Value("content");
}

// Whether a loop runs over `….content` or `…['content']`, or over a name set to one.
class ContentLoopFinder {
 public:
  bool in(const ast::Block& block) {
    return std::ranges::any_of(block, [&](const ast::Stmt& stmt) { return in(stmt); });
  }

 private:
  bool in(const ast::Stmt& stmt) {
    if (stmt.kind == ast::Stmt::Kind::assign && stmt.target->kind == Expr::Kind::name && names_content(*stmt.expr)) {
      aliases_.push_back(stmt.target->text);
    }
    if (stmt.kind == ast::Stmt::Kind::loop && is_content(*stmt.expr)) return true;
    return in(stmt.body) || in(stmt.otherwise) ||
           std::ranges::any_of(stmt.branches, [&](const ast::Branch& branch) { return in(branch.body); });
  }

  bool is_content(const Expr& expr) const {
    if (names_content(expr)) return true;
    return expr.kind == Expr::Kind::name && std::ranges::find(aliases_, expr.text) != aliases_.end();
  }

  std::vector<std::string> aliases_;
};

}  // namespace

struct ChatTemplate::Impl {
  ast::Block block;
  bool iterates_content = false;
};

ChatTemplate::ChatTemplate(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  auto block = parse_template(source);
  if (!block) return fail(Errc::invalid_request, "chat template, " + block.error().message);
  auto impl = std::make_unique<Impl>();
  impl->block = *std::move(block);
  impl->iterates_content = ContentLoopFinder().in(impl->block);
  return ChatTemplate(std::move(impl));
}

Result<std::string> ChatTemplate::render(const Value& variables, RenderOptions options) const {
  return interpret(impl_->block, variables, options.now);
}

bool ChatTemplate::iterates_content() const { return impl_->iterates_content; }

}  // namespace baton::text
