#include "config/read_value.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>

#include "config/scalar.h"
#include "config/suggest.h"

namespace baton::config {
namespace {

using Message = std::unexpected<std::string>;

Message wrong(const YamlNode& node, const KeyInfo& info, std::string_view what) {
  return Message(shown(node, info) + std::string(what));
}

std::string number_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return std::to_string(static_cast<std::int64_t>(value));
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

/// Bounds in the notation of the key's type.
template <class T>
std::string bound_text(double value) {
  if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
    return format_duration(std::chrono::milliseconds(static_cast<std::int64_t>(value)));
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return format_size(static_cast<std::int64_t>(value));
  } else {
    return number_text(value);
  }
}

template <class T>
std::optional<std::string> bounds_violation(double value, const YamlNode& node, const KeyInfo& info) {
  if (value >= info.bounds.min && value <= info.bounds.max) return std::nullopt;
  return node.text + " is out of bounds; it must be between " + bound_text<T>(info.bounds.min) + " and " +
         bound_text<T>(info.bounds.max);
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_name(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

bool is_host(std::string_view text) {
  std::string letters(text);
  std::erase(letters, ':');
  return is_name(letters);
}

/// IPv6 addresses have at least two colons; one colon is a port written into the host.
bool has_port(std::string_view host) {
  return std::ranges::count(host, ':') == 1;
}

std::expected<Choice, std::string> read_choice(const YamlNode& node, const KeyInfo& info) {
  std::vector<std::string_view> names;
  std::string listed;
  for (const Choice& choice : info.choices) {
    if (node.kind == YamlNode::Kind::scalar && node.text == choice.name) {
      if (choice.is_supported) return choice;
      return Message(shown(node, info) + " is not supported yet; use " + std::string(info.choices.front().name));
    }
    if (!choice.is_supported) continue;
    names.push_back(choice.name);
    listed += (listed.empty() ? "" : ", ") + std::string(choice.name);
  }
  std::string message = shown(node, info) + (names.size() == 1 ? " is not " : " is not one of ") + listed;
  const bool is_word = node.kind == YamlNode::Kind::scalar && !parse_integer(node.text);
  const auto meant = is_word ? nearest(node.text, names) : std::nullopt;
  return Message(message + (meant ? "; did you mean " + std::string(*meant) + "?" : "; choose one of them"));
}

/// Numbers are never quoted: "8" in quotes is text, in YAML and here.
std::optional<std::string> not_plain(const YamlNode& node, const KeyInfo& info, std::string_view expected) {
  if (node.kind != YamlNode::Kind::scalar) return shown(node, info) + " is not " + std::string(expected);
  if (node.is_quoted) return shown(node, info) + " is text, not " + std::string(expected) + "; remove the quotes";
  return std::nullopt;
}

template <class T>
std::expected<T, std::string> read_whole_number(const YamlNode& node, const KeyInfo& info) {
  if (!info.choices.empty()) {
    const auto choice = read_choice(node, info);
    if (!choice) return Message(choice.error());
    return static_cast<T>(choice->value);
  }
  if (auto message = not_plain(node, info, "a whole number")) return Message(*message);
  const std::optional<std::int64_t> value = parse_integer(node.text);
  if (!value) {
    return wrong(node, info,
                 " is not a whole number; write one between " + bound_text<T>(info.bounds.min) + " and " +
                     bound_text<T>(info.bounds.max));
  }
  if (auto message = bounds_violation<T>(static_cast<double>(*value), node, info)) return Message(*message);
  return static_cast<T>(*value);
}

template <class E>
std::expected<E, std::string> read_enum(const YamlNode& node, const KeyInfo& info) {
  const auto choice = read_choice(node, info);
  if (!choice) return Message(choice.error());
  return static_cast<E>(choice->value);
}

}  // namespace

std::string shown(const YamlNode& node, const KeyInfo& info) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
    case YamlNode::Kind::scalar:
      break;
  }
  return info.is_secret ? "the value" : quoted(node.text);
}

