#include "text/template_interpreter.h"

#include <algorithm>
#include <array>
#include <deque>

#include "text/template_runtime.h"
#include "text/value_format.h"

namespace baton::text {
namespace {

using ast::Block;
using ast::Expr;
using ast::Stmt;
using Kind = Value::Kind;
using Handle = Value::Handle;

constexpr std::size_t kMaxOutput = 16ULL << 20;
constexpr int kMaxDepth = 400;           // nested evaluations: expressions in blocks in macros ...

enum class Flow : std::uint8_t { normal, leave, next };
enum Function : std::uint32_t { range_function, namespace_function, dict_function, raise_function, strftime_function };
constexpr std::array<std::string_view, 5> kFunctions{"range", "namespace", "dict", "raise_exception", "strftime_now"};

// Names set in one loop iteration, macro call or block. Names point into the template.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string_view, Value>> names;

  Value* find(std::string_view name) {
    const auto it = std::ranges::find(names, name, &std::pair<std::string_view, Value>::first);
    return it == names.end() ? nullptr : &it->second;
  }
  void set(std::string_view name, Value value) {
    if (Value* old = find(name)) {
      *old = std::move(value);
    } else {
      names.emplace_back(name, std::move(value));
    }
  }
};
using ScopePtr = std::shared_ptr<Scope>;

struct Macro {
  const Stmt* stmt = nullptr;
  ScopePtr scope;  // where it was defined
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> members;
};

struct Loop {
  const Stmt* stmt = nullptr;
  ScopePtr scope;
  std::vector<Value> items;  // dropped when the loop is over
  std::size_t size = 0;
  std::size_t index = 0;
  int depth = 1;
  std::optional<Value> last_changed;
};

class Interpreter {
 public:
  Interpreter(const Value& variables, std::chrono::sys_seconds now)
      : variables_(variables), rt_(now), scope_(std::make_shared<Scope>()) {}

  Result<std::string> run(const Block& block) {
    exec(block);
    if (rt_.error()) return std::unexpected(*rt_.error());
    return std::move(out_);
  }

 private:
  template <class Body>
  auto in_new_scope(const Body& body, ScopePtr parent = nullptr) {
    auto inner = std::make_shared<Scope>();
    inner->parent = parent ? std::move(parent) : scope_;
    const ScopePtr outer = std::exchange(scope_, std::move(inner));
    auto result = body();
    scope_ = outer;
    return result;
  }

  // --- statements -----------------------------------------------------------------------------------------------
  Flow exec(const Block& block) {
    if (++depth_ > kMaxDepth) rt_.fail("nested too deeply");
    Flow flow = Flow::normal;
    for (const Stmt& stmt : block) {
      rt_.line = stmt.line;
      if (!rt_.charge(1)) break;
      flow = exec(stmt);
      if (flow != Flow::normal || !rt_.ok()) break;
    }
    --depth_;
    return flow;
  }

  Flow exec(const Stmt& stmt) {
    switch (stmt.kind) {
      case Stmt::Kind::text: emit(stmt.text); break;
      case Stmt::Kind::output: print(eval(*stmt.expr)); break;
      case Stmt::Kind::branch: return exec_branch(stmt);
      case Stmt::Kind::loop: run_loop(stmt, eval(*stmt.expr), 1); break;
      case Stmt::Kind::assign: assign(*stmt.target, eval(*stmt.expr)); break;
      case Stmt::Kind::assign_block: {
        Value text(capture(stmt.body));
        assign(*stmt.target, stmt.expr ? eval_filter_block(*stmt.expr, std::move(text)) : std::move(text));
        break;
      }
      case Stmt::Kind::macro: scope_->set(stmt.text, define_macro(stmt)); break;
      case Stmt::Kind::call: exec_call(stmt); break;
      case Stmt::Kind::filter: print(eval_filter_block(*stmt.expr, Value(capture(stmt.body)))); break;
      case Stmt::Kind::scope: return exec_scope(stmt);
      case Stmt::Kind::group: return in_new_scope([&] { return exec(stmt.body); });
      case Stmt::Kind::leave: return Flow::leave;
      case Stmt::Kind::next: return Flow::next;
    }
    return Flow::normal;
  }

