#include "config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

namespace baton::config {
namespace {

/// Cost of everything kept for a document, aliases expanded: a node's own size and its text.
constexpr std::size_t kMaxTreeBytes = 64 << 20;
constexpr std::size_t kMaxDepth = 32;

std::size_t tree_bytes(const YamlNode& node) {
  std::size_t bytes = sizeof(YamlNode) + node.text.size() + node.key.size();
  for (const YamlNode& child : node.children) bytes += tree_bytes(child);
  return bytes;
}

/// Builds the tree from yaml-cpp's events. Its own Node is not used: it hides duplicate keys and cyclic aliases.
class TreeBuilder final : public YAML::EventHandler {
 public:
  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node = at(mark);
    remember(mark, anchor, node);
    place(mark, std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw YAML::ParserException(mark, "this alias refers to the value it is part of");
    YamlNode node = found->second;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    charge(mark, tree_bytes(node));
    place(mark, std::move(node));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = at(mark);
    node.kind = YamlNode::Kind::scalar;
    node.is_quoted = tag == "!";
    node.text = value;
    check_tag(mark, tag);
    charge(mark, value.size());
    remember(mark, anchor, node);
    place(mark, std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    bool has_key = false;
    YamlNode key;
  };

  static YamlNode at(const YAML::Mark& mark) {
    YamlNode node;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  static void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw YAML::ParserException(mark, "YAML tags such as " + quoted(tag) + " are not supported; remove the tag");
  }

  void charge(const YAML::Mark& mark, std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > kMaxTreeBytes)
      throw YAML::ParserException(mark, "the document is too large once aliases are expanded");
  }

  void remember(const YAML::Mark& mark, YAML::anchor_t anchor, const YamlNode& node) {
    if (anchor == YAML::NullAnchor) return;
    charge(mark, tree_bytes(node));
    anchors_.insert_or_assign(anchor, node);
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    check_tag(mark, tag);
    if (stack_.size() == kMaxDepth) throw YAML::ParserException(mark, "values are nested too deeply");
    if (!stack_.empty() && stack_.back().node.kind == YamlNode::Kind::map && !stack_.back().has_key) {
      throw YAML::ParserException(mark, "a key must be a plain word, not a list or map");
    }
    YamlNode node = at(mark);
    node.kind = kind;
    stack_.push_back({std::move(node), anchor, mark, false, {}});
  }

  void close() {
    Open done = std::move(stack_.back());
    stack_.pop_back();
    remember(done.mark, done.anchor, done.node);
    place(done.mark, std::move(done.node));
  }

  void place(const YAML::Mark& mark, YamlNode node) {
    charge(mark, sizeof(YamlNode));
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = stack_.back();
    if (parent.node.kind == YamlNode::Kind::list) {
      parent.node.children.push_back(std::move(node));
    } else if (!parent.has_key) {
      if (node.kind != YamlNode::Kind::scalar) {
        throw YAML::ParserException(mark, "a key must be a plain word, not empty, a list or a map");
      }
      parent.key = std::move(node);
      parent.has_key = true;
    } else {
      node.key = std::move(parent.key.text);
      node.line = parent.key.line;
      node.column = parent.key.column;
      parent.node.children.push_back(std::move(node));
      parent.has_key = false;
    }
  }

  YamlNode root_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  std::size_t bytes_ = 0;
};

/// yaml-cpp takes a quoted text that never ends as complete if the file ends in a line break.
std::string_view without_trailing_space(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::string readable(const YAML::Exception& e) {
  if (e.msg == YAML::ErrorMsg::EOF_IN_SCALAR)
    return "a quoted text is never closed; look for a missing quote here or above";
  return e.msg;
}

ConfigProblem whole_file(std::string_view source_name, std::string message) {
  return {std::string(source_name), 0, 0, "", std::move(message)};
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view name) const {
  if (kind != Kind::map) return nullptr;
  const auto found = std::ranges::find(children, name, &YamlNode::key);
  return found == children.end() ? nullptr : &*found;
}

std::expected<YamlNode, ConfigProblem> parse_yaml(std::string_view text, std::string_view source_name) {
  if (text.size() > kMaxYamlBytes) {
    return std::unexpected(whole_file(
        source_name, "the file has " + std::to_string(text.size()) + " bytes; a configuration may have at most 1 MiB"));
  }
  if (text.find('\0') != std::string_view::npos) {
    return std::unexpected(whole_file(source_name, "the file holds binary data; save it as UTF-8 text"));
  }
  // yaml-cpp reports by exceptions; this is the one place where they become values.
  try {
    std::istringstream stream{std::string(without_trailing_space(text))};
    YAML::Parser parser(stream);
    TreeBuilder builder;
    if (!parser.HandleNextDocument(builder)) return YamlNode{};
    TreeBuilder second;
    if (parser.HandleNextDocument(second)) {
      return std::unexpected(whole_file(source_name, "the file holds more than one YAML document; remove the '---'"));
    }
    return builder.take();
  } catch (const YAML::Exception& e) {
    const bool placed = !e.mark.is_null();
    return std::unexpected(ConfigProblem{std::string(source_name), placed ? e.mark.line + 1 : 0,
                                         placed ? e.mark.column + 1 : 0, "", "not valid YAML: " + readable(e)});
  }
}

}  // namespace baton::config