template <>
std::expected<std::string, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  if (!info.choices.empty()) {
    const auto choice = read_choice(node, info);
    if (!choice) return Message(choice.error());
    return std::string(choice->name);
  }
  if (node.kind != YamlNode::Kind::scalar) return wrong(node, info, " is not a text; write a single value");
  const auto length = static_cast<double>(node.text.size());
  if (length < info.bounds.min) return wrong(node, info, " is empty; write a value or remove the key");
  if (length > info.bounds.max) {
    return wrong(node, info, " is too long; at most " + number_text(info.bounds.max) + " characters are allowed");
  }
  if (has_control_character(node.text)) return wrong(node, info, " holds control characters; remove them");
  if (info.format == "name" && !is_name(node.text)) {
    return wrong(node, info, " is not a name; use letters, digits, '-', '_' and '.' only");
  }
  if (info.format == "host") {
    if (!is_host(node.text)) return wrong(node, info, " is not a host name or IP address");
    if (has_port(node.text)) return wrong(node, info, " holds a port; write it under its own key, port");
  }
  return node.text;
}

template <>
std::expected<std::int32_t, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  return read_whole_number<std::int32_t>(node, info);
}

template <>
std::expected<std::uint16_t, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  return read_whole_number<std::uint16_t>(node, info);
}

template <>
std::expected<std::int64_t, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  if (node.kind != YamlNode::Kind::scalar) return wrong(node, info, " is not a size; write for example 32MiB");
  const std::optional<std::int64_t> value = parse_size(node.text);
  if (!value) return wrong(node, info, " is not a size; write for example 32MiB, or a plain number of bytes");
  if (auto message = bounds_violation<std::int64_t>(static_cast<double>(*value), node, info)) return Message(*message);
  return *value;
}

template <>
std::expected<std::chrono::milliseconds, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  constexpr std::string_view kRemedy =
      " is not a duration; write for example 500ms, 30s or 2m (plain numbers: seconds)";
  if (node.kind != YamlNode::Kind::scalar) return wrong(node, info, kRemedy);
  const std::optional<std::chrono::milliseconds> value = parse_duration(node.text);
  if (!value) return wrong(node, info, kRemedy);
  const auto ms = static_cast<double>(value->count());
  if (auto message = bounds_violation<std::chrono::milliseconds>(ms, node, info)) return Message(*message);
  return *value;
}

template <>
std::expected<double, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  if (auto message = not_plain(node, info, "a number")) return Message(*message);
  const std::optional<double> value = parse_number(node.text);
  if (!value) return wrong(node, info, " is not a number");
  if (auto message = bounds_violation<double>(*value, node, info)) return Message(*message);
  return *value;
}

template <>
std::expected<bool, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  if (auto message = not_plain(node, info, "true or false")) return Message(*message);
  const std::optional<bool> value = parse_flag(node.text);
  if (!value) return wrong(node, info, " is not true or false");
  return *value;
}

template <>
std::expected<std::vector<std::string>, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  if (node.kind != YamlNode::Kind::list) return wrong(node, info, " is not a list; write [first, second]");
  if (static_cast<double>(node.children.size()) > info.bounds.max) {
    return Message("the list has " + std::to_string(node.children.size()) + " entries; at most " +
                   number_text(info.bounds.max) + " are allowed");
  }
  std::vector<std::string> out;
  for (const YamlNode& child : node.children) {
    const auto text = read_value<std::string>(child, KeyInfo{.name = info.name, .help = "", .bounds = {1, 255}});
    if (!text) return Message(text.error());
    out.push_back(*text);
  }
  return out;
}

template <>
std::expected<Role, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  return read_enum<Role>(node, info);
}

template <>
std::expected<EngineKind, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  return read_enum<EngineKind>(node, info);
}

template <>
std::expected<KvProtocol, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  return read_enum<KvProtocol>(node, info);
}

template <>
std::expected<PlacementPolicy, std::string> read_value(const YamlNode& node, const KeyInfo& info) {
  return read_enum<PlacementPolicy>(node, info);
}

}  // namespace baton::config