  void emit(std::string_view text) {
    if (!rt_.charge(1 + text.size() / 64)) return;
    if (out_.size() + text.size() > kMaxOutput) {
      rt_.fail("the output is too large");
      return;
    }
    out_ += text;
  }

  void print(const Value& value) {
    if (!rt_.ok() || !rt_.charge_bytes(value.weight())) return;
    emit(value.is(Kind::string) ? std::string_view(value.string()) : std::string_view(to_str(value)));
  }

  // What the body prints.
  std::string capture(const Block& body) {
    std::string outer = std::exchange(out_, {});
    in_new_scope([&] { return exec(body); });
    return std::exchange(out_, std::move(outer));
  }

  Flow exec_branch(const Stmt& stmt) {
    for (const ast::Branch& branch : stmt.branches) {
      if (!branch.condition || eval(*branch.condition).truthy()) return rt_.ok() ? exec(branch.body) : Flow::normal;
    }
    return Flow::normal;
  }

  Flow exec_scope(const Stmt& stmt) {
    std::vector<Value> values;
    for (const auto& [target, value] : stmt.assignments) values.push_back(eval(*value));
    return in_new_scope([&] {
      for (std::size_t i = 0; i < values.size(); ++i) assign(*stmt.assignments[i].first, values[i]);
      return exec(stmt.body);
    });
  }

  void assign(const Expr& target, const Value& value) {
    if (!rt_.ok()) return;
    if (target.kind == Expr::Kind::name) {
      scope_->set(target.text, value);
      rt_.charge(1 + scope_->names.size() / 8);
    } else if (target.kind == Expr::Kind::attribute) {
      assign_member(target, value);
    } else {
      const std::vector<Value> items = iterate(rt_, value);
      if (!rt_.ok()) return;
      if (items.size() != target.kids.size()) {
        rt_.fail("cannot unpack " + std::to_string(items.size()) + " values into " + std::to_string(target.kids.size()));
        return;
      }
      for (std::size_t i = 0; i < items.size(); ++i) assign(*target.kids[i], items[i]);
    }
  }

  void assign_member(const Expr& target, const Value& value) {
    const Value base = eval(*target.kids[0]);
    if (!base.is(Kind::handle) || base.handle().type != Handle::Type::name_space) {
      rt_.fail("cannot assign to an attribute of something that is no namespace");
      return;
    }
    auto& members = namespaces_[base.handle().index].members;
    const auto it = std::ranges::find(members, target.text, &std::pair<std::string, Value>::first);
    rt_.charge(1 + members.size() / 8);
    if (it != members.end()) {
      it->second = value;
    } else {
      members.emplace_back(target.text, value);
    }
  }

  void run_loop(const Stmt& stmt, const Value& iterable, int depth) {
    std::vector<Value> items = iterate(rt_, iterable);
    if (stmt.condition) {
      std::erase_if(items, [&](const Value& item) {
        return rt_.ok() && in_new_scope([&] {
          assign(*stmt.target, item);
          return !eval(*stmt.condition).truthy();
        });
      });
    }
    if (!rt_.ok()) return;
    bool finished = false;  // some iteration reached its end: a loop that is left at once counts as empty
    const Value handle = Handle{Handle::Type::loop, static_cast<std::uint32_t>(loops_.size())};
    Loop& loop = loops_.emplace_back(Loop{&stmt, scope_, std::move(items), 0, 0, depth, std::nullopt});
    loop.size = loop.items.size();
    for (; loop.index < loop.size && rt_.charge(2); ++loop.index) {
      const Flow flow = in_new_scope([&] {
        scope_->set("loop", handle);
        assign(*stmt.target, loop.items[loop.index]);
        return exec(stmt.body);
      });
      if (flow == Flow::leave || !rt_.ok()) break;
      finished = finished || flow == Flow::normal;
    }
    if (loop.index == loop.size && loop.size > 0) --loop.index;
    loop.items = {};
    if (!finished && rt_.ok()) in_new_scope([&] { return exec(stmt.otherwise); });
  }

