#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"

namespace baton::model {

/// Typed access to one JSON object of a config file. The first problem is kept and later reads return defaults, so a
/// reader asks for all fields and checks error() once. A JSON null counts as absent. Refers to the object and names
/// given; for use inside one function.
class ConfigFields {
 public:
  struct IntRange {
    std::int64_t least;
    std::int64_t most;
  };
  struct RealRange {
    double least;
    double most;
  };

  ConfigFields(const nlohmann::json& object, std::string_view file, std::string_view prefix = "")
      : object_(object), file_(file), prefix_(prefix) {}

  /// Null pointer when absent or null.
  const nlohmann::json* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// True for null too.
  bool mentions(std::string_view name) const { return object_.contains(name); }

  std::optional<std::int32_t> integer(std::string_view name, IntRange range);
  std::int32_t required_integer(std::string_view name, IntRange range);
  std::optional<double> real(std::string_view name, RealRange range);
  double required_real(std::string_view name, RealRange range);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::string> string(std::string_view name);
  /// An integer or a list of integers in [0, limit).
  std::optional<std::vector<TokenId>> token_ids(std::string_view name, std::int32_t limit);

  void corrupt(std::string_view name, std::string_view what) { note(Errc::corrupt_file, name, what); }
  void unsupported(std::string_view name, std::string_view what) { note(Errc::unsupported_parameter, name, what); }
  /// Takes over a problem found by a reader of a nested object.
  void adopt(const std::optional<Error>& error) {
    if (!error_) error_ = error;
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  void note(Errc code, std::string_view name, std::string_view what);

  const nlohmann::json& object_;
  std::string file_;
  std::string prefix_;
  std::optional<Error> error_;
};

}  // namespace baton::model
