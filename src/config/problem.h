#pragma once

#include <string>
#include <string_view>

namespace baton::config {

/// One thing wrong with a configuration file, written for the person who edits it.
struct ConfigProblem {
  std::string file;
  int line = 0;         ///< from 1; 0: concerns the whole file
  int column = 0;       ///< from 1; 0: unknown
  std::string key;      ///< path such as "decode_workers[1].gpu_type"; empty: not about one key
  std::string message;  ///< what is wrong with the value; remedy

  /// "file:line: key: what is wrong with VALUE; remedy", on one line.
  std::string format() const;
  friend bool operator==(const ConfigProblem&, const ConfigProblem&) = default;
};

/// `text` in double quotes, control characters escaped and cut to a readable length.
std::string quoted(std::string_view text);

}  // namespace baton::config