  Value define_macro(const Stmt& stmt) {
    if (!rt_.charge_bytes(sizeof(Macro))) return Value::Undefined{};
    macros_.push_back({&stmt, scope_});
    return Handle{Handle::Type::macro, static_cast<std::uint32_t>(macros_.size() - 1)};
  }

  void exec_call(const Stmt& stmt) {
    CallArgs args = arguments(*stmt.expr);
    args.named.emplace_back("caller", define_macro(stmt));
    const Value callee = eval(*stmt.expr->kids[0]);
    if (rt_.ok()) print(call(callee, args));
  }

  // --- expressions ----------------------------------------------------------------------------------------------
  Value eval(const Expr& expr) {
    if (!rt_.charge(1)) return Value::Undefined{};
    if (++depth_ > kMaxDepth) {
      --depth_;
      return rt_.fail("nested too deeply");
    }
    rt_.line = expr.line;
    Value value = eval_kind(expr);
    --depth_;
    return value;
  }

  Value eval_kind(const Expr& expr) {
    switch (expr.kind) {
      case Expr::Kind::literal: return expr.value;
      case Expr::Kind::name: return lookup(expr.text);
      case Expr::Kind::list: return bounded(Value::array(eval_all(expr.kids)));
      case Expr::Kind::tuple: return bounded(Value::tuple(eval_all(expr.kids)));
      case Expr::Kind::dict: return eval_dict(expr);
      case Expr::Kind::attribute: return attribute(eval(*expr.kids[0]), expr);
      case Expr::Kind::index: return eval_index(expr);
      case Expr::Kind::slice: return eval_slice(expr);
      case Expr::Kind::call: return eval_call(expr);
      case Expr::Kind::filter: return eval_filter(expr, eval(*expr.kids[0]));
      case Expr::Kind::test: return eval_test(expr);
      case Expr::Kind::negate: return Value(!eval(*expr.kids[0]).truthy());
      case Expr::Kind::minus: return negative(rt_, eval(*expr.kids[0]));
      case Expr::Kind::plus: return binary(rt_, "+", Value(0), eval(*expr.kids[0]));
      case Expr::Kind::binary: return eval_binary(expr);
      case Expr::Kind::concat: return eval_concat(expr);
      case Expr::Kind::compare: return eval_compare(expr);
      case Expr::Kind::both: {
        Value left = eval(*expr.kids[0]);
        return left.truthy() ? eval(*expr.kids[1]) : left;
      }
      case Expr::Kind::either: {
        Value left = eval(*expr.kids[0]);
        return left.truthy() ? left : eval(*expr.kids[1]);
      }
      case Expr::Kind::conditional:
        if (eval(*expr.kids[1]).truthy()) return eval(*expr.kids[0]);
        return expr.kids[2] ? eval(*expr.kids[2]) : Value(Value::Undefined{});
    }
    return Value::Undefined{};
  }

  Value lookup(std::string_view name) {
    for (Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
      rt_.charge(1 + scope->names.size() / 8);
      if (const Value* value = scope->find(name)) return *value;
    }
    if (const Value* value = variables_.find(name)) return *value;
    const auto it = std::ranges::find(kFunctions, name);
    if (it == kFunctions.end()) return Value::Undefined{};
    return Handle{Handle::Type::function, static_cast<std::uint32_t>(it - kFunctions.begin())};
  }

  std::vector<Value> eval_all(const std::vector<ast::ExprPtr>& exprs, std::size_t from = 0) {
    std::vector<Value> values;
    for (std::size_t i = from; i < exprs.size(); ++i) values.push_back(eval(*exprs[i]));
    return values;
  }

