#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/regex.h"
#include "text/unicode.h"

namespace baton::text {

struct PrependStep {
  std::string prefix;
};

struct ReplaceStep {
  std::variant<std::string, Regex> pattern;
  std::string content;
};

/// Drops white space at the ends.
struct TrimStep {
  bool left = true;
  bool right = true;
};

struct LowercaseStep {};

using NormalizerStep = std::variant<NormalForm, PrependStep, ReplaceStep, TrimStep, LowercaseStep>;

/// Replaces every match of `step` in `text`.
std::string replace_all(std::string_view text, const ReplaceStep& step);

/// The steps of a normalizer in order. Immutable; `run` is thread-safe.
class Normalizer {
 public:
  Normalizer() = default;
  explicit Normalizer(std::vector<NormalizerStep> steps) : steps_(std::move(steps)) {}

  bool empty() const { return steps_.empty(); }
  /// `text` is valid UTF-8.
  std::string run(std::string_view text) const;

 private:
  std::vector<NormalizerStep> steps_;
};

}  // namespace baton::text
