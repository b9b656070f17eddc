#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace baton::test {

/// A small judge of JSON Schema, written apart from the compiler: what tests/data/grammar/make_cases.py uses of it.
/// Patterns are judged by std::regex.
bool is_valid(const nlohmann::ordered_json& value, const nlohmann::ordered_json& schema);

}  // namespace baton::test