  // Values built by the template may not nest without end.
  Value bounded(Value value) {
    if (value.depth() > Value::kMaxDepth) return rt_.fail("a value is nested too deeply");
    return value;
  }

  Value eval_dict(const Expr& expr) {
    std::vector<Value::Member> members;
    for (std::size_t i = 0; i + 1 < expr.kids.size(); i += 2) {
      const Value key = eval(*expr.kids[i]);
      if (!rt_.ok()) return Value::Undefined{};
      if (!key.is(Kind::string)) return rt_.fail("only strings can be keys here, not " + std::string(type_name(key)));
      members.emplace_back(key.string(), eval(*expr.kids[i + 1]));
    }
    return bounded(Value::map(std::move(members)));
  }

  Value attribute(const Value& base, const Expr& expr) {
    if (!rt_.ok()) return Value::Undefined{};
    if (base.is(Kind::handle)) return handle_attribute(base.handle(), expr.text);
    if (base.is_undefined() && expr.kids[0]->kind == Expr::Kind::name) {
      return rt_.fail(quoted(expr.kids[0]->text) + " is undefined");
    }
    return get_attribute(rt_, base, expr.text);
  }

  Value handle_attribute(Handle handle, std::string_view name) {
    if (handle.type == Handle::Type::name_space) {
      const auto& members = namespaces_[handle.index].members;
      const auto it = std::ranges::find(members, name, &std::pair<std::string, Value>::first);
      return it == members.end() ? Value(Value::Undefined{}) : it->second;
    }
    if (handle.type == Handle::Type::loop) return loop_attribute(handle.index, name);
    if (handle.type == Handle::Type::macro && name == "name") return Value(macros_[handle.index].stmt->text);
    return Value::Undefined{};
  }

  Value loop_attribute(std::uint32_t index, std::string_view name) {
    const Loop& loop = loops_[index];
    const std::size_t size = loop.size;
    if (name == "index") return Value(loop.index + 1);
    if (name == "index0") return Value(loop.index);
    if (name == "revindex") return Value(size - loop.index);
    if (name == "revindex0") return Value(size - loop.index - 1);
    if (name == "first") return Value(loop.index == 0);
    if (name == "last") return Value(loop.index + 1 == size);
    if (name == "length") return Value(size);
    if (name == "depth") return Value(loop.depth);
    if (name == "depth0") return Value(loop.depth - 1);
    if (name == "previtem" && loop.index > 0 && loop.index < loop.items.size()) return loop.items[loop.index - 1];
    if (name == "nextitem" && loop.index + 1 < loop.items.size()) return loop.items[loop.index + 1];
    if (name == "cycle" || name == "changed") return Handle{Handle::Type::method, 0};
    return Value::Undefined{};
  }

  Value eval_index(const Expr& expr) {
    const Value base = eval(*expr.kids[0]);
    const Value key = eval(*expr.kids[1]);
    if (!rt_.ok()) return Value::Undefined{};
    if (base.is(Kind::handle) && key.is(Kind::string)) return handle_attribute(base.handle(), key.string());
    return get_item(rt_, base, key);
  }

  Value eval_slice(const Expr& expr) {
    const Value base = eval(*expr.kids[0]);
    std::array<Value, 3> bounds;
    for (std::size_t i = 0; i < 3; ++i) {
      if (expr.kids[i + 1]) bounds[i] = eval(*expr.kids[i + 1]);
    }
    return rt_.ok() ? slice(rt_, base, bounds[0], bounds[1], bounds[2]) : Value(Value::Undefined{});
  }

  CallArgs arguments(const Expr& expr) {
    CallArgs args;
    args.positional = eval_all(expr.kids, 1);
    for (const auto& [name, value] : expr.named) args.named.emplace_back(name, eval(*value));
    if (expr.spread) {
      for (Value& item : iterate(rt_, eval(*expr.spread))) args.positional.push_back(std::move(item));
    }
    if (expr.spread_named) spread_named(eval(*expr.spread_named), args);
    return args;
  }

