#include "config/reader.h"

#include <algorithm>
#include <functional>
#include <map>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "config/keys.h"
#include "config/read_value.h"
#include "config/suggest.h"

namespace baton::config {
namespace {

/// Structs with a key table of their own; every other target type is a single value.
template <class T>
concept Section = std::is_aggregate_v<T>;

template <class S>
std::vector<std::string_view> key_names() {
  std::vector<std::string_view> names;
  for (const Key<S>& key : keys<S>()) names.push_back(key.info.name);
  return names;
}

std::string join(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

Role role_of_list(std::string_view name) {
  if (name == "prefill_workers") return Role::prefill;
  if (name == "decode_workers") return Role::decode;
  return Role::both;
}

class Reader {
 public:
  explicit Reader(Problems& problems) : problems_(problems) {}

  template <class S>
  void read_map(const YamlNode& node, const std::string& path, S& out) {
    if (node.kind == YamlNode::Kind::null && !path.empty()) return;  // every key of the section is commented out
    if (node.kind != YamlNode::Kind::map) {
      problems_.add(node, path,
                    shown(node, {}) + " is not a map; write its keys, such as " +
                        std::string(keys<S>().front().info.name) + ", on lines of their own");
      return;
    }
    check_names<S>(node, path);
    for (const Key<S>& key : keys<S>()) read_key(node, path, key, out);
  }

  std::vector<WorkerEntry> take_workers() { return std::move(workers_); }
  std::vector<ClassEntry> take_classes() { return std::move(classes_); }

 private:
  template <class S>
  void check_names(const YamlNode& node, const std::string& path) {
    const std::vector<std::string_view> names = key_names<S>();
    std::map<std::string_view, int> lines;
    for (const YamlNode& child : node.children) {
      const std::string shown_path = join(path, quoted_if_odd(child.key));
      const auto [first, is_new] = lines.emplace(child.key, child.line);
      if (!is_new) {
        problems_.add(child, shown_path,
                      "the key is given twice, first in line " + std::to_string(first->second) + "; remove one");
      } else if (std::ranges::find(names, child.key) == names.end()) {
        const auto meant = nearest(child.key, names);
        problems_.add(child, shown_path,
                      meant ? "unknown key; did you mean " + std::string(*meant) + "?"
                            : "unknown key; remove it (docs/configuration.md lists all keys)");
      }
    }
  }

  static std::string quoted_if_odd(const std::string& key) {
    const std::string safe = quoted(key);
    return safe.size() == key.size() + 2 ? key : safe;
  }

  template <class S>
  void read_key(const YamlNode& map, const std::string& path, const Key<S>& key, S& out) {
    const YamlNode* node = map.find(key.info.name);
    const std::string key_path = join(path, key.info.name);
    if (!node) {
      if (key.info.is_required)
        problems_.add(map, key_path, "the key is missing; add it: " + std::string(key.info.help));
      return;
    }
    if (!key.info.synonym_of.empty() && map.find(key.info.synonym_of)) {
      problems_.add(*node, key_path, "given together with " + std::string(key.info.synonym_of) + "; remove one");
    }
    std::visit([&](auto target) { read_target(*node, key_path, key.info, out, target); }, key.target);
  }

  template <class S>
  void read_target(const YamlNode& node, const std::string& path, const KeyInfo&, S&, NotSupported) {
    problems_.add(node, path, "not supported yet; remove the key");
  }

  template <class S>
  void read_target(const YamlNode& list, const std::string& path, const KeyInfo& info, S&,
                   std::vector<WorkerConfig> S::*) {
    const ListWords words{"worker", "workers", "- host:"};
    for_each_entry(list, path, info, words, [&](const YamlNode& node, std::string entry_path) {
      WorkerEntry entry{{}, &node, std::move(entry_path), role_of_list(info.name)};
      entry.config.role = entry.list_role;
      read_map(node, entry.path, entry.config);
      workers_.push_back(std::move(entry));
    });
  }

  template <class S>
  void read_target(const YamlNode& list, const std::string& path, const KeyInfo& info, S&,
                   std::vector<ClassConfig> S::*) {
    const ListWords words{"class", "classes", "- name:"};
    for_each_entry(list, path, info, words, [&](const YamlNode& node, std::string entry_path) {
      ClassEntry entry{{}, &node, std::move(entry_path)};
      read_map(node, entry.path, entry.config);
      classes_.push_back(std::move(entry));
    });
  }

  /// How messages call the entries of a list, and how each begins.
  struct ListWords {
    std::string_view one, many, first;
  };

  /// `read` gets each entry that is a map, and its path.
  void for_each_entry(const YamlNode& list, const std::string& path, const KeyInfo& info, const ListWords& words,
                      const std::function<void(const YamlNode&, std::string)>& read) {
    if (list.kind == YamlNode::Kind::null) return;
    const std::string first = '"' + std::string(words.first);
    if (list.kind != YamlNode::Kind::list) {
      problems_.add(list, path,
                    shown(list, info) + " is not a list; begin each " + std::string(words.one) + " with " + first +
                        '"');
      return;
    }
    if (static_cast<double>(list.children.size()) > info.bounds.max) {
      problems_.add(list, path,
                    "the list has " + std::to_string(list.children.size()) + " " + std::string(words.many) +
                        "; at most " + std::to_string(static_cast<int>(info.bounds.max)) + " are allowed");
      return;
    }
    for (std::size_t i = 0; i < list.children.size(); ++i) {
      const YamlNode& node = list.children[i];
      std::string entry_path = path + "[" + std::to_string(i) + "]";
      if (node.kind == YamlNode::Kind::map) {
        read(node, std::move(entry_path));
      } else {
        problems_.add(node, std::move(entry_path),
                      shown(node, info) + " is not a " + std::string(words.one) + "; write " + first +
                          " NAME\" and its other keys below");
      }
    }
  }

  template <class S, class T>
  void read_target(const YamlNode& node, const std::string& path, const KeyInfo& info, S& out, T S::*member) {
    if constexpr (std::is_same_v<T, ListenConfig>) {
      if (node.kind == YamlNode::Kind::scalar) return read_host_port(node, path, out.*member);
    }
    if constexpr (Section<T>) {
      read_map(node, path, out.*member);
    } else if (!info.nested.empty()) {
      read_nested(node, path, info, out.*member);
    } else {
      read_scalar(node, path, info, out.*member);
    }
  }

  template <class T>
  void read_scalar(const YamlNode& node, const std::string& path, const KeyInfo& info, T& out) {
    auto value = read_value<T>(node, info);
    if (value) {
      out = std::move(*value);
    } else {
      problems_.add(node, path, std::move(value.error()));
    }
  }

  template <class T>
  void read_nested(const YamlNode& map, const std::string& path, const KeyInfo& info, T& out) {
    if (map.kind != YamlNode::Kind::map) {
      problems_.add(map, path,
                    shown(map, info) + " is not a map; write \"" + std::string(info.name) + ": {" +
                        std::string(info.nested) + ": …}\"");
      return;
    }
    bool is_read = false;
    for (const YamlNode& child : map.children) {
      const std::string child_path = join(path, quoted_if_odd(child.key));
      if (child.key != info.nested) {
        problems_.add(child, child_path, "unknown key; the only one here is " + std::string(info.nested));
      } else if (std::exchange(is_read, true)) {
        problems_.add(child, child_path, "the key is given twice; remove one");
      } else {
        read_scalar(child, child_path, info, out);
      }
    }
    if (!is_read)
      problems_.add(map, join(path, info.nested), "the key is missing; add it, or remove " + std::string(info.name));
  }

  /// "host:port", where an IPv6 host stands in brackets.
  void read_host_port(const YamlNode& node, const std::string& path, ListenConfig& out) {
    const std::size_t colon = node.text.rfind(':');
    if (colon == std::string::npos || colon == 0) {
      problems_.add(node, path, quoted(node.text) + " is not an address; write \"host:port\", such as 127.0.0.1:8000");
      return;
    }
    YamlNode host = node;
    YamlNode port = node;
    host.text = node.text.substr(0, colon);
    port.text = node.text.substr(colon + 1);
    port.is_quoted = false;
    if (host.text.starts_with('[') && host.text.ends_with(']')) host.text = host.text.substr(1, host.text.size() - 2);
    for (const Key<ListenConfig>& key : keys<ListenConfig>()) {
      const YamlNode& part = key.info.name == "port" ? port : host;
      std::visit([&](auto target) { read_target(part, path, key.info, out, target); }, key.target);
    }
  }

  Problems& problems_;
  std::vector<WorkerEntry> workers_;
  std::vector<ClassEntry> classes_;
};

}  // namespace

void Problems::add(const YamlNode& where, std::string key, std::string message) {
  if (found_.size() == kMax) {
    ++dropped_;
    return;
  }
  found_.push_back({source_, where.line, where.column, std::move(key), std::move(message)});
}

std::vector<ConfigProblem> Problems::take() && {
  std::ranges::sort(found_, {}, [](const ConfigProblem& p) { return std::tie(p.line, p.column, p.key, p.message); });
  if (dropped_ > 0) found_.push_back({source_, 0, 0, "", std::to_string(dropped_) + " more problems"});
  return std::move(found_);
}

ReadConfig read_config(const YamlNode& root, Problems& problems) {
  Reader reader(problems);
  ReadConfig out;
  reader.read_map(root, "", out.config);
  out.workers = reader.take_workers();
  out.classes = reader.take_classes();
  return out;
}

}  // namespace baton::config
