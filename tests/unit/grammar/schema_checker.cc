#include "unit/grammar/schema_checker.h"

#include <algorithm>
#include <regex>

namespace baton::test {

namespace {

using Json = nlohmann::ordered_json;

struct Judge {
  const Json& root;

  static bool is_type(const Json& v, const std::string& type) {
    if (type == "integer") return v.is_number_integer() || (v.is_number_float() && v.get<double>() == static_cast<double>(v.get<long long>()));
    if (type == "number") return v.is_number();
    return type == v.type_name();
  }
  static std::size_t characters(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  }
  static bool is_format(const std::string& text, const std::string& format) {
    if (format == "ipv4") {
      static const std::regex kAddress(R"((\d+)\.(\d+)\.(\d+)\.(\d+))");
      std::smatch parts;
      if (!std::regex_match(text, parts, kAddress)) return false;
      return std::all_of(parts.begin() + 1, parts.end(), [](const auto& part) { return part.length() <= 3 && std::stoi(part) <= 255; });
    }
    static const std::regex kDate(R"((\d{4})-(\d\d)-(\d\d))");
    std::smatch parts;
    if (!std::regex_match(text, parts, kDate)) return false;
    static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const int month = std::stoi(parts[2]), day = std::stoi(parts[3]);
    return month >= 1 && month <= 12 && day >= 1 && day <= kDays[month - 1];
  }

  int matches(const Json& v, const Json& list) const {
    return static_cast<int>(std::ranges::count_if(list, [&](const Json& s) { return valid(v, s); }));
  }

  bool valid_string(const std::string& text, const Json& s) const {
    if (s.contains("minLength") && characters(text) < s["minLength"].get<std::size_t>()) return false;
    if (s.contains("maxLength") && characters(text) > s["maxLength"].get<std::size_t>()) return false;
    if (s.contains("pattern") && !std::regex_search(text, std::regex(s["pattern"].get<std::string>()))) return false;
    return !s.contains("format") || is_format(text, s["format"]);
  }
  static bool valid_number(double number, const Json& s) {
    return !(s.contains("minimum") && number < s["minimum"].get<double>()) && !(s.contains("maximum") && number > s["maximum"].get<double>()) &&
           !(s.contains("exclusiveMinimum") && number <= s["exclusiveMinimum"].get<double>()) &&
           !(s.contains("exclusiveMaximum") && number >= s["exclusiveMaximum"].get<double>());
  }
  bool valid_array(const Json& v, const Json& s) const {
    if (s.contains("minItems") && v.size() < s["minItems"].get<std::size_t>()) return false;
    if (s.contains("maxItems") && v.size() > s["maxItems"].get<std::size_t>()) return false;
    const std::size_t fixed = s.contains("prefixItems") ? s["prefixItems"].size() : 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (i < fixed ? !valid(v[i], s["prefixItems"][i]) : s.contains("items") && !valid(v[i], s["items"])) return false;
    }
    return true;
  }
  bool valid_object(const Json& v, const Json& s) const {
    if (s.contains("required") && !std::ranges::all_of(s["required"], [&](const Json& key) { return v.contains(key.get<std::string>()); })) return false;
    return std::ranges::all_of(v.items(), [&](const auto& member) {
      if (s.contains("properties") && s["properties"].contains(member.key())) return valid(member.value(), s["properties"][member.key()]);
      return !s.contains("additionalProperties") || valid(member.value(), s["additionalProperties"]);
    });
  }

  bool valid(const Json& v, const Json& s) const {
    if (s.is_boolean()) return s.get<bool>();
    if (s.contains("$ref")) {
      const auto ref = s["$ref"].get<std::string>();
      if (!valid(v, ref == "#" ? root : root[Json::json_pointer(ref.substr(1))])) return false;
    }
    if (s.contains("type")) {
      const Json types = s["type"].is_array() ? s["type"] : Json::array({s["type"]});
      if (std::ranges::none_of(types, [&](const Json& type) { return is_type(v, type); })) return false;
    }
    if (s.contains("enum") && std::ranges::find(s["enum"], v) == s["enum"].end()) return false;
    if (s.contains("const") && s["const"] != v) return false;
    if (s.contains("anyOf") && matches(v, s["anyOf"]) == 0) return false;
    if (s.contains("oneOf") && matches(v, s["oneOf"]) != 1) return false;
    if (s.contains("allOf") && matches(v, s["allOf"]) != static_cast<int>(s["allOf"].size())) return false;
    if (v.is_string()) return valid_string(v.get<std::string>(), s);
    if (v.is_number()) return valid_number(v.get<double>(), s);
    if (v.is_array()) return valid_array(v, s);
    return !v.is_object() || valid_object(v, s);
  }
};

}  // namespace

bool is_valid(const nlohmann::ordered_json& value, const nlohmann::ordered_json& schema) { return Judge{schema}.valid(value, schema); }

}  // namespace baton::test