  void spread_named(const Value& more, CallArgs& args) {
    if (!more.is(Kind::map)) {
      rt_.fail("'**' needs a mapping, not " + std::string(type_name(more)));
      return;
    }
    for (const auto& [name, value] : more.members()) {
      if (std::ranges::find(args.named, name, &std::pair<std::string, Value>::first) != args.named.end()) {
        rt_.fail("the argument '" + name + "' is given twice");
      }
      args.named.emplace_back(name, value);
    }
    rt_.charge_bytes(more.members().size() * 64);
  }

  Value eval_filter(const Expr& expr, const Value& input) {
    const CallArgs args = arguments(expr);
    if (!rt_.ok()) return Value::Undefined{};
    rt_.line = expr.line;
    return bounded(apply_filter(rt_, expr.text, input, args));
  }

  // A filter chain whose innermost input is the text of a block.
  Value eval_filter_block(const Expr& expr, Value text) {
    const Expr* inner = expr.kids[0].get();
    return eval_filter(expr, inner != nullptr ? eval_filter_block(*inner, std::move(text)) : std::move(text));
  }

  Value eval_test(const Expr& expr) {
    const Value input = eval(*expr.kids[0]);
    const CallArgs args = arguments(expr);
    return rt_.ok() ? Value(apply_test(rt_, expr.text, input, args)) : Value(Value::Undefined{});
  }

  Value eval_binary(const Expr& expr) {
    const Value left = eval(*expr.kids[0]);
    const Value right = eval(*expr.kids[1]);
    if (!rt_.ok()) return Value::Undefined{};
    rt_.line = expr.line;
    return bounded(binary(rt_, expr.text, left, right));
  }

  Value eval_concat(const Expr& expr) {
    std::string text;
    for (const ast::ExprPtr& kid : expr.kids) {
      const Value part = eval(*kid);
      if (!rt_.charge_bytes(part.weight())) return Value::Undefined{};
      text += to_str(part);
    }
    return Value(std::move(text));
  }

  Value eval_compare(const Expr& expr) {
    Value left = eval(*expr.kids[0]);
    for (std::size_t i = 0; i < expr.ops.size(); ++i) {
      Value right = eval(*expr.kids[i + 1]);
      if (!rt_.ok()) return Value::Undefined{};
      if (!compare(rt_, expr.ops[i], left, right)) return Value(false);
      left = std::move(right);
    }
    return Value(true);
  }

  // --- calls ----------------------------------------------------------------------------------------------------
  Value eval_call(const Expr& expr) {
    const Expr& callee = *expr.kids[0];
    if (callee.kind == Expr::Kind::attribute) {
      const Value object = eval(*callee.kids[0]);
      const Value member = attribute(object, callee);
      const CallArgs args = arguments(expr);
      if (!rt_.ok()) return Value::Undefined{};
      rt_.line = expr.line;
      if (object.is(Kind::handle) && object.handle().type == Handle::Type::loop) {
        return call_loop_method(loops_[object.handle().index], callee.text, args);
      }
      const bool method = member.is(Kind::handle) && member.handle().type == Handle::Type::method;
      if (method || member.is_undefined()) return bounded(call_method(rt_, object, callee.text, args));
      return call(member, args);
    }
    const Value function = eval(callee);
    const CallArgs args = arguments(expr);
    if (!rt_.ok()) return Value::Undefined{};
    rt_.line = expr.line;
    if (function.is_undefined() && callee.kind == Expr::Kind::name) return rt_.fail(quoted(callee.text) + " is undefined");
    return call(function, args);
  }

  Value call(const Value& function, const CallArgs& args) {
    if (!function.is(Kind::handle)) return rt_.fail(quoted(type_name(function)) + " cannot be called");
    const Handle handle = function.handle();
    switch (handle.type) {
      case Handle::Type::macro: return call_macro(macros_[handle.index], args);
      case Handle::Type::function: return call_function(handle.index, args);
      case Handle::Type::loop: return call_loop(handle.index, args);
      default: return rt_.fail("this value cannot be called");
    }
  }

