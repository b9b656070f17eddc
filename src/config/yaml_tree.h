#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"

namespace baton::config {

/// One value of a YAML document with the place it was written at. Aliases are replaced by copies of their anchors.
struct YamlNode {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  bool is_quoted = false;          ///< scalar written in quotes: text, never a number
  std::string text;                ///< scalar: its text
  std::string key;                 ///< child of a map: its key, else empty
  int line = 0;                    ///< from 1; child of a map: where its key is
  int column = 0;                  ///< from 1
  std::vector<YamlNode> children;  ///< list and map, in file order; a map may hold duplicate keys

  /// First child of a map with that key, or null.
  const YamlNode* find(std::string_view name) const;
};

inline constexpr std::size_t kMaxYamlBytes = 1 << 20;

/// Parses one YAML document. An empty document is a null node. Time and memory are bounded for any input: larger
/// files, deeper nesting and larger alias expansions are refused. Any violation of YAML syntax is the only problem
/// reported, since nothing after it can be trusted.
std::expected<YamlNode, ConfigProblem> parse_yaml(std::string_view text, std::string_view source_name);

}  // namespace baton::config
