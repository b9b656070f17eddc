#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace baton::openai {

/// Finds the end of one JSON value, character by character.
class JsonSpan {
 public:
  enum class Step : std::uint8_t { inside, last, after };
  /// after: `c` no longer belongs to the value (numbers and words end like that).
  Step take(char c);

 private:
  int depth_ = 0;
  bool begun_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
};

/// Reads one object {"name": "…", "arguments" or "parameters": …} as it comes. Other members are skipped.
class CallReader {
 public:
  enum class State : std::uint8_t { reading, done, failed };

  /// Reads up to the end of the object, or to that of the name; how many characters it took.
  std::size_t take(std::string_view text);
  State state() const { return state_; }
  /// Once it was read.
  const std::optional<std::string>& name() const { return name_; }
  /// The arguments' JSON text since the last call. An object without arguments has none at all.
  std::string take_arguments();

 private:
  enum class At : std::uint8_t { open, key_or_end, key, colon, value, between, closed };

  void step(char c);
  void step_value(char c);
  void end_value();

  State state_ = State::reading;
  At at_ = At::open;
  JsonSpan span_;
  std::string key_;
  std::string value_;      ///< raw, of name and of arguments given as a string
  std::string arguments_;  ///< not taken yet
  std::optional<std::string> name_;
};

}  // namespace baton::openai