  Value call_macro(Macro macro, const CallArgs& args) {
    const auto& parameters = macro.stmt->parameters;
    if (args.positional.size() > parameters.size()) {
      return rt_.fail("macro '" + macro.stmt->text + "' takes at most " + std::to_string(parameters.size()) + " arguments");
    }
    std::string outer = std::exchange(out_, {});
    in_new_scope(
        [&] {
          for (const auto& [name, value] : args.named) bind_named(macro, args, name, value);
          for (std::size_t i = 0; i < parameters.size(); ++i) bind_parameter(parameters[i], i, args);
          return exec(macro.stmt->body);
        },
        macro.scope);
    return Value(std::exchange(out_, std::move(outer)));
  }

  void bind_named(const Macro& macro, const CallArgs& args, const std::string& name, const Value& value) {
    if (name == "caller") {
      scope_->set("caller", value);
      return;
    }
    const auto& parameters = macro.stmt->parameters;
    const auto it = std::ranges::find(parameters, name, &ast::Parameter::name);
    const auto position = static_cast<std::size_t>(it - parameters.begin());
    if (it == parameters.end() || position < args.positional.size()) {
      rt_.fail("macro '" + macro.stmt->text + "' takes no argument '" + name + "' here");
    }
  }

  void bind_parameter(const ast::Parameter& parameter, std::size_t index, const CallArgs& args) {
    const Value* given = args.get(index, parameter.name);
    if (given != nullptr) {
      scope_->set(parameter.name, *given);
    } else {
      scope_->set(parameter.name, parameter.fallback ? eval(*parameter.fallback) : Value(Value::Undefined{}));
    }
  }

  Value call_loop(std::uint32_t index, const CallArgs& args) {
    const Loop& loop = loops_[index];
    if (!loop.stmt->recursive || args.count() != 1) return rt_.fail("only a recursive loop can be called, with one value");
    std::string outer = std::exchange(out_, {});
    in_new_scope([&] { return run_loop(*loop.stmt, *args.get(0, "iterable"), loop.depth + 1), Flow::normal; }, loop.scope);
    return Value(std::exchange(out_, std::move(outer)));
  }

  Value call_loop_method(Loop& loop, std::string_view name, const CallArgs& args) {
    if (name == "cycle") {
      if (args.positional.empty()) return rt_.fail("no items for cycling given");
      return args.positional[loop.index % args.positional.size()];
    }
    if (name != "changed") return rt_.fail("loop has no method '" + std::string(name) + "'");
    Value now = Value::tuple(args.positional);
    const bool changed = !loop.last_changed || !compare(rt_, "==", *loop.last_changed, now);
    loop.last_changed = std::move(now);
    return Value(changed);
  }

  Value call_function(std::uint32_t function, const CallArgs& args) {
    switch (function) {
      case range_function: return make_range(rt_, args);
      case namespace_function: return make_namespace(args);
      case dict_function: return bounded(make_dict(rt_, args));
      case raise_function: return rt_.raise(string_arg(rt_, args.get(0, "message"), "the template refused the conversation"));
      default: return format_time(rt_, args);
    }
  }

  Value make_namespace(const CallArgs& args) {
    const Value members = make_dict(rt_, args);
    if (!rt_.ok()) return members;
    namespaces_.push_back({members.members()});
    return Handle{Handle::Type::name_space, static_cast<std::uint32_t>(namespaces_.size() - 1)};
  }

  const Value& variables_;
  Runtime rt_;
  ScopePtr scope_;
  std::string out_;
  int depth_ = 0;
  std::vector<Macro> macros_;
  std::vector<Namespace> namespaces_;
  std::deque<Loop> loops_;
};

}  // namespace

Result<std::string> interpret(const Block& block, const Value& variables, std::chrono::sys_seconds now) {
  return Interpreter(variables, now).run(block);
}

}  // namespace baton::text
